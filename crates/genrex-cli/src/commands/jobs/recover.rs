use std::time::Duration;

use genrex_async::core::recover_offline;
use genrex_ledger::Entry;

use super::apart;
use crate::account_flags::AccountFlags;
use crate::args::Global;
use crate::clock;
use crate::command_error::CommandError;
use crate::commands::advice::advice;
use crate::connect::{CallOptions, Connection};
use crate::ledger;
use crate::output::Output;

/// Ends what nobody carries on, and says how to go on with what is open.
pub(super) async fn recover(global: &Global, output: &Output) -> Result<(), CommandError> {
    let (open, accounts) = open_jobs(global, output).await?;
    if output.is_json() {
        let open = open.iter().map(|entry| apart::document(entry, &accounts));
        return output.document(&open.collect::<Vec<_>>());
    }
    let (past, present): (Vec<_>, Vec<_>) = open
        .iter()
        .partition(|entry| accounts.is_of_past_sandbox(entry));
    if present.is_empty() {
        output.note("nothing is open or unclear");
    }
    for entry in present {
        say(entry, &accounts, output)?;
    }
    let Some(first) = past.first() else {
        return Ok(());
    };
    output.line(apart::HEADING)?;
    for entry in &past {
        say(entry, &accounts, output)?;
    }
    output.note(format_args!(
        "nothing has to be done about these; this takes one off the list: genrex jobs resolve {} --charged",
        first.id
    ));
    Ok(())
}

fn say(entry: &Entry, accounts: &AccountFlags, output: &Output) -> Result<(), CommandError> {
    let what = advice(entry, &accounts.of(&entry.account)).unwrap_or_default();
    output.line(format_args!(
        "{:>5}  {:<10}  {what}",
        entry.id.0, entry.state
    ))
}

/// With a key, the service is asked after each id that stood in a broken answer. Without one, or without a network,
/// the rest is done all the same, for all accounts.
async fn open_jobs(
    global: &Global,
    output: &Output,
) -> Result<(Vec<Entry>, AccountFlags), CommandError> {
    let calls = CallOptions {
        timeout: Duration::from_secs(10),
        ..CallOptions::KEPT_QUESTION
    };
    match Connection::open(global, calls).await {
        // What it found is listed below, with what is of other accounts.
        Ok(connection) => drop(connection.client.recover().await?),
        Err(failure) => output.detail(format_args!(
            "the service is not asked: {}",
            failure.message
        )),
    }
    ledger::warn_of_set_aside(output)?;
    let ledger = ledger::open().await?;
    let open = recover_offline(&**ledger, clock::now()).await?;
    // Opening it may have found that it has forgotten what this machine saw.
    ledger::warn_of_hold(output).await?;
    let accounts = AccountFlags::read(global, &**ledger).await?;
    Ok((open, accounts))
}
