//! The failure table: what each failure leads to.
//!
//! A row is a [`Class`] of what can be seen of an exchange, a column one of [`paid`], [`retrieve`],
//! [`balance`] and [`download`]. Each column is an exhaustive match: a row that is missing does not compile. Each has a verdict
//! type of its own, so that a column can only say what its machine can do. Nothing else in genrex decides what a
//! status or a broken connection means.

mod class;
mod judge;
mod table;
mod verdict;

pub use class::Class;
pub(crate) use class::{class_of_failure, class_of_status, classify};
pub(crate) use judge::{Counters, Follows};
pub use table::{balance, download, paid, retrieve};
pub(crate) use verdict::{Column, Next};
pub use verdict::{Download, Free, Paid, Tries};

#[cfg(test)]
mod tests;
