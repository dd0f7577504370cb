use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Charge, Error, ErrorKind, Generation, Operation};

/// The body of `generateMusic`. Costs credits.
///
/// It serialises to the very bytes of [`to_json`](Self::to_json), and what is deserialised is checked as
/// [`Prompt::new`] and [`Seconds::new`] check it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GenerateRequest {
    duration: Seconds,
    text: Prompt,
}

impl GenerateRequest {
    /// What to make and how much of it.
    #[must_use]
    pub const fn new(text: Prompt, duration: Seconds) -> Self {
        Self { duration, text }
    }

    /// What to make.
    #[must_use]
    pub const fn text(&self) -> &Prompt {
        &self.text
    }

    /// How much of it.
    #[must_use]
    pub const fn duration(&self) -> Seconds {
        self.duration
    }

    /// The bytes to sign and to send: `{"duration":10,"text":"intense EDM"}`.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }
}

impl Operation for GenerateRequest {
    const NAME: &'static str = "generateMusic";
    const PATH: &'static str = "/v1/text2music/generateMusic";
    const CHARGE: Charge = Charge::Paid;
    type Answer = Generation;

    fn to_json(&self) -> Vec<u8> {
        Self::to_json(self)
    }

    fn read(answer: &[u8]) -> Result<Generation, Error> {
        Generation::from_json(answer)
    }
}

/// Serialises one of this crate's requests, of which none can fail: they hold strings and integers.
#[expect(clippy::expect_used, reason = "strings and integers always serialise")]
pub(crate) fn to_json(request: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(request).expect("strings and integers always serialise")
}

/// A prompt: 1 to 250 Unicode code points.
///
/// GenreX does not say whether its 250 characters are UTF-16 units or code points, so only what both
/// readings refuse is refused here. What is deserialised is checked as [`new`](Self::new) checks it.
/// `Display` shows the text as it is: where a terminal reads it, show it through
/// [`Escaped`](crate::Escaped).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Prompt(String);

impl Prompt {
    /// The most code points that are accepted.
    pub const MAX_CHARACTERS: usize = 250;

    /// Checks and takes a prompt.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::EmptyPrompt`] or [`ErrorKind::LongPrompt`].
    pub fn new(text: impl Into<String>) -> Result<Self, Error> {
        let text = text.into();
        match text.chars().count() {
            0 => Err(Error::new(ErrorKind::EmptyPrompt)),
            1..=Self::MAX_CHARACTERS => Ok(Self(text)),
            characters => Err(Error::new(ErrorKind::LongPrompt { characters })),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Prompt {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl TryFrom<&str> for Prompt {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl TryFrom<String> for Prompt {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::new(text)
    }
}

impl From<Prompt> for String {
    fn from(prompt: Prompt) -> Self {
        prompt.0
    }
}

impl AsRef<str> for Prompt {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Prompt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl<'de> Deserialize<'de> for Prompt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A duration of music: 5 to 60 whole seconds.
///
/// An account may be limited to less: see [`Balance::max_duration_seconds`](crate::Balance). It
/// serialises to the number, and what is deserialised is checked as [`new`](Self::new) checks it. It
/// parses `10`, and `10 s` as `Display` writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Seconds(u8);

impl Seconds {
    /// The shortest: 5 s.
    pub const MIN: Self = Self(5);
    /// The longest: 60 s.
    pub const MAX: Self = Self(60);

    /// Checks a number of seconds.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::SecondsOutOfRange`] outside 5 to 60.
    pub fn new(seconds: u32) -> Result<Self, Error> {
        u8::try_from(seconds)
            .ok()
            .map(Self)
            .filter(|seconds| (Self::MIN..=Self::MAX).contains(seconds))
            .ok_or(Error::new(ErrorKind::SecondsOutOfRange { given: seconds }))
    }

    /// The number of seconds.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u32> for Seconds {
    type Error = Error;

    fn try_from(seconds: u32) -> Result<Self, Error> {
        Self::new(seconds)
    }
}

impl From<Seconds> for u32 {
    fn from(seconds: Seconds) -> Self {
        seconds.0.into()
    }
}

impl From<Seconds> for Duration {
    fn from(seconds: Seconds) -> Self {
        Self::from_secs(seconds.0.into())
    }
}

impl TryFrom<&str> for Seconds {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        text.parse()
    }
}

impl FromStr for Seconds {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let number = text.strip_suffix('s').unwrap_or(text).trim_end();
        let number: u32 = number
            .parse()
            .map_err(|_| Error::new(ErrorKind::InvalidSeconds))?;
        Self::new(number)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(u32::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0)
    }
}
