use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How a job is doing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// It is being made.
    Processing,
    /// It is ready, and the answer carries its assets.
    Completed,
    /// It will not be ready; the service gives no reason.
    Failed,
    /// A status that this version does not know, as it came; empty where none came. It is a value and
    /// not an error: the job goes on.
    Other(String),
}

impl Status {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Processing => "Processing",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Other(name) => name,
        }
    }
}

impl Default for Status {
    /// The status of an answer that has none.
    fn default() -> Self {
        Self::Other(String::new())
    }
}

impl From<String> for Status {
    fn from(name: String) -> Self {
        match name.as_str() {
            "Processing" => Self::Processing,
            "Completed" => Self::Completed,
            "Failed" => Self::Failed,
            _ => Self::Other(name),
        }
    }
}

impl From<&str> for Status {
    fn from(name: &str) -> Self {
        Self::from(name.to_owned())
    }
}

impl FromStr for Status {
    type Err = Infallible;

    fn from_str(name: &str) -> Result<Self, Infallible> {
        Ok(Self::from(name))
    }
}

impl From<Status> for String {
    fn from(status: Status) -> Self {
        match status {
            Status::Other(name) => name,
            known => known.as_str().to_owned(),
        }
    }
}

impl AsRef<str> for Status {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        crate::Escaped(self.as_str()).fmt(f)
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}
