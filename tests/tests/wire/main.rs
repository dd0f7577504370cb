//! One set of behaviours over real sockets, run once per transport, and the two traces compared.

mod controls;
mod faults;
mod support;
mod tls;
mod tracing_spans;
