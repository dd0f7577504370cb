use genrex_async::Reconciliation;
use genrex_async::core::proto::Escaped;
use genrex_ledger::Entry;
use serde_json::{Value, json};

use super::cost::Prices;
use crate::clock;
use crate::command_error::CommandError;
use crate::commands::advice::advice;
use crate::files;
use crate::output::Output;

/// All that is known of one job.
pub(super) fn show(
    entry: &Entry,
    prices: &Prices,
    flags: &str,
    output: &Output,
) -> Result<(), CommandError> {
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
    line("intended", Some(clock::local(entry.created_at)))?;
    line("changed", Some(clock::local(entry.updated_at)))?;
    line("cost", prices.words(entry))?;
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
    let file = entry.path.as_deref().map(files::from_here);
    line("file", file)?;
    if let Some(advice) = advice(entry, flags) {
        output.note(advice);
    }
    Ok(())
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
    document["refusal"] = json!(entry.refusal);
    document["detail"] = entry.detail.clone().into();
    document["verdict"] = entry.reconciliation.map(Reconciliation::as_str).into();
    document["resolvedByHand"] = entry.resolved_by_hand.into();
    document["supersededBy"] = entry.superseded_by.map(|id| id.0).into();
    document["bytes"] = entry.bytes.into();
    document["sha256"] = entry.sha256.clone().into();
    document["updatedAt"] = clock::iso8601(entry.updated_at).into();
    document
}
