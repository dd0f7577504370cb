//! The program as scripts meet it: streams, exit codes, names.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod batches;
#[cfg(unix)]
mod interrupts;
#[cfg(unix)]
mod interrupts_batch;
mod jobs;
mod offline;
mod support;
