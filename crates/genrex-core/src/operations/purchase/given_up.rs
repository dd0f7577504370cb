use genrex_ledger::{Entry, LocalId, State};
use genrex_proto::QueryId;

use crate::Progress;

/// What a purchase has told of itself so far: what is known of it when its future is dropped.
///
/// [`hear`](Self::hear) is to be called with all that a client [tells](crate::Client::on_progress).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PurchaseSoFar {
    job: Option<LocalId>,
    query_id: Option<QueryId>,
    may_have_left: bool,
}

/// How a purchase stands that nobody carries on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenUp {
    /// Nothing was bought.
    NotBought,
    /// It may have been charged. The job's name in the ledger, where one keeps it.
    MayBeCharged(Option<LocalId>),
    /// The service took it, and this is its id.
    Accepted(QueryId),
}

impl PurchaseSoFar {
    /// Takes note of what the purchase reports.
    pub fn hear(&mut self, progress: &Progress) {
        match progress {
            Progress::Intended { job } => self.job = Some(*job),
            Progress::Submitting { .. } => self.may_have_left = true,
            // Refused for now, or proved not to have left.
            Progress::Retrying { .. } => self.may_have_left = false,
            Progress::Salvaged { id } | Progress::Accepted { id } => {
                self.query_id = Some(id.clone());
            }
            _ => {}
        }
    }

    /// The job's name in the ledger, as soon as it has one.
    #[must_use]
    pub const fn job(&self) -> Option<LocalId> {
        self.job
    }

    /// How it stands, now that it was given up. What the ledger holds of it, after it was
    /// [recovered](crate::recover_offline), comes before what was told.
    #[must_use]
    pub fn given_up(&self, kept: Option<&Entry>) -> GivenUp {
        if let Some(entry) = kept {
            return of_entry(entry);
        }
        match &self.query_id {
            Some(id) => GivenUp::Accepted(id.clone()),
            None if self.may_have_left => GivenUp::MayBeCharged(self.job),
            None => GivenUp::NotBought,
        }
    }
}

fn of_entry(entry: &Entry) -> GivenUp {
    match entry.state {
        State::Intended | State::NotSent | State::Refused => GivenUp::NotBought,
        State::Sent | State::Ambiguous => GivenUp::MayBeCharged(Some(entry.id)),
        State::Accepted | State::Failed | State::Completed | State::Downloaded => {
            // The ledger keeps no such job without an id.
            let id = entry.query_id.clone();
            id.map_or(GivenUp::MayBeCharged(Some(entry.id)), GivenUp::Accepted)
        }
    }
}

#[cfg(test)]
mod tests {
    use genrex_ledger::{Account, Event, Intent, Ledger as _, MemoryLedger};

    use super::*;
    use crate::{ErrorKind, block_on};

    fn told(progress: &[Progress]) -> PurchaseSoFar {
        let mut so_far = PurchaseSoFar::default();
        for progress in progress {
            so_far.hear(progress);
        }
        so_far
    }

    #[test]
    fn what_was_told_says_whether_it_may_be_charged() {
        let id = || QueryId::new("QRY_1").unwrap();
        let submitting = Progress::Submitting { attempt: 1 };
        let retrying = Progress::Retrying {
            kind: ErrorKind::RateLimited,
            delay: std::time::Duration::ZERO,
            attempts: 1,
        };
        let salvaged = Progress::Salvaged { id: id() };
        let all = [submitting, retrying, salvaged];
        let [submitting, retrying, salvaged] = &all;
        for (told_of, expected) in [
            (&[][..], GivenUp::NotBought),
            (
                std::slice::from_ref(submitting),
                GivenUp::MayBeCharged(None),
            ),
            (&all[..2], GivenUp::NotBought),
            (&all[..], GivenUp::Accepted(id())),
            (
                &[submitting.clone(), salvaged.clone(), retrying.clone()],
                GivenUp::Accepted(id()),
            ),
        ] {
            assert_eq!(told(told_of).given_up(None), expected, "{told_of:?}");
        }
    }

    /// A purchase that a ledger keeps is named, so that what may have been charged can be asked after.
    #[test]
    fn what_may_be_charged_is_named_as_the_ledger_names_it() {
        let intended = Progress::Intended { job: LocalId(7) };
        let begun = told(std::slice::from_ref(&intended));
        assert_eq!(begun.job(), Some(LocalId(7)));
        assert_eq!(begun.given_up(None), GivenUp::NotBought);
        let sent = told(&[intended, Progress::Submitting { attempt: 1 }]);
        assert_eq!(sent.given_up(None), GivenUp::MayBeCharged(Some(LocalId(7))));
        assert_eq!(told(&[]).job(), None);
        // What the service took has an id of its own, whether it was told at once or pieced together.
        let id = QueryId::new("QRY_1").unwrap();
        let accepted = told(&[Progress::Accepted { id: id.clone() }]);
        assert_eq!(accepted.given_up(None), GivenUp::Accepted(id));
    }

    #[test]
    fn what_the_ledger_holds_comes_before_what_was_told() {
        let ledger = MemoryLedger::new();
        let account = Account::new("https://a.example", "u");
        let keep = |key, events: &[Event]| {
            let intent = Intent::new(key, account.clone(), "music", 10, b"{}");
            let id = block_on(ledger.intend(&intent, 0)).unwrap().id;
            for event in events {
                block_on(ledger.record(id, event, 0)).unwrap();
            }
            block_on(ledger.entry(id)).unwrap().unwrap()
        };
        let id = || QueryId::new("QRY_1").unwrap();
        let nothing = told(&[]);
        let submitting = told(&[Progress::Submitting { attempt: 1 }]);
        let unsent = keep(1, &[Event::NotSent(String::new())]);
        assert_eq!(submitting.given_up(Some(&unsent)), GivenUp::NotBought);
        let taken = keep(2, &[Event::Sent, Event::Accepted(id())]);
        assert_eq!(nothing.given_up(Some(&taken)), GivenUp::Accepted(id()));
        let crashed = keep(3, &[Event::Sent, Event::Crashed]);
        assert_eq!(
            nothing.given_up(Some(&crashed)),
            GivenUp::MayBeCharged(Some(crashed.id))
        );
    }
}
