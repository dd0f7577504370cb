//! Why a call did not come to its end, and whether to try again.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use genrex_ledger::{Error, ErrorKind};
use tokio_postgres::error::SqlState;

/// What stopped a call.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A rule refused it.
    Rule(Error),
    /// The database did not do it.
    Storage(StorageError),
}

/// What is to be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// It stays so.
    GiveUp,
    /// The same connection may do it in a moment: others were in the way.
    Again,
    /// Another connection may: this one is of no use.
    Reconnect,
}

/// What is wrong with the storage.
#[derive(Debug, Clone)]
pub(crate) struct StorageError {
    kind: ErrorKind,
    then: Then,
    /// It goes on from "the ledger ADDRESS".
    why: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Failure {
    pub(crate) const fn then(&self) -> Then {
        match self {
            Self::Rule(_) => Then::GiveUp,
            Self::Storage(trouble) => trouble.then,
        }
    }

    /// `note` says what else there is to know.
    pub(crate) fn into_error(self, address: &str, note: &str) -> Error {
        match self {
            Self::Rule(error) => error,
            Self::Storage(trouble) => trouble.to_error(address, note),
        }
    }
}

impl StorageError {
    pub(crate) fn new(kind: ErrorKind, then: Then, why: impl Into<String>) -> Self {
        Self {
            kind,
            then,
            why: why.into(),
            source: None,
        }
    }

    /// No connection could be made, or it gave no answer.
    pub(crate) fn away(why: &str) -> Self {
        Self::new(ErrorKind::Storage, Then::Reconnect, why)
    }

    pub(crate) fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    pub(crate) fn to_error(&self, address: &str, note: &str) -> Error {
        let error = Error::new(
            self.kind,
            format!("the ledger {address} {}{note}", self.why),
        );
        match &self.source {
            Some(source) => error.with_source(Cause(Arc::clone(source))),
            None => error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Rule(error)
    }
}

impl From<StorageError> for Failure {
    fn from(trouble: StorageError) -> Self {
        Self::Storage(trouble)
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Storage(error.into())
    }
}

impl From<tokio_postgres::Error> for StorageError {
    fn from(error: tokio_postgres::Error) -> Self {
        let (kind, then, why) = match error.code() {
            Some(code) => judged(code),
            None => (
                ErrorKind::Storage,
                Then::Reconnect,
                "cannot be reached, or the connection ended",
            ),
        };
        Self::new(kind, then, why).with_source(error)
    }
}

fn judged(code: &SqlState) -> (ErrorKind, Then, &'static str) {
    const BUSY: &str = "is busy: another has held the account for too long; try again";
    let is_of = |class: &str| code.code().starts_with(class);
    match code {
        &SqlState::T_R_SERIALIZATION_FAILURE
        | &SqlState::T_R_DEADLOCK_DETECTED
        | &SqlState::LOCK_NOT_AVAILABLE
        | &SqlState::QUERY_CANCELED => (ErrorKind::Busy, Then::Again, BUSY),
        // Two began the same job at once: the second finds it.
        &SqlState::UNIQUE_VIOLATION => (ErrorKind::Busy, Then::Again, BUSY),
        // A standby that has not taken over yet: it says the second where a transaction is to write from its begin.
        &SqlState::READ_ONLY_SQL_TRANSACTION | &SqlState::FEATURE_NOT_SUPPORTED => (
            ErrorKind::Denied,
            Then::Reconnect,
            "may only be read: it is a standby, or set so",
        ),
        &SqlState::TOO_MANY_CONNECTIONS => (
            ErrorKind::Busy,
            Then::Reconnect,
            "has as many connections as it allows; try again",
        ),
        &SqlState::DISK_FULL => (
            ErrorKind::Full,
            Then::GiveUp,
            "cannot be written: its disk is full",
        ),
        &SqlState::INSUFFICIENT_PRIVILEGE => (
            ErrorKind::Denied,
            Then::GiveUp,
            "does not let this user do that: docs/fleet.md lists the rights that are needed",
        ),
        &SqlState::UNDEFINED_TABLE | &SqlState::INVALID_SCHEMA_NAME => (
            ErrorKind::NotMigrated,
            Then::GiveUp,
            "has no tables of a ledger; make them: genrex ledger migrate",
        ),
        &SqlState::INVALID_CATALOG_NAME => (
            ErrorKind::Denied,
            Then::GiveUp,
            "is not there: PostgreSQL has no such database",
        ),
        &SqlState::RAISE_EXCEPTION => (
            ErrorKind::Storage,
            Then::GiveUp,
            "refuses what the states of a job do not allow",
        ),
        _ if is_of("28") => (
            ErrorKind::Denied,
            Then::GiveUp,
            "does not let this user in: look at the name, the password and its pg_hba.conf",
        ),
        // It is being started or stopped, or ended this connection.
        _ if is_of("08") || is_of("57") || is_of("25P") => (
            ErrorKind::Storage,
            Then::Reconnect,
            "is being started or stopped, or ended the connection",
        ),
        _ => (ErrorKind::Storage, Then::GiveUp, "cannot be used"),
    }
}

/// A cause that may be told more than once.
#[derive(Debug)]
struct Cause(Arc<dyn StdError + Send + Sync>);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_connection_or_another_moment_may_do_is_tried_again() {
        for (code, kind, then) in [
            // A deadlock, a lock that did not come, a statement that took too long, the same key at once.
            ("40P01", ErrorKind::Busy, Then::Again),
            ("55P03", ErrorKind::Busy, Then::Again),
            ("57014", ErrorKind::Busy, Then::Again),
            ("23505", ErrorKind::Busy, Then::Again),
            // Shut down, crashed, not up yet, thrown out of a transaction, a standby, too many connections.
            ("57P01", ErrorKind::Storage, Then::Reconnect),
            ("57P02", ErrorKind::Storage, Then::Reconnect),
            ("57P03", ErrorKind::Storage, Then::Reconnect),
            ("25P03", ErrorKind::Storage, Then::Reconnect),
            ("08006", ErrorKind::Storage, Then::Reconnect),
            ("25006", ErrorKind::Denied, Then::Reconnect),
            ("53300", ErrorKind::Busy, Then::Reconnect),
            // What stays so.
            ("53100", ErrorKind::Full, Then::GiveUp),
            ("42501", ErrorKind::Denied, Then::GiveUp),
            ("28P01", ErrorKind::Denied, Then::GiveUp),
            ("3D000", ErrorKind::Denied, Then::GiveUp),
            ("42P01", ErrorKind::NotMigrated, Then::GiveUp),
            ("P0001", ErrorKind::Storage, Then::GiveUp),
            ("XX001", ErrorKind::Storage, Then::GiveUp),
        ] {
            let (found, next, _) = judged(&SqlState::from_code(code));
            assert_eq!((found, next), (kind, then), "{code}");
        }
    }
}
