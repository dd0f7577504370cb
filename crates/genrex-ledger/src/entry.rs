use std::fmt;
use std::str::FromStr;

use genrex_proto::QueryId;
use serde::{Deserialize, Serialize};

use crate::error::ErrorKind;
use crate::state::Transition;
use crate::{Account, Error, Event, Intent, Look, Reconciliation, Refusal, Resolution, Row, State};

/// A job's name in the ledger: it has one before the service gives it another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LocalId(pub i64);

impl fmt::Display for LocalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for LocalId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let number: Result<i64, _> = text.parse();
        let id = number.ok().and_then(|number| Self::try_from(number).ok());
        id.ok_or_else(|| Error::new(ErrorKind::Unreadable, format!("{text:?} is no job number")))
    }
}

impl TryFrom<i64> for LocalId {
    type Error = Error;

    /// Only a number above zero names a job.
    fn try_from(number: i64) -> Result<Self, Error> {
        if number > 0 {
            Ok(Self(number))
        } else {
            let message = format!("{number} is no job number");
            Err(Error::new(ErrorKind::Unreadable, message))
        }
    }
}

impl From<LocalId> for i64 {
    fn from(id: LocalId) -> Self {
        id.0
    }
}

/// A job, as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Entry {
    /// Its name here.
    pub id: LocalId,
    /// Whose account it is on.
    pub account: Account,
    /// The prompt.
    pub text: String,
    /// The duration, in seconds.
    pub duration: u8,
    /// The SHA-256 of the body that was signed, in hexadecimal.
    pub body_sha256: String,
    /// The batch that it is a row of, and the row's name in it.
    pub batch: Option<String>,
    /// The row's name in its batch.
    pub row: Option<String>,
    /// Where it stands.
    pub state: State,
    /// Its name at the service.
    pub query_id: Option<QueryId>,
    /// An id that stood whole in a broken answer to its submit, and is not confirmed.
    pub unconfirmed_id: Option<QueryId>,
    /// Why the service refused it.
    pub refusal: Option<Refusal>,
    /// What it is expected to cost, in credits; `None` while the price is not known.
    pub expected_cost: Option<u64>,
    /// The balance before the submit.
    pub look_before: Option<Look>,
    /// Whether nothing else of the account was on its way or unsettled when it was intended.
    pub alone: bool,
    /// The run that it is of.
    pub run: Option<String>,
    /// What is known of it beside its state: a refusal's reason, an ambiguity's evidence.
    pub detail: Option<String>,
    /// What a reconciliation or a person found of an ambiguous one, or a person of one that the service no longer
    /// knows.
    pub reconciliation: Option<Reconciliation>,
    /// Whether a person found it.
    pub resolved_by_hand: bool,
    /// The job that was bought in its place, after it was found not to be charged, or settled by hand.
    pub superseded_by: Option<LocalId>,
    /// Where its audio is to go, as whoever intended it said.
    pub output: Option<String>,
    /// Where its audio is.
    pub path: Option<String>,
    /// How long that file is, in bytes.
    pub bytes: Option<u64>,
    /// Its SHA-256, in hexadecimal.
    pub sha256: Option<String>,
    /// When it was intended, in milliseconds since 1970, by this machine's clock.
    pub created_at: u64,
    /// When it last changed, likewise.
    pub updated_at: u64,
    /// When its state last changed, by the service's clock as far as it is known.
    pub service_at: u64,
}

impl Entry {
    /// The entry that an intent begins.
    pub(crate) fn begin(id: LocalId, intent: &Intent, reserved: Reserved, now: u64) -> Self {
        Self {
            id,
            account: intent.account.clone(),
            text: intent.text.clone(),
            duration: intent.duration,
            body_sha256: intent.body_sha256.clone(),
            batch: intent.row().map(|row| row.batch.clone()),
            row: intent.row().map(|row| row.name.clone()),
            state: State::Intended,
            query_id: None,
            unconfirmed_id: None,
            refusal: None,
            expected_cost: reserved.expected,
            look_before: intent.look.clone(),
            alone: reserved.alone,
            run: intent.run.as_ref().map(|run| run.id.clone()),
            detail: None,
            reconciliation: None,
            resolved_by_hand: false,
            superseded_by: None,
            output: intent.output.clone(),
            path: None,
            bytes: None,
            sha256: None,
            created_at: now,
            updated_at: now,
            service_at: reserved.service_at,
        }
    }

    /// What an event makes of it; `None` when it has happened before, or says nothing new.
    ///
    /// What a person has said of an ambiguous job, or what was acted on, no balance unsays.
    pub(crate) fn after(
        &self,
        event: &Event,
        now: u64,
        service_at: u64,
    ) -> Result<Option<Self>, Error> {
        let state = match self.state.after(event.kind()) {
            Transition::To(state) => state,
            Transition::Already => return self.already(event),
            Transition::Impossible => return Err(self.impossible(event)),
        };
        let stands = self.resolved_by_hand || self.superseded_by.is_some();
        if stands && matches!(event, Event::Reconciled(_)) {
            return Ok(None);
        }
        let next = self.with(event, state);
        if next == *self {
            return Ok(None);
        }
        Ok(Some(Self {
            updated_at: now,
            service_at: if state == self.state {
                self.service_at
            } else {
                service_at
            },
            ..next
        }))
    }

    /// With what an event tells of it.
    fn with(&self, event: &Event, state: State) -> Self {
        let mut next = self.clone();
        next.state = state;
        next.detail = event.detail().or(next.detail);
        match event {
            Event::Sent
            | Event::NotSent(_)
            | Event::Ambiguous(_)
            | Event::Crashed
            | Event::Processing
            | Event::Completed
            | Event::CompletedBetween { .. }
            | Event::Failed => {}
            Event::Refused(refusal, _) => next.refusal = Some(*refusal),
            Event::Unconfirmed(id) => next.unconfirmed_id = Some(id.clone()),
            Event::Accepted(id) => next.query_id = Some(id.clone()),
            Event::Reconciled(found) => next.reconciliation = Some(*found),
            Event::Resolved(resolution, _) => {
                next.resolved_by_hand = true;
                match resolution {
                    Resolution::Accepted(id) => {
                        next.query_id = Some(id.clone());
                        next.refusal = None;
                    }
                    Resolution::Charged => next.reconciliation = Some(Reconciliation::Charged),
                    Resolution::NotCharged => {
                        next.reconciliation = Some(Reconciliation::NotCharged);
                    }
                }
            }
            Event::Downloaded {
                path,
                bytes,
                sha256,
            } => {
                next.path = Some(path.clone());
                next.bytes = Some(*bytes);
                next.sha256 = Some(sha256.clone());
            }
        }
        next
    }

    /// A repeated event is no error, unless it says another id.
    fn already(&self, event: &Event) -> Result<Option<Self>, Error> {
        match event {
            Event::Accepted(id) | Event::Resolved(Resolution::Accepted(id), _)
                if self.query_id.as_ref() != Some(id) =>
            {
                Err(self.impossible(event))
            }
            _ => Ok(None),
        }
    }

    fn impossible(&self, event: &Event) -> Error {
        let message = format!(
            "job {} is {}: {} cannot happen to it",
            self.id,
            self.state,
            event.kind()
        );
        Error::new(ErrorKind::Transition, message).about(self.id)
    }

    /// Whether it may have been charged, nobody knows more, and nothing has been bought in its place.
    #[must_use]
    pub fn is_unclear(&self) -> bool {
        self.state == State::Ambiguous
            && self.superseded_by.is_none()
            && match self.reconciliation {
                None | Some(Reconciliation::Inconclusive(_)) => true,
                Some(Reconciliation::Charged | Reconciliation::NotCharged) => false,
            }
    }

    /// Whether the balance or a person says that it was not charged.
    #[must_use]
    pub fn is_not_charged(&self) -> bool {
        self.state == State::Ambiguous && self.reconciliation == Some(Reconciliation::NotCharged)
    }

    /// The row that it is of, if it is of a batch.
    #[must_use]
    pub fn row(&self) -> Option<Row> {
        Some(Row {
            batch: self.batch.clone()?,
            name: self.row.clone()?,
        })
    }
}

/// What an account's credits say to an intent that may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reserved {
    pub(crate) expected: Option<u64>,
    pub(crate) alone: bool,
    pub(crate) service_at: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "QRY_1";

    fn intended() -> Entry {
        let intent = Intent::new(1, Account::new("http://a", "u"), "text", 10, b"{}");
        let reserved = Reserved {
            expected: Some(5),
            alone: true,
            service_at: 3,
        };
        Entry::begin(LocalId(1), &intent, reserved, 2)
    }

    /// What the events make of it; each happens a second after the one before, by both clocks.
    fn after(events: &[Event]) -> Entry {
        let seconds = (1..).map(|second: u64| second * 1_000);
        events
            .iter()
            .zip(seconds)
            .fold(intended(), |entry, (event, at)| {
                let next = entry.after(event, at + 2, at + 3).unwrap();
                next.unwrap_or(entry)
            })
    }

    fn ambiguous() -> [Event; 2] {
        [Event::Sent, Event::Ambiguous(String::from("504"))]
    }

    #[test]
    fn a_job_number_is_read_back_and_is_above_zero() {
        for number in [1, 7, i64::MAX] {
            let id = LocalId::try_from(number).unwrap();
            assert_eq!((id, i64::from(id)), (LocalId(number), number));
            assert_eq!(id.to_string(), number.to_string());
            assert_eq!(id.to_string().parse::<LocalId>().unwrap(), id);
        }
        for text in ["0", "-1", "-9223372036854775808", "seven", ""] {
            let error = text.parse::<LocalId>().unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unreadable, "{text}");
        }
    }

    /// From when on a charge has had its time is counted from when the state changed.
    #[test]
    fn a_job_tells_when_its_state_changed_and_when_anything_did() {
        let times = |entry: &Entry| (entry.created_at, entry.updated_at, entry.service_at);
        let mut events = ambiguous().to_vec();
        assert_eq!(times(&intended()), (2, 2, 3));
        assert_eq!(times(&after(&events[..1])), (2, 1_002, 1_003));
        assert_eq!(times(&after(&events)), (2, 2_002, 2_003));
        events.push(Event::Unconfirmed(QueryId::new(NAME).unwrap()));
        assert_eq!(times(&after(&events)), (2, 3_002, 2_003));
        events.push(Event::Reconciled(Reconciliation::NotCharged));
        assert_eq!(times(&after(&events)), (2, 4_002, 2_003));
        events.push(Event::Accepted(QueryId::new(NAME).unwrap()));
        assert_eq!(times(&after(&events)), (2, 5_002, 5_003));
    }

    #[test]
    fn no_balance_unsays_what_a_person_has_said_or_what_was_acted_on() {
        let found = Event::Reconciled(Reconciliation::Charged);
        let unsettled = after(&ambiguous());
        let mut by_hand = unsettled.clone();
        by_hand.resolved_by_hand = true;
        let mut superseded = unsettled.clone();
        superseded.superseded_by = Some(LocalId(2));
        assert!(unsettled.after(&found, 9, 9).unwrap().is_some());
        for settled in [by_hand, superseded] {
            assert_eq!(settled.after(&found, 9, 9).unwrap(), None);
            let named = Event::Accepted(QueryId::new(NAME).unwrap());
            assert!(settled.after(&named, 9, 9).unwrap().is_some());
        }
    }

    #[test]
    fn a_job_is_unclear_while_nobody_knows_more_and_nothing_was_bought_in_its_place() {
        let inconclusive = Reconciliation::Inconclusive(crate::Doubt::OtherJobs);
        for (found, is_unclear, is_not_charged) in [
            (None, true, false),
            (Some(inconclusive), true, false),
            (Some(Reconciliation::Charged), false, false),
            (Some(Reconciliation::NotCharged), false, true),
        ] {
            for state in State::ALL {
                let is_ambiguous = state == State::Ambiguous;
                let mut entry = intended();
                (entry.state, entry.reconciliation) = (state, found);
                let asked = (entry.is_unclear(), entry.is_not_charged());
                let expected = (is_ambiguous && is_unclear, is_ambiguous && is_not_charged);
                assert_eq!(asked, expected, "{state} {found:?}");
                entry.superseded_by = Some(LocalId(2));
                assert!(!entry.is_unclear(), "{state} {found:?}");
            }
        }
    }
}
