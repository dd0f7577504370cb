use std::time::Duration;

use genrex_async::core::proto::Escaped;
use genrex_ledger::{Entry, Filter, Ledger as _, LocalId, SqliteLedger, State, Verdict};
use serde_json::{Value, json};

use crate::args::{Global, Jobs, JobsAction};
use crate::books::{broken, open_ledger};
use crate::clock;
use crate::commands::reconcile::reconcile;
use crate::connect::Connection;
use crate::failure::{Code, Failure};
use crate::output::Output;

/// `genrex jobs`: the local ledger.
pub(crate) async fn run(jobs: Jobs, global: &Global, output: &Output) -> Result<(), Failure> {
    if global.sandbox {
        return Err(Failure::usage(
            "a sandbox inside this process leaves nothing in the ledger",
        ));
    }
    match jobs.action.unwrap_or(JobsAction::List) {
        JobsAction::List => list(&open_ledger()?, output),
        JobsAction::Show { id } => show(&find(&open_ledger()?, &id)?, output),
        JobsAction::Recover => recover(&mut open_ledger()?, output),
        JobsAction::Reconcile { id } => reconcile_one(&id, global, output).await,
    }
}

fn list(ledger: &SqliteLedger, output: &Output) -> Result<(), Failure> {
    let entries = ledger.entries(&Filter::default()).map_err(broken)?;
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
        output.note(format_args!("no job is in {}", ledger.path().display()));
    }
    Ok(())
}

fn show(entry: &Entry, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        let mut document = document(entry);
        document["account"] = entry.account.clone().into();
        document["bodySha256"] = entry.body_sha256.clone().into();
        document["expectedCost"] = entry.expected_cost.into();
        document["creditsUsedBefore"] = entry.balance_before.as_ref().map(|(used, _)| *used).into();
        document["detail"] = entry.detail.clone().into();
        document["verdict"] = entry.verdict.map(Verdict::as_str).into();
        document["bytes"] = entry.bytes.into();
        document["sha256"] = entry.sha256.clone().into();
        document["updatedAt"] = clock::iso8601(entry.updated_at).into();
        return output.document(&document);
    }
    let line = |name: &str, value: Option<String>| match value {
        Some(value) => output.line(format_args!("{name:<10} {}", Escaped(&value))),
        None => Ok(()),
    };
    line("job", Some(entry.id.to_string()))?;
    line("state", Some(entry.state.to_string()))?;
    line("id", entry.query_id.as_ref().map(ToString::to_string))?;
    line("prompt", Some(entry.text.clone()))?;
    line("duration", Some(format!("{} s", entry.duration)))?;
    line("account", Some(entry.account.clone()))?;
    line("intended", Some(clock::iso8601(entry.created_at)))?;
    line("changed", Some(clock::iso8601(entry.updated_at)))?;
    line(
        "cost",
        entry
            .expected_cost
            .map(|cost| format!("{cost} credits expected")),
    )?;
    line(
        "before",
        entry
            .balance_before
            .as_ref()
            .map(|(used, _)| format!("{used} credits used")),
    )?;
    line("known", entry.detail.clone())?;
    line("verdict", entry.verdict.map(|verdict| verdict.to_string()))?;
    line("file", entry.path.clone())?;
    if let Some(advice) = advice(entry) {
        output.note(advice);
    }
    Ok(())
}

/// What a user may do about a job.
fn advice(entry: &Entry) -> Option<String> {
    let id = entry.id;
    match (entry.state, entry.verdict) {
        (State::Accepted | State::Completed, _) => entry
            .query_id
            .as_ref()
            .map(|id| format!("go on with: genrex wait {id}")),
        (State::Ambiguous, None) => Some(format!(
            "it may have been charged, and is never sent again on its own; find out by: genrex jobs reconcile {id}"
        )),
        (State::Ambiguous, Some(Verdict::Charged)) => Some(String::from(
            "it was charged and its id is lost: give the service's support the account's user id, the time above and \
             the prompt; they can name the job, and `genrex wait ID` brings it home",
        )),
        (State::Ambiguous, Some(Verdict::NotCharged)) => Some(String::from(
            "it was not charged: the same can be submitted again",
        )),
        (State::Ambiguous, Some(Verdict::Inconclusive)) => Some(String::from(
            "the balance does not tell; ask the service's support, with the time above, before buying it again",
        )),
        (State::Intended | State::Sent, _) => Some(format!(
            "a genrex is sending it, or was when it ended; genrex jobs recover tells. job {id}"
        )),
        (State::NotSent | State::Refused | State::Failed | State::Downloaded, _) => None,
    }
}

fn recover(ledger: &mut SqliteLedger, output: &Output) -> Result<(), Failure> {
    let crashed = ledger.recover(clock::now()).map_err(broken)?;
    let filter = Filter {
        states: vec![State::Ambiguous, State::Accepted, State::Completed],
        ..Filter::default()
    };
    let open = ledger.entries(&filter).map_err(broken)?;
    if output.is_json() {
        return output.document(&open.iter().map(document).collect::<Vec<_>>());
    }
    output.note(format_args!(
        "{} submits ended without an outcome since the last look",
        crashed.len()
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

async fn reconcile_one(id: &str, global: &Global, output: &Output) -> Result<(), Failure> {
    const PATIENCE: Duration = Duration::from_secs(60);
    let entry = find(&open_ledger()?, id)?;
    if entry.state != State::Ambiguous {
        let message = format!("job {} is {}, and not ambiguous", entry.id, entry.state);
        return Err(Failure::usage(message));
    }
    let connection = Connection::open(global, PATIENCE, None).await?;
    let books = connection.books(true, output)?;
    if books.account.as_str() != entry.account {
        let message = format!("job {} is on another account: {}", entry.id, entry.account);
        return Err(
            Failure::usage(message).hint("choose its profile by --profile, or its --base-url")
        );
    }
    let verdict = reconcile(&connection.client, &books, &entry).await?;
    if output.is_json() {
        return output.document(&json!({"localId": entry.id.0, "verdict": verdict.as_str()}));
    }
    output.line(verdict)?;
    let entry = find(&open_ledger()?, id)?;
    if let Some(advice) = advice(&entry) {
        output.note(advice);
    }
    Ok(())
}

fn find(ledger: &SqliteLedger, id: &str) -> Result<Entry, Failure> {
    let by_number = id
        .parse()
        .ok()
        .map(|number| ledger.entry(LocalId(number)).map_err(broken));
    let found = match by_number {
        Some(found) => found?,
        None => {
            let filter = Filter {
                query_id: Some(id.to_owned()),
                ..Filter::default()
            };
            ledger.entries(&filter).map_err(broken)?.into_iter().next()
        }
    };
    found.ok_or_else(|| {
        Failure::new(
            Code::Usage,
            "invalidInput",
            format!("the ledger holds no job {:?}", Escaped(id).to_string()),
        )
        .hint("genrex jobs list shows what it holds")
    })
}

fn document(entry: &Entry) -> Value {
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
