use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::ErrorKind;
use crate::{Error, Event};

/// Why a ledger takes no purchase for now. It is kept in the ledger itself, so that whoever opens it is held.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hold {
    /// What happened to the ledger.
    pub kind: HoldKind,
    /// What ties both ends of one move together, so that no other move is gone on with.
    pub token: String,
    /// In words: where it went, where it comes from, or what is missing.
    pub detail: String,
    /// What to type next.
    pub command: String,
}

/// The kinds of [`Hold`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum HoldKind {
    /// It is being moved to another place: what it holds must not change meanwhile.
    Moving,
    /// It was moved, and the other place is used from then on.
    Moved,
    /// It was filled with what another holds, which has not been left yet.
    Arriving,
    /// It was restored from an earlier state, and has forgotten what happened since.
    Restored,
}

/// What a call is about to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Change {
    /// A new purchase, or that one is about to leave.
    Purchase,
    /// Anything else: a look at the balance, what happened to a job.
    Other,
}

impl Change {
    /// What it is to keep an event.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        match event {
            Event::Sent => Self::Purchase,
            _ => Self::Other,
        }
    }
}

impl Hold {
    /// Whether it lets a change be written. A storage asks in the transaction that writes it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Moved`]: a ledger that moves or was moved does not change at all. [`ErrorKind::Restored`]: one that
    /// was restored takes no purchase, and takes what happened to its jobs.
    pub fn allow(&self, change: Change) -> Result<(), Error> {
        let kind = match (self.kind, change) {
            (HoldKind::Restored, Change::Other) => return Ok(()),
            (HoldKind::Restored, Change::Purchase) => ErrorKind::Restored,
            (HoldKind::Moving | HoldKind::Moved | HoldKind::Arriving, _) => ErrorKind::Moved,
        };
        Err(self.to_error(kind))
    }

    pub(crate) fn to_error(&self, kind: ErrorKind) -> Error {
        Error::new(kind, self.to_string())
    }
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (detail, command) = (&self.detail, &self.command);
        match self.kind {
            HoldKind::Moving => write!(
                f,
                "the ledger is being moved to {detail}, and nothing is written to it meanwhile; to go on: {command}"
            ),
            HoldKind::Moved => write!(
                f,
                "the ledger was moved to {detail}, and nothing is written to it any more; {command}"
            ),
            HoldKind::Arriving => write!(
                f,
                "the ledger holds a copy of {detail}, which is still the one that counts; to go on: {command}"
            ),
            HoldKind::Restored => write!(
                f,
                "the ledger was restored, or another server took its place: {detail}. Nothing is bought until somebody \
                 has looked; then: {command}"
            ),
        }
    }
}

impl HoldKind {
    const ALL: [Self; 4] = [Self::Moving, Self::Moved, Self::Arriving, Self::Restored];

    /// The name that a storage keeps.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Moving => "moving",
            Self::Moved => "moved",
            Self::Arriving => "arriving",
            Self::Restored => "restored",
        }
    }
}

impl fmt::Display for HoldKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for HoldKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == name);
        known.ok_or_else(|| {
            let message = format!("the ledger is held for a reason that is not known: {name:?}");
            Error::new(ErrorKind::Unreadable, message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(kind: HoldKind) -> Hold {
        Hold {
            kind,
            token: String::from("t"),
            detail: String::from("there"),
            command: String::from("genrex ledger copy a b"),
        }
    }

    #[test]
    fn what_is_moved_changes_no_more_and_what_is_restored_takes_outcomes() {
        for kind in [HoldKind::Moving, HoldKind::Moved, HoldKind::Arriving] {
            for change in [Change::Purchase, Change::Other] {
                let error = hold(kind).allow(change).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Moved);
                assert!(error.to_string().contains("genrex ledger copy a b"));
            }
        }
        let restored = hold(HoldKind::Restored);
        restored.allow(Change::of(&Event::Completed)).unwrap();
        let error = restored.allow(Change::of(&Event::Sent)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Restored);
    }

    #[test]
    fn each_kind_is_read_as_it_was_kept() {
        for kind in HoldKind::ALL {
            assert_eq!(kind.to_string().parse::<HoldKind>().unwrap(), kind);
        }
        let error = "other".parse::<HoldKind>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreadable);
    }
}
