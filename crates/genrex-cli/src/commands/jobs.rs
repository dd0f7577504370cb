//! `genrex jobs`: the local ledger.

mod apart;
mod cost;
mod recover;
mod settle;
mod show;
mod table;

use genrex_ledger::{Filter, Ledger as _};

use self::cost::Prices;
use self::show::whole_document;
use self::table::Table;
use crate::account_flags::AccountFlags;
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
        None => list(ListJobs::default(), global, output).await,
        Some(JobsAction::List(wanted)) => list(wanted, global, output).await,
        Some(JobsAction::Show { id }) => {
            let ledger = open_to_read().await?;
            let entry = find(&**ledger, &id).await?;
            let accounts = AccountFlags::read(global, &**ledger).await?;
            let prices = Prices::of(&**ledger, std::slice::from_ref(&entry)).await?;
            show::show(&entry, &prices, &accounts.of(&entry.account), output)
        }
        Some(JobsAction::Recover) => recover::recover(global, output).await,
        Some(JobsAction::Reconcile { id }) => settle::reconcile(&id, global, output).await,
        Some(JobsAction::Resolve(resolve)) => settle::resolve(resolve, global, output).await,
        Some(JobsAction::Export) => export(output).await,
    }
}

async fn list(wanted: ListJobs, global: &Global, output: &Output) -> Result<(), CommandError> {
    let ledger = open_to_read().await?;
    let mut filter = Filter::default();
    filter.states = wanted.state;
    filter.account = wanted.account.map(Into::into);
    filter.since = wanted.since;
    let is_filtered = filter != Filter::default();
    filter.limit = wanted.limit;
    let entries = ledger.entries(&filter).await?;
    let accounts = AccountFlags::read(global, &**ledger).await?;
    if output.is_json() {
        let all = entries
            .iter()
            .map(|entry| apart::document(entry, &accounts));
        return output.document(&all.collect::<Vec<_>>());
    }
    if entries.is_empty() {
        let such = if is_filtered { "such " } else { "" };
        output.note(format_args!("no {such}job is in {}", ledger.place()));
        return Ok(());
    }
    let prices = Prices::of(&**ledger, &entries).await?;
    let table = Table::of(&entries, &prices);
    let (past, present): (Vec<_>, Vec<_>) = entries
        .iter()
        .partition(|entry| accounts.is_of_past_sandbox(entry));
    if present.is_empty() {
        output.line(apart::HEADING)?;
    }
    output.line(table.header())?;
    for entry in &present {
        output.line(table.row(entry))?;
    }
    if !present.is_empty() && !past.is_empty() {
        output.line(apart::HEADING)?;
    }
    past.into_iter()
        .try_for_each(|entry| output.line(table.row(entry)))
}

/// Everything that the ledger holds, a JSON line a job, oldest first.
async fn export(output: &Output) -> Result<(), CommandError> {
    let ledger = open_to_read().await?;
    let mut filter = Filter::default();
    filter.oldest_first = true;
    for entry in ledger.entries(&filter).await? {
        output.document(&whole_document(&entry))?;
    }
    Ok(())
}
