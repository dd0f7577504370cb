//! `genrex batch`: a file of prompts, bought once each, however often it is run.

mod identity;
mod kept;
mod marker;
mod moved;
mod plan;
mod report;
mod rows;
mod runner;
mod unclear;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use genrex_async::Balance;
use genrex_async::core::{RowPlace, RowPolicy, cost_of, is_to_be_settled, recover_offline};
use genrex_cli::rows::Defaults;
use tokio::task::JoinSet;

use crate::args::{Batch, Global, OnAmbiguous};
use crate::clock;
use crate::command_error::CommandError;
use crate::commands::batch::identity::identify;
use crate::commands::batch::kept::Kept;
use crate::commands::batch::report::Report;
use crate::commands::batch::rows::Source;
use crate::commands::batch::runner::{Runner, StopReason};
use crate::connect::{CallOptions, Connection};
use crate::interrupt::Interrupts;
use crate::ledger;
use crate::metrics;
use crate::output::Output;

/// Checks every row, then buys, waits for and downloads each.
pub(crate) async fn run(
    batch: Batch,
    global: &Global,
    output: &Output,
) -> Result<(), CommandError> {
    let defaults = Defaults {
        duration: batch.duration,
        output: batch.output.clone(),
    };
    let source = Source::open(&batch.file, defaults)?;
    let checked = source.check()?;
    if batch.no_balance_check {
        Connection::refuse_limits_without_looks(global)?;
    }
    if batch.dry_run {
        return plan::run(&batch, &source, &checked, global, output).await;
    }
    let folder = folder(&batch.out_dir)?;
    metrics::serve(batch.metrics.as_ref(), output).await?;
    let connection = Connection::open(global, call_options(&batch)).await?;
    ledger::recover(&connection.client, output).await?;
    let balance = connection.client.balance().await?;
    checked.refuse_longer_than(balance.max_duration_seconds)?;
    let account = connection.client.account().await?;
    let identified = identify(&source, &folder, &connection, account, batch.new).await?;
    if !batch.force {
        let policy = row_policy(&batch);
        plan::refuse_taken(&source, &folder, &identified.kept, policy).await?;
    }
    let kept = identified.mark(&folder)?;
    if batch.retry_failed {
        say_what_failed_ones_cost(&source, &kept, output).await?;
    }
    let mut interrupts = Interrupts::watch()?;
    let runner = Runner::new(
        &connection,
        &batch,
        folder,
        kept,
        (checked.rows, balance.clone()),
        *output,
    );
    let runner = Arc::new(runner);
    let all = drive(&runner, &source, &batch, &mut interrupts, output).await;
    if all.is_ok() && runner.stopped().is_none() {
        unclear::settle(&runner, &source, batch.on_ambiguous, &mut interrupts).await?;
    }
    runner.end_drawing();
    let report = Report::of(&source, &runner).await;
    if let Ok(report) = &report {
        let moved = credits_moved(&connection, &balance).await;
        report.show(moved, output)?;
    }
    // What a row could not keep comes before all: it may hold an id that stands nowhere else.
    all?;
    report?.verdict(runner.stopped())
}

fn call_options(batch: &Batch) -> CallOptions {
    CallOptions {
        timeout: batch.timeout,
        poll_interval: batch.poll_interval,
        keeps: true,
        balance_check: !batch.no_balance_check,
    }
}

/// What the command line says of rows that were tried before.
fn row_policy(batch: &Batch) -> RowPolicy {
    let mut policy = RowPolicy::default();
    policy.retry_failed = batch.retry_failed;
    policy.resubmit_uncharged = batch.on_ambiguous == OnAmbiguous::ResubmitIfUncharged;
    policy
}

fn folder(out_dir: &Path) -> Result<PathBuf, CommandError> {
    std::fs::create_dir_all(out_dir).map_err(|error| {
        let message = format!("{} cannot be made; nothing was sent", out_dir.display());
        CommandError::usage(message).with_source(&error)
    })?;
    out_dir
        .canonicalize()
        .map_err(|error| CommandError::usage("the folder cannot be found").with_source(&error))
}

/// It is good to know, and not worth waiting for: the service may have asked for a pause.
async fn credits_moved(connection: &Connection, before: &Balance) -> Option<u64> {
    const SHORT: Duration = Duration::from_secs(5);
    let client = &connection.client;
    let mut settings = *client.settings();
    settings.deadline = Some(SHORT);
    let after = client.with_settings(settings).balance().await.ok()?;
    Some(after.used_since(before))
}

/// Buying again what failed costs again: how much, before it is done.
async fn say_what_failed_ones_cost(
    source: &Source,
    kept: &Kept,
    output: &Output,
) -> Result<(), CommandError> {
    let mut failed = Vec::new();
    for row in source.rows()? {
        let row = row?;
        let newest = kept.newest(&row).await?;
        let is_settled = !newest.as_ref().is_some_and(is_to_be_settled);
        match RowPlace::of(newest.as_ref()) {
            RowPlace::Failed => failed.push(row.duration.get()),
            RowPlace::Charged if is_settled => failed.push(row.duration.get()),
            _ => {}
        }
    }
    let count = failed.len();
    let known = kept.ledger.credits(&kept.account).await?;
    let cost = cost_of(&known, failed).map_or_else(
        || String::from("credits that are not known yet"),
        |credits| format!("{credits} credits"),
    );
    output.note(format_args!(
        "buying {count} failed or lost rows again, for {cost}"
    ));
    Ok(())
}

/// Starts rows, so many at a time, until there are no more or something says to stop.
async fn drive(
    runner: &Arc<Runner>,
    source: &Source,
    batch: &Batch,
    interrupts: &mut Interrupts,
    output: &Output,
) -> Result<(), CommandError> {
    let mut rows = source.rows()?;
    let mut running = JoinSet::new();
    let mut first_failure = None;
    loop {
        // What is paid for is still fetched when nothing more may be bought.
        while running.len() < usize::from(batch.concurrency)
            && runner.stopped() != Some(StopReason::Interrupted)
        {
            match rows.next() {
                None => break,
                Some(Ok(row)) => {
                    let runner = Arc::clone(runner);
                    running.spawn(async move { runner.work(row).await });
                }
                Some(Err(failure)) => {
                    runner.stop(StopReason::Ledger(failure.message.clone()));
                    keep_first(&mut first_failure, failure);
                    break;
                }
            }
        }
        if running.is_empty() {
            return first_failure.map_or(Ok(()), Err);
        }
        tokio::select! {
            done = running.join_next() => {
                let failure = match done {
                    Some(Ok(Ok(()))) | None => continue,
                    Some(Ok(Err(failure))) => failure,
                    Some(Err(panicked)) => {
                        CommandError::other("a row could not be worked on").with_source(&panicked)
                    }
                };
                // What is in flight is brought to its end; nothing more is started.
                runner.stop(StopReason::Ledger(failure.message.clone()));
                keep_first(&mut first_failure, failure);
            },
            () = interrupts.next() => {
                if runner.stopped() == Some(StopReason::Interrupted) {
                    running.shutdown().await;
                    // What was on its way is unclear from now on.
                    let _ = recover_offline(&*runner.kept.ledger, clock::now()).await;
                    return Ok(());
                }
                runner.stop(StopReason::Interrupted);
                output.warning(
                    "finishing what is in flight, and starting nothing more; run the same command to go on. \
                     Ctrl-C again stops at once",
                );
            }
        }
    }
}

/// The first failure counts, but one that holds an id before all.
fn keep_first(kept: &mut Option<CommandError>, failure: CommandError) {
    let holds_id = |failure: &CommandError| failure.query_id.is_some();
    if kept
        .as_ref()
        .is_none_or(|kept| holds_id(&failure) && !holds_id(kept))
    {
        *kept = Some(failure);
    }
}
