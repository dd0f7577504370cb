use std::error::Error as StdError;

/// Why the ledger could not do what was asked. Nothing was written, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file or its folder cannot be used: rights, a link, a full disk, a failed sync.
    Storage,
    /// A newer genrex wrote the file.
    Newer,
    /// The transition is none of the machine's.
    Transition,
    /// It would spend more than is allowed.
    OverLimit,
    /// The row of the batch, or the very same prompt, has been bought or is being bought by another.
    RowTaken,
    /// A limit is in force and the price is not known yet: another submit is finding it out.
    PriceUnknown,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    pub(crate) fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(cause.into());
        self
    }

    /// What went wrong.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }
}
