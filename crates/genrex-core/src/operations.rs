//! The operations of GenreX: each is a machine, or a pure function beside one.

pub(crate) mod batch;
pub(crate) mod call;
#[cfg(test)]
mod done_stays_done;
pub(crate) mod download;
pub(crate) mod purchase;
pub(crate) mod reconcile;
pub(crate) mod submit;
pub(crate) mod wait;
