#![doc = include_str!("../README.md")]
//!
//! # How it is made
//!
//! One thread owns the connection. Callers queue what they want and await the answer, so a sync never blocks
//! the thread of an async runtime, and what is queued together is kept by one transaction and one sync.
//!
//! What may be bought, what counts and what follows is decided by [`genrex_ledger::rules`], which that thread
//! calls inside its transactions. Invariant: this crate has no rule about credits, and no clock.
//!
//! # Features
//!
//! - `bundled` (on by default): SQLite is built from source and linked in. Without it the system's is linked,
//!   which has to be 3.37 or later, and no older than the `rusqlite` in use asks for.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod connection;
mod filesystem;
mod group;
mod ledger;
mod options;
mod owner;
mod place;
mod query;
mod reader;
mod relocation;
mod request;
mod row;
mod schema;
mod storage_error;
mod store;
mod triggers;

pub use genrex_ledger_rescue::set_aside;
pub use ledger::SqliteLedger;
pub use options::Options;
pub use place::default_path;
