//! The program as scripts meet it: streams, exit codes, names.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod batches;
mod bounds;
#[cfg(unix)]
mod configuration;
#[cfg(unix)]
mod environment;
mod failures;
#[cfg(unix)]
mod interrupts;
mod jobs;
mod offline;
#[cfg(target_os = "linux")]
mod privacy;
mod support;
#[cfg(target_os = "linux")]
mod terminal;
