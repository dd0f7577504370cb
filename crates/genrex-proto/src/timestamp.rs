use std::fmt;

use serde::{Deserialize, Serialize};

/// A time as the service wrote it: ISO 8601, UTC, milliseconds (`2024-06-02T11:05:21.826Z`).
///
/// The text is kept as it came, since nothing but people reads it, and a time of another form must not
/// cost anybody a job.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(String);

impl Timestamp {
    /// The time `millis` milliseconds after the Unix epoch, in the service's form; `None` past the
    /// year 9999.
    #[must_use]
    pub fn from_unix_millis(millis: i64) -> Option<Self> {
        let time = jiff::Timestamp::from_millisecond(millis).ok()?;
        Some(Self(format!("{time:.3}")))
    }

    /// The text as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Milliseconds since the Unix epoch, where the text is a time with an offset.
    #[must_use]
    pub fn unix_millis(&self) -> Option<i64> {
        let time: jiff::Timestamp = self.0.parse().ok()?;
        Some(time.as_millisecond())
    }
}

impl From<String> for Timestamp {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::Escaped(&self.0).fmt(f)
    }
}
