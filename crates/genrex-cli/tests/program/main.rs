//! The program as scripts meet it: streams, exit codes, names.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod batches;
#[cfg(unix)]
mod batches_ends;
mod batches_forms;
mod batches_identity;
mod batches_plan;
mod batches_race;
mod batches_settled;
mod batches_storable;
mod bounds;
#[cfg(feature = "stores")]
mod buckets;
#[cfg(unix)]
mod configuration;
#[cfg(target_os = "linux")]
mod drawing;
#[cfg(unix)]
mod environment;
#[cfg(unix)]
mod errors;
mod failures;
mod help;
mod hostile;
mod inputs;
#[cfg(unix)]
mod interrupts;
#[cfg(unix)]
mod interrupts_batch;
mod jobs;
mod jobs_limits;
#[cfg(unix)]
mod ledgers;
mod metrics;
mod offline;
#[cfg(unix)]
mod paths;
#[cfg(unix)]
mod players;
#[cfg(target_os = "linux")]
mod privacy;
#[cfg(target_os = "linux")]
mod pty;
#[cfg(unix)]
mod readme;
mod requests;
#[cfg(target_os = "linux")]
#[allow(dead_code, reason = "the project's recording asks it more")]
mod screen;
mod service;
#[cfg(unix)]
mod settings;
#[cfg(unix)]
#[cfg(feature = "otel")]
mod spans;
mod streams;
mod support;
#[cfg(target_os = "linux")]
mod terminal;
#[cfg(unix)]
mod trouble;
mod waiting;
mod watching;
#[cfg(unix)]
mod wording;
mod work;
