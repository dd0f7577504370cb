//! The rules about credits, against a service that counts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod alone;
mod failed;
mod oracle;
mod promises;
mod properties;
mod purchase;
mod service;
mod steps;
mod table;
mod unclear;
mod verdicts;
mod waits;
mod windows;
mod world;
