pub(crate) mod claim;
pub(crate) mod cost;
pub(crate) mod elsewhere;
pub(crate) mod estimate;
pub(crate) mod place;
pub(crate) mod unclear;

use genrex_ledger::{Entry, LocalId, Once, Reconciliation, Refusal, Row, State};

use crate::{Job, PurchaseOptions};

/// What a batch does next with one of its rows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RowStep {
    /// It is to be bought. With [`options`](Self::options) it is bought once, whoever else does the same.
    Buy {
        /// Its newest job, where it has one that leaves room for another.
        last: Option<LocalId>,
    },
    /// It is bought: to be waited for, and downloaded, by whoever [claims](crate::claim) it.
    Fetch(Job),
    /// It is here.
    Here,
    /// Another process is buying it: what comes of that is waited for.
    Elsewhere(LocalId),
    /// It may have been charged, and nobody knows more: nothing is done until that is settled.
    Unclear(LocalId),
    /// It was charged and its id is lost, as a person says: it is left, unless what failed is bought again.
    Settled(LocalId),
    /// It is left as it is: it failed, or was refused for good.
    Leave,
}

/// What a batch's user has decided beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct RowPolicy {
    /// Buy again what failed at the service, and what a person says was charged for nothing.
    pub retry_failed: bool,
    /// Buy again, without a question, what a balance showed not to be charged. What a person says was not is bought
    /// again in any case.
    pub resubmit_uncharged: bool,
    /// The newest job of before this run, where there is a bound: what failed later, another run that shares the batch
    /// has bought again already.
    pub newest_before: Option<LocalId>,
}

impl RowPolicy {
    /// Whether what failed is bought again.
    fn retries(self, failed: &Entry) -> bool {
        let is_of_before = self.newest_before.is_none_or(|newest| failed.id <= newest);
        self.retry_failed && is_of_before
    }
}

impl RowStep {
    /// What follows for a row whose newest job is this one. `is_here` says whether the file of a downloaded job
    /// still stands where it was put.
    #[must_use]
    pub fn of(newest: Option<&Entry>, policy: RowPolicy, is_here: bool) -> Self {
        let Some(entry) = newest else {
            return Self::Buy { last: None };
        };
        let again = Self::Buy {
            last: Some(entry.id),
        };
        match settled_by_hand(entry) {
            Some(Charged::No) => return again,
            Some(Charged::Yes) if policy.retries(entry) => return again,
            Some(Charged::Yes) => return Self::Settled(entry.id),
            None => {}
        }
        match entry.state {
            // What that one leaves is found by recovering.
            State::Intended | State::Sent => Self::Elsewhere(entry.id),
            State::NotSent => again,
            State::Refused if entry.refusal.is_some_and(Refusal::is_for_now) => again,
            State::Refused => Self::Leave,
            State::Failed if policy.retries(entry) => again,
            State::Failed => Self::Leave,
            State::Ambiguous if entry.is_not_charged() && policy.resubmit_uncharged => again,
            State::Ambiguous => Self::Unclear(entry.id),
            State::Downloaded if is_here => Self::Here,
            State::Accepted | State::Completed | State::Downloaded => {
                // The ledger keeps no such job without an id.
                let job = entry.query_id.clone().map(Job::resumed);
                job.map_or(Self::Leave, |job| Self::Fetch(job.kept_as(entry.id)))
            }
        }
    }

    /// How a row that is to be bought is bought: once.
    #[must_use]
    pub fn options(row: Row, last: Option<LocalId>) -> PurchaseOptions {
        PurchaseOptions {
            once: Once::Row { row, last },
            ..PurchaseOptions::default()
        }
    }
}

/// What a person says of a job without music.
enum Charged {
    Yes,
    No,
}

fn settled_by_hand(entry: &Entry) -> Option<Charged> {
    let is_over = match entry.state {
        State::Ambiguous | State::Failed => true,
        State::Intended
        | State::Sent
        | State::NotSent
        | State::Refused
        | State::Accepted
        | State::Completed
        | State::Downloaded => false,
    };
    let found = entry
        .reconciliation
        .filter(|_| is_over && entry.resolved_by_hand)?;
    match found {
        Reconciliation::Charged => Some(Charged::Yes),
        Reconciliation::NotCharged => Some(Charged::No),
        Reconciliation::Inconclusive(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use genrex_ledger::{Account, Event, Intent, Ledger as _, MemoryLedger, Resolution};

    use super::*;
    use crate::block_on;

    /// An entry that these events have led to.
    fn entry(events: &[Event]) -> Entry {
        let ledger = MemoryLedger::new();
        let account = Account::new("https://a.example", "u");
        let intent = Intent::new(1, account, "music", 10, b"{}");
        let id = block_on(ledger.intend(&intent, 0)).unwrap().id;
        for event in events {
            block_on(ledger.record(id, event, 0)).unwrap();
        }
        block_on(ledger.entry(id)).unwrap().unwrap()
    }

    #[test]
    fn what_a_person_says_comes_before_what_a_balance_showed() {
        let by_hand = |resolution| Event::Resolved(resolution, String::from("support"));
        let by_balance = Event::Reconciled(Reconciliation::NotCharged);
        let ambiguous = [Event::Sent, Event::Ambiguous(String::new())];
        let after = |more: &[Event]| entry(&[&ambiguous[..], more].concat());
        let (free, charged) = (
            after(&[by_hand(Resolution::NotCharged)]),
            after(&[by_balance.clone(), by_hand(Resolution::Charged)]),
        );
        let only = |retry_failed, resubmit_uncharged| RowPolicy {
            retry_failed,
            resubmit_uncharged,
            newest_before: None,
        };
        let buy = RowStep::Buy {
            last: Some(LocalId(1)),
        };
        let step = |entry: &Entry, policy| RowStep::of(Some(entry), policy, false);
        for policy in [only(false, false), only(true, true)] {
            assert_eq!(step(&free, policy), buy, "{policy:?}");
        }
        assert_eq!(
            step(&charged, only(false, true)),
            RowStep::Settled(LocalId(1))
        );
        assert_eq!(step(&charged, only(true, false)), buy);
        // What only a balance showed is asked about, unless it was decided beforehand.
        let shown = after(&[by_balance]);
        assert_eq!(
            step(&shown, only(true, false)),
            RowStep::Unclear(LocalId(1))
        );
        assert_eq!(step(&shown, only(false, true)), buy);
        // An id that a person has named makes it a job like any other.
        let named = Resolution::Accepted("QRY_1".parse().unwrap());
        let found = after(&[by_hand(named)]);
        assert!(matches!(
            step(&found, only(false, false)),
            RowStep::Fetch(_)
        ));
    }

    /// Another run that shares the batch has bought it again since this one began.
    #[test]
    fn what_failed_later_is_not_bought_again() {
        let accepted = Event::Accepted("QRY_1".parse().unwrap());
        let failed = entry(&[Event::Sent, accepted, Event::Failed]);
        let step = |newest_before: Option<i64>| {
            let policy = RowPolicy {
                retry_failed: true,
                newest_before: newest_before.map(LocalId),
                ..RowPolicy::default()
            };
            RowStep::of(Some(&failed), policy, false)
        };
        assert_eq!(step(Some(0)), RowStep::Leave);
        let last = Some(LocalId(1));
        assert_eq!(step(Some(1)), RowStep::Buy { last });
        assert_eq!(step(None), RowStep::Buy { last });
    }

    #[test]
    fn each_state_has_its_step() {
        let id = || "QRY_1".parse().unwrap();
        let here = || Event::Downloaded {
            path: String::from("/a.wav"),
            bytes: 1,
            sha256: String::new(),
        };
        let accepted = [Event::Sent, Event::Accepted(id())];
        let after = |more: &[Event]| entry(&[&accepted[..], more].concat());
        let refused = |refusal| entry(&[Event::Sent, Event::Refused(refusal, String::new())]);
        let ambiguous = [Event::Sent, Event::Ambiguous(String::new())];
        let free = Event::Reconciled(Reconciliation::NotCharged);
        let plain = RowPolicy::default();
        let bold = RowPolicy {
            retry_failed: true,
            resubmit_uncharged: true,
            newest_before: Some(LocalId(1)),
        };
        let buy = RowStep::Buy {
            last: Some(LocalId(1)),
        };
        let fetch = RowStep::Fetch(Job::resumed(id()).kept_as(LocalId(1)));
        let unclear = RowStep::Unclear(LocalId(1));
        let elsewhere = RowStep::Elsewhere(LocalId(1));
        for (entry, policy, is_here, expected) in [
            (entry(&[]), bold, false, &elsewhere),
            (entry(&[Event::Sent]), bold, false, &elsewhere),
            (entry(&[Event::NotSent(String::new())]), plain, false, &buy),
            (refused(Refusal::RateLimited), plain, false, &buy),
            (refused(Refusal::Rejected), bold, false, &RowStep::Leave),
            (entry(&ambiguous), bold, false, &unclear),
            (
                entry(&[&ambiguous[..], std::slice::from_ref(&free)].concat()),
                plain,
                false,
                &unclear,
            ),
            (
                entry(&[&ambiguous[..], &[free]].concat()),
                bold,
                false,
                &buy,
            ),
            (after(&[]), plain, false, &fetch),
            (after(&[Event::Completed]), plain, false, &fetch),
            (after(&[Event::Failed]), plain, false, &RowStep::Leave),
            (after(&[Event::Failed]), bold, false, &buy),
            (after(&[here()]), plain, true, &RowStep::Here),
            (after(&[here()]), plain, false, &fetch),
        ] {
            assert_eq!(
                RowStep::of(Some(&entry), policy, is_here),
                *expected,
                "{entry:?}"
            );
        }
        assert_eq!(RowStep::of(None, plain, false), RowStep::Buy { last: None });
    }
}
