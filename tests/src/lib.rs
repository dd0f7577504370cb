//! What the tests of both transports share: a server that misbehaves, and a view of what was sent.
//!
//! Every test starts what it needs; nothing sleeps for long and nothing asserts a time.

mod stack;
mod fault;
mod recorder;

pub use stack::Stack;
pub use fault::{Act, FaultServer, Received, answer, json};
pub use recorder::{Recorder, Seen, Trace};

/// The README's examples are tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
