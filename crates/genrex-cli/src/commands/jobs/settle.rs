use genrex_async::core::{Transport as _, UnclearStep, reconcile_offline, resolve_offline};
use genrex_async::{Error, ErrorKind, Reconciliation, Resolution};
use genrex_ledger::{Doubt, Entry, State};
use serde_json::json;

use super::show::document;
use crate::account_flags::AccountFlags;
use crate::args::{Global, ResolveJob};
use crate::clock;
use crate::command_error::CommandError;
use crate::commands::advice::advice;
use crate::commands::settled_by::who_says_so;
use crate::connect::{CallOptions, Connection};
use crate::ledger::{self, find, open_to_read};
use crate::output::Output;
use crate::progress::Display;

/// Holds an ambiguous job against the balance, once. What no look will tell is said at once, without one.
pub(super) async fn reconcile(
    id: &str,
    global: &Global,
    output: &Output,
) -> Result<(), CommandError> {
    let ledger = open_to_read().await?;
    let entry = find(&**ledger, id).await?;
    let accounts = AccountFlags::read(global, &**ledger).await?;
    drop(ledger);
    let flags = accounts.of(&entry.account);
    if entry.state != State::Ambiguous {
        let message = format!("job {} is {}, and not ambiguous", entry.id, entry.state);
        let next = advice(&entry, &flags);
        let next = next.unwrap_or_else(|| format!("what is known of it: genrex jobs show {id}"));
        return Err(CommandError::usage(message).hint(next));
    }
    let ledger = ledger::open().await?;
    let at_once = reconcile_offline(&**ledger, &entry, clock::now()).await?;
    drop(ledger);
    let found = match at_once {
        Some(found) => found,
        None => look(&entry, &accounts, global, output).await?,
    };
    let entry = find(&**open_to_read().await?, &entry.id.to_string()).await?;
    say(found, &entry, &flags, output)
}

/// One look at the balance of the job's account.
async fn look(
    entry: &Entry,
    accounts: &AccountFlags,
    global: &Global,
    output: &Output,
) -> Result<Reconciliation, CommandError> {
    output.note(format_args!(
        "looking at the balance of {}, which is free; this takes 30 s at most",
        entry.account
    ));
    let doing = format!("jobs reconcile {}", entry.id);
    let connection = connect(&doing, accounts, global, entry).await?;
    let display = Display::new(*output);
    let watcher = display.clone();
    let client = connection
        .client
        .on_progress(move |progress| watcher.show(progress));
    let mut looks = 0;
    let found = loop {
        looks += 1;
        let found = client.reconcile(entry.id).await;
        display.clear();
        let found = found?;
        // A look within the second of the submit tells nothing; what takes minutes is not waited for.
        if found != Reconciliation::Inconclusive(Doubt::NoLookSince) {
            break found;
        }
        match UnclearStep::of(found, looks, clock::now()) {
            UnclearStep::LookAgain(delay) if client.transport().sleep(delay).await.is_ok() => {}
            _ => break found,
        }
    };
    Ok(found)
}

fn say(
    found: Reconciliation,
    entry: &Entry,
    flags: &str,
    output: &Output,
) -> Result<(), CommandError> {
    let (reason, until) = match found {
        Reconciliation::Inconclusive(doubt @ Doubt::NotSettled { until }) => {
            (Some(doubt.as_str()), Some(until))
        }
        Reconciliation::Inconclusive(doubt) => (Some(doubt.as_str()), None),
        Reconciliation::Charged | Reconciliation::NotCharged => (None, None),
    };
    let next = advice(entry, flags);
    if output.is_json() {
        return output.document(&json!({
            "localId": entry.id.0,
            "verdict": found.as_str(),
            "reason": reason,
            "until": until.map(clock::iso8601),
            "next": next,
        }));
    }
    output.line(found.as_str())?;
    // What there is to do about it may say it too.
    let reason = match found {
        Reconciliation::Inconclusive(doubt) => doubt.to_string(),
        Reconciliation::Charged | Reconciliation::NotCharged => found.to_string(),
    };
    if next.as_ref().is_none_or(|next| !next.contains(&reason)) {
        output.note(match until {
            Some(until) => format!("{found} until {}", clock::local(until)),
            None => found.to_string(),
        });
    }
    if let Some(next) = next {
        output.note(next);
    }
    Ok(())
}

/// Settles a job by hand. Only an id needs the service, which is asked after it.
pub(super) async fn resolve(
    resolve: ResolveJob,
    global: &Global,
    output: &Output,
) -> Result<(), CommandError> {
    let ledger = open_to_read().await?;
    let entry = find(&**ledger, &resolve.id).await?;
    let accounts = AccountFlags::read(global, &**ledger).await?;
    drop(ledger);
    let why = who_says_so(resolve.why);
    let settled = match resolve.query_id {
        Some(query_id) => {
            let doing = format!("jobs resolve {} --query-id {query_id}", entry.id);
            let connection = connect(&doing, &accounts, global, &entry).await?;
            let resolution = Resolution::Accepted(query_id);
            let settled = connection
                .client
                .resolve_with_reason(entry.id, resolution, why);
            settled.await.map_err(|error| not_taken(error, &entry))?
        }
        None => {
            let ledger = ledger::open().await?;
            resolve_offline(&**ledger, entry.id, resolve.charged, why, clock::now()).await?
        }
    };
    if output.is_json() {
        return output.document(&document(&settled));
    }
    output.line(settled.state)?;
    if let Some(advice) = advice(&settled, &accounts.of(&settled.account)) {
        output.note(advice);
    }
    Ok(())
}

/// An id that is another job's, or of another prompt, is not taken.
fn not_taken(error: Error, entry: &Entry) -> CommandError {
    let is_refused = error.kind() == ErrorKind::InvalidInput;
    let failed = CommandError::from(error);
    if !is_refused {
        return failed;
    }
    failed.hint(format!(
        "job {0} stays as it was. What it is, and how it is settled: genrex jobs show {0}",
        entry.id
    ))
}

/// A connection to the account that a job is on; `doing` is the command that needs it.
async fn connect(
    doing: &str,
    accounts: &AccountFlags,
    global: &Global,
    entry: &Entry,
) -> Result<Connection, CommandError> {
    let connection = Connection::open(global, CallOptions::KEPT_QUESTION).await?;
    if accounts.own() == Some(&entry.account) {
        return Ok(connection);
    }
    let account = connection.client.account().await?;
    // A first look may have told whose jobs these are.
    let entry = find(&**open_to_read().await?, &entry.id.to_string()).await?;
    if account == entry.account {
        return Ok(connection);
    }
    Err(accounts.is_elsewhere(&entry, doing))
}
