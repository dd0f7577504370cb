//! What was promised, sent and paid for at GenreX: job states, the rules about credits, and what a storage of
//! them must do.
//!
//! GenreX has no idempotency key, no list of jobs and no cancel: what a client forgets is gone, and what it
//! sends again is bought again. So each paid submit is kept **before** it leaves, and its outcome before anyone
//! is told. A submit without an outcome that nobody carries on is *ambiguous*: it may have been charged, and
//! nothing sends it again.
//!
//! - [`State`] and [`Event`] are the machine of one job.
//! - [`Credits`] holds each rule about one account's credits: what counts, what a piece costs, what fits a limit,
//!   what a balance shows of an ambiguous submit.
//! - [`Ledger`] is what a storage must do, and [`rules`] what it calls inside its transactions. [`MemoryLedger`]
//!   is one storage; `genrex-ledger-sqlite` another.
//!
//! The clients of `genrex-async` and `genrex-blocking` keep a ledger by themselves when they are given one; this
//! crate is for those who look into it, or write a storage.
//!
//! Invariant: this crate has no clock, no file, no socket and no SQL. Time is an argument, in milliseconds since
//! 1970.
//!
//! # Features
//!
//! - `testing`: the module `testing`, the suite that every storage must pass.

#![deny(
    clippy::as_conversions,
    reason = "it cuts in silence what does not fit, and what fits differs between machines"
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod account;
mod credits;
mod entry;
mod error;
mod event;
mod hold;
mod intent;
mod ledger;
mod limits;
mod listed;
mod look;
mod memory;
mod reconciliation;
pub mod relocation;
pub mod rules;
mod state;
#[cfg(feature = "testing")]
pub mod testing;
mod watched;

pub use account::{Account, Alias};
pub use credits::{Credits, Spending, Took};
pub use entry::{Entry, LocalId};
pub use error::{Error, ErrorKind};
pub use event::{Event, EventKind, Refusal, Resolution};
pub use hold::{Change, Hold, HoldKind};
pub use intent::{Intent, Once, Row, Run, hash};
pub use ledger::{Filter, Ledger, Past};
pub use limits::{Bound, Limits, Passed};
pub use look::Look;
pub use memory::MemoryLedger;
pub use reconciliation::{Doubt, Reconciliation};
pub use state::{State, Transition};
pub use watched::{Call, Watched, Watcher};

/// The page's example is a test.
#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../README.md")]
struct Readme;
