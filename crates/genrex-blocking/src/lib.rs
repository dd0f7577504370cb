//! A blocking client of GenreX, over [ureq]. No runtime is started, and none is in its tree.
//!
//! ```no_run
//! use genrex_blocking::{Client, GenerateRequest, Prompt, Seconds};
//!
//! # fn run() -> Result<(), genrex_blocking::Error> {
//! let client = Client::from_env()?;
//! let request = GenerateRequest::new(Prompt::new("intense EDM")?, Seconds::new(10)?);
//! let track = client.generate(&request)?;
//! client.download(track.audio(), "edm.wav")?;
//! # Ok(())
//! # }
//! ```
//!
//! It has the same methods as `genrex-async`, and decides nothing: every decision is
//! [`genrex_core`]'s.
//!
//! # Cancelling
//!
//! A [`Canceller`] ends a client's operations from another thread, within a second: a sleep, a call, a
//! download. A job that was accepted goes on at the service, and [`Client::job`] takes it up again. A
//! submit that is given up on its way may have been charged, and is [ambiguous](ErrorKind::Ambiguous).
//!
//! # Testing
//!
//! [`ClientBuilder::transport`] takes anything in place of the network. The feature `testing` has a
//! transport that answers by a script.
//!
//! # Features
//!
//! - `rustls` (default): TLS by rustls, with its own crypto provider and Mozilla's roots.
//! - `rustls-no-provider`: the program installs a crypto provider before it builds a client.
//! - `native-tls`: TLS by the operating system's own library. With a rustls feature on too, rustls is
//!   used: a feature adds and never changes behaviour.
//! - `platform-verifier`: lets your own configuration ask for the operating system's roots with rustls.
//! - `socks`: SOCKS proxies.
//! - `testing`: `core::testing`, a transport that answers by a script, for tests of code that uses a
//!   client.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod builder;
mod canceller;
mod cancelling;
mod client;
mod connector;
mod interruptible;
mod proxy;
mod resolver;
mod sink;
mod stream;
mod tls;
mod transport;
mod transport_error;

pub use builder::ClientBuilder;
pub use canceller::Canceller;
pub use client::Client;
pub use genrex_core::ledger::{
    Account, Doubt, Entry, Event, Ledger, Limits, LocalId, Look, MemoryLedger, Once,
    Reconciliation, Refusal, Resolution, Row, Run, State,
};
pub use genrex_core::proto::{
    AssetContent, AssetMetadata, AssetResponse, Balance, Content, Excerpt, GenerateRequest,
    Generation, Prompt, QueryId, Seconds, Status, Timestamp, Waveform,
};
pub use genrex_core::sign::{ApiKey, ApiSecret, KeyPair, UnixMillis};
pub use genrex_core::{
    Audio, Backoff, BaseUrl, Downloaded, Error, ErrorKind, Evidence, Job, Pace, Progress,
    PurchaseOptions, Settings, Sha256Digest, Sink, Submission, Timeouts, Track, Transport, Waited,
};
pub use genrex_file::Existing;
pub use stream::AudioStream;
pub use transport::{HttpBuilder, UreqTransport};

pub use genrex_core as core;
pub use ureq;

/// The examples of the package's first page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
