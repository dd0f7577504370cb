use core::fmt;
use core::str::FromStr;

use crate::{Error, ErrorKind, Signature, UnixMillis};

/// The value of `gx-signature`: `t=<unix ms>,v=<64 lower-case hexadecimal digits>`.
///
/// `Display` writes it and `FromStr` reads it. The parser is total and strict: it accepts exactly the
/// strings that the formatter can write, and refuses white space, upper-case digits, leading zeros,
/// other orders and other fields, so that one signature has one spelling.
#[derive(Debug, Clone, Copy)]
pub struct SignatureHeader {
    timestamp: UnixMillis,
    signature: Signature,
}

impl SignatureHeader {
    /// Joins a time and the signature made at it.
    #[must_use]
    pub const fn new(timestamp: UnixMillis, signature: Signature) -> Self {
        Self {
            timestamp,
            signature,
        }
    }

    /// The time that was signed.
    #[must_use]
    pub const fn timestamp(&self) -> UnixMillis {
        self.timestamp
    }

    /// The signature.
    #[must_use]
    pub const fn signature(&self) -> &Signature {
        &self.signature
    }
}

impl fmt::Display for SignatureHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t={},v={}", self.timestamp, self.signature)
    }
}

impl FromStr for SignatureHeader {
    type Err = Error;

    /// # Errors
    ///
    /// [`ErrorKind::MalformedHeader`] for anything that `Display` cannot write.
    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text).ok_or(Error::new(ErrorKind::MalformedHeader))
    }
}

impl TryFrom<&str> for SignatureHeader {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        text.parse()
    }
}

fn parse(text: &str) -> Option<SignatureHeader> {
    let (time, signature) = text.strip_prefix("t=")?.split_once(",v=")?;
    Some(SignatureHeader::new(
        time.parse().ok()?,
        signature.parse().ok()?,
    ))
}
