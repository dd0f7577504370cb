use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use crate::{LocalId, Passed};

/// Why the ledger could not do what was asked. Nothing was written, unless it says otherwise.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: ErrorKind,
    message: String,
    job: Option<LocalId>,
    again_after: Option<Duration>,
    settled_at: Option<u64>,
    passed: Option<Passed>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The storage cannot be used: a link, a failed sync, no connection.
    Storage,
    /// There is no room left for what is to be kept.
    Full,
    /// The storage may not be read, or not be written.
    Denied,
    /// What is there is no ledger, or a damaged one.
    Damaged,
    /// Another process holds the storage, longer than it was worth waiting. The same call may succeed later.
    Busy,
    /// The storage is gone, and what belongs to it is still there: it was removed, renamed or moved. A new one
    /// would know nothing of what was bought.
    Missing,
    /// A newer genrex wrote it.
    Newer,
    /// It was not made ready for this version yet: a database that people migrate has other tables, or none.
    NotMigrated,
    /// What it holds, or was asked to read, cannot be read.
    Unreadable,
    /// It holds no such job.
    NotFound,
    /// The state machine has no such transition.
    Transition,
    /// The job is not this process's to send: another intended it, or this one was silent for so long that it was
    /// given up. Nothing may leave.
    NotOwned,
    /// A job is in flight, so that the ledger cannot be moved now. The same call may succeed later.
    InFlight,
    /// The ledger is being moved to another place, or was: see [`Hold`](crate::Hold). Nothing is written to it.
    Moved,
    /// The ledger was restored from an earlier state, and has forgotten purchases: nothing is bought until somebody has
    /// looked.
    Restored,
    /// It would spend more than is allowed.
    OverLimit,
    /// The very same has been bought, or is being bought, already.
    Taken,
    /// A limit is in force, and what a piece costs has to be observed before this one may start: see
    /// [`Error::job`] and [`Error::again_after`]. The same call may succeed later.
    PriceUnknown,
    /// A limit is in force, and nobody has looked at the balance: the caller has to look first.
    BalanceUnknown,
}

impl Error {
    /// An error of this kind.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            job: None,
            again_after: None,
            settled_at: None,
            passed: None,
            source: None,
        }
    }

    /// The same with a cause.
    #[must_use]
    pub fn with_source(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(cause.into());
        self
    }

    /// The same about a job.
    #[must_use]
    pub const fn about(mut self, job: LocalId) -> Self {
        self.job = Some(job);
        self
    }

    /// The same, saying when to call again.
    #[must_use]
    pub const fn again_in(mut self, delay: Duration) -> Self {
        self.again_after = Some(delay);
        self
    }

    /// The same, saying at which service time what stands in the way is settled at the latest, in milliseconds since
    /// 1970.
    #[must_use]
    pub const fn settled_at_latest(mut self, at: Option<u64>) -> Self {
        self.settled_at = at;
        self
    }

    /// The same, saying which bound would have been passed.
    #[must_use]
    pub(crate) const fn passing(mut self, passed: Passed) -> Self {
        self.passed = Some(passed);
        self
    }

    /// What went wrong.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The job that stands in the way, where one is known.
    #[must_use]
    pub const fn job(&self) -> Option<LocalId> {
        self.job
    }

    /// After how long the same call is worth repeating, with a fresh look at the balance.
    #[must_use]
    pub const fn again_after(&self) -> Option<Duration> {
        self.again_after
    }

    /// At which service time what stands in the way is settled at the latest, in milliseconds since 1970, where that
    /// is known: while a job is under way it is not.
    #[must_use]
    pub const fn settled_at(&self) -> Option<u64> {
        self.settled_at
    }

    /// The bound that would have been passed, of [`ErrorKind::OverLimit`].
    #[must_use]
    pub const fn passed(&self) -> Option<Passed> {
        self.passed
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Storage => "the storage cannot be used",
            Self::Full => "the storage is full",
            Self::Denied => "the storage may not be used",
            Self::Damaged => "the storage is damaged, or is none",
            Self::Busy => "the storage is held by another process",
            Self::Missing => "the storage is gone, and what belongs to it is still there",
            Self::Newer => "a newer genrex wrote the ledger",
            Self::NotMigrated => "the ledger has no tables of this version",
            Self::Unreadable => "what the ledger holds cannot be read",
            Self::NotFound => "no such job",
            Self::Transition => "no such transition",
            Self::NotOwned => "the job is not this process's",
            Self::InFlight => "a job is in flight",
            Self::Moved => "the ledger is at another place, or on its way there",
            Self::Restored => "the ledger was restored, or another server took its place",
            Self::OverLimit => "over the limit",
            Self::Taken => "bought already",
            Self::PriceUnknown => "the price is not known yet",
            Self::BalanceUnknown => "the balance was not looked at",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_kind_has_words_of_its_own() {
        let kinds = [
            ErrorKind::Storage,
            ErrorKind::Full,
            ErrorKind::Denied,
            ErrorKind::Damaged,
            ErrorKind::Busy,
            ErrorKind::Missing,
            ErrorKind::Newer,
            ErrorKind::NotMigrated,
            ErrorKind::Unreadable,
            ErrorKind::NotFound,
            ErrorKind::Transition,
            ErrorKind::NotOwned,
            ErrorKind::InFlight,
            ErrorKind::Moved,
            ErrorKind::Restored,
            ErrorKind::OverLimit,
            ErrorKind::Taken,
            ErrorKind::PriceUnknown,
            ErrorKind::BalanceUnknown,
        ];
        let words: BTreeSet<String> = kinds.iter().map(ToString::to_string).collect();
        assert_eq!(words.len(), kinds.len());
        assert!(!words.contains(""));
    }
}
