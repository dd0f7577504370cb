//! The signature of a GenreX request, made and checked.
//!
//! A request carries `gx-signature: t=<unix ms>,v=<hex>`, where `hex` is the lower-case hexadecimal
//! HMAC-SHA256, keyed with the API secret's bytes, of `<unix ms>.<body>`; *body* is the very bytes
//! that are sent. The rule is the service's quick start; the vector below is published with its API
//! reference.
//!
//! One file per step: [`UnixMillis`] (the time, always an argument), [`Payload`] (the bytes that are
//! signed **and** sent), [`signing_input`] (what the MAC covers), [`Signature`] (the MAC),
//! [`SignatureHeader`] (the header's format and its strict parser; [`HeaderText`] is one in place), [`Verifier`] (the other side).
//!
//! ```
//! use genrex_sign::{ApiSecret, Payload, UnixMillis, Verifier};
//! use core::time::Duration;
//!
//! let secret = ApiSecret::new("7Xd9PfMlkanB5ZTuj0qQG")?;
//! let body = Payload::from(r#"{"duration":10,"text":"music"}"#);
//! let t = UnixMillis::new(1_717_574_785_354);
//!
//! let header = secret.sign(t, &body).to_string();
//! assert_eq!(
//!     header,
//!     "t=1717574785354,v=c3eaaf9b064283cd3558b1a8e759a0ed5f1d5d805992ce0b02c937f4e2e6cf90",
//! );
//!
//! let verifier = Verifier::new(Duration::from_secs(300));
//! assert_eq!(verifier.verify(&secret, &header, body.as_bytes(), t)?, t);
//! # Ok::<(), genrex_sign::Error>(())
//! ```
//!
//! Invariant: this crate reads no clock, opens nothing and knows no JSON. `#![no_std]` makes the first
//! two structural.
//!
//! # Features
//!
//! - `proptest`: the module `conformance`, a suite that any verifier can be driven with, in one call. It
//!   brings std, to catch panics.

#![no_std]
#![deny(
    clippy::as_conversions,
    reason = "it cuts in silence what does not fit, and what fits differs between machines"
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;

#[cfg(feature = "proptest")]
pub mod conformance;
mod credentials;
mod error;
mod header;
mod mac;
mod payload;
mod signature;
mod time;
mod verify;

pub use credentials::{ApiKey, ApiSecret, KeyPair};
pub use error::{Error, ErrorKind};
pub use header::{HeaderText, SignatureHeader};
pub use payload::{Payload, signing_input};
pub use signature::Signature;
pub use time::UnixMillis;
pub use verify::Verifier;

/// The name of the header that carries the API key, in lower case.
pub const KEY_HEADER: &str = "gx-key";

/// The name of the header that carries the [`SignatureHeader`], in lower case.
pub const SIGNATURE_HEADER: &str = "gx-signature";

/// The examples of the README, which run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
