use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::ErrorKind;
use crate::event::EventKind;

/// Where a job stands. The names are those of the storage and of `genrex jobs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// It is to be sent, and has not been: `sent` is kept before a request leaves.
    Intended,
    /// It is being sent.
    Sent,
    /// It is proved that it did not leave: not charged.
    NotSent,
    /// The service refused it.
    Refused,
    /// It may have been charged, and no id is known.
    Ambiguous,
    /// The service took it: charged, or to be.
    Accepted,
    /// The service says that the generation failed.
    Failed,
    /// It is ready at the service.
    Completed,
    /// It is here, whole.
    Downloaded,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Intended,
        Self::Sent,
        Self::NotSent,
        Self::Refused,
        Self::Ambiguous,
        Self::Accepted,
        Self::Failed,
        Self::Completed,
        Self::Downloaded,
    ];

    /// Where an event leads from here.
    ///
    /// This is the whole machine. A storage's second guard, such as the triggers of
    /// `genrex-ledger-sqlite`, is made from it.
    #[must_use]
    pub const fn after(self, event: EventKind) -> Transition {
        use Transition::{Already, Impossible, To};
        match event {
            EventKind::Sent => match self {
                Self::Intended => To(Self::Sent),
                Self::Sent => Already,
                Self::NotSent
                | Self::Refused
                | Self::Ambiguous
                | Self::Accepted
                | Self::Failed
                | Self::Completed
                | Self::Downloaded => Impossible,
            },
            EventKind::NotSent => match self {
                Self::Intended | Self::Sent => To(Self::NotSent),
                Self::NotSent => Already,
                Self::Refused
                | Self::Ambiguous
                | Self::Accepted
                | Self::Failed
                | Self::Completed
                | Self::Downloaded => Impossible,
            },
            EventKind::Refused => match self {
                Self::Sent => To(Self::Refused),
                Self::Refused => Already,
                Self::Intended
                | Self::NotSent
                | Self::Ambiguous
                | Self::Accepted
                | Self::Failed
                | Self::Completed
                | Self::Downloaded => Impossible,
            },
            EventKind::Unconfirmed => match self {
                Self::Sent => To(Self::Sent),
                Self::Ambiguous => To(Self::Ambiguous),
                Self::Accepted | Self::Failed | Self::Completed | Self::Downloaded => Already,
                Self::Intended | Self::NotSent | Self::Refused => Impossible,
            },
            EventKind::Ambiguous => match self {
                Self::Sent => To(Self::Ambiguous),
                Self::Ambiguous => Already,
                Self::Intended
                | Self::NotSent
                | Self::Refused
                | Self::Accepted
                | Self::Failed
                | Self::Completed
                | Self::Downloaded => Impossible,
            },
            // `sent` is kept before a request leaves, so what ended at `intended` never left.
            EventKind::Crashed => match self {
                Self::Intended => To(Self::NotSent),
                Self::Sent => To(Self::Ambiguous),
                Self::NotSent
                | Self::Refused
                | Self::Ambiguous
                | Self::Accepted
                | Self::Failed
                | Self::Completed
                | Self::Downloaded => Already,
            },
            // An ambiguous submit's id may be found later: by its own answer, by support.
            EventKind::Accepted => match self {
                Self::Sent | Self::Ambiguous => To(Self::Accepted),
                Self::Accepted | Self::Failed | Self::Completed | Self::Downloaded => Already,
                Self::Intended | Self::NotSent | Self::Refused => Impossible,
            },
            EventKind::Reconciled | EventKind::Resolved => match self {
                Self::Ambiguous => To(Self::Ambiguous),
                Self::Intended
                | Self::Sent
                | Self::NotSent
                | Self::Refused
                | Self::Accepted
                | Self::Failed
                | Self::Completed
                | Self::Downloaded => Impossible,
            },
            EventKind::Completed => match self {
                Self::Accepted => To(Self::Completed),
                Self::Completed | Self::Downloaded => Already,
                Self::Intended
                | Self::Sent
                | Self::NotSent
                | Self::Refused
                | Self::Ambiguous
                | Self::Failed => Impossible,
            },
            EventKind::Failed => match self {
                Self::Accepted => To(Self::Failed),
                Self::Failed => Already,
                Self::Intended
                | Self::Sent
                | Self::NotSent
                | Self::Refused
                | Self::Ambiguous
                | Self::Completed
                | Self::Downloaded => Impossible,
            },
            // A job may be downloaded again, to another place.
            EventKind::Downloaded => match self {
                Self::Accepted | Self::Completed | Self::Downloaded => To(Self::Downloaded),
                Self::Intended
                | Self::Sent
                | Self::NotSent
                | Self::Refused
                | Self::Ambiguous
                | Self::Failed => Impossible,
            },
        }
    }

    /// Each pair of states that some event leads through, in the order of [`ALL`](Self::ALL).
    ///
    /// For a storage that guards its rows a second time.
    pub fn transitions() -> impl Iterator<Item = (Self, Self)> {
        let pairs = Self::ALL
            .into_iter()
            .flat_map(|from| Self::ALL.into_iter().map(move |to| (from, to)));
        pairs.filter(|(from, to)| {
            EventKind::ALL
                .into_iter()
                .any(|event| from.after(event) == Transition::To(*to))
        })
    }

    /// Whether a paid request of this job may be on its way, or about to be.
    #[must_use]
    pub const fn is_in_flight(self) -> bool {
        match self {
            Self::Intended | Self::Sent => true,
            Self::NotSent
            | Self::Refused
            | Self::Ambiguous
            | Self::Accepted
            | Self::Failed
            | Self::Completed
            | Self::Downloaded => false,
        }
    }

    /// Whether the service may still be at work on it, or may yet be asked to be.
    #[must_use]
    pub const fn is_running(self) -> bool {
        match self {
            Self::Intended | Self::Sent | Self::Accepted => true,
            Self::NotSent
            | Self::Refused
            | Self::Ambiguous
            | Self::Failed
            | Self::Completed
            | Self::Downloaded => false,
        }
    }

    /// Whether there is still something to do that costs nothing: to wait for, or to download.
    #[must_use]
    pub const fn is_open(self) -> bool {
        match self {
            Self::Accepted | Self::Completed => true,
            Self::Intended
            | Self::Sent
            | Self::NotSent
            | Self::Refused
            | Self::Ambiguous
            | Self::Failed
            | Self::Downloaded => false,
        }
    }

    /// The name in the storage and in `genrex jobs`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Sent => "sent",
            Self::NotSent => "notSent",
            Self::Refused => "refused",
            Self::Ambiguous => "ambiguous",
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::Completed => "completed",
            Self::Downloaded => "downloaded",
        }
    }
}

/// What an event does to a job's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transition {
    /// The job goes there, or stays with something new that is known of it.
    To(State),
    /// It has happened before: a repeated call changes nothing.
    Already,
    /// It cannot happen to a job that stands here.
    Impossible,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl AsRef<str> for State {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl FromStr for State {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == name);
        found.ok_or_else(|| Error::new(ErrorKind::Unreadable, format!("{name:?} is no job state")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse::<State>().unwrap(), state);
            assert_eq!(
                serde_json::to_string(&state).unwrap(),
                format!("\"{}\"", state.as_str())
            );
        }
        "lost".parse::<State>().unwrap_err();
    }

    #[test]
    fn a_job_that_was_paid_for_never_becomes_one_that_was_not() {
        let paid = [
            State::Accepted,
            State::Failed,
            State::Completed,
            State::Downloaded,
        ];
        for (from, to) in State::transitions() {
            assert!(
                !paid.contains(&from) || paid.contains(&to),
                "{from} to {to}"
            );
            assert!(to != State::Intended, "{from} to {to}");
        }
    }

    #[test]
    fn what_crashed_before_it_was_sent_was_not_sent() {
        let crashed = |state: State| state.after(EventKind::Crashed);
        assert_eq!(crashed(State::Intended), Transition::To(State::NotSent));
        assert_eq!(crashed(State::Sent), Transition::To(State::Ambiguous));
    }
}
