#![doc = include_str!("../README.md")]
//!
//! # How it is made
//!
//! A thread of its own, with a runtime of its own, has one connection and does one call after the other, each in one
//! transaction that locks the account's row first. A second connection renews the leases of jobs in flight, so that
//! a call that waits for a lock does not lose them.
//!
//! What may be bought, what counts and what follows is decided by [`genrex_ledger::rules`], which is called inside
//! those transactions. Invariant: this crate has no rule about credits. Times are the database's; the one clock that
//! is read here (`clock`) measures how long something took, and never says what time it is.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod aside;
mod calls;
mod claim;
mod clock;
mod failure;
mod lease;
mod ledger;
mod options;
mod password;
mod query;
mod relocation;
mod request;
mod restored;
mod row;
mod schema;
mod session;
mod status;
mod store;
mod text;
mod tls;
mod triggers;
mod worker;

pub use address::Address;
pub use ledger::PostgresLedger;
pub use options::Options;
pub use schema::{Migration, migrate};
pub use status::{Holder, Status};
