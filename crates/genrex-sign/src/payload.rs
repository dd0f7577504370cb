use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::UnixMillis;

/// The bytes of a request's body: what is signed is what is sent.
///
/// JSON can be written in many ways (key order, white space, escapes) and the signature covers one of
/// them, so a body is serialised once, into this, and never again. A clone shares the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Payload(Bytes);

impl Payload {
    /// Takes the bytes as they are.
    #[must_use]
    pub const fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The bytes, to be signed or verified.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same bytes, to be sent.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }
}

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<Payload> for Bytes {
    fn from(payload: Payload) -> Self {
        payload.0
    }
}

impl From<&'static str> for Payload {
    fn from(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

/// The bytes that the MAC covers: `<unix ms>.<body>`.
///
/// Signing and verifying feed the MAC without building this; it is public so that someone whose
/// signature is refused can compare it with their own, byte for byte.
///
/// ```
/// # use genrex_sign::{signing_input, UnixMillis};
/// let input = signing_input(UnixMillis::new(1_717_574_785_354), br#"{"duration":10,"text":"music"}"#);
/// assert_eq!(input, br#"1717574785354.{"duration":10,"text":"music"}"#);
/// ```
#[must_use]
pub fn signing_input(t: UnixMillis, body: &[u8]) -> Vec<u8> {
    [Prefix::new(t).as_bytes(), body].concat()
}

/// `<unix ms>.`, the part of the input before the body.
pub(crate) struct Prefix {
    bytes: [u8; Self::LONGEST],
    length: usize,
}

impl Prefix {
    /// The digits of the last time that there is, and the full stop.
    const LONGEST: usize = 21;

    pub(crate) fn new(t: UnixMillis) -> Self {
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(t.get()).as_bytes();
        let mut bytes = [b'.'; Self::LONGEST];
        bytes[..digits.len()].copy_from_slice(digits);
        Self {
            bytes,
            length: digits.len() + 1,
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}
