use std::error::Error as StdError;
use std::io;
use std::path::Path;
use std::sync::Arc;

use genrex_ledger::{Error, ErrorKind};
use rusqlite::ErrorCode;

/// Why a request was not done: the storage failed, or a rule refused it.
#[derive(Debug)]
pub(crate) enum RequestError {
    Storage(StorageError),
    Rule(Error),
}

impl From<rusqlite::Error> for RequestError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl From<StorageError> for RequestError {
    fn from(trouble: StorageError) -> Self {
        Self::Storage(trouble)
    }
}

impl From<Error> for RequestError {
    fn from(error: Error) -> Self {
        Self::Rule(error)
    }
}

/// What is wrong with the storage. One may be told to each caller whose request was in a transaction.
#[derive(Debug, Clone)]
pub(crate) struct StorageError {
    kind: ErrorKind,
    /// It goes on from "the ledger PATH".
    why: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl StorageError {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self::of_kind(ErrorKind::Storage, why)
    }

    pub(crate) fn of_kind(kind: ErrorKind, why: impl Into<String>) -> Self {
        Self {
            kind,
            why: why.into(),
            source: None,
        }
    }

    /// What the file system did not do.
    pub(crate) fn of_file(why: impl Into<String>, error: io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                ErrorKind::Denied
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::Full,
            _ => ErrorKind::Storage,
        };
        Self::of_kind(kind, why).with_source(error)
    }

    pub(crate) fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.kind == ErrorKind::Busy
    }

    /// `note` says what else there is to know.
    pub(crate) fn to_error(&self, path: &Path, note: &str) -> Error {
        let message = format!("the ledger {} {}{note}", path.display(), self.why);
        let error = Error::new(self.kind, message);
        match &self.source {
            Some(source) => error.with_source(Box::<dyn StdError + Send + Sync>::from(Cause(
                Arc::clone(source),
            ))),
            None => error,
        }
    }
}

impl From<rusqlite::Error> for StorageError {
    fn from(error: rusqlite::Error) -> Self {
        let (kind, why) = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
                ErrorKind::Busy,
                "is held by another process, longer than was waited for; try again",
            ),
            Some(ErrorCode::DiskFull) => (
                ErrorKind::Full,
                "cannot be written: the disk is full, or the file may not grow; make room and try again",
            ),
            Some(ErrorCode::NotADatabase) => (
                ErrorKind::Damaged,
                "is not a ledger: it is no SQLite file; it was left alone",
            ),
            Some(ErrorCode::DatabaseCorrupt) => (
                ErrorKind::Damaged,
                "is damaged; keep a copy of it and of the files beside it, and restore a backup",
            ),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                (ErrorKind::Denied, "may not be written")
            }
            Some(ErrorCode::CannotOpen) => (ErrorKind::Denied, "cannot be opened"),
            _ => (ErrorKind::Storage, "cannot be used"),
        };
        Self::of_kind(kind, why).with_source(error)
    }
}

/// A cause that several errors share.
#[derive(Debug)]
struct Cause(Arc<dyn StdError + Send + Sync>);

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}
