use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Error, ErrorKind};

/// The name of a job, as `generateMusic` gave it: `QRY_WRXzIXyidD8x9xIEZZ4GppXh`.
///
/// 1 to 128 ASCII letters, digits, `_`, `-` and `.`, not beginning with `-` or `.`, and not a device
/// name of Windows: so it is safe as a file name, in a shell and in a log as it stands. The documented
/// prefix `QRY_` is not required.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct QueryId(String);

impl QueryId {
    /// How long an id can be, in bytes.
    pub const MAX_LENGTH: usize = 128;

    /// Checks and takes an id.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidQueryId`].
    pub fn new(id: impl Into<String>) -> Result<Self, Error> {
        let id = id.into();
        let safe = (1..=Self::MAX_LENGTH).contains(&id.len())
            && id.bytes().all(is_safe)
            && !id.starts_with(['-', '.'])
            && !is_device(&id);
        safe.then_some(Self(id))
            .ok_or(Error::new(ErrorKind::InvalidQueryId))
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Finds a whole `"id":"QRY_…"` in an answer that is cut short or otherwise no JSON.
    ///
    /// An id counts only if it stands there whole, its closing quote too. A string inside JSON cannot
    /// imitate it: its quotes are escaped. Only the documented prefix is
    /// looked for, since other objects in an answer have an `id` too.
    ///
    /// ```
    /// use genrex_proto::QueryId;
    /// let cut = br#"{"id":"QRY_WRXzIXyidD8x9xIEZZ4GppXh","processSys"#;
    /// assert_eq!(QueryId::salvage(cut).unwrap().as_str(), "QRY_WRXzIXyidD8x9xIEZZ4GppXh");
    /// assert!(QueryId::salvage(br#"{"id":"QRY_WRXzIXyidD8x"#).is_none());
    /// ```
    #[must_use]
    pub fn salvage(answer: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(answer);
        text.match_indices("\"id\"").find_map(|(at, name)| {
            // A longer name that ends in an escaped quote and `id`.
            let is_whole = !text[..at].ends_with('\\');
            let value = is_whole.then(|| &text[at + name.len()..])?.trim_start();
            let value = value.strip_prefix(':')?.trim_start();
            let (id, _) = value.strip_prefix('"')?.split_once('"')?;
            id.starts_with("QRY_").then(|| Self::new(id).ok())?
        })
    }
}

impl FromStr for QueryId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl TryFrom<&str> for QueryId {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl TryFrom<String> for QueryId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl From<QueryId> for String {
    fn from(id: QueryId) -> Self {
        id.0
    }
}

impl AsRef<str> for QueryId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for QueryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for QueryId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

const fn is_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Names that Windows opens as a device, with any extension.
fn is_device(id: &str) -> bool {
    let stem = id
        .split('.')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul")
        || matches!(
            stem.as_bytes(),
            [b'c', b'o', b'm', b'0'..=b'9'] | [b'l', b'p', b't', b'0'..=b'9']
        )
}
