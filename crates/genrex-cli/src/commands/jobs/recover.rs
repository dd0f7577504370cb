use std::time::Duration;

use genrex_async::core::recover_offline;
use genrex_ledger::Entry;

use super::show::document;
use crate::args::Global;
use crate::clock;
use crate::command_error::CommandError;
use crate::commands::advice::advice;
use crate::connect::{CallOptions, Connection};
use crate::ledger;
use crate::output::Output;

/// Ends what nobody carries on, and says how to go on with what is open.
pub(super) async fn recover(global: &Global, output: &Output) -> Result<(), CommandError> {
    let open = open_jobs(global, output).await?;
    if output.is_json() {
        let open: Vec<_> = open.iter().map(document).collect();
        return output.document(&open);
    }
    for entry in &open {
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

/// With a key, the service is asked after each id that stood in a broken answer. Without one, or without a network,
/// the rest is done all the same, for all accounts.
async fn open_jobs(global: &Global, output: &Output) -> Result<Vec<Entry>, CommandError> {
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
    let ledger = ledger::open()?;
    Ok(recover_offline(&ledger, clock::now()).await?)
}
