use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use genrex_async::core::proto::Escaped;
use genrex_async::core::{PurchaseOptions, RowPolicy, RowStep};
use genrex_async::{Client, Error, ErrorKind, Existing, GenerateRequest, Job, Submission, Track};
use genrex_ledger::{self as ledger, Account, Entry, Filter, Ledger, LocalId, Run, State};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::args::{Batch, OnAmbiguous};
use crate::commands::batch::bound;
use crate::commands::batch::rows::Row;
use crate::connect::Connection;
use crate::failure::{Code, Failure};
use crate::name;
use crate::output::{BROKEN_PIPE, Output};
use crate::progress::{Bars, RowBar};

/// Why no further row is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    Interrupted,
    Credentials,
    OutOfCredit,
    OverLimit(String),
    Ledger(String),
    Ambiguous,
}

/// Works on rows: buys what has not been bought, waits, downloads, and says so.
pub(crate) struct Runner {
    pub(crate) client: Client,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) account: Account,
    pub(crate) folder: PathBuf,
    pub(crate) output: Output,
    /// The batch's name in the ledger.
    batch: String,
    policy: RowPolicy,
    stops_at_ambiguous: bool,
    run: Option<Run>,
    bars: Option<Bars>,
    /// One purchase at a time: each sees what the last has shown.
    turn: tokio::sync::Mutex<()>,
    stop: Mutex<Option<Stop>>,
}

/// What came of trying to buy a row.
enum Bought {
    Job(Job),
    /// Nothing to fetch; what is to be said of it.
    Nothing(String),
    /// It was not tried, since nothing more may be bought: the report counts it.
    NotStarted,
}

impl Runner {
    pub(crate) async fn new(
        connection: &Connection,
        batch: &Batch,
        folder: PathBuf,
        id: String,
        rows: u64,
        output: Output,
    ) -> Result<Self, Failure> {
        let client = connection.client.clone();
        let account = client.account().await?;
        let ledger = client.ledger().cloned();
        let ledger = ledger.ok_or_else(|| Failure::other("a batch needs a ledger"))?;
        let mut policy = RowPolicy::default();
        policy.retry_failed = batch.retry_failed;
        policy.resubmit_uncharged = matches!(
            batch.on_ambiguous,
            OnAmbiguous::Ask | OnAmbiguous::ResubmitIfUncharged
        );
        Ok(Self {
            client,
            ledger,
            account,
            folder,
            batch: id,
            policy,
            stops_at_ambiguous: batch.on_ambiguous == OnAmbiguous::Stop,
            run: bound(batch.max_credits),
            bars: output.draws().then(|| Bars::new(rows)),
            output,
            turn: tokio::sync::Mutex::new(()),
            stop: Mutex::new(None),
        })
    }

    /// Lets no further row begin; the first reason counts, but an interrupt before all.
    pub(crate) fn stop(&self, why: Stop) {
        let mut stop = self.locked_stop();
        if stop.is_none() || why == Stop::Interrupted {
            *stop = Some(why);
        }
    }

    pub(crate) fn stopped(&self) -> Option<Stop> {
        self.locked_stop().clone()
    }

    /// The newest job of a row, if it has one.
    pub(crate) async fn newest(&self, row: &Row) -> Result<Option<Entry>, Failure> {
        let mut filter = Filter::of(self.account.clone());
        filter.row = Some(self.name_of(row));
        filter.limit = Some(1);
        Ok(self.ledger.entries(&filter).await?.into_iter().next())
    }

    /// What follows for a row whose newest job is this one.
    pub(crate) fn step(&self, newest: Option<&Entry>) -> RowStep {
        let path = newest.and_then(|entry| entry.path.as_deref());
        let is_here = path.is_some_and(|path| Path::new(path).exists());
        RowStep::of(newest, self.policy, is_here)
    }

    /// One row, from wherever the ledger says that it stands.
    pub(crate) async fn work(self: Arc<Self>, row: Row) -> Result<(), Failure> {
        let newest = self.newest(&row).await?;
        match self.step(newest.as_ref()) {
            RowStep::Fetch(job) => self.fetch(&row, &job, true).await,
            RowStep::Here | RowStep::Leave | RowStep::Unclear(_) => self.say(&row, None).await,
            RowStep::Buy { .. } if self.is_output_taken(&row) => {
                let why = "its output is there already; it was not sent";
                self.say(&row, Some(why)).await
            }
            RowStep::Buy { .. } => {
                let line = self.line_of(&row, "to be submitted");
                let bought = self.buy(&row).await?;
                drop(line);
                match bought {
                    Bought::NotStarted => Ok(()),
                    Bought::Nothing(why) => self.say(&row, Some(&why)).await,
                    Bought::Job(job) => self.fetch(&row, &job, false).await,
                }
            }
        }
    }

    fn name_of(&self, row: &Row) -> ledger::Row {
        ledger::Row::new(self.batch.clone(), row.name.clone())
    }

    /// What could not be stored is not bought.
    fn is_output_taken(&self, row: &Row) -> bool {
        let path = row.output.as_ref().map(|output| self.folder.join(output));
        path.is_some_and(|path| path.symlink_metadata().is_ok())
    }

    /// Buys a row, in turn.
    async fn buy(&self, row: &Row) -> Result<Bought, Failure> {
        let _turn = self.turn.lock().await;
        if self.stopped().is_some() {
            return Ok(Bought::NotStarted);
        }
        // Another may have had its turn since: what stands now decides.
        let newest = self.newest(row).await?;
        let RowStep::Buy { last } = self.step(newest.as_ref()) else {
            return Ok(Bought::Nothing(String::from("another genrex has it")));
        };
        let request = GenerateRequest::new(row.text.clone(), row.duration);
        let submission = self
            .client
            .purchase(&request, &self.options(row, last))
            .await;
        match submission {
            Submission::Accepted(job) => match job.ledger_failure() {
                None => Ok(Bought::Job(job)),
                Some(why) => Err(self.not_kept(&job, why)),
            },
            Submission::Ambiguous(error) => {
                let line = row.line;
                self.output.warning(format_args!("line {line}: {error}"));
                if self.stops_at_ambiguous {
                    self.stop(Stop::Ambiguous);
                }
                self.refused(&error)
            }
            Submission::Refused(error) | Submission::NotSent(error) => self.refused(&error),
        }
    }

    fn options(&self, row: &Row, last: Option<LocalId>) -> PurchaseOptions {
        let mut options = RowStep::options(self.name_of(row), last);
        options.run.clone_from(&self.run);
        options
    }

    fn refused(&self, error: &Error) -> Result<Bought, Failure> {
        let because = || {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            cause.unwrap_or_else(|| error.to_string())
        };
        if let Some(why) = error.ledger_failure() {
            self.stop(Stop::Ledger(why.to_owned()));
        }
        match error.kind() {
            ErrorKind::OutOfCredit => self.stop(Stop::OutOfCredit),
            ErrorKind::Credentials => self.stop(Stop::Credentials),
            ErrorKind::OverLimit | ErrorKind::PriceUnknown => {
                self.stop(Stop::OverLimit(because()));
                return Ok(Bought::NotStarted);
            }
            ErrorKind::Ledger => {
                let failure = Failure::new(Code::Other, "ledger", because());
                self.stop(Stop::Ledger(failure.message.clone()));
                return Err(failure);
            }
            ErrorKind::AlreadyBought => {
                return Ok(Bought::Nothing(String::from("another genrex has it")));
            }
            _ => {}
        }
        Ok(Bought::Nothing(error.to_string()))
    }

    /// The last resort: the ledger cannot take the id.
    fn not_kept(&self, job: &Job, why: &str) -> Failure {
        self.stop(Stop::Ledger(why.to_owned()));
        self.output.warning(format_args!(
            "accepted {}: keep this id, the ledger could not",
            job.id()
        ));
        Failure::new(Code::Other, "ledger", why).resumable(job.id(), None)
    }

    /// Waits for a job that is paid for, and downloads it. Its troubles are its own: others go on.
    async fn fetch(&self, row: &Row, job: &Job, resumed: bool) -> Result<(), Failure> {
        let client = match self.line_of(row, "waiting for the service") {
            Some(line) => self.client.on_progress(move |progress| line.show(progress)),
            None => self.client.clone(),
        };
        let fetched = async {
            let track = client.wait(job).await?;
            self.download(&client, row, &track, resumed).await
        };
        let why = fetched.await.err().map(|error| error.to_string());
        self.say(row, why.as_deref()).await
    }

    async fn download(
        &self,
        client: &Client,
        row: &Row,
        track: &Track,
        resumed: bool,
    ) -> Result<(), Error> {
        let audio = track.audio();
        let (path, existing) = match &row.output {
            Some(output) => (self.folder.join(output), Existing::Keep),
            // A name with the job's id in it is this job's, whole, whoever wrote it.
            None => (
                name::target(Some(&self.folder), Some(row.text.as_str()), track.id(), 0),
                Existing::Replace,
            ),
        };
        if let Some(parent) = path.parent() {
            let made = std::fs::create_dir_all(parent);
            made.map_err(|error| {
                Error::new(ErrorKind::Storage, "the folder cannot be made").with_source(error)
            })?;
        }
        if !resumed || existing == Existing::Replace || !path.exists() {
            return client.download_over(audio, &path, existing).await.map(drop);
        }
        // An earlier run may have put it there, and ended before it was kept.
        let done = client.download_to(audio, tokio::io::sink()).await?;
        let same =
            std::fs::read(&path).is_ok_and(|bytes| Sha256::digest(bytes)[..] == done.sha256.0);
        if !same {
            let message = format!("{} is there already, and is another file", path.display());
            return Err(Error::new(ErrorKind::Storage, message));
        }
        let replaced = client.download_over(audio, &path, Existing::Replace);
        replaced.await.map(drop)
    }

    /// What a person sees of a row while it is worked on.
    fn line_of(&self, row: &Row, doing: &'static str) -> Option<RowBar> {
        let line = self.bars.as_ref()?.row(row.text.as_str());
        line.doing(doing);
        Some(line)
    }

    /// A line for a row that is as far as it comes in this run.
    async fn say(&self, row: &Row, why: Option<&str>) -> Result<(), Failure> {
        let entry = self.newest(row).await?;
        let state = entry
            .as_ref()
            .map_or("notStarted", |entry| entry.state.as_str());
        if self.output.is_json() {
            return unless_gone(self.output.document(&json!({
                "line": row.line,
                "localId": entry.as_ref().map(|entry| entry.id.0),
                "queryId": entry.as_ref().and_then(|entry| entry.query_id.clone()),
                "state": state,
                "path": entry.as_ref().and_then(|entry| entry.path.clone()),
                "error": why,
            })));
        }
        let here = entry
            .as_ref()
            .filter(|entry| entry.state == State::Downloaded);
        let line = match (here.and_then(|entry| entry.path.clone()), why) {
            (Some(path), None) => path,
            (_, Some(why)) => format!("line {}: {state}: {}", row.line, Escaped(why)),
            (None, None) => format!("line {}: {state}", row.line),
        };
        let said = match &self.bars {
            Some(bars) => bars.done(|| self.output.line(&line)),
            None => self.output.line(&line),
        };
        unless_gone(said)
    }

    fn locked_stop(&self) -> MutexGuard<'_, Option<Stop>> {
        self.stop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        if let Some(bars) = &self.bars {
            bars.clear();
        }
    }
}

/// A reader that has gone away does not end a batch.
fn unless_gone(said: Result<(), Failure>) -> Result<(), Failure> {
    match said {
        Err(failure) if failure.kind == BROKEN_PIPE => Ok(()),
        said => said,
    }
}
