//! One set of behaviours over real sockets, run once per transport, and the two traces compared.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod connections;
mod controls;
mod downloads;
mod faults;
mod splices;
mod submits;
mod support;
mod tls;
