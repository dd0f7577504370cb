//! The program as scripts meet it: streams, exit codes, names.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod batches;
mod hostile;
#[cfg(unix)]
mod interrupts;
mod jobs;
mod offline;
mod support;
