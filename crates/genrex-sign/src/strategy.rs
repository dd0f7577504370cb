//! What to drive a verifier with: signed requests, and forgeries one step away from them.
//!
//! A [`SignedRequest`] is honest and a [`Forgery`] of it is not; both are plain data, so they can be
//! fed to a verifier in any code base or, through a file, in any language. A verifier is right when it
//! accepts every honest request within its window and refuses every forgery.
//!
//! ```
//! use core::time::Duration;
//! use genrex_sign::strategy::{forgeries, signed_requests};
//! use genrex_sign::{ApiSecret, UnixMillis, Verifier};
//! use proptest::prelude::*;
//! use proptest::test_runner::TestRunner;
//!
//! let verifier = Verifier::new(Duration::from_secs(300));
//! TestRunner::default().run(&forgeries(), |forged| {
//!     let secret = ApiSecret::new(forged.secret.as_str()).unwrap();
//!     let now = UnixMillis::new(forged.t);
//!     prop_assert!(verifier.verify(&secret, &forged.header, &forged.body, now).is_err());
//!     Ok(())
//! })?;
//! # let _ = signed_requests();
//! # Ok::<(), proptest::test_runner::TestError<genrex_sign::strategy::Forgery>>(())
//! ```

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use proptest::prelude::*;

use crate::{ApiSecret, Payload, UnixMillis};

/// A request that was signed honestly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRequest {
    /// The API secret, as text.
    pub secret: String,
    /// The time that was signed, in milliseconds since the Unix epoch.
    pub t: u64,
    /// The body's bytes: JSON of every shape, and bytes that are no JSON at all.
    pub body: Vec<u8>,
    /// The value of `gx-signature`.
    pub header: String,
}

impl SignedRequest {
    /// Signs `body` with `secret` at `t`.
    ///
    /// # Panics
    ///
    /// If `secret` is not a valid [`ApiSecret`].
    #[must_use]
    #[expect(
        clippy::unwrap_used,
        reason = "documented: for tests, on generated secrets"
    )]
    pub fn new(secret: String, t: u64, body: Vec<u8>) -> Self {
        let header = ApiSecret::new(secret.as_str())
            .unwrap()
            .sign(UnixMillis::new(t), &Payload::from(body.clone()))
            .to_string();
        Self {
            secret,
            t,
            body,
            header,
        }
    }

    fn forged(&self, step: Step) -> Option<Forgery> {
        let mut forged = Forgery {
            secret: self.secret.clone(),
            t: self.t,
            body: self.body.clone(),
            header: self.header.clone(),
            step,
        };
        match step {
            Step::BodyBit { bit } => *forged.body.get_mut(bit / 8)? ^= 1 << (bit % 8),
            Step::BodyByteAdded { byte } => forged.body.push(byte),
            Step::BodyByteRemoved => drop(forged.body.pop()?),
            Step::TimeBit { bit } => {
                forged.t ^= 1_u64.checked_shl(bit)?;
                forged.header = format!("t={},v={}", forged.t, self.signature());
            }
            Step::PointMoved => {
                // `12.3x` and `1.23x` sign the same digits unless the point is signed too.
                let (t, digit) = (self.t / 10, self.t % 10);
                forged.t = t;
                forged.header = format!("t={t},v={}", self.signature());
                forged.body.insert(0, b'0' + u8::try_from(digit).ok()?);
            }
            Step::SecretBit { bit } => {
                let mut bytes = forged.secret.into_bytes();
                *bytes.get_mut(bit / 7)? ^= 1 << (bit % 7);
                forged.secret = String::from_utf8(bytes).ok()?;
                ApiSecret::new(forged.secret.as_str()).ok()?;
            }
            Step::SignatureBit { bit } => {
                let mut bytes = hex::decode(self.signature()).ok()?;
                *bytes.get_mut(bit / 8)? ^= 1 << (bit % 8);
                forged.header = format!("t={},v={}", self.t, hex::encode(bytes));
            }
            Step::SignatureTruncated { bytes } => {
                forged.header = format!("t={},v={}", self.t, self.signature().get(..2 * bytes)?);
            }
        }
        Some(forged)
    }

    fn signature(&self) -> &str {
        self.header.split_once(",v=").map_or("", |(_, hex)| hex)
    }
}

/// One step away from a [`SignedRequest`]: to be refused, whatever the window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgery {
    /// The secret that the verifier is to be given.
    pub secret: String,
    /// The time in the header: give it to the verifier as now, so that the window plays no part.
    pub t: u64,
    /// The body that the verifier is to be given.
    pub body: Vec<u8>,
    /// The header that the verifier is to be given.
    pub header: String,
    /// What was changed.
    pub step: Step,
}

/// The one change that makes a [`Forgery`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// One bit of the body.
    BodyBit {
        /// Which, from the first byte's lowest.
        bit: usize,
    },
    /// One byte after the body.
    BodyByteAdded {
        /// Which.
        byte: u8,
    },
    /// The body without its last byte.
    BodyByteRemoved,
    /// One bit of the time.
    TimeBit {
        /// Which, from the lowest.
        bit: u32,
    },
    /// The time's last digit moved to the front of the body.
    PointMoved,
    /// One bit of the secret that keeps it a valid secret.
    SecretBit {
        /// Which, seven to a character.
        bit: usize,
    },
    /// One bit of the signature.
    SignatureBit {
        /// Which, from the first byte's lowest.
        bit: usize,
    },
    /// The signature's first bytes alone.
    SignatureTruncated {
        /// How many are left, fewer than 32.
        bytes: usize,
    },
}

/// API keys and secrets: 1 to 80 visible ASCII characters, on both sides of HMAC's 64-byte block.
pub fn credentials() -> impl Strategy<Value = String> {
    "[!-~]{1,80}"
}

/// Bodies: the three calls' own shapes with text of every script, and arbitrary bytes.
pub fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (5_u32..=60, "\\PC{1,60}").prop_map(|(duration, text)| format!(
            "{{\"duration\":{duration},\"text\":\"{}\"}}",
            text.escape_default()
        )
        .into_bytes()),
        "[A-Za-z0-9]{24}".prop_map(|id| format!("{{\"queryId\":\"QRY_{id}\"}}").into_bytes()),
        Just(b"{}".to_vec()),
        prop::collection::vec(any::<u8>(), 0..200),
    ]
}

/// Times in milliseconds: this century's, and the whole range of `u64` with its ends.
pub fn times() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 1_577_836_800_000..4_102_444_800_000_u64,
        1 => any::<u64>(),
        1 => prop_oneof![Just(0), Just(9), Just(10), Just(u64::MAX)],
    ]
}

/// Honest requests.
pub fn signed_requests() -> impl Strategy<Value = SignedRequest> {
    (credentials(), times(), bodies())
        .prop_map(|(secret, t, body)| SignedRequest::new(secret, t, body))
}

/// Forgeries, each one [`Step`] away from an honest request.
pub fn forgeries() -> impl Strategy<Value = Forgery> {
    (
        signed_requests(),
        any::<prop::sample::Index>(),
        any::<u8>(),
        0..8_u8,
    )
        .prop_filter_map(
            "a step that this request has room for",
            |(request, index, byte, which)| {
                let bit_of = |bits: usize| (bits > 0).then(|| index.index(bits));
                let step = match which {
                    0 => Step::BodyBit {
                        bit: bit_of(8 * request.body.len())?,
                    },
                    1 => Step::BodyByteAdded { byte },
                    2 => Step::BodyByteRemoved,
                    3 => Step::TimeBit {
                        bit: u32::from(byte) % 64,
                    },
                    4 => Step::PointMoved,
                    5 => Step::SecretBit {
                        bit: bit_of(7 * request.secret.len())?,
                    },
                    6 => Step::SignatureBit {
                        bit: index.index(256),
                    },
                    _ => Step::SignatureTruncated {
                        bytes: index.index(32),
                    },
                };
                request.forged(step)
            },
        )
}
