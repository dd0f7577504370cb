use std::fmt;
use std::str::FromStr;

use genrex_proto::QueryId;

/// Where a job stands. The names are those of the file and of `genrex jobs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It is to be sent, and may have been: nothing is known after it.
    Intended,
    /// It is being sent.
    Sent,
    /// It is proved that it did not leave: not charged.
    NotSent,
    /// The service refused it: not charged.
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

    /// Where an event leads from here; `None` where it cannot happen.
    ///
    /// This is the whole machine. The file's trigger is made of it, and a test compares the two.
    #[must_use]
    pub const fn after(self, event: &Event) -> Option<Self> {
        match (self, event) {
            (Self::Intended, Event::Sent) => Some(Self::Sent),
            (Self::Intended | Self::Sent, Event::NotSent(_)) => Some(Self::NotSent),
            (Self::Intended | Self::Sent, Event::Refused(_)) => Some(Self::Refused),
            (Self::Intended | Self::Sent, Event::Ambiguous(_) | Event::Crashed) => {
                Some(Self::Ambiguous)
            }
            // An ambiguous submit's id may be found later: by a reconciliation, or by support.
            (Self::Intended | Self::Sent | Self::Ambiguous, Event::Accepted(_)) => {
                Some(Self::Accepted)
            }
            (Self::Ambiguous, Event::Reconciled(_)) => Some(Self::Ambiguous),
            (Self::Accepted, Event::Completed) => Some(Self::Completed),
            (Self::Accepted, Event::Failed) => Some(Self::Failed),
            // A job may be downloaded again, to another place.
            (Self::Accepted | Self::Completed | Self::Downloaded, Event::Downloaded { .. }) => {
                Some(Self::Downloaded)
            }
            _ => None,
        }
    }

    /// Whether a paid request of this job may be on its way.
    #[must_use]
    pub const fn is_in_flight(self) -> bool {
        matches!(self, Self::Intended | Self::Sent)
    }

    /// Whether there is still something to do that costs nothing: to wait for, or to download.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Accepted | Self::Completed)
    }

    /// Whether its cost counts as spent: all but what is known not to have been charged.
    #[must_use]
    pub const fn counts_as_spent(self) -> bool {
        !matches!(self, Self::NotSent | Self::Refused)
    }

    /// The name in the file and in `genrex jobs`.
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

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for State {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == name);
        found.ok_or_else(|| format!("{name:?} is no state of a job"))
    }
}

/// What happens to a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Its request is about to leave.
    Sent,
    /// It is proved that it did not leave, and why.
    NotSent(String),
    /// The service refused it, and why.
    Refused(String),
    /// It may have been charged: the evidence.
    Ambiguous(String),
    /// Its process ended without an outcome.
    Crashed,
    /// The service gave it this id.
    Accepted(QueryId),
    /// The account's balance says so much of an ambiguous one.
    Reconciled(Verdict),
    /// The service says that it is ready.
    Completed,
    /// The service says that it failed.
    Failed,
    /// It is here.
    Downloaded {
        /// Where.
        path: String,
        /// How long the file is.
        bytes: u64,
        /// Its SHA-256, in hexadecimal.
        sha256: String,
    },
}

impl Event {
    /// What is to be kept of it in words.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::NotSent(why) | Self::Refused(why) | Self::Ambiguous(why) => Some(why.clone()),
            Self::Crashed => Some(String::from(
                "crash: the process ended before an outcome was known",
            )),
            Self::Reconciled(verdict) => Some(format!("reconciled: {verdict}")),
            Self::Sent
            | Self::Accepted(_)
            | Self::Completed
            | Self::Failed
            | Self::Downloaded { .. } => None,
        }
    }
}

/// What the account's balance shows of an ambiguous submit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It moved by what the submit costs.
    Charged,
    /// It did not move, and the account did not change.
    NotCharged,
    /// Anything else.
    Inconclusive,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Charged, Self::NotCharged, Self::Inconclusive];

    /// The name in the file and in `genrex jobs`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Charged => "charged",
            Self::NotCharged => "notCharged",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Verdict {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL
            .into_iter()
            .find(|verdict| verdict.as_str() == name);
        found.ok_or_else(|| format!("{name:?} is no verdict"))
    }
}
