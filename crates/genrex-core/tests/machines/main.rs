//! The machines, driven over a script on a virtual clock: hours of waiting in milliseconds.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod account;
mod descriptors;
mod download;
mod download_job;
mod download_place;
mod limits;
mod properties;
mod purchase;
mod recover;
mod resend;
mod resolve;
mod serialised;
mod submit;
mod support;
mod turn;
mod wait;
mod wait_ledger;
mod world;
