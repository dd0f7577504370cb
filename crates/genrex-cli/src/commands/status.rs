use genrex_async::core::proto::Escaped;
use genrex_async::{Client, Generation};
use serde_json::Value;

use crate::account_flags::AccountFlags;
use crate::args::{Global, WhichJobs};
use crate::command_error::CommandError;
use crate::commands::named::{self, Named};
use crate::connect::{CallOptions, Connection};
use crate::ledger::open_to_read;
use crate::output::Output;
use crate::progress::Display;

/// `genrex status`: one retrieve for each job.
pub(crate) async fn run(
    which: WhichJobs,
    global: &Global,
    output: &Output,
) -> Result<(), CommandError> {
    let jobs = jobs(&which, global, output).await?;
    if jobs.is_empty() {
        return none_is_open(output);
    }
    let connection = Connection::open(global, CallOptions::QUESTION).await?;
    let display = Display::new(*output);
    let watcher = display.clone();
    let client = connection
        .client
        .on_progress(move |progress| watcher.show(progress));
    let (mut answers, mut failures) = (Vec::new(), Vec::new());
    for job in &jobs {
        let answer = ask(&client, job).await;
        display.clear();
        match answer {
            Ok(answer) if which.is_list() && output.is_json() => answers.push(answer),
            Ok(answer) => show(&answer, output)?,
            Err(failure) => failures.push(failure),
        }
    }
    if which.is_list() && output.is_json() {
        let all: Vec<_> = answers.iter().map(Generation::with_links).collect();
        output.document(&all)?;
    }
    output.all_failed(failures)
}

/// Nobody has to be asked.
fn none_is_open(output: &Output) -> Result<(), CommandError> {
    output.note("no job is open");
    if output.is_json() {
        return output.document(&Vec::<Value>::new());
    }
    Ok(())
}

/// The ledger is only read, and only if it is needed.
async fn jobs(
    which: &WhichJobs,
    global: &Global,
    output: &Output,
) -> Result<Vec<Named>, CommandError> {
    let needs_ledger = which.open || which.jobs.iter().any(|name| name.number().is_some());
    if global.sandbox || !needs_ledger {
        return named::named(&which.jobs, None, None, "status").await;
    }
    let ledger = open_to_read().await?;
    let accounts = AccountFlags::read(global, &**ledger).await?;
    if which.open {
        return named::open(&**ledger, &accounts, "status", output).await;
    }
    named::named(&which.jobs, Some(&**ledger), Some(&accounts), "status").await
}

async fn ask(client: &Client, job: &Named) -> Result<Generation, CommandError> {
    let answer = client.retrieve(&job.id).await;
    answer.map_err(|error| CommandError::from(error).resumable(&job.id, None))
}

fn show(answer: &Generation, output: &Output) -> Result<(), CommandError> {
    if output.is_json() {
        return output.document(&answer.with_links());
    }
    output.line(format_args!("{} {}", answer.id, answer.status))?;
    for asset in answer.assets() {
        output.line(Escaped(asset.url))?;
    }
    Ok(())
}
