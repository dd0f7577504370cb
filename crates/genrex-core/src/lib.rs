//! Every decision of a GenreX client, and nothing that acts.
//!
//! An operation is a machine: it says what to do next and is told what came of it. One driver performs the steps
//! over a [`Transport`], which sends one request once, sleeps, and tells the time, and over a
//! [`Ledger`](ledger::Ledger), which keeps each purchase. So retrying, polling, deadlines, clock skew and downloading exist
//! once, here, for the async client and the blocking one, and an hour of polling is a test of
//! microseconds:
//!
//! ```
//! use std::time::Duration;
//! use genrex_core::testing::{Reply, ScriptedTransport, keys};
//! use genrex_core::{BaseUrl, Client, Settings, block_on};
//! use genrex_core::proto::{GenerateRequest, Prompt, Seconds};
//!
//! let wire = ScriptedTransport::new([
//!     Reply::json(201, r#"{"id":"QRY_1","status":"Processing"}"#),
//!     Reply::json(200, r#"{"id":"QRY_1","status":"Processing"}"#),
//!     Reply::json(200, r#"{"id":"QRY_1","status":"Completed",
//!         "response":[{"content":[{"url":"https://a.example/1.wav"}]}]}"#),
//! ]);
//! let client = Client::new(wire.clone(), BaseUrl::default(), keys(), Settings::default())?;
//!
//! let request = GenerateRequest::new(Prompt::new("intense EDM")?, Seconds::new(10)?);
//! let track = block_on(client.generate(&request))?;
//!
//! assert_eq!(track.audio().url(), "https://a.example/1.wav");
//! let sent: Vec<_> = wire.sent().iter().map(|sent| sent.at).collect();
//! assert_eq!(sent, [0, 5, 10].map(Duration::from_secs));
//! # Ok::<(), genrex_core::Error>(())
//! ```
//!
//! What each failure leads to is one table: [`failure`].
//!
//! Invariant: this crate has no clock, no socket, no file and no runtime. Time is an argument
//! ([`Now`]); `clippy.toml` denies reading one.
//!
//! # Features
//!
//! - `testing`: the module `testing`, a scripted transport with a virtual clock, for tests of code
//!   that uses a client.

#![deny(
    clippy::as_conversions,
    reason = "it cuts in silence what does not fit, and what fits differs between machines"
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod base_url;
mod block_on;
mod client;
mod driver;
mod error;
pub mod failure;
mod job;
mod machine;
mod operations;
mod pacing;
mod progress;
mod session;
mod settings;
mod sink;
mod slots;
#[cfg(any(feature = "testing", test))]
pub mod testing;
mod trace;
mod transport;

pub use base_url::BaseUrl;
pub use block_on::{block_on, wake_within};
pub use client::{AudioChunks, BalanceCheck, Client, EnvironmentProxy, Setup};
pub use error::{Error, ErrorKind, Evidence, Waited};
pub use job::{Audio, Job, Track};
pub use operations::batch::claim::{claim, give_up};
pub use operations::batch::cost::cost_of;
pub use operations::batch::elsewhere::bought_elsewhere;
pub use operations::batch::estimate::{Estimate, Fit, left_of};
pub use operations::batch::place::RowPlace;
pub use operations::batch::unclear::UnclearStep;
pub use operations::batch::{RowPolicy, RowStep};
pub use operations::download::{Downloaded, Sha256Digest};
pub use operations::purchase::PurchaseOptions;
pub use operations::purchase::given_up::{GivenUp, PurchaseSoFar};
pub use operations::reconcile::is_to_be_settled;
pub use operations::reconcile::link::{may_be, without_id};
pub use operations::reconcile::offline::{
    end_orphans, found_at, reconcile_offline, recover_offline, resolve_offline,
};
pub use operations::submit::Submission;
pub use progress::Progress;
pub use settings::backoff::Backoff;
pub use settings::pace::Pace;
pub use settings::{Settings, Timeouts};
pub use sink::Sink;
pub use transport::{
    AddressPolicy, Body, Cancelled, Moment, Now, Route, SendOptions, Transport, TransportError,
    TransportErrorKind,
};

pub use genrex_ledger as ledger;
pub use genrex_proto as proto;
pub use genrex_sign as sign;

/// Runs the README's example as a test.
#[cfg(all(doctest, feature = "testing"))]
#[doc = include_str!("../README.md")]
struct Readme;
