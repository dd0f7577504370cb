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
//! A [`Canceller`] ends a client's operations from another thread: a sleep at once, a request when its
//! answer is there, since a submit that is cut off on its way may have been charged. A job that was
//! accepted goes on at the service, and [`Client::job`] takes it up again.
//!
//! # Features
//!
//! - `rustls` (default): TLS by rustls, with its own crypto provider and Mozilla's roots.
//! - `rustls-no-provider`: the program installs a crypto provider before it builds a client.
//! - `native-tls`: TLS by the operating system's own library. With a rustls feature on too, rustls is
//!   used: a feature adds and never changes behaviour.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod canceller;
mod client;
mod failure;
mod resolver;
mod sink;
mod transport;

pub use canceller::Canceller;
pub use client::{Client, ClientBuilder};
pub use genrex_core::proto::{
    Balance, GenerateRequest, Generation, Prompt, QueryId, Seconds, Status, Waveform,
};
pub use genrex_core::sign::{ApiKey, ApiSecret, KeyPair};
pub use genrex_core::{
    Audio, Backoff, BaseUrl, Downloaded, Error, ErrorKind, Evidence, Job, Pace, Progress, Settings,
    Submission, Track,
};
pub use genrex_file::Existing;
pub use transport::{HttpBuilder, UreqTransport};

pub use genrex_core as core;
pub use ureq;
