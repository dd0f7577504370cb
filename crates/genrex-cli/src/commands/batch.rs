//! `genrex batch`: a file of prompts, bought once each, however often it is run.

mod marker;
mod report;
mod rows;
mod runner;
mod unclear;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use genrex_async::Balance;
use genrex_ledger::{Filter, Ledger as _, State};
use tokio::task::JoinSet;

use crate::args::{Batch, Global};
use crate::commands::batch::report::Report;
use crate::commands::batch::rows::Source;
use crate::commands::batch::runner::{Runner, Stop};
use crate::commands::generate::run_name;
use crate::connect::{Connection, Manner};
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::ledger;
use crate::output::Output;

/// Checks every row, then buys, waits for and downloads each.
pub(crate) async fn run(batch: Batch, global: &Global, output: &Output) -> Result<(), Failure> {
    let source = Source::open(&batch.file)?;
    let checked = source.check()?;
    let folder = folder(&batch.out_dir)?;
    let manner = Manner {
        timeout: batch.timeout,
        poll_interval: batch.poll_interval,
        keeps: true,
    };
    let connection = Connection::open(global, manner).await?;
    ledger::recover(&connection.client, output).await?;
    let balance = connection.client.balance().await?;
    checked.refuse_longer_than(balance.max_duration_seconds)?;
    let id = marker::read_or_make(&folder)?;
    let mut interrupts = Interrupts::watch()?;
    let runner = Runner::new(&connection, &batch, folder, id, checked.rows, *output).await?;
    let runner = Arc::new(runner);
    if !batch.new {
        refuse_bought_elsewhere(&source, &runner).await?;
    }
    if batch.retry_failed {
        say_what_failed_ones_cost(&source, &runner, output).await?;
    }
    let all = drive(&runner, &source, &batch, &mut interrupts, output).await;
    if all.is_ok() && runner.stopped().is_none() {
        unclear::settle(&runner, &source, batch.on_ambiguous, &mut interrupts).await?;
    }
    let report = Report::of(&source, &runner).await;
    if let Ok(report) = &report {
        let moved = credits_moved(&connection, &balance).await;
        report.show(moved, output)?;
    }
    // What a row could not keep comes before all: it may hold an id that stands nowhere else.
    all?;
    report?.verdict(runner.stopped())
}

fn folder(out_dir: &Path) -> Result<PathBuf, Failure> {
    std::fs::create_dir_all(out_dir).map_err(|error| {
        let message = format!("{} cannot be made; nothing was sent", out_dir.display());
        Failure::usage(message).because(&error)
    })?;
    out_dir
        .canonicalize()
        .map_err(|error| Failure::usage("the folder cannot be found").because(&error))
}

async fn credits_moved(connection: &Connection, before: &Balance) -> Option<u64> {
    let after = connection.client.balance().await.ok()?;
    Some(after.used_since(before))
}

/// Rows that another folder's batch has bought are not bought again unasked: the folder may have been renamed
/// without its marker, or be the wrong one.
async fn refuse_bought_elsewhere(source: &Source, runner: &Runner) -> Result<(), Failure> {
    let mut elsewhere = None;
    let mut count = 0_u64;
    for row in source.rows()? {
        let row = row?;
        if runner.newest(&row).await?.is_some() {
            continue;
        }
        let mut filter = Filter::of(runner.account.clone()).states([
            State::Sent,
            State::Ambiguous,
            State::Accepted,
            State::Completed,
            State::Downloaded,
        ]);
        filter.row_name = Some(row.name.clone());
        filter.limit = Some(1);
        let found = runner.ledger.entries(&filter).await?;
        if let Some(entry) = found.into_iter().next() {
            // Another process of this very batch may have begun it meanwhile.
            if runner.newest(&row).await?.is_some() {
                continue;
            }
            count += 1;
            elsewhere.get_or_insert((row.line, entry));
        }
    }
    let Some((line, entry)) = elsewhere else {
        return Ok(());
    };
    let place = entry.path.as_deref().map(Path::new).and_then(Path::parent);
    let place = place.map_or_else(
        || String::from("a folder that its jobs do not name"),
        |folder| folder.display().to_string(),
    );
    let message = format!(
        "{count} rows were bought by another batch, the first of them line {line}: job {}, in {place}; nothing was sent",
        entry.id
    );
    Err(Failure::usage(message).hint(format!(
        "give that folder by --out-dir to go on with it; --new buys them again for {}",
        runner.folder.display()
    )))
}

/// Buying again what failed costs again: how much, before it is done.
async fn say_what_failed_ones_cost(
    source: &Source,
    runner: &Runner,
    output: &Output,
) -> Result<(), Failure> {
    let prices = runner.ledger.credits(&runner.account).await?;
    let mut costs = Vec::new();
    for row in source.rows()? {
        let row = row?;
        let entry = runner.newest(&row).await?;
        if entry.is_some_and(|entry| entry.state == State::Failed) {
            costs.push(prices.price(row.duration.get()));
        }
    }
    let failed = costs.len();
    let credits: Option<u64> = costs.into_iter().sum();
    let cost = credits.map_or_else(
        || String::from("credits that are not known yet"),
        |credits| format!("{credits} credits"),
    );
    output.note(format_args!(
        "buying {failed} failed rows again, for {cost}"
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
) -> Result<(), Failure> {
    let mut rows = source.rows()?;
    let mut running = JoinSet::new();
    let mut first_failure = None;
    loop {
        // What is paid for is still fetched when nothing more may be bought.
        while running.len() < usize::from(batch.concurrency)
            && runner.stopped() != Some(Stop::Interrupted)
        {
            match rows.next() {
                None => break,
                Some(Ok(row)) => {
                    let runner = Arc::clone(runner);
                    running.spawn(async move { runner.work(row).await });
                }
                Some(Err(failure)) => {
                    runner.stop(Stop::Ledger(failure.message.clone()));
                    keep_worst(&mut first_failure, failure);
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
                        Failure::other("a row could not be worked on").because(&panicked)
                    }
                };
                // What is in flight is brought to its end; nothing more is started.
                runner.stop(Stop::Ledger(failure.message.clone()));
                keep_worst(&mut first_failure, failure);
            },
            () = interrupts.next() => {
                if runner.stopped() == Some(Stop::Interrupted) {
                    // What is on its way is found again by the next run, as unclear.
                    running.abort_all();
                    return Ok(());
                }
                runner.stop(Stop::Interrupted);
                output.warning(
                    "finishing what is in flight, and starting nothing more; run the same command to go on. \
                     Ctrl-C again stops at once",
                );
            }
        }
    }
}

/// The first failure counts, but one that holds an id before all.
fn keep_worst(kept: &mut Option<Failure>, failure: Failure) {
    let holds_id = |failure: &Failure| failure.query_id.is_some();
    if kept
        .as_ref()
        .is_none_or(|kept| holds_id(&failure) && !holds_id(kept))
    {
        *kept = Some(failure);
    }
}

/// A bound on what one run may spend.
fn bound(credits: Option<u64>) -> Option<genrex_ledger::Run> {
    credits.map(|credits| genrex_ledger::Run {
        id: run_name(),
        credits,
    })
}
