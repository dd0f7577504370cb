use serde::de::DeserializeOwned;

use crate::{Excerpt, redact_urls};

/// Why a value was refused or an answer could not be read.
///
/// [`source`](std::error::Error::source) is what the JSON reader said of an answer. Nothing of it shows
/// the secrets of a presigned link, whatever the answer holds.
#[derive(Debug, thiserror::Error)]
#[error("{kind}{}", Where(self))]
pub struct Error {
    kind: ErrorKind,
    path: Option<String>,
    excerpt: Option<Excerpt>,
    source: Option<Cause>,
}

impl Error {
    pub(crate) const fn new(kind: ErrorKind) -> Self {
        Self {
            kind,
            path: None,
            excerpt: None,
            source: None,
        }
    }

    /// What was wrong.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// For an answer: the path to the field that could not be read, such as `response[0].content`.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// For an answer: how it began, bounded, escaped and without the secrets of links.
    #[must_use]
    pub const fn excerpt(&self) -> Option<&Excerpt> {
        self.excerpt.as_ref()
    }
}

/// Says which field, where there is one.
struct Where<'a>(&'a Error);

impl core::fmt::Display for Where<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if let Some(path) = &self.0.path {
            write!(f, " at `{}`", crate::Escaped(path))?;
        }
        match &self.0.excerpt {
            Some(excerpt) => write!(f, "; it began: {excerpt}"),
            None => Ok(()),
        }
    }
}

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A prompt of no characters.
    #[error("the prompt is empty; describe the music in 1 to 250 characters")]
    EmptyPrompt,
    /// A prompt of more than 250 code points.
    #[error("the prompt has {characters} characters; GenreX takes 250 at most")]
    LongPrompt {
        /// How many code points it has.
        characters: usize,
    },
    /// A duration outside 5 to 60 seconds.
    #[error("{given} s is not a duration that GenreX takes; choose 5 to 60 whole seconds")]
    SecondsOutOfRange {
        /// What was given.
        given: u32,
    },
    /// A text that is no duration.
    #[error("this is not a duration: give 5 to 60 whole seconds, as in `10`")]
    InvalidSeconds,
    /// A text that is no query id.
    #[error(
        "this is not a query id: it takes 1 to 128 letters, digits, `_`, `-` and `.`, \
         as in QRY_WRXzIXyidD8x9xIEZZ4GppXh"
    )]
    InvalidQueryId,
    /// An answer that is not the JSON that was expected.
    #[error("the answer could not be read")]
    UnreadableAnswer,
}

/// Reads an answer, with the path to the field that stopped it.
pub(crate) fn decode<T: DeserializeOwned>(json: &[u8]) -> Result<T, Error> {
    // Keeping the path costs, and it is wanted only where something is wrong.
    serde_json::from_slice(json).map_err(|error| why_unreadable::<T>(json, &error))
}

/// Reads it once more for the path; `error` is what the first reading said.
fn why_unreadable<T: DeserializeOwned>(json: &[u8], error: &serde_json::Error) -> Error {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
        Err(error) => {
            let path = error.path().to_string();
            unreadable(json, Some(path).filter(|path| path != "."), error.inner())
        }
        // More stands behind it.
        Ok(_) => unreadable(json, None, error),
    }
}

/// What the JSON reader says, which repeats parts of the answer: so it is treated as the answer is.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Cause(Excerpt);

fn unreadable(json: &[u8], path: Option<String>, source: &serde_json::Error) -> Error {
    Error {
        kind: ErrorKind::UnreadableAnswer,
        path: path.map(|path| redact_urls(&path)),
        excerpt: Some(Excerpt::new(json)),
        source: Some(Cause(Excerpt::new(source.to_string().as_bytes()))),
    }
}
