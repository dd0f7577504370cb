//! An async client of GenreX, over [reqwest].
//!
//! ```no_run
//! use genrex_async::{Client, GenerateRequest, Prompt, Seconds};
//!
//! # async fn run() -> Result<(), genrex_async::Error> {
//! let client = Client::from_env()?;
//! let request = GenerateRequest::new(Prompt::new("intense EDM")?, Seconds::new(10)?);
//! let track = client.generate(&request).await?;
//! client.download(track.audio(), "edm.wav").await?;
//! # Ok(())
//! # }
//! ```
//!
//! It has the same methods as `genrex-blocking`, and decides nothing: every decision is
//! [`genrex_core`]'s. It needs a tokio runtime with time. Connections are read on one thread of the client's
//! own, so that no server can keep the runtime's threads busy.
//!
//! # Cancelling
//!
//! Drop the future: sleeps, connections and a download's part file go with it. A job that was accepted
//! goes on at the service; [`Client::on_progress`] tells its id as soon as it is known, and
//! [`Client::job`] takes it up again. A submit that is dropped on its way may have been charged: with a
//! [ledger](ClientBuilder::ledger) it is kept as such, and [`Client::recover`] returns it.
//!
//! # Testing
//!
//! [`ClientBuilder::transport`] takes anything in place of the network. The feature `testing` has a
//! transport that answers by a script.
//!
//! # Features
//!
//! - `rustls` (default): TLS by rustls, with its own crypto provider and the operating system's roots.
//! - `rustls-no-provider`: the program installs a crypto provider before it builds a client.
//! - `native-tls`: TLS by the operating system's own library. With a rustls feature on too, rustls is
//!   used: a feature adds and never changes behaviour.
//! - `socks`: SOCKS proxies.
//! - `testing`: `core::testing`, a transport that answers by a script, for tests of code that uses a
//!   client.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod builder;
mod client;
mod clients;
mod connector;
mod limits;
mod network;
mod resolver;
mod sink;
mod stream;
mod tls;
mod transport;
mod transport_error;

pub use builder::ClientBuilder;
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
pub use transport::ReqwestTransport;

pub use genrex_core as core;
pub use reqwest;

/// The examples of the package's first page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
