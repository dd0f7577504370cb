//! The program as scripts meet it: streams, exit codes, names.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod batches;
mod batches_identity;
mod batches_settled;
mod bounds;
#[cfg(unix)]
mod configuration;
#[cfg(unix)]
mod environment;
#[cfg(unix)]
mod errors;
mod failures;
mod hostile;
#[cfg(unix)]
mod interrupts;
#[cfg(unix)]
mod interrupts_batch;
mod jobs;
mod jobs_limits;
#[cfg(unix)]
mod ledgers;
mod offline;
#[cfg(target_os = "linux")]
mod privacy;
mod service;
#[cfg(unix)]
mod streams;
mod support;
#[cfg(target_os = "linux")]
mod terminal;
#[cfg(unix)]
mod trouble;
mod waiting;
