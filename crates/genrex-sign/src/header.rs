use core::fmt;
use core::str::FromStr;

use crate::signature::ascii;
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

    /// The value as text, on the stack: what `Display` writes, without an allocation.
    ///
    /// ```
    /// # use genrex_sign::{ApiSecret, Payload, UnixMillis};
    /// let secret = ApiSecret::new("7Xd9PfMlkanB5ZTuj0qQG")?;
    /// let header = secret.sign(UnixMillis::new(1_717_574_785_354), &Payload::from("{}"));
    /// assert_eq!(header.to_text().as_str(), header.to_string());
    /// # Ok::<(), genrex_sign::Error>(())
    /// ```
    #[must_use]
    pub fn to_text(&self) -> HeaderText {
        let mut text = HeaderText {
            bytes: [0; HeaderText::LONGEST],
            length: 0,
        };
        let mut digits = itoa::Buffer::new();
        text.push(b"t=");
        text.push(digits.format(self.timestamp.get()).as_bytes());
        text.push(b",v=");
        text.push(&self.signature.digits());
        text
    }
}

impl fmt::Display for SignatureHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_text().as_str())
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

/// The text of a [`SignatureHeader`], which [`SignatureHeader::to_text`] makes: 70 to 89 ASCII characters, in place.
///
/// As the signature in it, it has a redacted `Debug`.
#[derive(Clone, Copy)]
pub struct HeaderText {
    bytes: [u8; Self::LONGEST],
    length: usize,
}

impl HeaderText {
    /// `t=`, the 20 digits of the last time that there is, `,v=`, and the digits of the signature.
    const LONGEST: usize = 89;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        ascii(&self.bytes[..self.length])
    }

    fn push(&mut self, part: &[u8]) {
        let end = self.length + part.len();
        self.bytes[self.length..end].copy_from_slice(part);
        self.length = end;
    }
}

impl AsRef<str> for HeaderText {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<[u8]> for HeaderText {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Display for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeaderText(<redacted>)")
    }
}

fn parse(text: &str) -> Option<SignatureHeader> {
    let (time, digits) = fields(text)?;
    Some(SignatureHeader::new(time, digits.parse().ok()?))
}

/// The time, and the text that has the place of the signature's digits.
pub(crate) fn fields(text: &str) -> Option<(UnixMillis, &str)> {
    let digits = text.len().checked_sub(Signature::DIGITS)?;
    let (time, digits) = text.split_at_checked(digits)?;
    let time = time.strip_prefix("t=")?.strip_suffix(",v=")?;
    Some((time.parse().ok()?, digits))
}
