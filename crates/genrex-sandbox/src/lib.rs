//! A faithful GenreX on this machine, so that nobody needs a key or a credit to develop and to test.
//!
//! It verifies signatures over raw bytes, windows their time, keeps jobs, credits and a price, renders
//! for a time that can be set, speaks both dialects, and serves real WAVE files from a second origin.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use genrex_sandbox::{Options, Sandbox};
//!
//! let sandbox = Sandbox::start(Options::default()).await?;
//! println!("GENREX_BASE_URL={}", sandbox.url());
//! sandbox.stop().await;
//! # Ok::<(), genrex_sandbox::StartError>(())
//! # }).unwrap();
//! ```
//!
//! The whole of its behaviour is [`Service`]: a function of a request and a time. [`Sandbox`] is that
//! behind two sockets. What is known of GenreX is in `docs/protocol.md`; every guess that this crate
//! makes beyond it is in `docs/sandbox.md`.
//!
//! Invariant: it binds loopback only, refuses requests whose `Host` or `Origin` is another, and sends no
//! CORS headers.

mod account;
mod answer;
mod audio;
mod compose;
mod connection;
mod history;
mod incident;
mod job;
mod listener;
mod options;
mod piece;
mod price;
mod random;
mod renderer;
mod reply;
mod seen;
mod server;
mod service;
mod storage;
mod synth;

pub use history::{Cause, Happening, What};
pub use incident::{Incident, Others, Trouble};
pub use options::{ChargeTime, Dialect, Options};
pub use price::{Price, PriceChange};
pub use seen::Seen;
pub use server::{Sandbox, StartError};
pub use service::Service;

/// Runs the README's examples as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
