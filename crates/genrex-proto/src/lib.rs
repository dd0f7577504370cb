//! What is said to GenreX and what it answers, in both of its dialects.
//!
//! GenreX has two public sources, a quick start and an API reference, and where they disagree both
//! forms are met. Everything here reads both and writes the reference's:
//!
//! ```
//! use genrex_proto::{Balance, GenerateRequest, Generation, Prompt, Seconds};
//!
//! let request = GenerateRequest::new(Prompt::new("intense EDM")?, Seconds::new(10)?);
//! assert_eq!(request.to_json(), br#"{"duration":10,"text":"intense EDM"}"#);
//!
//! // The quick start's names and the reference's are one thing.
//! let ours = Balance::from_json(br#"{"durationLimit":60,"creditQuota":54,"usedCredit":4}"#)?;
//! assert_eq!(ours.credits_left(), 50);
//!
//! // `content` is an object in one, an array in the other.
//! let done = Generation::from_json(
//!     br#"{"id":"QRY_1","status":"Completed","response":[{"content":{"url":"https://a.example/1.wav"}}]}"#,
//! )?;
//! assert_eq!(done.assets().next().map(|asset| asset.url), Some("https://a.example/1.wav"));
//! # Ok::<(), genrex_proto::Error>(())
//! ```
//!
//! Requests cannot be built wrong: [`Prompt`], [`Seconds`] and [`QueryId`] check what they hold.
//! Answers are read liberally: unknown fields are kept, an unknown [`Status`] is a value, and only what
//! a client cannot do without is required. Text that a server wrote is shown through [`Escaped`], and
//! a presigned link without its secrets: see [`redact_urls`] and [`Generation::with_links`].
//!
//! Each request is an [`Operation`]: it knows its path, whether a call costs credits, and how its
//! answer is read. A new call of the API is one file: its request, with that trait, and its answer.
//!
//! Invariant: this crate knows no policy and no signature, and opens nothing.

#![deny(
    clippy::as_conversions,
    reason = "it cuts in silence what does not fit, and what fits differs between machines"
)]

mod balance;
mod error;
mod error_body;
mod escape;
mod generate;
mod generation;
mod lenient;
mod operation;
mod query_id;
mod redact;
mod retrieve;
mod status;
mod timestamp;
mod waveform;
mod with_links;

pub use balance::{Balance, BalanceRequest};
pub use error::{Error, ErrorKind};
pub use error_body::ErrorBody;
pub use escape::{Escaped, Excerpt};
pub use generate::{GenerateRequest, Prompt, Seconds};
pub use generation::{Asset, AssetContent, AssetMetadata, AssetResponse, Content, Generation};
pub use operation::{Charge, Operation};
pub use query_id::QueryId;
pub use redact::{bare_url, redact_urls};
pub use retrieve::RetrieveRequest;
pub use status::Status;
pub use timestamp::Timestamp;
pub use waveform::Waveform;
pub use with_links::WithLinks;

/// Runs the README's examples as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
