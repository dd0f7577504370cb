//! `genrex batch`: a file of prompts, bought once each, however often it is run.

mod report;
mod rows;
mod runner;

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::args::{Batch, Global};
use crate::books::Books;
use crate::commands::batch::report::Report;
use crate::commands::batch::rows::Source;
use crate::commands::batch::runner::{Runner, Stop};
use crate::connect::Connection;
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::output::Output;

/// Checks every row, then brings each home.
pub(crate) async fn run(batch: Batch, global: &Global, output: &Output) -> Result<(), Failure> {
    let source = Source::open(&batch.file)?;
    let checked = source.check()?;
    let folder = &batch.out_dir;
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::usage(format!(
            "{} cannot be made; nothing was sent",
            folder.display()
        ))
        .because(&error)
    })?;
    let folder = folder
        .canonicalize()
        .map_err(|error| Failure::usage("the folder cannot be found").because(&error))?;
    let connection = Connection::open(global, batch.timeout, batch.poll_interval).await?;
    let books = connection.books_of_batch(output)?;
    let balance = connection.client.balance().await?;
    checked.refuse_longer_than(balance.max_duration_seconds)?;

    let mut interrupts = Interrupts::watch()?;
    let runner = Runner::new(
        connection.client.clone(),
        books.clone(),
        &batch,
        &folder,
        &balance,
        checked.rows,
        *output,
    );
    let runner = Arc::new(runner);
    if batch.retry_failed {
        say_what_failed_ones_cost(&source, &books, runner.batch_name(), output)?;
    }
    let all = drive(&runner, &source, &batch, &mut interrupts, output).await;
    let report = Report::of(&source, &books, runner.batch_name());
    let moved = connection.client.balance().await.ok();
    let moved = moved.map(|after| after.credits_used.saturating_sub(balance.credits_used));
    if let Ok(report) = &report {
        report.show(moved, output)?;
    }
    // What a row could not keep comes before all: it may hold an id that stands nowhere else.
    all?;
    report?.verdict(runner.stopped())
}

/// Buying again what failed costs again: how much, before it is done.
fn say_what_failed_ones_cost(
    source: &Source,
    books: &Books,
    batch: &str,
    output: &Output,
) -> Result<(), Failure> {
    let (mut failed, mut credits, mut is_known) = (0_u64, 0_u64, true);
    for row in source.rows()? {
        let row = row?;
        let entry = newest(books, batch, &row.name)?;
        if entry.is_some_and(|entry| entry.state == genrex_ledger::State::Failed) {
            failed += 1;
            match books.price(row.duration.get())? {
                Some(cost) => credits += cost,
                None => is_known = false,
            }
        }
    }
    let cost = if is_known {
        format!("{credits} credits")
    } else {
        String::from("credits that are not known yet")
    };
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
                    running.spawn(async move { runner.bring_home(row).await });
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
            done = running.join_next() => match done {
                Some(Ok(Ok(()))) | None => {}
                Some(Ok(Err(failure))) => {
                    // What is in flight is brought to its end; nothing more is started.
                    runner.stop(Stop::Ledger(failure.message.clone()));
                    keep_worst(&mut first_failure, failure);
                }
                Some(Err(panicked)) => {
                    let failure = Failure::other("a row could not be worked on").because(&panicked);
                    runner.stop(Stop::Ledger(failure.message.clone()));
                    keep_worst(&mut first_failure, failure);
                }
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

/// What the books hold of a row.
pub(crate) fn row_filter(batch: &str, row: &str) -> genrex_ledger::Filter {
    genrex_ledger::Filter {
        row: Some((batch.to_owned(), row.to_owned())),
        ..genrex_ledger::Filter::default()
    }
}

/// The newest job of a row, if it has one.
pub(crate) fn newest(
    books: &Books,
    batch: &str,
    row: &str,
) -> Result<Option<genrex_ledger::Entry>, Failure> {
    books.newest(row_filter(batch, row))
}
