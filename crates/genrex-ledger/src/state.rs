use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::error::ErrorKind;
use crate::event::EventKind;
use crate::listed::listed;

listed! {
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
}

impl State {
    /// Where an event leads from here.
    ///
    /// This is the whole machine. A storage's second guard, such as the triggers of
    /// `genrex-ledger-sqlite`, is made from it.
    #[must_use]
    pub const fn after(self, event: EventKind) -> Transition {
        match event {
            EventKind::Sent => self.after_sent(),
            EventKind::NotSent => self.after_not_sent(),
            EventKind::Refused => self.after_refused(),
            EventKind::Unconfirmed => self.after_unconfirmed(),
            EventKind::Ambiguous => self.after_ambiguous(),
            EventKind::Crashed => self.after_crashed(),
            EventKind::Accepted => self.after_accepted(),
            EventKind::Processing => self.after_processing(),
            EventKind::Reconciled => self.after_reconciled(),
            EventKind::Identified => self.after_identified(),
            EventKind::Resolved => self.after_resolved(),
            EventKind::Completed => self.after_completed(),
            EventKind::Failed => self.after_failed(),
            EventKind::Downloaded => self.after_downloaded(),
        }
    }

    const fn after_sent(self) -> Transition {
        match self {
            Self::Intended => Transition::To(Self::Sent),
            Self::Sent => Transition::Already,
            Self::NotSent
            | Self::Refused
            | Self::Ambiguous
            | Self::Accepted
            | Self::Failed
            | Self::Completed
            | Self::Downloaded => Transition::Impossible,
        }
    }

    const fn after_not_sent(self) -> Transition {
        match self {
            Self::Intended | Self::Sent => Transition::To(Self::NotSent),
            Self::NotSent => Transition::Already,
            Self::Refused
            | Self::Ambiguous
            | Self::Accepted
            | Self::Failed
            | Self::Completed
            | Self::Downloaded => Transition::Impossible,
        }
    }

    const fn after_refused(self) -> Transition {
        match self {
            Self::Sent => Transition::To(Self::Refused),
            Self::Refused => Transition::Already,
            Self::Intended
            | Self::NotSent
            | Self::Ambiguous
            | Self::Accepted
            | Self::Failed
            | Self::Completed
            | Self::Downloaded => Transition::Impossible,
        }
    }

    const fn after_unconfirmed(self) -> Transition {
        match self {
            Self::Sent => Transition::To(Self::Sent),
            Self::Ambiguous => Transition::To(Self::Ambiguous),
            Self::Accepted | Self::Failed | Self::Completed | Self::Downloaded => {
                Transition::Already
            }
            Self::Intended | Self::NotSent | Self::Refused => Transition::Impossible,
        }
    }

    const fn after_ambiguous(self) -> Transition {
        match self {
            Self::Sent => Transition::To(Self::Ambiguous),
            Self::Ambiguous => Transition::Already,
            Self::Intended
            | Self::NotSent
            | Self::Refused
            | Self::Accepted
            | Self::Failed
            | Self::Completed
            | Self::Downloaded => Transition::Impossible,
        }
    }

    /// `sent` is kept before a request leaves, so what ended at `intended` never left.
    const fn after_crashed(self) -> Transition {
        match self {
            Self::Intended => Transition::To(Self::NotSent),
            Self::Sent => Transition::To(Self::Ambiguous),
            Self::NotSent
            | Self::Refused
            | Self::Ambiguous
            | Self::Accepted
            | Self::Failed
            | Self::Completed
            | Self::Downloaded => Transition::Already,
        }
    }

    /// An ambiguous submit's id may be found later, by its own answer.
    const fn after_accepted(self) -> Transition {
        match self {
            Self::Sent | Self::Ambiguous => Transition::To(Self::Accepted),
            Self::Accepted | Self::Failed | Self::Completed | Self::Downloaded => {
                Transition::Already
            }
            Self::Intended | Self::NotSent | Self::Refused => Transition::Impossible,
        }
    }

    const fn after_processing(self) -> Transition {
        match self {
            Self::Accepted => Transition::To(Self::Accepted),
            Self::Failed | Self::Completed | Self::Downloaded => Transition::Already,
            Self::Intended | Self::Sent | Self::NotSent | Self::Refused | Self::Ambiguous => {
                Transition::Impossible
            }
        }
    }

    const fn after_reconciled(self) -> Transition {
        match self {
            Self::Ambiguous => Transition::To(Self::Ambiguous),
            Self::Intended
            | Self::Sent
            | Self::NotSent
            | Self::Refused
            | Self::Accepted
            | Self::Failed
            | Self::Completed
            | Self::Downloaded => Transition::Impossible,
        }
    }

    /// Support may name the id of a job that was ambiguous, or that a refusal had taken all the same.
    const fn after_identified(self) -> Transition {
        match self {
            Self::Refused | Self::Ambiguous => Transition::To(Self::Accepted),
            Self::Accepted | Self::Failed | Self::Completed | Self::Downloaded => {
                Transition::Already
            }
            Self::Intended | Self::Sent | Self::NotSent => Transition::Impossible,
        }
    }

    /// A job whose id the service no longer knows would be waited for without end: a person ends it.
    /// Whoever was wrong says so again.
    const fn after_resolved(self) -> Transition {
        match self {
            Self::Ambiguous => Transition::To(Self::Ambiguous),
            Self::Accepted | Self::Completed | Self::Failed => Transition::To(Self::Failed),
            Self::Intended | Self::Sent | Self::NotSent | Self::Refused | Self::Downloaded => {
                Transition::Impossible
            }
        }
    }

    const fn after_completed(self) -> Transition {
        match self {
            Self::Accepted => Transition::To(Self::Completed),
            Self::Completed | Self::Downloaded => Transition::Already,
            Self::Intended
            | Self::Sent
            | Self::NotSent
            | Self::Refused
            | Self::Ambiguous
            | Self::Failed => Transition::Impossible,
        }
    }

    const fn after_failed(self) -> Transition {
        match self {
            Self::Accepted => Transition::To(Self::Failed),
            Self::Failed => Transition::Already,
            Self::Intended
            | Self::Sent
            | Self::NotSent
            | Self::Refused
            | Self::Ambiguous
            | Self::Completed
            | Self::Downloaded => Transition::Impossible,
        }
    }

    /// A job may be downloaded again, to another place.
    const fn after_downloaded(self) -> Transition {
        match self {
            Self::Accepted | Self::Completed | Self::Downloaded => Transition::To(Self::Downloaded),
            Self::Intended
            | Self::Sent
            | Self::NotSent
            | Self::Refused
            | Self::Ambiguous
            | Self::Failed => Transition::Impossible,
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

    /// The states that a job can come to from this one, and this one.
    #[must_use]
    pub fn reached(self) -> BTreeSet<Self> {
        let mut reached = BTreeSet::from([self]);
        loop {
            let next: Vec<Self> = Self::transitions()
                .filter(|(from, to)| reached.contains(from) && !reached.contains(to))
                .map(|(_, to)| to)
                .collect();
            if next.is_empty() {
                return reached;
            }
            reached.extend(next);
        }
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

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::To(state) => write!(f, "to {state}"),
            Self::Already => f.write_str("has happened"),
            Self::Impossible => f.write_str("cannot happen"),
        }
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

impl TryFrom<&str> for State {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self, Error> {
        name.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse::<State>().unwrap(), state);
            assert_eq!(State::try_from(state.as_ref()).unwrap(), state);
            assert_eq!(
                serde_json::to_string(&state).unwrap(),
                format!("\"{}\"", state.as_str())
            );
        }
        "lost".parse::<State>().unwrap_err();
    }

    #[test]
    fn what_an_event_does_is_told_in_words() {
        let told = [
            Transition::To(State::Sent),
            Transition::Already,
            Transition::Impossible,
        ];
        let told = told.map(|transition| transition.to_string());
        assert_eq!(told, ["to sent", "has happened", "cannot happen"]);
    }

    #[test]
    fn what_is_accepted_or_ready_is_open() {
        let open: Vec<State> = State::ALL
            .into_iter()
            .filter(|state| state.is_open())
            .collect();
        assert_eq!(open, [State::Accepted, State::Completed]);
    }

    #[test]
    fn what_can_still_come_of_a_job_is_told() {
        assert_eq!(State::Intended.reached(), BTreeSet::from(State::ALL));
        let taken = [
            State::Accepted,
            State::Failed,
            State::Completed,
            State::Downloaded,
        ];
        assert_eq!(State::Accepted.reached(), BTreeSet::from(taken));
        assert_eq!(
            State::NotSent.reached(),
            BTreeSet::from([State::NotSent]),
            "it ends there"
        );
    }

    #[test]
    fn every_state_but_the_first_is_reached() {
        let reached = |state: State| State::transitions().any(|(_, to)| to == state);
        for state in State::ALL {
            assert_eq!(reached(state), state != State::Intended, "{state}");
        }
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

    /// Support names the id of a job that a 429 had taken.
    #[test]
    fn a_person_moves_what_the_service_does_not() {
        let resolved = |state: State| state.after(EventKind::Resolved);
        let identified = |state: State| state.after(EventKind::Identified);
        assert_eq!(identified(State::Refused), Transition::To(State::Accepted));
        assert_eq!(
            State::Refused.after(EventKind::Accepted),
            Transition::Impossible
        );
        assert_eq!(identified(State::NotSent), Transition::Impossible);
        for lost in [State::Accepted, State::Completed, State::Failed] {
            assert_eq!(resolved(lost), Transition::To(State::Failed), "{lost}");
        }
        for other in [
            State::Intended,
            State::Sent,
            State::NotSent,
            State::Refused,
            State::Downloaded,
        ] {
            assert_eq!(resolved(other), Transition::Impossible, "{other}");
        }
    }

    #[test]
    fn what_crashed_before_it_was_sent_was_not_sent() {
        let crashed = |state: State| state.after(EventKind::Crashed);
        assert_eq!(crashed(State::Intended), Transition::To(State::NotSent));
        assert_eq!(crashed(State::Sent), Transition::To(State::Ambiguous));
    }
}
