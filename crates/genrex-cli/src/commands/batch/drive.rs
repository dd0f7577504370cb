//! In which order rows are worked on, how many at once, and how long for what another process has.

use std::sync::Arc;
use std::time::Duration;

use genrex_async::core::{Transport as _, end_orphans};
use genrex_ledger::LocalId;
use tokio::task::JoinSet;

use crate::args::Batch;
use crate::clock;
use crate::command_error::CommandError;
use crate::commands::batch::rows::{Row, Source};
use crate::commands::batch::runner::{Runner, StopReason, Worked};
use crate::connect::Connection;
use crate::interrupt::Interrupts;

/// How long is waited between two looks at what another process has.
const LOOK: Duration = Duration::from_secs(1);

/// From which row on a process works on a batch, and how many there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    first: usize,
    rows: usize,
}

impl Order {
    /// From the first on; on a ledger that machines share from any, so that they do not meet at each row.
    pub(super) fn of(connection: &Connection, rows: u64) -> Self {
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        let first = match connection.is_ledger_shared && rows > 0 {
            true => fastrand::usize(..rows),
            false => 0,
        };
        Self { first, rows }
    }

    fn rows(
        self,
        source: &Source,
    ) -> Result<impl Iterator<Item = Result<Row, CommandError>> + use<>, CommandError> {
        let after = source.rows()?.skip(self.first);
        let before = source.rows()?.take(self.first.min(self.rows));
        Ok(after.chain(before))
    }
}

/// Works on all rows, until there are no more or something says to stop; then waits for those that other processes have.
pub(super) async fn drive(
    runner: &Arc<Runner>,
    source: &Source,
    batch: &Batch,
    order: Order,
    interrupts: &mut Interrupts,
) -> Result<(), CommandError> {
    let mut work = Work {
        runner: Arc::clone(runner),
        at_once: usize::from(batch.concurrency),
        interrupts,
        elsewhere: Vec::new(),
        first_failure: None,
    };
    work.on(order.rows(source)?).await;
    work.wait_for_others(batch.timeout).await;
    work.first_failure.map_or(Ok(()), Err)
}

struct Work<'a> {
    runner: Arc<Runner>,
    at_once: usize,
    interrupts: &'a mut Interrupts,
    /// What another process has, and what its newest job was.
    elsewhere: Vec<(Row, Option<(LocalId, u64)>)>,
    first_failure: Option<CommandError>,
}

impl Work<'_> {
    /// Starts rows, so many at a time.
    async fn on(&mut self, mut rows: impl Iterator<Item = Result<Row, CommandError>>) {
        let mut running = JoinSet::new();
        loop {
            // What is paid for is still fetched when nothing more may be bought.
            while running.len() < self.at_once && !self.is_interrupted() {
                match rows.next() {
                    None => break,
                    Some(Ok(row)) => {
                        let runner = Arc::clone(&self.runner);
                        running.spawn(async move { runner.work(row).await });
                    }
                    Some(Err(failure)) => {
                        self.fail(failure);
                        break;
                    }
                }
            }
            if running.is_empty() {
                return;
            }
            tokio::select! {
                done = running.join_next() => match done {
                    Some(Ok(Ok(Worked::Elsewhere(row, newest)))) => self.elsewhere.push((row, newest)),
                    Some(Ok(Ok(Worked::Done))) | None => {}
                    Some(Ok(Err(failure))) => self.fail(failure),
                    Some(Err(panicked)) => {
                        self.fail(CommandError::other("a row could not be worked on").with_source(&panicked));
                    }
                },
                () = self.interrupts.next() => {
                    if self.is_interrupted() {
                        running.shutdown().await;
                        // What was on its way is unclear from now on.
                        let _ = end_orphans(&*self.runner.kept.ledger, clock::now()).await;
                        return;
                    }
                    self.interrupt();
                }
            }
        }
    }

    /// Looks again and again at what other processes have: it is here in the end, or nobody's, and then this one's. Where
    /// nothing of it has changed for as long as a job is waited for, it is left.
    async fn wait_for_others(&mut self, longest: Duration) {
        let mut waited = Duration::ZERO;
        while !self.elsewhere.is_empty() && self.runner.stopped().is_none() && waited < longest {
            let slept = {
                let transport = self.runner.buyer.transport();
                tokio::select! {
                    slept = transport.sleep(LOOK) => slept.is_ok(),
                    () = self.interrupts.next() => false,
                }
            };
            if !slept {
                self.interrupt();
                break;
            }
            let ledger = &*self.runner.kept.ledger;
            if let Err(failure) = end_orphans(ledger, clock::now()).await {
                self.fail(failure.into());
                break;
            }
            let before = self.seen();
            let rows: Vec<_> = self.elsewhere.drain(..).map(|(row, _)| Ok(row)).collect();
            self.on(rows.into_iter()).await;
            waited = match self.seen() == before {
                true => waited + LOOK,
                false => Duration::ZERO,
            };
        }
        for (row, _) in std::mem::take(&mut self.elsewhere) {
            if let Err(failure) = self.runner.leave_elsewhere(&row).await {
                self.fail(failure);
            }
        }
    }

    fn seen(&self) -> Vec<(u64, Option<(LocalId, u64)>)> {
        let seen = self
            .elsewhere
            .iter()
            .map(|(row, newest)| (row.line, *newest));
        let mut seen: Vec<_> = seen.collect();
        seen.sort_unstable();
        seen
    }

    fn is_interrupted(&self) -> bool {
        self.runner.stopped() == Some(StopReason::Interrupted)
    }

    fn interrupt(&self) {
        self.runner.stop(StopReason::Interrupted);
        self.runner.output.warning(
            "finishing what is in flight, and starting nothing more; run the same command to go on. \
             Ctrl-C again stops at once",
        );
    }

    /// What is in flight is brought to its end; nothing more is started. The first failure counts, but one that holds an
    /// id before all.
    fn fail(&mut self, failure: CommandError) {
        self.runner
            .stop(StopReason::Ledger(failure.message.clone()));
        let holds_id = |failure: &CommandError| failure.query_id.is_some();
        let kept = self.first_failure.as_ref();
        if kept.is_none_or(|kept| holds_id(&failure) && !holds_id(kept)) {
            self.first_failure = Some(failure);
        }
    }
}
