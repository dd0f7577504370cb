use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use crate::{Error, ErrorKind};

/// Milliseconds since 1970-01-01T00:00:00Z: the `t` of a signature.
///
/// Any `u64`. It is always handed in: this crate has no clock. `Display` writes the decimal digits that
/// are signed, and `FromStr` reads those and no other spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(u64);

impl UnixMillis {
    /// From a count of milliseconds.
    #[must_use]
    pub const fn new(millis: u64) -> Self {
        Self(millis)
    }

    /// The count of milliseconds.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The time between two instants, whichever is later.
    #[must_use]
    pub const fn abs_diff(self, other: Self) -> Duration {
        Duration::from_millis(self.0.abs_diff(other.0))
    }
}

impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UnixMillis {
    type Err = Error;

    /// # Errors
    ///
    /// [`ErrorKind::MalformedTime`] for anything that `Display` cannot write.
    fn from_str(text: &str) -> Result<Self, Error> {
        let millis = match text.as_bytes() {
            [b'0'] => Some(0),
            // What begins with a digit is parsed only if it has nothing but digits, and not past `u64::MAX`.
            [b'1'..=b'9', ..] => text.parse().ok(),
            _ => None,
        };
        millis.map(Self).ok_or(Error::new(ErrorKind::MalformedTime))
    }
}

impl TryFrom<&str> for UnixMillis {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<u64> for UnixMillis {
    fn from(millis: u64) -> Self {
        Self(millis)
    }
}

impl From<UnixMillis> for u64 {
    fn from(time: UnixMillis) -> Self {
        time.0
    }
}
