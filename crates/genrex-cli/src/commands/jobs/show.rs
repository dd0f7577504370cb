use genrex_async::Reconciliation;
use genrex_async::core::proto::Escaped;
use genrex_ledger::{Entry, State};
use serde_json::{Value, json};

use crate::clock;
use crate::failure::Failure;
use crate::output::Output;

/// All that is known of one job.
pub(super) fn show(entry: &Entry, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return output.document(&whole_document(entry));
    }
    let line = |name: &str, value: Option<String>| match value {
        Some(value) => output.line(format_args!("{name:<10} {}", Escaped(&value))),
        None => Ok(()),
    };
    line("job", Some(entry.id.to_string()))?;
    line("state", Some(entry.state.to_string()))?;
    line("id", entry.query_id.as_ref().map(ToString::to_string))?;
    line(
        "unconfirmed",
        entry.unconfirmed_id.as_ref().map(ToString::to_string),
    )?;
    line("prompt", Some(entry.text.clone()))?;
    line("duration", Some(format!("{} s", entry.duration)))?;
    line("account", Some(entry.account.to_string()))?;
    line("intended", Some(clock::iso8601(entry.created_at)))?;
    line("changed", Some(clock::iso8601(entry.updated_at)))?;
    let cost = entry.expected_cost;
    line("cost", cost.map(|cost| format!("{cost} credits expected")))?;
    let before = entry.look_before.as_ref();
    line(
        "before",
        before.map(|look| format!("{} credits used", look.used)),
    )?;
    line("known", entry.detail.clone())?;
    line(
        "verdict",
        entry.reconciliation.map(|found| found.to_string()),
    )?;
    line(
        "superseded",
        entry.superseded_by.map(|id| format!("by job {id}")),
    )?;
    line("file", entry.path.clone())?;
    if let Some(advice) = advice(entry) {
        output.note(advice);
    }
    Ok(())
}

/// Whether something is still to be done about a job.
pub(super) fn is_open(entry: &Entry) -> bool {
    entry.superseded_by.is_none() && (entry.state == State::Ambiguous || entry.state.is_open())
}

/// What a user may do about a job.
pub(super) fn advice(entry: &Entry) -> Option<String> {
    let id = entry.id;
    if let Some(other) = entry.superseded_by {
        return Some(format!(
            "it was not charged, and job {other} was bought in its place"
        ));
    }
    match entry.state {
        State::Accepted | State::Completed => {
            let query_id = entry.query_id.as_ref();
            query_id.map(|query_id| format!("go on with: genrex wait {query_id}"))
        }
        State::Ambiguous => Some(match entry.reconciliation {
            None => format!(
                "it may have been charged, and is never sent again on its own; find out by: genrex jobs reconcile {id}"
            ),
            Some(Reconciliation::Charged) => format!(
                "it was charged and its id is lost: give the service's support the account's user id, the time of its \
                 submit ({}) and the prompt; they can name the job, and then: genrex jobs resolve {id} --query-id ID",
                clock::iso8601(entry.updated_at)
            ),
            Some(Reconciliation::NotCharged) => {
                String::from("it was not charged: the same can be submitted again")
            }
            Some(Reconciliation::Inconclusive(doubt)) => format!(
                "the balance does not tell ({doubt}); ask the service's support about the submit of {}, and settle it \
                 by: genrex jobs resolve {id} (--query-id ID | --charged | --not-charged)",
                clock::iso8601(entry.updated_at)
            ),
        }),
        State::Intended | State::Sent => Some(format!(
            "a genrex is sending it, or was when it ended; genrex jobs recover tells. job {id}"
        )),
        State::NotSent | State::Refused | State::Failed | State::Downloaded => None,
    }
}

/// What scripts rely on.
pub(super) fn document(entry: &Entry) -> Value {
    json!({
        "localId": entry.id.0,
        "queryId": entry.query_id,
        "state": entry.state.as_str(),
        "text": entry.text,
        "duration": entry.duration,
        "createdAt": clock::iso8601(entry.created_at),
        "path": entry.path,
    })
}

/// The same with all that is known.
pub(super) fn whole_document(entry: &Entry) -> Value {
    let mut document = document(entry);
    document["account"] = entry.account.as_str().into();
    document["batch"] = entry.batch.clone().into();
    document["bodySha256"] = entry.body_sha256.clone().into();
    document["expectedCost"] = entry.expected_cost.into();
    document["creditsUsedBefore"] = entry.look_before.as_ref().map(|look| look.used).into();
    document["unconfirmedId"] = json!(entry.unconfirmed_id);
    document["detail"] = entry.detail.clone().into();
    document["verdict"] = entry.reconciliation.map(Reconciliation::as_str).into();
    document["resolvedByHand"] = entry.resolved_by_hand.into();
    document["supersededBy"] = entry.superseded_by.map(|id| id.0).into();
    document["bytes"] = entry.bytes.into();
    document["sha256"] = entry.sha256.clone().into();
    document["updatedAt"] = clock::iso8601(entry.updated_at).into();
    document
}
