use genrex_ledger::{Account, Entry, Filter, State};
use genrex_proto::Generation;

/// The jobs of an account whose submit may be the one that an id without a job belongs to.
#[must_use]
pub fn without_id(account: Account) -> Filter {
    Filter::of(account).states([State::Ambiguous])
}

/// Whether an ambiguous job may be the one that the service tells of: nobody has settled it, nothing was bought in
/// its place, and what the service says of its text and duration, where it says so, is what was asked for.
#[must_use]
pub fn may_be(entry: &Entry, told: &Generation) -> bool {
    let is_missing_id = entry.query_id.is_none()
        && entry.state == State::Ambiguous
        && entry.superseded_by.is_none()
        && !entry.resolved_by_hand;
    is_missing_id && is_of(entry, told)
}

/// Whether what the service says of a job's text and duration, where it says so, is what was asked for. White space
/// says nothing: a service may trim it.
pub(super) fn is_of(entry: &Entry, told: &Generation) -> bool {
    let content = told.content.as_ref();
    let text = content.and_then(|content| content.text.as_ref());
    let duration = content.and_then(|content| content.duration);
    text.is_none_or(|text| text.split_whitespace().eq(entry.text.split_whitespace()))
        && duration.is_none_or(|duration| (duration - f64::from(entry.duration)).abs() < 0.5)
}

#[cfg(test)]
mod tests {
    use genrex_ledger::{Event, Intent, Ledger as _, MemoryLedger, Reconciliation, Resolution};
    use genrex_proto::{Content, QueryId, Status};

    use super::*;
    use crate::block_on;

    fn ambiguous(events: &[Event]) -> Entry {
        let ledger = MemoryLedger::new();
        let account = Account::new("https://a.example", "u");
        let intent = Intent::new(1, account, "music", 10, b"{}");
        let id = block_on(ledger.intend(&intent, 0)).unwrap().id;
        let lost = [Event::Sent, Event::Ambiguous(String::new())];
        for event in lost.iter().chain(events) {
            block_on(ledger.record(id, event, 0)).unwrap();
        }
        block_on(ledger.entry(id)).unwrap().unwrap()
    }

    fn told(content: Option<Content>) -> Generation {
        let mut told = Generation::new(QueryId::new("QRY_1").unwrap(), Status::Processing);
        told.content = content;
        told
    }

    #[test]
    fn only_what_fits_and_is_not_settled_may_be_it() {
        let lost = ambiguous(&[]);
        for (content, fits) in [
            (None, true),
            (Some(Content::new("music", 10.0)), true),
            (Some(Content::new("music", 11.0)), false),
            (Some(Content::new("other", 10.0)), false),
        ] {
            assert_eq!(may_be(&lost, &told(content.clone())), fits, "{content:?}");
        }
        let by_hand = Event::Resolved(Resolution::Charged, String::new());
        let by_balance = Event::Reconciled(Reconciliation::Charged);
        let accepted = Event::Accepted(QueryId::new("QRY_2").unwrap());
        for (event, fits) in [(by_hand, false), (by_balance, true), (accepted, false)] {
            assert_eq!(
                may_be(&ambiguous(std::slice::from_ref(&event)), &told(None)),
                fits,
                "{event:?}"
            );
        }
        let mut superseded = ambiguous(&[]);
        superseded.superseded_by = Some(genrex_ledger::LocalId(2));
        assert!(!may_be(&superseded, &told(None)));
    }
}
