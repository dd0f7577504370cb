use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::time::Duration;

use genrex_async::{Reconciliation, core::RowStep};
use genrex_ledger::{Doubt, LocalId};

use crate::args::OnAmbiguous;
use crate::clock;
use crate::commands::batch::rows::{Row, Source};
use crate::commands::batch::runner::{Runner, Stop};
use crate::failure::Failure;
use crate::interrupt::Interrupts;
use crate::output::Output;

/// What the policy says of the rows that may have been charged: now, when nothing else is in flight.
pub(crate) async fn settle(
    runner: &Arc<Runner>,
    source: &Source,
    policy: OnAmbiguous,
    interrupts: &mut Interrupts,
) -> Result<(), Failure> {
    match policy {
        OnAmbiguous::Skip | OnAmbiguous::Stop => return Ok(()),
        OnAmbiguous::Ask | OnAmbiguous::ResubmitIfUncharged => {}
    }
    for row in source.rows()? {
        let row = row?;
        let newest = runner.newest(&row).await?;
        let RowStep::Unclear(id) = runner.step(newest.as_ref()) else {
            continue;
        };
        tokio::select! {
            settled = settle_one(runner, row, id, policy) => settled?,
            () = interrupts.next() => {
                runner.stop(Stop::Interrupted);
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn settle_one(
    runner: &Arc<Runner>,
    row: Row,
    id: LocalId,
    policy: OnAmbiguous,
) -> Result<(), Failure> {
    let line = row.line;
    loop {
        let found = match runner.client.reconcile(id).await {
            Ok(found) => found,
            Err(error) => {
                runner.output.warning(format_args!("line {line}: {error}"));
                return Ok(());
            }
        };
        runner.output.note(format_args!("line {line}: {found}"));
        match found {
            Reconciliation::NotCharged
                if policy == OnAmbiguous::ResubmitIfUncharged
                    || confirmed(&row, &runner.output) =>
            {
                return Arc::clone(runner).work(row).await;
            }
            Reconciliation::Inconclusive(Doubt::NotSettled { until }) => wait(until).await,
            Reconciliation::Charged
            | Reconciliation::NotCharged
            | Reconciliation::Inconclusive(_) => return Ok(()),
        }
    }
}

/// Until a look may tell more: at most a minute, since the service's clock need not be this machine's.
#[expect(
    clippy::disallowed_methods,
    reason = "the program waits between two looks at a balance"
)]
async fn wait(until: u64) {
    const MOST: u64 = 60_000;
    const LEAST: u64 = 1_000;
    let left = until.saturating_sub(clock::now()).clamp(LEAST, MOST);
    tokio::time::sleep(Duration::from_millis(left)).await;
}

/// Whether a person says yes; nobody asks a pipe.
fn confirmed(row: &Row, output: &Output) -> bool {
    if !io::stdin().is_terminal() {
        return false;
    }
    let question = format!("line {} was not charged; buy it again? [y/N]", row.line);
    let mut answer = String::new();
    output.ask(question).is_ok()
        && io::stdin().read_line(&mut answer).is_ok()
        && answer.trim().eq_ignore_ascii_case("y")
}
