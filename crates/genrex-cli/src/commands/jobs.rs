//! `genrex jobs`: the local ledger.

mod recover;
mod settle;
mod show;

use genrex_async::core::proto::Escaped;
use genrex_ledger::{Filter, Ledger as _};

use self::show::{document, whole_document};
use crate::args::{Global, Jobs, JobsAction, ListJobs};
use crate::command_error::CommandError;
use crate::ledger::{find, open_to_read};
use crate::output::Output;

pub(crate) async fn run(jobs: Jobs, global: &Global, output: &Output) -> Result<(), CommandError> {
    if global.sandbox {
        return Err(CommandError::usage(
            "a sandbox inside this process leaves nothing in the ledger",
        ));
    }
    match jobs.action {
        None => list(ListJobs::default(), output).await,
        Some(JobsAction::List(wanted)) => list(wanted, output).await,
        Some(JobsAction::Show { id }) => show::show(&find(&open_to_read()?, &id).await?, output),
        Some(JobsAction::Recover) => recover::recover(global, output).await,
        Some(JobsAction::Reconcile { id }) => settle::reconcile(&id, global, output).await,
        Some(JobsAction::Resolve(resolve)) => settle::resolve(resolve, global, output).await,
        Some(JobsAction::Export) => export(output).await,
    }
}

async fn list(wanted: ListJobs, output: &Output) -> Result<(), CommandError> {
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
async fn export(output: &Output) -> Result<(), CommandError> {
    let ledger = open_to_read()?;
    let mut filter = Filter::default();
    filter.oldest_first = true;
    for entry in ledger.entries(&filter).await? {
        output.document(&whole_document(&entry))?;
    }
    Ok(())
}
