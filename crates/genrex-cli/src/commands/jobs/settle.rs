use genrex_async::core::resolve_offline;
use genrex_async::{Reconciliation, Resolution};
use genrex_ledger::{Doubt, Entry, State};
use serde_json::json;

use super::show::document;
use crate::args::{Global, ResolveJob};
use crate::clock;
use crate::command_error::CommandError;
use crate::commands::advice::advice;
use crate::commands::settled_by::who_says_so;
use crate::connect::{CallOptions, Connection};
use crate::ledger::{self, find, open_to_read};
use crate::output::Output;

/// Holds an ambiguous job against the balance, once.
pub(super) async fn reconcile(
    id: &str,
    global: &Global,
    output: &Output,
) -> Result<(), CommandError> {
    let entry = find(&open_to_read()?, id).await?;
    if entry.state != State::Ambiguous {
        let message = format!("job {} is {}, and not ambiguous", entry.id, entry.state);
        return Err(CommandError::usage(message));
    }
    let connection = connect(global, &entry).await?;
    output.detail("looking at the balance");
    let found = connection.client.reconcile(entry.id).await?;
    let (reason, until) = match found {
        Reconciliation::Inconclusive(doubt @ Doubt::NotSettled { until }) => {
            (Some(doubt.as_str()), Some(until))
        }
        Reconciliation::Inconclusive(doubt) => (Some(doubt.as_str()), None),
        Reconciliation::Charged | Reconciliation::NotCharged => (None, None),
    };
    if output.is_json() {
        return output.document(&json!({
            "localId": entry.id.0,
            "verdict": found.as_str(),
            "reason": reason,
            "until": until.map(clock::iso8601),
        }));
    }
    output.line(found.as_str())?;
    output.note(found);
    let entry = find(&open_to_read()?, &entry.id.to_string()).await?;
    if let Some(advice) = advice(&entry) {
        output.note(advice);
    }
    Ok(())
}

/// Settles a job by hand. Only an id needs the service, which is asked after it.
pub(super) async fn resolve(
    resolve: ResolveJob,
    global: &Global,
    output: &Output,
) -> Result<(), CommandError> {
    let entry = find(&open_to_read()?, &resolve.id).await?;
    let why = who_says_so(resolve.why);
    let settled = match resolve.query_id {
        Some(query_id) => {
            let connection = connect(global, &entry).await?;
            let resolution = Resolution::Accepted(query_id);
            let settled = connection
                .client
                .resolve_with_reason(entry.id, resolution, why);
            settled.await?
        }
        None => {
            let ledger = ledger::open()?;
            resolve_offline(&ledger, entry.id, resolve.charged, why, clock::now()).await?
        }
    };
    if output.is_json() {
        return output.document(&document(&settled));
    }
    output.line(settled.state)?;
    if let Some(advice) = advice(&settled) {
        output.note(advice);
    }
    Ok(())
}

/// A connection to the account that a job is on.
async fn connect(global: &Global, entry: &Entry) -> Result<Connection, CommandError> {
    let connection = Connection::open(global, CallOptions::KEPT_QUESTION).await?;
    let account = connection.client.account().await?;
    // A first look may have told whose jobs these are.
    let entry = find(&open_to_read()?, &entry.id.to_string()).await?;
    if account == entry.account {
        return Ok(connection);
    }
    let message = format!("job {} is on another account: {}", entry.id, entry.account);
    Err(CommandError::usage(message).hint("choose its profile by --profile, or its --base-url"))
}
