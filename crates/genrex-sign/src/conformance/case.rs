use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::conformance::Rule;
use crate::{ApiSecret, ErrorKind, Payload, UnixMillis};

/// One input of a verifier, and the right answer to it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Case {
    /// The rule that a wrong answer breaks.
    pub rule: Rule,
    /// What the input is, in words. No two fixed cases of one tolerance have the same.
    pub name: String,
    /// The API secret: 1 to 512 visible ASCII characters.
    pub secret: String,
    /// The value of `gx-signature`: any text.
    pub header: String,
    /// The body: any bytes.
    pub body: Vec<u8>,
    /// The verifier's own time, in milliseconds since 1970-01-01T00:00:00Z.
    pub now_ms: u64,
    /// The right answer.
    pub expected: Expected,
}

/// The right answer to a [`Case`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Expected {
    /// The verifier accepts.
    Accepted,
    /// The verifier refuses; this crate's own gives this reason. A suite's verifier gives none.
    Refused(ErrorKind),
}

impl Case {
    pub(super) fn with_secret(mut self, secret: impl Into<String>) -> Self {
        self.secret = secret.into();
        self
    }

    pub(super) fn with_header(mut self, header: impl Into<String>) -> Self {
        self.header = header.into();
        self
    }

    pub(super) fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(super) const fn at(mut self, now_ms: u64) -> Self {
        self.now_ms = now_ms;
        self
    }

    pub(super) const fn refused(mut self, reason: ErrorKind) -> Self {
        self.expected = Expected::Refused(reason);
        self
    }

    pub(super) const fn malformed(self) -> Self {
        self.refused(ErrorKind::MalformedHeader)
    }

    pub(super) const fn mismatch(self) -> Self {
        self.refused(ErrorKind::Mismatch)
    }
}

/// An honest request, from which cases are made.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) secret: String,
    pub(super) t: u64,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// The published vector's request.
    pub(super) fn published() -> Self {
        Self {
            secret: "7Xd9PfMlkanB5ZTuj0qQG".to_string(),
            t: 1_717_574_785_354,
            body: br#"{"duration":10,"text":"music"}"#.to_vec(),
        }
    }

    pub(super) fn with_secret(mut self, secret: impl Into<String>) -> Self {
        self.secret = secret.into();
        self
    }

    pub(super) fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub(super) const fn at(mut self, t: u64) -> Self {
        self.t = t;
        self
    }

    /// The header, signed as the library signs.
    pub(super) fn header(&self) -> String {
        let payload = Payload::from(self.body.clone());
        ApiSecret::from_bytes(self.secret.as_bytes())
            .sign(UnixMillis::new(self.t), &payload)
            .to_string()
    }

    /// The MAC's 64 digits.
    pub(super) fn mac(&self) -> String {
        let mut input = format!("{}.", self.t).into_bytes();
        input.extend_from_slice(&self.body);
        self.mac_of(&input)
    }

    /// The digits of the HMAC-SHA256 of any message under this secret.
    pub(super) fn mac_of(&self, message: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes())
            .expect("a key may have any length");
        mac.update(message);
        hex::encode(mac.finalize().into_bytes())
    }

    /// The case of this very request at the time that it was signed: to be accepted.
    pub(super) fn case(&self, rule: Rule, name: impl Into<String>) -> Case {
        Case {
            rule,
            name: name.into(),
            secret: self.secret.clone(),
            header: self.header(),
            body: self.body.clone(),
            now_ms: self.t,
            expected: Expected::Accepted,
        }
    }
}
