//! One set of behaviours over real sockets, run once per transport, and the two traces compared.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod controls;
mod faults;
mod splices;
mod support;
mod tls;
