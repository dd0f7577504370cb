//! What users meet: the builder, purchases under a ledger, audio streams, the network's limits, the environment.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod builder;
mod downloads;
mod environment;
mod network;
mod purchases;
mod streams;
mod support;
