use std::fmt;
use std::str::FromStr;

use genrex_proto::QueryId;
use serde::{Deserialize, Serialize};

use crate::error::ErrorKind;
use crate::listed::listed;
use crate::{Error, Reconciliation};

/// What happens to a job.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Event {
    /// Its request is about to leave.
    Sent,
    /// It is proved that it did not leave, and why.
    NotSent(String),
    /// The service refused it: what kind of refusal, and its words.
    Refused(Refusal, String),
    /// An id stands whole in an answer that is broken otherwise; it is to be confirmed.
    Unconfirmed(QueryId),
    /// It may have been charged: the evidence.
    Ambiguous(String),
    /// Nobody carries it on: its process ended, or its future was dropped.
    Crashed,
    /// The service gave it this id.
    Accepted(QueryId),
    /// The service says that it is at work on it, asked by whoever made the purchase, after the look that followed
    /// it: what that look showed was charged at the submit.
    Processing,
    /// The account's balance says so much of an ambiguous one.
    Reconciled(Reconciliation),
    /// A person says so much of one that is ambiguous, refused, or no longer known to the service: who, and why, in
    /// words.
    Resolved(Resolution, String),
    /// The service says that it is ready.
    Completed,
    /// The service says that it is ready, and so it is known how long it took. Both are since it was accepted, in
    /// milliseconds.
    CompletedBetween {
        /// When the service last said that it was not over.
        after: u64,
        /// When it said that it was.
        by: u64,
    },
    /// The service says that it failed.
    Failed,
    /// It is here.
    Downloaded {
        /// Where.
        path: String,
        /// How long the file is, in bytes.
        bytes: u64,
        /// Its SHA-256, in hexadecimal.
        sha256: String,
    },
}

impl Event {
    /// Which event it is.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        match self {
            Self::Sent => EventKind::Sent,
            Self::NotSent(_) => EventKind::NotSent,
            Self::Refused(..) => EventKind::Refused,
            Self::Unconfirmed(_) => EventKind::Unconfirmed,
            Self::Ambiguous(_) => EventKind::Ambiguous,
            Self::Crashed => EventKind::Crashed,
            Self::Accepted(_) => EventKind::Accepted,
            Self::Processing => EventKind::Processing,
            Self::Resolved(Resolution::Accepted(_), _) => EventKind::Identified,
            Self::Reconciled(_) => EventKind::Reconciled,
            Self::Resolved(Resolution::Charged | Resolution::NotCharged, _) => EventKind::Resolved,
            Self::Completed | Self::CompletedBetween { .. } => EventKind::Completed,
            Self::Failed => EventKind::Failed,
            Self::Downloaded { .. } => EventKind::Downloaded,
        }
    }

    /// Whether it says how a submit ended: after it nothing of the job is on its way.
    #[must_use]
    pub const fn is_outcome(&self) -> bool {
        match self.kind() {
            EventKind::Sent | EventKind::Unconfirmed | EventKind::Processing => false,
            EventKind::NotSent
            | EventKind::Refused
            | EventKind::Ambiguous
            | EventKind::Crashed
            | EventKind::Accepted
            | EventKind::Reconciled
            | EventKind::Identified
            | EventKind::Resolved
            | EventKind::Completed
            | EventKind::Failed
            | EventKind::Downloaded => true,
        }
    }

    /// What is to be kept of it in words.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::NotSent(why) | Self::Refused(_, why) | Self::Ambiguous(why) => Some(why.clone()),
            Self::Crashed => Some(String::from(
                "its process ended, or gave it up, before an outcome was known",
            )),
            Self::Reconciled(found) => Some(format!("by the balance: {found}")),
            Self::Resolved(resolution, why) => Some(format!("by hand: {resolution}: {why}")),
            Self::Processing => Some(String::from("the service is at work on it")),
            Self::Unconfirmed(id) => Some(format!("{id} stood in a broken answer")),
            Self::Sent
            | Self::Accepted(_)
            | Self::Completed
            | Self::CompletedBetween { .. }
            | Self::Failed
            | Self::Downloaded { .. } => None,
        }
    }
}

listed! {
/// The kinds of [`Event`]: the columns of the state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// [`Event::Sent`].
    Sent,
    /// [`Event::NotSent`].
    NotSent,
    /// [`Event::Refused`].
    Refused,
    /// [`Event::Unconfirmed`].
    Unconfirmed,
    /// [`Event::Ambiguous`].
    Ambiguous,
    /// [`Event::Crashed`].
    Crashed,
    /// [`Event::Accepted`].
    Accepted,
    /// [`Event::Processing`].
    Processing,
    /// [`Event::Reconciled`].
    Reconciled,
    /// [`Event::Resolved`], with an id.
    Identified,
    /// [`Event::Resolved`], without an id.
    Resolved,
    /// [`Event::Completed`].
    Completed,
    /// [`Event::Failed`].
    Failed,
    /// [`Event::Downloaded`].
    Downloaded,
}
}

impl EventKind {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::NotSent => "notSent",
            Self::Refused => "refused",
            Self::Unconfirmed => "unconfirmed",
            Self::Ambiguous => "ambiguous",
            Self::Crashed => "crashed",
            Self::Accepted => "accepted",
            Self::Processing => "processing",
            Self::Reconciled => "reconciled",
            Self::Identified => "identified",
            Self::Resolved => "resolved",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Downloaded => "downloaded",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

listed! {
/// Why the service refused a submit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Refusal {
    /// The request itself: the same would be refused again.
    Rejected,
    /// The key, the signature or the clock.
    Credentials,
    /// The account has not enough credit.
    OutOfCredit,
    /// For now: too many requests.
    RateLimited,
}
}

impl Refusal {
    /// Whether the very same request may be taken later.
    #[must_use]
    pub const fn is_for_now(self) -> bool {
        match self {
            Self::Credentials | Self::OutOfCredit | Self::RateLimited => true,
            Self::Rejected => false,
        }
    }

    /// The name in the storage.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Credentials => "credentials",
            Self::OutOfCredit => "outOfCredit",
            Self::RateLimited => "rateLimited",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl AsRef<str> for Refusal {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl TryFrom<&str> for Refusal {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self, Error> {
        name.parse()
    }
}

impl FromStr for Refusal {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == name);
        found.ok_or_else(|| Error::new(ErrorKind::Unreadable, format!("{name:?} is no refusal")))
    }
}

/// How a person settles a submit that no balance explains, or a job that the service no longer knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Resolution {
    /// The service took it, and this is its id.
    Accepted(QueryId),
    /// It was charged, and its id is lost.
    Charged,
    /// It was not charged: the same may be bought again.
    NotCharged,
}

impl fmt::Display for Resolution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(id) => write!(f, "accepted as {id}"),
            Self::Charged => f.write_str("charged"),
            Self::NotCharged => f.write_str("not charged"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name is that of the variant, in camel case.
    fn name_of(variant: impl fmt::Debug) -> String {
        let mut name = format!("{variant:?}");
        name[..1].make_ascii_lowercase();
        name
    }

    #[test]
    fn names_are_those_of_the_variants() {
        for kind in EventKind::ALL {
            assert_eq!(kind.as_str(), name_of(kind));
            assert_eq!(kind.to_string(), kind.as_str());
        }
        for refusal in Refusal::ALL {
            let name = name_of(refusal);
            assert_eq!((refusal.as_str(), refusal.as_ref()), (&*name, &*name));
            assert_eq!(refusal.to_string(), name);
            assert_eq!(serde_json::to_value(refusal).unwrap(), name);
            assert_eq!(name.parse::<Refusal>().unwrap(), refusal);
            assert_eq!(Refusal::try_from(&*name).unwrap(), refusal);
        }
        "lost".parse::<Refusal>().unwrap_err();
    }

    #[test]
    fn all_but_a_rejected_request_may_be_taken_later() {
        let for_now = Refusal::ALL.map(Refusal::is_for_now);
        assert_eq!(
            for_now,
            Refusal::ALL.map(|refusal| refusal != Refusal::Rejected)
        );
    }

    /// An event of each kind, what is kept of it in words, and whether it says how a submit ended.
    fn events() -> Vec<(Event, Option<&'static str>, bool)> {
        let why = || String::from("why");
        let id = || QueryId::new("QRY_1").unwrap();
        let by_hand = |resolution| Event::Resolved(resolution, why());
        let downloaded = Event::Downloaded {
            path: why(),
            bytes: 1,
            sha256: why(),
        };
        vec![
            (Event::Sent, None, false),
            (Event::NotSent(why()), Some("why"), true),
            (Event::Refused(Refusal::Rejected, why()), Some("why"), true),
            (
                Event::Unconfirmed(id()),
                Some("QRY_1 stood in a broken answer"),
                false,
            ),
            (Event::Ambiguous(why()), Some("why"), true),
            (
                Event::Crashed,
                Some("its process ended, or gave it up, before an outcome was known"),
                true,
            ),
            (Event::Accepted(id()), None, true),
            (
                Event::Processing,
                Some("the service is at work on it"),
                false,
            ),
            (
                Event::Reconciled(Reconciliation::Charged),
                Some("by the balance: it was charged"),
                true,
            ),
            (
                by_hand(Resolution::Accepted(id())),
                Some("by hand: accepted as QRY_1: why"),
                true,
            ),
            (
                by_hand(Resolution::Charged),
                Some("by hand: charged: why"),
                true,
            ),
            (
                by_hand(Resolution::NotCharged),
                Some("by hand: not charged: why"),
                true,
            ),
            (Event::Completed, None, true),
            (Event::Failed, None, true),
            (downloaded, None, true),
        ]
    }

    #[test]
    fn an_event_says_what_is_kept_of_it_and_whether_a_submit_ended() {
        let mut kinds: Vec<EventKind> = Vec::new();
        for (event, detail, is_outcome) in events() {
            assert_eq!(event.detail().as_deref(), detail, "{event:?}");
            assert_eq!(event.is_outcome(), is_outcome, "{event:?}");
            kinds.push(event.kind());
        }
        kinds.dedup();
        assert_eq!(kinds, EventKind::ALL, "an event of each kind");
    }
}
