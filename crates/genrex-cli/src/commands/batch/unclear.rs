use std::time::Duration;

use genrex_async::core::{RowStep, Transport as _, UnclearStep};
use genrex_ledger::LocalId;

use crate::args::OnAmbiguous;
use crate::clock;
use crate::command_error::CommandError;
use crate::commands::batch::rows::{Row, Source};
use crate::commands::batch::runner::{Runner, StopReason};
use crate::confirm;
use crate::interrupt::Interrupts;

/// What the policy says of the rows that may have been charged: now, when nothing else is in flight.
///
/// The first interrupt ends it when no paid request is on its way, the second at once.
pub(crate) async fn settle(
    runner: &Runner,
    source: &Source,
    policy: OnAmbiguous,
    interrupts: &mut Interrupts,
) -> Result<(), CommandError> {
    match policy {
        OnAmbiguous::Skip | OnAmbiguous::Stop => return Ok(()),
        OnAmbiguous::Ask | OnAmbiguous::ResubmitIfUncharged => {}
    }
    let mut settling = std::pin::pin!(settle_all(runner, source, policy));
    loop {
        tokio::select! {
            settled = &mut settling => return settled,
            () = interrupts.next() => {
                if runner.stopped() == Some(StopReason::Interrupted) {
                    return Ok(());
                }
                runner.stop(StopReason::Interrupted);
            }
        }
    }
}

async fn settle_all(
    runner: &Runner,
    source: &Source,
    policy: OnAmbiguous,
) -> Result<(), CommandError> {
    for row in source.rows()? {
        let row = row?;
        let newest = runner.kept.newest(&row).await?;
        if runner.stopped().is_some() {
            return Ok(());
        }
        if let RowStep::Unclear(id) = runner.step(newest.as_ref()) {
            settle_one(runner, row, id, policy).await?;
        }
    }
    Ok(())
}

async fn settle_one(
    runner: &Runner,
    row: Row,
    id: LocalId,
    policy: OnAmbiguous,
) -> Result<(), CommandError> {
    let line = row.line;
    let mut looks = 0;
    loop {
        looks += 1;
        let found = match runner.buyer.reconcile(id).await {
            Ok(found) => found,
            Err(error) => {
                runner.output.warning(format_args!("line {line}: {error}"));
                return Ok(());
            }
        };
        runner.output.note(format_args!("line {line}: {found}"));
        match UnclearStep::of(found, looks, clock::now()) {
            UnclearStep::MayBuy
                if policy == OnAmbiguous::ResubmitIfUncharged || confirmed(runner, &row).await =>
            {
                return runner.work_uncharged(row).await;
            }
            UnclearStep::LookAgain(delay) => {
                if runner.buyer.transport().sleep(delay).await.is_err() {
                    return Ok(());
                }
            }
            UnclearStep::MayBuy | UnclearStep::Leave => return Ok(()),
        }
    }
}

/// Whether a person says yes, before an interrupt; nobody asks a pipe.
async fn confirmed(runner: &Runner, row: &Row) -> bool {
    let question = format!("line {} was not charged; buy it again?", row.line);
    let forever = runner.buyer.transport().sleep(Duration::MAX);
    tokio::select! {
        answer = confirm::asked(runner.output, question) => answer,
        _ = forever => false,
    }
}
