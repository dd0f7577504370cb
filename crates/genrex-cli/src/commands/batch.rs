//! `genrex batch`: a file of prompts, bought once each, however often it is run.

mod drive;
mod identity;
mod kept;
mod marker;
mod moved;
mod other_batch;
mod plan;
mod report;
mod rows;
mod runner;
mod storable;
mod unclear;

use std::sync::Arc;
use std::time::Duration;

use genrex_async::Balance;
use genrex_async::core::{RowPlace, RowPolicy, cost_of, is_to_be_settled};
use genrex_cli::rows::Defaults;

use crate::args::{Batch, Global, OnAmbiguous};
use crate::command_error::CommandError;
use crate::commands::batch::drive::{Order, drive};
use crate::commands::batch::identity::identify;
use crate::commands::batch::kept::Kept;
pub(crate) use crate::commands::batch::marker::{folder_of as begun_in, is_in_folder_of};
use crate::commands::batch::report::Report;
use crate::commands::batch::rows::Source;
use crate::commands::batch::runner::Runner;
use crate::commands::batch::storable::refuse_unstorable;
use crate::commands::out_dir::OutDir;
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
    let out = OutDir::open(&batch.out_dir)?;
    metrics::serve(batch.metrics.as_ref(), output).await?;
    let connection = Connection::open(global, call_options(&batch)).await?;
    ledger::recover(&connection.client, output).await?;
    let balance = connection.client.balance().await?;
    checked.refuse_longer_than(balance.max_duration_seconds)?;
    let account = connection.client.account().await?;
    let identified = identify(&source, &out, &connection, account, &batch).await?;
    if !batch.force {
        let policy = row_policy(&batch);
        plan::refuse_taken(&source, &out, &identified.kept, policy).await?;
    }
    let kept = identified.mark(&out).await?;
    refuse_unstorable(&source, &out, &kept, (row_policy(&batch), true)).await?;
    if batch.retry_failed {
        say_what_failed_ones_cost(&source, &kept, output).await?;
    }
    let mut interrupts = Interrupts::watch()?;
    let mut policy = row_policy(&batch);
    policy.newest_before = kept.newest_of_all().await?;
    let size = (checked.rows, balance.clone());
    let how = (&batch, policy);
    let runner = Arc::new(Runner::new(&connection, how, out, kept, size, *output));
    let order = Order::of(&connection, checked.rows);
    let all = drive(&runner, &source, &batch, order, &mut interrupts).await;
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
