//! `genrex jobs`: the local ledger.

mod show;

use genrex_async::core::proto::Escaped;
use genrex_async::{Reconciliation, Resolution};
use genrex_ledger::{Entry, Filter, Ledger as _, State};
use serde_json::json;

use self::show::{advice, document, whole_document};
use crate::args::{Global, Jobs, JobsAction, ListJobs, ResolveJob};
use crate::clock;
use crate::connect::{Connection, Manner};
use crate::failure::Failure;
use crate::ledger::{find, open_to_read};
use crate::output::Output;

pub(crate) async fn run(jobs: Jobs, global: &Global, output: &Output) -> Result<(), Failure> {
    if global.sandbox {
        return Err(Failure::usage(
            "a sandbox inside this process leaves nothing in the ledger",
        ));
    }
    match jobs.action {
        None => list(ListJobs::default(), output).await,
        Some(JobsAction::List(wanted)) => list(wanted, output).await,
        Some(JobsAction::Show { id }) => show::show(&find(&open_to_read()?, &id).await?, output),
        Some(JobsAction::Recover) => recover(global, output).await,
        Some(JobsAction::Reconcile { id }) => reconcile(&id, global, output).await,
        Some(JobsAction::Resolve(resolve)) => settle(resolve, global, output).await,
        Some(JobsAction::Export) => export(output).await,
    }
}

async fn list(wanted: ListJobs, output: &Output) -> Result<(), Failure> {
    let ledger = open_to_read()?;
    let mut filter = Filter::default();
    filter.states = wanted.state;
    filter.account = wanted.account.map(Into::into);
    filter.limit = wanted.limit;
    filter.since = wanted.since;
    let entries = ledger.entries(&filter).await?;
    if output.is_json() {
        return output.document(&entries.iter().map(document).collect::<Vec<_>>());
    }
    for entry in &entries {
        let name = entry.query_id.as_ref().map_or("-", |id| id.as_str());
        output.line(format_args!(
            "{:>5}  {:<10}  {:<28}  {:>2} s  {}",
            entry.id.0,
            entry.state,
            name,
            entry.duration,
            Escaped(&entry.text)
        ))?;
    }
    if entries.is_empty() {
        output.note(format_args!(
            "no such job is in {}",
            ledger.path().display()
        ));
    }
    Ok(())
}

/// Everything that the ledger holds, a JSON line a job, oldest first.
async fn export(output: &Output) -> Result<(), Failure> {
    let ledger = open_to_read()?;
    let mut filter = Filter::default();
    filter.oldest_first = true;
    for entry in ledger.entries(&filter).await? {
        output.document(&whole_document(&entry))?;
    }
    Ok(())
}

/// Ends what nobody carries on, and says how to go on with what is open. It needs no key: what needs the service is
/// in the commands that it prints.
async fn recover(_: &Global, output: &Output) -> Result<(), Failure> {
    let ledger = crate::ledger::open()?;
    let ended = ledger.recover(clock::now()).await?;
    let states = [State::Ambiguous, State::Accepted, State::Completed];
    let open = ledger.entries(&Filter::default().states(states)).await?;
    let open: Vec<&Entry> = open.iter().filter(|entry| show::is_open(entry)).collect();
    if output.is_json() {
        let open: Vec<_> = open.into_iter().map(document).collect();
        return output.document(&open);
    }
    output.note(format_args!(
        "{} submits ended without an outcome since the last look",
        ended.len()
    ));
    for entry in open.iter().rev() {
        let what = advice(entry).unwrap_or_default();
        output.line(format_args!(
            "{:>5}  {:<10}  {what}",
            entry.id.0, entry.state
        ))?;
    }
    if open.is_empty() {
        output.note("nothing is open or unclear");
    }
    Ok(())
}

async fn reconcile(id: &str, global: &Global, output: &Output) -> Result<(), Failure> {
    let entry = ambiguous(id).await?;
    let connection = connect(global, &entry).await?;
    output.detail("looking at the balance");
    let found = connection.client.reconcile(entry.id).await?;
    if output.is_json() {
        return output.document(&json!({
            "localId": entry.id.0,
            "verdict": found.as_str(),
            "reason": match found {
                Reconciliation::Inconclusive(doubt) => Some(doubt.as_str()),
                Reconciliation::Charged | Reconciliation::NotCharged => None,
            },
        }));
    }
    output.line(found.as_str())?;
    output.note(found);
    let entry = find(&open_to_read()?, id).await?;
    if let Some(advice) = advice(&entry) {
        output.note(advice);
    }
    Ok(())
}

async fn settle(resolve: ResolveJob, global: &Global, output: &Output) -> Result<(), Failure> {
    let entry = ambiguous(&resolve.id).await?;
    let connection = connect(global, &entry).await?;
    let resolution = match (resolve.query_id, resolve.charged) {
        (Some(query_id), _) => Resolution::Accepted(query_id),
        (None, true) => Resolution::Charged,
        (None, false) => Resolution::NotCharged,
    };
    let user = std::env::var("USER").unwrap_or_else(|_| String::from("somebody"));
    let why = match resolve.why {
        Some(why) => format!("{user}: {why}"),
        None => user,
    };
    let settled = connection
        .client
        .resolve_with_reason(entry.id, resolution, why);
    let settled = settled.await?;
    if output.is_json() {
        return output.document(&document(&settled));
    }
    output.line(settled.state)?;
    if let Some(advice) = advice(&settled) {
        output.note(advice);
    }
    Ok(())
}

async fn ambiguous(id: &str) -> Result<Entry, Failure> {
    let entry = find(&open_to_read()?, id).await?;
    if entry.state == State::Ambiguous {
        return Ok(entry);
    }
    let message = format!("job {} is {}, and not ambiguous", entry.id, entry.state);
    Err(Failure::usage(message))
}

/// A connection to the account that a job is on.
async fn connect(global: &Global, entry: &Entry) -> Result<Connection, Failure> {
    let manner = Manner {
        keeps: true,
        ..Manner::QUESTION
    };
    let connection = Connection::open(global, manner).await?;
    let account = connection.client.account().await?;
    // A first look may have told whose jobs these are.
    let entry = find(&open_to_read()?, &entry.id.to_string()).await?;
    if account == entry.account {
        return Ok(connection);
    }
    let message = format!("job {} is on another account: {}", entry.id, entry.account);
    Err(Failure::usage(message).hint("choose its profile by --profile, or its --base-url"))
}
