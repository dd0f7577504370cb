use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use genrex_async::core::proto::Escaped;
use genrex_async::{
    Balance, Client, Error, ErrorKind, Existing, GenerateRequest, Job, Progress, QueryId,
    Submission, Track,
};
use genrex_ledger::{Entry, Event, Intent, LocalId, State, Verdict};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::args::{Batch, OnAmbiguous};
use crate::books::Books;
use crate::commands::batch::newest;
use crate::commands::batch::rows::Row;
use crate::commands::deliver::arrived;
use crate::commands::purchase::{Bounds, Purchase};
use crate::commands::reconcile::reconcile;
use crate::failure::Failure;
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

/// Why a run under a cap ends when its first submit has not shown what it costs.
const UNLEARNED: &str = "what a piece costs has not shown in the balance, so the cap cannot be kept; nothing more was sent";

/// Brings rows home: buys what has not been bought, waits, downloads, and says so.
pub(crate) struct Runner {
    client: Client,
    books: Books,
    /// The folder, whose absolute path is the batch's name in the ledger.
    folder: PathBuf,
    batch_name: String,
    on_ambiguous: OnAmbiguous,
    retry_failed: bool,
    output: Output,
    bars: Option<Bars>,
    /// One submit at a time: the next sees what the last has learned.
    turn: tokio::sync::Mutex<Spending>,
    stop: Mutex<Option<Stop>>,
}

/// What this run may still spend.
#[derive(Debug)]
struct Spending {
    left_for_run: Option<u64>,
    left_on_account: u64,
    /// Whether a job under way is still to show what a piece costs: until then it goes alone.
    is_learning: bool,
    /// How often another process's price was waited for.
    waited: u32,
}

/// What came of trying to buy a row.
enum Bought {
    Job(Job, Option<LocalId>, Box<Purchase>),
    /// Nothing to fetch; what is to be said of it.
    Nothing(String),
    /// It was not tried, since nothing more may be bought: the report counts it.
    NotStarted,
}

impl Runner {
    pub(crate) fn new(
        client: Client,
        books: Books,
        batch: &Batch,
        folder: &Path,
        balance: &Balance,
        rows: u64,
        output: Output,
    ) -> Self {
        Self {
            client,
            books,
            folder: folder.to_owned(),
            batch_name: folder.display().to_string(),
            on_ambiguous: batch.on_ambiguous,
            retry_failed: batch.retry_failed,
            bars: output.draws().then(|| Bars::new(rows)),
            output,
            turn: tokio::sync::Mutex::new(Spending {
                left_for_run: batch.max_credits,
                left_on_account: balance.credits_left(),
                is_learning: false,
                waited: 0,
            }),
            stop: Mutex::new(None),
        }
    }

    pub(crate) fn batch_name(&self) -> &str {
        &self.batch_name
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

    /// One row, from wherever the ledger says that it stands.
    pub(crate) async fn bring_home(self: Arc<Self>, row: Row) -> Result<(), Failure> {
        let entry = newest(&self.books, &self.batch_name, &row.name)?;
        if let Some(entry) = entry {
            match self.standing(&entry) {
                Standing::Fetch(id) => {
                    let job = self.client.job(id);
                    return self.fetch(&row, &job, Some(entry.id), true).await;
                }
                Standing::Here | Standing::Leave => return self.say(&row, None),
                Standing::Buy => {}
            }
        }
        // What could not be stored is not bought.
        if let Some(output) = &row.output
            && self.folder.join(output).symlink_metadata().is_ok()
        {
            return self.say(&row, Some("its output is there already; it was not sent"));
        }
        let line = self.line_of(&row, "to be submitted");
        let bought = self.buy(&row).await?;
        drop(line);
        match bought {
            Bought::NotStarted => Ok(()),
            Bought::Nothing(why) => self.say(&row, Some(&why)),
            Bought::Job(job, entry, mut purchase) => {
                let fetched = self.fetch(&row, &job, entry, false).await;
                if purchase.is_teaching() {
                    // Where a job is charged when it is done, that is when its price shows.
                    self.learn(&mut purchase).await;
                    let cost = self.books.price(row.duration.get())?;
                    let mut spending = self.turn.lock().await;
                    spending.spend(cost.unwrap_or(0));
                    spending.is_learning = false;
                    let is_bound = spending.left_for_run.is_some() || !self.books.limits.is_none();
                    if cost.is_none() && is_bound {
                        self.stop(Stop::OverLimit(String::from(UNLEARNED)));
                    }
                }
                fetched
            }
        }
    }

    fn standing(&self, entry: &Entry) -> Standing {
        /// Refusals that hold for now: nothing was charged, and the same may be taken later.
        const FOR_NOW: [&str; 3] = ["RateLimited:", "OutOfCredit:", "Credentials:"];
        let detail = entry.detail.as_deref().unwrap_or_default();
        match (entry.state, &entry.query_id) {
            (State::NotSent, _) => Standing::Buy,
            (State::Refused, _) if FOR_NOW.iter().any(|kind| detail.starts_with(kind)) => {
                Standing::Buy
            }
            (State::Failed, _) if self.retry_failed => Standing::Buy,
            (State::Ambiguous, _)
                if entry.verdict == Some(Verdict::NotCharged)
                    && self.on_ambiguous == OnAmbiguous::ResubmitIfUncharged =>
            {
                Standing::Buy
            }
            (State::Accepted | State::Completed, Some(id)) => Standing::Fetch(id.clone()),
            (State::Downloaded, Some(id)) => match entry.path.as_deref().map(Path::new) {
                Some(path) if path.exists() => Standing::Here,
                _ => Standing::Fetch(id.clone()),
            },
            _ => Standing::Leave,
        }
    }

    /// Buys a row, in turn; tried again once if it is shown not to have been charged.
    async fn buy(&self, row: &Row) -> Result<Bought, Failure> {
        let mut is_judged_now = false;
        loop {
            let mut spending = self.turn.lock().await;
            if self.stopped().is_some() {
                return Ok(Bought::NotStarted);
            }
            // Another may have had its turn since: what stands now decides.
            let last = newest(&self.books, &self.batch_name, &row.name)?;
            if let Some(entry) = &last {
                if !matches!(self.standing(entry), Standing::Buy) {
                    return Ok(Bought::Nothing(String::from("another genrex has it")));
                }
                // An old verdict may not hold any more.
                if entry.state == State::Ambiguous
                    && !is_judged_now
                    && reconcile(&self.client, &self.books, entry).await? != Verdict::NotCharged
                {
                    return Ok(Bought::Nothing(String::from(
                        "it may have been charged after all",
                    )));
                }
            }
            let request = GenerateRequest::new(row.text.clone(), row.duration);
            let duration = row.duration.get();
            let intent = Intent::new(
                self.books.account.clone(),
                row.text.as_str(),
                duration,
                &request.to_json(),
            )
            .in_batch(
                self.batch_name.clone(),
                row.name.clone(),
                last.map(|entry| entry.id),
            );
            let price = self.books.price(duration)?;
            if price.is_some_and(|cost| cost > spending.left_on_account) {
                self.stop(Stop::OutOfCredit);
                continue;
            }
            let bounds = Bounds {
                limits: self.books.limits,
                left_for_run: spending.left_for_run,
            };
            if price.is_none() && !bounds.are_none() && spending.is_learning {
                drop(spending);
                breathe().await;
                continue;
            }
            let with_balance = matches!(
                self.on_ambiguous,
                OnAmbiguous::Ask | OnAmbiguous::ResubmitIfUncharged
            );
            let prepared = Purchase::prepare(
                &self.client,
                &self.books,
                intent,
                duration,
                bounds,
                with_balance,
            )
            .await;
            let mut purchase = match prepared {
                Ok(purchase) => purchase,
                Err(failure) => match failure.kind {
                    // Another process is finding it out; if it never does, this one cannot keep the limit.
                    "priceUnknown" => {
                        spending.waited += 1;
                        if spending.waited > Spending::PATIENCE {
                            self.stop(Stop::OverLimit(failure.message));
                        }
                        drop(spending);
                        breathe().await;
                        continue;
                    }
                    "rowTaken" => {
                        return Ok(Bought::Nothing(String::from("another genrex has it")));
                    }
                    "overLimit" => {
                        self.stop(Stop::OverLimit(failure.message));
                        continue;
                    }
                    _ => {
                        self.stop(Stop::Ledger(failure.message.clone()));
                        return Err(failure);
                    }
                },
            };
            match self.submit(&request, purchase.entry).await? {
                Submission::Accepted(job) => {
                    self.learn(&mut purchase).await;
                    spending.is_learning = purchase.is_teaching();
                    spending.spend(self.books.price(duration)?.unwrap_or(0));
                    let entry = purchase.entry;
                    return Ok(Bought::Job(job, entry, Box::new(purchase)));
                }
                Submission::NotSent(error) => return Ok(Bought::Nothing(error.to_string())),
                Submission::Refused(error) => {
                    match error.kind() {
                        ErrorKind::OutOfCredit => self.stop(Stop::OutOfCredit),
                        ErrorKind::Credentials => self.stop(Stop::Credentials),
                        _ => {}
                    }
                    return Ok(Bought::Nothing(error.to_string()));
                }
                Submission::Ambiguous(error) => {
                    let cost = self.books.price(duration)?;
                    spending.spend(cost.unwrap_or(0));
                    if cost.is_none() && !bounds.are_none() {
                        self.stop(Stop::OverLimit(String::from(UNLEARNED)));
                    }
                    if self.is_to_be_bought_again(row, &error).await? {
                        spending.refund(cost.unwrap_or(0));
                        is_judged_now = true;
                        continue;
                    }
                    return Ok(Bought::Nothing(error.to_string()));
                }
            }
        }
    }

    /// A price that is not learned now is learned from a later job.
    async fn learn(&self, purchase: &mut Purchase) {
        if let Err(failure) = purchase.learn(&self.client, &self.books).await {
            self.output.detail(failure.message);
        }
    }

    /// Submits, and keeps each step before it is told.
    async fn submit(
        &self,
        request: &GenerateRequest,
        entry: Option<LocalId>,
    ) -> Result<Submission, Failure> {
        let books = self.books.clone();
        let client = self.client.on_progress(move |progress| {
            if matches!(progress, Progress::Submitting { .. }) {
                // The intent is synced already: that is what a crash is found by.
                let _ = books.record_late(entry, &Event::Sent);
            }
        });
        let submission = client.submit(request).await;
        match (self.books.concluded(entry, &submission), &submission) {
            (Ok(()), _) => Ok(submission),
            (Err(failure), Submission::Accepted(job)) => {
                self.stop(Stop::Ledger(failure.message.clone()));
                // The last resort: the ledger cannot take it.
                self.output.warning(format_args!(
                    "accepted {}: keep this id, the ledger could not",
                    job.id()
                ));
                Err(failure.resumable(job.id(), None))
            }
            (Err(failure), _) => {
                self.stop(Stop::Ledger(failure.message.clone()));
                Err(failure)
            }
        }
    }

    /// What the policy says of a submit that may have been charged.
    async fn is_to_be_bought_again(&self, row: &Row, error: &Error) -> Result<bool, Failure> {
        self.output
            .warning(format_args!("line {}: {error}", row.line));
        if self.on_ambiguous == OnAmbiguous::Stop {
            self.stop(Stop::Ambiguous);
        }
        if matches!(self.on_ambiguous, OnAmbiguous::Skip | OnAmbiguous::Stop) {
            return Ok(false);
        }
        let Some(entry) = newest(&self.books, &self.batch_name, &row.name)? else {
            return Ok(false);
        };
        let verdict = match reconcile(&self.client, &self.books, &entry).await {
            Ok(verdict) => verdict,
            Err(failure) => {
                self.output
                    .warning(format_args!("line {}: {}", row.line, failure.message));
                return Ok(false);
            }
        };
        self.output
            .note(format_args!("line {}: {verdict}", row.line));
        Ok(verdict == Verdict::NotCharged
            && (self.on_ambiguous == OnAmbiguous::ResubmitIfUncharged || confirmed(row)))
    }

    /// Waits for a job that is paid for, and downloads it. Its troubles are its own: others go on.
    async fn fetch(
        &self,
        row: &Row,
        job: &Job,
        entry: Option<LocalId>,
        resumed: bool,
    ) -> Result<(), Failure> {
        let fetched = async {
            let client = match self.line_of(row, "waiting for the service") {
                Some(line) => self.client.on_progress(move |progress| line.show(progress)),
                None => self.client.clone(),
            };
            let track = client.wait(job).await?;
            self.keep(entry, &Event::Completed);
            self.download(&client, row, &track, entry, resumed).await
        };
        let why = match fetched.await {
            Ok(()) => None,
            Err(error) => {
                if error.kind() == ErrorKind::GenerationFailed {
                    self.keep(entry, &Event::Failed);
                }
                Some(error.to_string())
            }
        };
        self.say(row, why.as_deref())
    }

    async fn download(
        &self,
        client: &Client,
        row: &Row,
        track: &Track,
        entry: Option<LocalId>,
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
        let done = if resumed && existing == Existing::Keep && path.exists() {
            // An earlier run may have put it there, and ended before it was kept.
            let done = client.download_to(audio, tokio::io::sink()).await?;
            let same =
                std::fs::read(&path).is_ok_and(|bytes| Sha256::digest(bytes)[..] == done.sha256.0);
            if !same {
                let message = format!("{} is there already, and is another file", path.display());
                return Err(Error::new(ErrorKind::Storage, message));
            }
            done
        } else {
            client.download_over(audio, &path, existing).await?
        };
        self.keep(entry, &arrived(&(Some(path), done)));
        Ok(())
    }

    /// What is free to find out again is only said when it cannot be kept.
    fn keep(&self, entry: Option<LocalId>, event: &Event) {
        if let Err(failure) = self.books.record_late(entry, event) {
            self.output.warning(failure.message);
        }
    }

    /// What a person sees of a row while it is worked on.
    fn line_of(&self, row: &Row, doing: &'static str) -> Option<RowBar> {
        let line = self.bars.as_ref()?.row(row.text.as_str());
        line.doing(doing);
        Some(line)
    }

    /// A line for a row that is as far as it comes in this run.
    fn say(&self, row: &Row, why: Option<&str>) -> Result<(), Failure> {
        let entry = newest(&self.books, &self.batch_name, &row.name)?;
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
        let line = match (&entry, &why) {
            (
                Some(Entry {
                    state: State::Downloaded,
                    path: Some(path),
                    ..
                }),
                None,
            ) => path.clone(),
            (_, Some(why)) => format!("line {}: {state}: {}", row.line, Escaped(why)),
            (_, None) => format!("line {}: {state}", row.line),
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

impl Spending {
    /// How often a price that another process is to show is waited for: a minute, at a quarter of a second.
    const PATIENCE: u32 = 240;

    fn refund(&mut self, cost: u64) {
        self.left_for_run = self.left_for_run.map(|left| left.saturating_add(cost));
        self.left_on_account = self.left_on_account.saturating_add(cost);
    }

    fn spend(&mut self, cost: u64) {
        self.left_for_run = self.left_for_run.map(|left| left.saturating_sub(cost));
        self.left_on_account = self.left_on_account.saturating_sub(cost);
    }
}

/// Where a row stands, and what follows.
enum Standing {
    Buy,
    Fetch(QueryId),
    Here,
    Leave,
}

/// A reader that has gone away does not end a batch.
fn unless_gone(said: Result<(), Failure>) -> Result<(), Failure> {
    match said {
        Err(failure) if failure.kind == BROKEN_PIPE => Ok(()),
        said => said,
    }
}

/// Whether a person says yes; nobody asks a pipe.
fn confirmed(row: &Row) -> bool {
    if !io::stdin().is_terminal() {
        return false;
    }
    let question = format!("line {} was not charged; buy it again? [y/N] ", row.line);
    let mut answer = String::new();
    let asked = io::Write::write_all(&mut io::stderr(), question.as_bytes());
    asked.is_ok()
        && io::stdin().read_line(&mut answer).is_ok()
        && answer.trim().eq_ignore_ascii_case("y")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a row waits until another has found the price out"
)]
async fn breathe() {
    const A_WHILE: Duration = Duration::from_millis(250);
    tokio::time::sleep(A_WHILE).await;
}
