use genrex_async::Reconciliation;
use genrex_ledger::{Doubt, Entry, State};

use crate::clock;

/// What a user may do about a job.
pub(crate) fn advice(entry: &Entry) -> Option<String> {
    match entry.state {
        State::Accepted | State::Completed => {
            let query_id = entry.query_id.as_ref()?;
            Some(match entry.superseded_by {
                None => format!("go on with: genrex wait {query_id}"),
                Some(other) => format!(
                    "job {other} was bought in its place, before its id was known; it is paid for all the same: genrex \
                     wait {query_id}"
                ),
            })
        }
        State::Ambiguous => Some(match (entry.superseded_by, entry.resolved_by_hand) {
            (Some(other), _) => {
                format!(
                    "it is settled: job {other} was bought in its place, and nothing is to be done"
                )
            }
            (None, true) => settled_by_hand(entry),
            (None, false) => to_be_settled(entry),
        }),
        State::Intended | State::Sent => Some(format!(
            "a genrex is sending it, or was when it ended: genrex jobs recover tells, and then: genrex jobs show {}",
            entry.id
        )),
        State::NotSent | State::Refused | State::Failed | State::Downloaded => None,
    }
}

fn settled_by_hand(entry: &Entry) -> String {
    let again = match entry.reconciliation {
        Some(Reconciliation::NotCharged) => {
            "it was not charged; the command that bought it buys it again"
        }
        _ => "it was charged and is lost; in a batch, --retry-failed buys it again",
    };
    let id = entry.id;
    format!(
        "somebody has settled it: {again}. If its id is found after all: genrex jobs resolve {id} --query-id ID"
    )
}

/// An ambiguous job that nobody has settled.
fn to_be_settled(entry: &Entry) -> String {
    let id = entry.id;
    if let Some(query_id) = &entry.unconfirmed_id {
        return format!(
            "{query_id} stood in the broken answer to its submit, and is not confirmed; this asks the service after it: \
             genrex jobs resolve {id} --query-id {query_id}"
        );
    }
    let submitted = clock::iso8601(entry.updated_at);
    match entry.reconciliation {
        None => format!(
            "it may have been charged, and is never sent again on its own; find out by: genrex jobs reconcile {id}"
        ),
        Some(Reconciliation::Charged) => format!(
            "it was charged and its id is lost: give the service's support the account's user id, the time of its \
             submit ({submitted}) and the prompt; they can name the job, and then: genrex jobs resolve {id} \
             --query-id ID"
        ),
        Some(Reconciliation::NotCharged) => String::from(
            "it was not charged: the same `genrex generate` buys it again; in a batch, --on-ambiguous \
             resubmit-if-uncharged does",
        ),
        Some(Reconciliation::Inconclusive(Doubt::NotSettled { until })) => format!(
            "the service may still charge it until {}; after that: genrex jobs reconcile {id}",
            clock::local(until)
        ),
        Some(Reconciliation::Inconclusive(doubt)) => format!(
            "the balance does not tell ({doubt}); ask the service's support about the submit of {submitted}, and settle \
             it by: genrex jobs resolve {id} (--query-id ID | --charged | --not-charged)"
        ),
    }
}
