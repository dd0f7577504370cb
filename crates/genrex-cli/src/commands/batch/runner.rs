mod fetch;
mod found;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use genrex_async::core::proto::Escaped;
use genrex_async::core::{PurchaseOptions, RowPolicy, RowStep, claim};
use genrex_async::{Balance, Client, Error, ErrorKind, GenerateRequest, Job, Submission};
use genrex_ledger::{Entry, LocalId, Run, State};
use serde_json::json;

use self::found::Found;
use crate::args::{Batch, OnAmbiguous};
use crate::clock;
use crate::command_error::{Code, CommandError, in_a_line};
use crate::commands::batch::kept::Kept;
use crate::commands::batch::moved;
use crate::commands::batch::other_batch::OtherBatch;
use crate::commands::batch::rows::Row;
use crate::commands::out_dir::OutDir;
use crate::commands::price::when_price_is_known;
use crate::connect::Connection;
use crate::next_step::next_step;
use crate::output::{BROKEN_PIPE, Output};
use crate::progress::{BatchDisplay, RowDisplay};
use crate::random_name::random_name;
use crate::stop::Stop;

/// Why no further row is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StopReason {
    Interrupted,
    /// The service refused the signature: what leads out.
    Credentials(String),
    /// What leads out.
    OutOfCredit(String),
    /// Why, and what leads out.
    OverLimit(String, String),
    /// What earlier jobs cost was not known in time: why, and when to try again.
    PriceUnknown(String, String),
    Ledger(String),
    Ambiguous,
}

/// Works on rows: buys what has not been bought, waits, downloads, and says so.
pub(crate) struct Runner {
    client: Client,
    /// The same, but ended by [`stop`](Self::stop), as far as no paid request is on its way.
    pub(crate) buyer: Client,
    buying: Stop,
    pub(crate) kept: Kept,
    pub(crate) out: OutDir,
    pub(crate) output: Output,
    policy: RowPolicy,
    stops_at_ambiguous: bool,
    /// Whether a file that is there already is replaced.
    replaces: bool,
    run: Option<Run>,
    display: BatchDisplay,
    /// One purchase at a time: each sees what the last has shown.
    turn: tokio::sync::Mutex<()>,
    stop: Mutex<Option<StopReason>>,
    /// Whether there was audio that the disk did not take.
    is_not_stored: AtomicBool,
    part: Part,
    /// Whether other machines may work on the batch.
    pub(crate) is_shared: bool,
    /// Whether a row is bought although another batch has bought it.
    anew: bool,
    pub(crate) other_batch: OtherBatch,
    /// Of the rows' lines, what this run has found out of where their files are.
    found: Mutex<HashMap<u64, Found>>,
}

/// What this process has done of a batch that several may share.
#[derive(Debug, Default)]
struct Part {
    bought: AtomicU64,
    downloaded: AtomicU64,
}

/// How far a row came.
pub(crate) enum Worked {
    /// As far as it comes in this run.
    Done,
    /// Another process has it; its newest job, and when that last changed, in milliseconds since 1970.
    Elsewhere(Row, Option<(LocalId, u64)>),
}

/// What came of trying to buy a row.
enum Bought {
    Job(Job),
    /// Nothing to fetch; what is to be said of it.
    Nothing(String),
    /// It may have been charged: why, of which people were warned.
    Unclear(String),
    /// It was not tried, since nothing more may be bought: the report counts it.
    NotStarted,
    /// Another process was quicker.
    Taken,
}

impl Runner {
    pub(crate) fn new(
        connection: &Connection,
        (batch, policy): (&Batch, RowPolicy),
        out: OutDir,
        kept: Kept,
        (rows, balance): (u64, Balance),
        output: Output,
    ) -> Self {
        let client = connection.client.clone();
        let buying = Stop::default();
        let buyer = client.with_transport(buying.around(Arc::clone(client.transport())));
        let run = batch
            .max_credits
            .map(|credits| Run::new(random_name(), credits));
        Self {
            client,
            buyer,
            buying,
            kept,
            out,
            policy,
            stops_at_ambiguous: batch.on_ambiguous == OnAmbiguous::Stop,
            replaces: batch.force,
            run,
            display: BatchDisplay::new(output, rows, Some(balance)),
            output,
            turn: tokio::sync::Mutex::new(()),
            stop: Mutex::new(None),
            is_not_stored: AtomicBool::new(false),
            part: Part::default(),
            is_shared: connection.is_ledger_shared,
            anew: batch.new,
            other_batch: OtherBatch::default(),
            found: Mutex::default(),
        }
    }

    /// Lets no further row begin, and no purchase that waits go on; the first reason counts, but an interrupt before
    /// all.
    pub(crate) fn stop(&self, why: StopReason) {
        let mut stop = self.locked_stop();
        if stop.is_none() || why == StopReason::Interrupted {
            *stop = Some(why);
        }
        drop(stop);
        self.display.stopping();
        self.buying.ask();
    }

    pub(crate) fn stopped(&self) -> Option<StopReason> {
        self.locked_stop().clone()
    }

    /// Whether there was audio that the disk did not take.
    pub(crate) fn is_not_stored(&self) -> bool {
        self.is_not_stored.load(Ordering::Relaxed)
    }

    /// What follows for a row whose newest job is this one, by what the command line says, and whether it is here or
    /// not.
    pub(crate) fn step(&self, newest: Option<&Entry>) -> RowStep {
        RowStep::of(newest, self.policy, false)
    }

    /// One row, from wherever the ledger says that it stands.
    pub(crate) async fn work(&self, row: Row) -> Result<Worked, CommandError> {
        self.work_by(self.policy, row).await
    }

    /// The same for one that a person, or the balance, says may be bought again.
    pub(crate) async fn work_uncharged(&self, row: Row) -> Result<(), CommandError> {
        let mut policy = self.policy;
        policy.resubmit_uncharged = true;
        self.work_by(policy, row).await.map(drop)
    }

    async fn work_by(&self, policy: RowPolicy, row: Row) -> Result<Worked, CommandError> {
        let newest = self.kept.newest(&row).await?;
        let (newest, is_here) = moved::found_here(&self.kept, &self.out, &row, newest).await?;
        let newest = newest.as_ref();
        match RowStep::of(newest, policy, is_here) {
            RowStep::Elsewhere(_) => return Ok(elsewhere(row, newest)),
            RowStep::Fetch(job) => {
                if !self.is_own(&job).await? {
                    return Ok(elsewhere(row, newest));
                }
                let line = self.line_of(&row, "waiting for the service");
                self.fetch(&row, line, &job, newest).await?;
            }
            RowStep::Here => {
                self.find(&row, Found::Here);
                self.say(&row, newest, None)?;
            }
            RowStep::Leave | RowStep::Settled(_) | RowStep::Unclear(_) => {
                self.say(&row, newest, None)?;
            }
            RowStep::Buy { .. } if self.is_output_taken(&row).await? => {
                let why = "its output is there already; it was not sent";
                self.say(&row, newest, Some(why))?;
            }
            RowStep::Buy { last } => {
                let line = self.line_of(&row, "its turn to come");
                match self.buy(&row, &line, last).await? {
                    Bought::NotStarted => {}
                    Bought::Nothing(why) => self.say_newest(&row, Some(&why)).await?,
                    Bought::Unclear(why) => {
                        let why = self.output.is_json().then_some(why);
                        self.say_newest(&row, why.as_deref()).await?;
                    }
                    Bought::Job(job) => self.fetch(&row, line, &job, None).await?,
                    Bought::Taken => {
                        let newest = self.kept.newest(&row).await?;
                        return Ok(elsewhere(row, newest.as_ref()));
                    }
                }
            }
        }
        Ok(Worked::Done)
    }

    /// Whether a job that was bought before is this process's to fetch.
    async fn is_own(&self, job: &Job) -> Result<bool, CommandError> {
        match job.local_id() {
            Some(id) => Ok(claim(&*self.kept.ledger, id, clock::now()).await?),
            None => Ok(true),
        }
    }

    /// A row that another process has, for all that is known when this one ends.
    pub(crate) async fn leave_elsewhere(&self, row: &Row) -> Result<(), CommandError> {
        self.find(row, Found::Elsewhere);
        self.say_newest(row, Some("another genrex has it")).await
    }

    /// How many pieces this process has bought, and how many it has put in their place.
    pub(crate) fn part(&self) -> (u64, u64) {
        let Part { bought, downloaded } = &self.part;
        (
            bought.load(Ordering::Relaxed),
            downloaded.load(Ordering::Relaxed),
        )
    }

    /// What could not be stored is not bought.
    async fn is_output_taken(&self, row: &Row) -> Result<bool, CommandError> {
        match row.output(None).filter(|_| !self.replaces) {
            Some(output) => self.out.is_taken(&self.out.at(&output)).await,
            None => Ok(false),
        }
    }

    /// Buys a row, in turn; the ledger refuses it if another has bought it since its newest job was `last`.
    async fn buy(
        &self,
        row: &Row,
        line: &Arc<RowDisplay>,
        last: Option<LocalId>,
    ) -> Result<Bought, CommandError> {
        let _turn = self.turn.lock().await;
        if self.stopped().is_some() {
            return Ok(Bought::NotStarted);
        }
        // While others had their turn, another process may have had its own: it costs less to see that here.
        let newest = self.kept.newest(row).await?.map(|entry| entry.id);
        if newest != last {
            return Ok(Bought::Taken);
        }
        let request = GenerateRequest::new(row.text.clone(), row.duration);
        let line = Arc::clone(line);
        let buyer = self.buyer.on_progress(move |progress| line.show(progress));
        let options = self.options(row, last);
        let submission = buyer.purchase(&request, &options).await;
        match submission {
            Submission::Accepted(job) => match job.ledger_failure() {
                None => {
                    self.part.bought.fetch_add(1, Ordering::Relaxed);
                    Ok(Bought::Job(job))
                }
                Some(why) => Err(self.not_kept(&job, why)),
            },
            Submission::Ambiguous(error) => {
                let (line, why) = (row.line, in_a_line(&error));
                self.output.warning(format_args!("line {line}: {why}"));
                if self.stops_at_ambiguous {
                    self.stop(StopReason::Ambiguous);
                }
                self.refused(&error)?;
                Ok(Bought::Unclear(why))
            }
            Submission::NotSent(error) if error.kind() == ErrorKind::AlreadyBought => {
                let newest = self.kept.newest(row).await?;
                if newest.as_ref().map(|entry| entry.id) != last {
                    return Ok(Bought::Taken);
                }
                let other = self.kept.bought_elsewhere(row, newest.as_ref()).await?;
                // Else it may be this very job that stands in the way: then nobody has it.
                let why = other.map(|job| self.other_batch.has(row, job));
                Ok(Bought::Nothing(why.unwrap_or_else(|| in_a_line(&error))))
            }
            Submission::Refused(error) | Submission::NotSent(error) => self.refused(&error),
        }
    }

    fn options(&self, row: &Row, last: Option<LocalId>) -> PurchaseOptions {
        let mut options = RowStep::options(self.kept.row(row), last);
        options.anew = self.anew;
        options.run.clone_from(&self.run);
        let output = row.output(Some("\0"));
        options.output = Some(self.out.planned(output.as_deref()));
        options
    }

    fn refused(&self, error: &Error) -> Result<Bought, CommandError> {
        let reason = || {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            cause.unwrap_or_else(|| error.to_string())
        };
        let way_out = || next_step(error).unwrap_or_default();
        if let Some(why) = error.ledger_failure() {
            self.stop(StopReason::Ledger(why.to_owned()));
        }
        match error.kind() {
            ErrorKind::OutOfCredit => self.stop(StopReason::OutOfCredit(way_out())),
            ErrorKind::Credentials => self.stop(StopReason::Credentials(way_out())),
            ErrorKind::OverLimit | ErrorKind::BalanceUnknown => {
                self.stop(StopReason::OverLimit(reason(), way_out()));
                return Ok(Bought::NotStarted);
            }
            ErrorKind::PriceUnknown => {
                let when = when_price_is_known(error);
                self.stop(StopReason::PriceUnknown(reason(), when));
                return Ok(Bought::NotStarted);
            }
            ErrorKind::Cancelled => return Ok(Bought::NotStarted),
            ErrorKind::Ledger => {
                let failure = CommandError::new(Code::Other, "ledger", reason()).hint(way_out());
                self.stop(StopReason::Ledger(failure.message.clone()));
                return Err(failure);
            }
            _ => {}
        }
        Ok(Bought::Nothing(in_a_line(error)))
    }

    /// The last resort: the ledger cannot take the id.
    fn not_kept(&self, job: &Job, why: &str) -> CommandError {
        self.stop(StopReason::Ledger(why.to_owned()));
        self.output.warning(format_args!(
            "accepted {}: keep this id, the ledger could not",
            job.id()
        ));
        CommandError::new(Code::Other, "ledger", why).resumable(job.id(), None)
    }

    /// What a person sees of a row while it is worked on.
    fn line_of(&self, row: &Row, doing: &'static str) -> Arc<RowDisplay> {
        Arc::new(self.display.row(row.line, row.text.as_str(), doing))
    }

    /// Nothing is drawn from now on.
    pub(crate) fn end_drawing(&self) {
        self.display.clear();
    }

    async fn say_newest(&self, row: &Row, why: Option<&str>) -> Result<(), CommandError> {
        let newest = self.kept.newest(row).await?;
        self.say(row, newest.as_ref(), why)
    }

    /// A line for a row that is as far as it comes in this run.
    fn say(&self, row: &Row, entry: Option<&Entry>, why: Option<&str>) -> Result<(), CommandError> {
        self.display.done();
        let state = entry.map_or("notStarted", |entry| entry.state.as_str());
        let here = entry.filter(|entry| entry.state == State::Downloaded && why.is_none());
        let path = here.and_then(|entry| entry.path.clone());
        if self.output.is_json() {
            return ignore_broken_pipe(self.output.document(&json!({
                "line": row.line,
                "localId": entry.map(|entry| entry.id.0),
                "queryId": entry.and_then(|entry| entry.query_id.clone()),
                "state": state,
                "path": path,
                "error": why,
                "columns": columns(row),
            })));
        }
        let line = match (path, why) {
            (Some(path), _) => self.out.as_typed(&path),
            (None, Some(why)) => {
                let state = match entry.map(|entry| entry.state) {
                    Some(State::Downloaded) => "downloaded before, and not here",
                    _ => state,
                };
                format!("line {}: {state}: {}", row.line, Escaped(why))
            }
            (None, None) => format!("line {}: {state}", row.line),
        };
        ignore_broken_pipe(self.output.line(&line))
    }

    fn locked_stop(&self) -> MutexGuard<'_, Option<StopReason>> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.end_drawing();
    }
}

fn elsewhere(row: Row, newest: Option<&Entry>) -> Worked {
    Worked::Elsewhere(row, newest.map(|entry| (entry.id, entry.updated_at)))
}

/// What the row's file says beside what a batch knows.
fn columns(row: &Row) -> serde_json::Map<String, serde_json::Value> {
    row.others.iter().cloned().collect()
}

/// A reader that has gone away does not end a batch.
fn ignore_broken_pipe(said: Result<(), CommandError>) -> Result<(), CommandError> {
    match said {
        Err(failure) if failure.kind == BROKEN_PIPE => Ok(()),
        said => said,
    }
}
