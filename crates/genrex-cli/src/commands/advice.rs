use genrex_async::Reconciliation;
use genrex_ledger::{Doubt, Entry, State};

use crate::clock;

/// What a user may do about a job. `flags` make a command reach its account, with a space before each.
pub(crate) fn advice(entry: &Entry, flags: &str) -> Option<String> {
    match entry.state {
        State::Accepted | State::Completed => {
            let query_id = entry.query_id.as_ref()?;
            Some(match entry.superseded_by {
                None => format!("go on with: genrex wait {query_id}{flags}"),
                Some(other) => format!(
                    "job {other} was bought in its place, before its id was known; it is paid for all the same: genrex \
                     wait {query_id}{flags}"
                ),
            })
        }
        State::Ambiguous => Some(match (entry.superseded_by, entry.resolved_by_hand) {
            (Some(other), _) => {
                format!(
                    "it is settled: job {other} was bought in its place, and nothing is to be done"
                )
            }
            (None, true) => settled_by_hand(entry, flags),
            (None, false) => to_be_settled(entry, flags),
        }),
        State::Intended | State::Sent => Some(format!(
            "a genrex is sending it, or was when it ended: genrex jobs recover tells, and then: genrex jobs show {}",
            entry.id
        )),
        State::NotSent | State::Refused | State::Failed | State::Downloaded => None,
    }
}

fn settled_by_hand(entry: &Entry, flags: &str) -> String {
    let again = match entry.reconciliation {
        Some(Reconciliation::NotCharged) => {
            "it was not charged; the command that bought it buys it again"
        }
        _ => "it was charged and is lost; in a batch, --retry-failed buys it again",
    };
    let id = entry.id;
    format!(
        "somebody has settled it: {again}. If its id is found after all: genrex jobs resolve {id} --query-id ID{flags}"
    )
}

/// An ambiguous job that nobody has settled.
fn to_be_settled(entry: &Entry, flags: &str) -> String {
    let id = entry.id;
    if let Some(query_id) = &entry.unconfirmed_id {
        return format!(
            "{query_id} stood in the broken answer to its submit, and is not confirmed; this asks the service after it: \
             genrex jobs resolve {id} --query-id {query_id}{flags}"
        );
    }
    match entry.reconciliation {
        None => format!(
            "it may have been charged, and is never sent again on its own; find out by: genrex jobs reconcile \
             {id}{flags}"
        ),
        Some(Reconciliation::Charged) => format!(
            "it was charged and its id is lost. {}; they can name the job, and then: genrex jobs resolve {id} \
             --query-id ID{flags}. If they cannot: genrex jobs resolve {id} --charged",
            ask_support(entry)
        ),
        Some(Reconciliation::NotCharged) => String::from(
            "it was not charged: the same `genrex generate` buys it again; in a batch, --on-ambiguous \
             resubmit-if-uncharged does",
        ),
        Some(Reconciliation::Inconclusive(Doubt::NotSettled { until })) => format!(
            "the service may still charge it until {}; after that: genrex jobs reconcile {id}{flags}",
            clock::local(until)
        ),
        Some(Reconciliation::Inconclusive(Doubt::NoLookSince)) => {
            format!(
                "the balance was not seen since its submit; look again: genrex jobs reconcile {id}{flags}"
            )
        }
        Some(Reconciliation::Inconclusive(doubt)) => {
            format!(
                "the balance does not tell ({doubt}). {}",
                by_hand(entry, flags)
            )
        }
    }
}

/// The way out where no balance tells: what a person finds out is kept.
pub(crate) fn by_hand(entry: &Entry, flags: &str) -> String {
    let id = entry.id;
    format!(
        "{}. If they name its id: genrex jobs resolve {id} --query-id ID{flags}. If it was charged and is lost: genrex \
         jobs resolve {id} --charged. If it was not charged: genrex jobs resolve {id} --not-charged",
        ask_support(entry)
    )
}

/// What the service's support has to know.
fn ask_support(entry: &Entry) -> String {
    format!(
        "Give the service's support the account's user id ({}), the time of the submit ({}) and the prompt",
        entry.account.user_id(),
        clock::iso8601(entry.created_at)
    )
}

#[cfg(test)]
mod tests {
    use genrex_ledger::{Account, Event, Intent, Ledger as _, LocalId, MemoryLedger, Resolution};

    use super::*;

    async fn entry(events: &[Event]) -> Entry {
        let ledger = MemoryLedger::new();
        let account = Account::new("https://a.example", "u");
        let intent = Intent::new(1, account, "music", 10, b"{}");
        let id = ledger.intend(&intent, 0).await.unwrap().id;
        for event in events {
            ledger.record(id, event, 0).await.unwrap();
        }
        ledger.entry(id).await.unwrap().unwrap()
    }

    /// A job that another was bought in place of is not to be bought again, whatever was found since.
    #[tokio::test]
    async fn what_was_superseded_is_not_to_be_bought_again() {
        let id = || "QRY_1".parse().unwrap();
        let lost = [Event::Sent, Event::Ambiguous(String::new())];
        let free = Event::Reconciled(Reconciliation::NotCharged);
        let by_hand = Event::Resolved(Resolution::NotCharged, String::new());
        let linked = Event::Resolved(Resolution::Accepted(id()), String::new());
        for (event, said) in [
            (free, "nothing is to be done"),
            (by_hand, "nothing is to be done"),
            (linked, "genrex wait QRY_1 --profile x"),
        ] {
            let mut entry = entry(&[&lost[..], &[event]].concat()).await;
            entry.superseded_by = Some(LocalId(2));
            let advice = advice(&entry, " --profile x").unwrap();
            assert!(
                advice.contains(said) && advice.contains("job 2"),
                "{advice}"
            );
            assert!(!advice.contains("again"), "{advice}");
        }
    }

    /// Support looks for the submit, and not for what was found out about it a day later.
    #[tokio::test]
    async fn support_is_told_when_it_was_submitted() {
        let mut lost = entry(&[Event::Sent, Event::Ambiguous(String::new())]).await;
        lost.updated_at = lost.created_at + 24 * 60 * 60 * 1000;
        let advice = by_hand(&lost, "");
        assert!(advice.contains("(1970-01-01T00:00:00"), "{advice}");
    }

    #[tokio::test]
    async fn an_unconfirmed_id_is_what_leads_out() {
        let cut = Event::Unconfirmed("QRY_cut".parse().unwrap());
        let lost = entry(&[Event::Sent, cut, Event::Ambiguous(String::new())]).await;
        let advice = advice(&lost, " --profile x").unwrap();
        assert!(
            advice.contains("genrex jobs resolve 1 --query-id QRY_cut --profile x"),
            "{advice}"
        );
    }
}
