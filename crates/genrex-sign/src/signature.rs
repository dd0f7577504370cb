use core::fmt;
use core::str::FromStr;

use base16ct::lower;
use ctutils::CtEq as _;

use crate::mac;
use crate::payload::Prefix;
use crate::{ApiSecret, Error, ErrorKind, Payload, SignatureHeader, UnixMillis};

/// HMAC-SHA256 over [`signing_input`](crate::signing_input): 32 bytes, shown as 64 lower-case
/// hexadecimal digits by `Display` and read from exactly those by `FromStr`.
///
/// It is a secret of its own: it does not cover the path, so whoever captures one can use it for any
/// call that takes the same body. `Debug` is redacted, and there is no `==`: comparing is
/// [`Verifier`](crate::Verifier)'s, in constant time.
#[derive(Clone, Copy)]
pub struct Signature([u8; Self::LENGTH]);

impl Signature {
    /// The number of bytes.
    pub const LENGTH: usize = mac::LENGTH;

    /// The number of hexadecimal digits.
    pub(crate) const DIGITS: usize = 2 * Self::LENGTH;

    /// Takes the bytes of a MAC that came from elsewhere.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }

    /// The bytes of the MAC.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// The MAC of `t` and `body` under `secret`.
    pub(crate) fn of(secret: &ApiSecret, t: UnixMillis, body: &[u8]) -> Self {
        Self(secret.key().mac(Prefix::new(t).as_bytes(), body))
    }

    /// Whether these are its digits. It takes the same time wherever the first difference lies.
    pub(crate) fn is(&self, digits: &str) -> bool {
        self.digits()[..].ct_eq(digits.as_bytes()).into()
    }

    /// The hexadecimal digits.
    pub(crate) fn digits(&self) -> [u8; Self::DIGITS] {
        let mut digits = [b'0'; Self::DIGITS];
        lower::encode(&self.0, &mut digits).expect("two digits a byte");
        digits
    }
}

impl ApiSecret {
    /// Signs a body at a time.
    ///
    /// Sign each attempt afresh: a server that looks at the age of `t` refuses a header that is kept
    /// and sent again, as the quick start's own polling loop does.
    #[must_use]
    pub fn sign(&self, t: UnixMillis, payload: &Payload) -> SignatureHeader {
        SignatureHeader::new(t, Signature::of(self, t, payload.as_bytes()))
    }
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Signature> for [u8; Signature::LENGTH] {
    fn from(signature: Signature) -> Self {
        signature.0
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ascii(&self.digits()))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(<redacted>)")
    }
}

impl FromStr for Signature {
    type Err = Error;

    /// # Errors
    ///
    /// [`ErrorKind::MalformedSignature`] for anything that `Display` cannot write.
    fn from_str(text: &str) -> Result<Self, Error> {
        let mut bytes = [0; Self::LENGTH];
        match lower::decode(text, &mut bytes) {
            Ok(read) if read.len() == Self::LENGTH => Ok(Self(bytes)),
            _ => Err(Error::new(ErrorKind::MalformedSignature)),
        }
    }
}

impl TryFrom<&str> for Signature {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<[u8; Self::LENGTH]> for Signature {
    fn from(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }
}

/// What holds ASCII and nothing else, as text.
pub(crate) fn ascii(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).expect("ASCII is UTF-8")
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn the_published_vector_holds() {
        let secret = ApiSecret::new("7Xd9PfMlkanB5ZTuj0qQG").unwrap();
        let body = Payload::from(r#"{"duration":10,"text":"music"}"#);
        let header = secret.sign(UnixMillis::new(1_717_574_785_354), &body);
        assert_eq!(
            header.signature().to_string(),
            "c3eaaf9b064283cd3558b1a8e759a0ed5f1d5d805992ce0b02c937f4e2e6cf90"
        );
    }
}
