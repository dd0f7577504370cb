use alloc::string::String;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use zeroize::Zeroizing;

use crate::mac::MacKey;
use crate::{Error, ErrorKind};

/// The longest key or secret that is accepted, in characters. Our own bound: those that GenreX
/// issues have about 20.
pub(crate) const MAX_LENGTH: usize = 512;

/// An API key and the secret that belongs to it.
#[derive(Debug, Clone)]
pub struct KeyPair {
    key: ApiKey,
    secret: ApiSecret,
}

impl KeyPair {
    /// Joins a key and its secret.
    #[must_use]
    pub const fn new(key: ApiKey, secret: ApiSecret) -> Self {
        Self { key, secret }
    }

    /// The public half, sent as `gx-key`.
    #[must_use]
    pub const fn key(&self) -> &ApiKey {
        &self.key
    }

    /// The secret half, never sent.
    #[must_use]
    pub const fn secret(&self) -> &ApiSecret {
        &self.secret
    }
}

/// The API key: names the account, sent with every request.
///
/// 1 to 512 visible ASCII characters. It is redacted in `Debug` and wiped on drop, since whoever logs
/// a request should not publish the account with it; [`as_str`](Self::as_str) shows it on purpose.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Zeroizing<String>);

impl ApiKey {
    /// Checks and takes a key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::EmptyCredential`], [`ErrorKind::LongCredential`] or
    /// [`ErrorKind::CredentialCharacter`]; none repeats what was given.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = Zeroizing::new(text.into());
        check(&text)?;
        Ok(Self(text))
    }

    /// The key, to be put into a header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(<redacted>)")
    }
}

impl Hash for ApiKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl AsRef<str> for ApiKey {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl FromStr for ApiKey {
    type Err = Error;

    /// As [`ApiKey::new`].
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl TryFrom<&str> for ApiKey {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl TryFrom<String> for ApiKey {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::new(text)
    }
}

/// The API secret, kept only as the keyed state of HMAC-SHA256.
///
/// 1 to 512 visible ASCII characters. The characters themselves are wiped as soon as the state has
/// been computed, once, here; the state is wiped on drop. Nothing gives the secret back, and `Debug`
/// is redacted.
#[derive(Clone)]
pub struct ApiSecret {
    key: MacKey,
}

impl ApiSecret {
    /// Checks a secret and computes its key state.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::EmptyCredential`], [`ErrorKind::LongCredential`] or
    /// [`ErrorKind::CredentialCharacter`]; none repeats what was given.
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = Zeroizing::new(text.into());
        check(&text)?;
        Ok(Self {
            key: MacKey::new(text.as_bytes()),
        })
    }

    pub(crate) const fn key(&self) -> &MacKey {
        &self.key
    }

    /// For the conformance suite, whose keys are any bytes.
    #[cfg(feature = "proptest")]
    pub(crate) fn from_bytes(key: &[u8]) -> Self {
        Self {
            key: MacKey::new(key),
        }
    }
}

impl fmt::Debug for ApiSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiSecret(<redacted>)")
    }
}

impl FromStr for ApiSecret {
    type Err = Error;

    /// As [`ApiSecret::new`].
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl TryFrom<&str> for ApiSecret {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl TryFrom<String> for ApiSecret {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::new(text)
    }
}

fn check(text: &str) -> Result<(), Error> {
    if text.is_empty() {
        return Err(Error::new(ErrorKind::EmptyCredential));
    }
    if text.len() > MAX_LENGTH {
        return Err(Error::new(ErrorKind::LongCredential));
    }
    match text.bytes().position(|byte| !byte.is_ascii_graphic()) {
        Some(position) => Err(Error::new(ErrorKind::CredentialCharacter { position })),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn debug_is_redacted() {
        let pair = KeyPair::new(
            ApiKey::new("4nBmZkU2-VdTNrPqL7e9y").unwrap(),
            ApiSecret::new("7Xd9PfMlkanB5ZTuj0qQG").unwrap(),
        );
        assert_eq!(
            format!("{pair:?}"),
            "KeyPair { key: ApiKey(<redacted>), secret: ApiSecret(<redacted>) }"
        );
    }

    #[test]
    fn what_could_split_a_header_is_refused_without_an_echo() {
        for (text, position) in [
            ("abc\r", 3),
            ("a\nb", 1),
            ("\0", 0),
            ("clé", 2),
            ("two words", 3),
            ("tab\t", 3),
            ("\u{7f}", 0),
        ] {
            let kind = ErrorKind::CredentialCharacter { position };
            for error in [
                ApiKey::new(text).unwrap_err(),
                ApiSecret::new(text).unwrap_err(),
            ] {
                assert_eq!(error.kind(), kind, "{text:?}");
                assert!(!format!("{error} {error:?}").contains(text), "{text:?}");
            }
        }
        assert_eq!(
            ApiKey::new("").unwrap_err().kind(),
            ErrorKind::EmptyCredential
        );
        assert_eq!(
            ApiSecret::new("x".repeat(513)).unwrap_err().kind(),
            ErrorKind::LongCredential
        );
        ApiSecret::new("x".repeat(512)).unwrap();
    }
}
