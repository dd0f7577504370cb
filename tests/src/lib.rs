//! What the tests of both transports share: a server that misbehaves, and a view of what was sent.
//!
//! Every test starts what it needs; nothing sleeps and nothing asserts a time.

mod audio;
pub mod canary;
mod closed_port;
mod fault;
pub mod hostile;
pub mod pacing;
mod recorder;
mod stack;

pub use audio::wav;
pub use closed_port::ClosedPort;
pub use fault::{Act, FaultServer, Received, answer, json};
pub use recorder::{Recorder, Seen, Trace};
pub use stack::Stack;

/// The README's examples are tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
