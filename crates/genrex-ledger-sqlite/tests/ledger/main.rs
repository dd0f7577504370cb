//! The ledger as a file: what it refuses, what it outlives, what two of them do at once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod group;
mod life;
mod migration;
mod place;
mod processes;
mod rescue;
mod support;
mod triggers;
