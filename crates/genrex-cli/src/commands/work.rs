//! `genrex work`: takes jobs that are paid for and not here, of all batches of a ledger, waits for them and downloads
//! them to where their rows belong. It buys nothing.

mod later;
mod pass;
mod placed;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use genrex_async::core::{Moment, Transport as _, claim, end_orphans, give_up};
use genrex_async::{Client, Error, ErrorKind, Existing};
use genrex_ledger::{Account, Entry, Ledger, LocalId};
use serde_json::json;
use tokio::task::JoinSet;

use self::later::Later;
use self::pass::{Pass, is_open};
use self::placed::Placed;
use crate::account_flags::AccountFlags;
use crate::args::{Global, Work};
use crate::clock;
use crate::command_error::{Code, CommandError};
use crate::commands::out_dir::OutDir;
use crate::connect::{CallOptions, Connection};
use crate::interrupt::Interrupts;
use crate::ledger::{self, Place};
use crate::metrics;
use crate::output::Output;

/// How long is waited between two looks at what is open.
const LOOK: Duration = Duration::from_secs(2);

pub(crate) async fn run(work: Work, global: &Global, output: &Output) -> Result<(), CommandError> {
    if global.sandbox {
        let message = "a sandbox in this process has no jobs of before; nothing was asked";
        return Err(CommandError::usage(message).hint("name the service by --base-url"));
    }
    if let Some(name) = &work.ledger {
        Place::choose(name.clone());
    }
    let others = work.out_dir.as_deref().map(OutDir::open).transpose()?;
    let options = CallOptions {
        timeout: work.timeout,
        poll_interval: work.poll_interval,
        ..CallOptions::KEPT_QUESTION
    };
    metrics::serve(work.metrics.as_ref(), output).await?;
    let connection = Connection::open(global, options).await?;
    ledger::recover(&connection.client, output).await?;
    // It keeps whose jobs are asked after.
    connection.client.account().await?;
    let ledger = connection.client.ledger().cloned();
    let ledger = ledger.ok_or_else(|| CommandError::other("there is no ledger"))?;
    let accounts = AccountFlags::read(global, &*ledger).await?;
    let mut worker = Worker::new(connection.client.clone(), &*ledger, &work, *output);
    worker.account = accounts.own().cloned();
    worker.others = others;
    let mut interrupts = Interrupts::watch()?;
    worker.run(interrupts.next()).await
}

struct Worker<'a> {
    client: Client,
    ledger: &'a dyn Ledger,
    /// Whose jobs are taken; everybody's where that is not known.
    account: Option<Account>,
    /// Where those go of which the ledger does not know it.
    others: Option<OutDir>,
    output: Output,
    /// Whether it goes on when no job is open.
    watches: bool,
    at_once: usize,
    /// How long a job is waited for, and how long what others have and do not bring on.
    longest: Duration,
    pass: Pass,
    /// What the pass has found, and was not dealt with since.
    open: VecDeque<Entry>,
    under_way: HashSet<LocalId>,
    /// What could not be fetched.
    failed: Later,
    /// What another process had.
    held: Later,
    /// What others had by the pass before, and when that last changed.
    held_before: BTreeMap<LocalId, u64>,
    changed: Moment,
    first_failure: Option<CommandError>,
    done: u64,
}

/// What is done with a job.
struct Task {
    entry: Entry,
    placed: Placed,
}

/// What came of it.
type Ended = (Task, Result<(), Error>);

impl<'a> Worker<'a> {
    fn new(client: Client, ledger: &'a dyn Ledger, work: &Work, output: Output) -> Self {
        let failed = match work.watch {
            true => Later::new(Duration::from_secs(30), Duration::from_secs(15 * 60)),
            false => Later::never(),
        };
        Self {
            changed: client.transport().now().moment,
            client,
            ledger,
            account: None,
            others: None,
            output,
            watches: work.watch,
            at_once: usize::from(work.concurrency),
            longest: work.timeout,
            pass: Pass::default(),
            open: VecDeque::new(),
            under_way: HashSet::new(),
            failed,
            held: Later::new(LOOK, Duration::from_secs(30)),
            held_before: BTreeMap::new(),
            first_failure: None,
            done: 0,
        }
    }

    async fn run(mut self, interrupted: impl Future<Output = ()>) -> Result<(), CommandError> {
        let mut running = JoinSet::new();
        let ended = tokio::select! {
            ended = self.work(&mut running) => Some(ended),
            () = interrupted => None,
        };
        running.shutdown().await;
        let Some(ended) = ended else {
            let message = "interrupted; the jobs go on at the service";
            return Err(CommandError::new(Code::Interrupted, "interrupted", message)
                .hint("run the same command again to go on"));
        };
        ended?;
        self.output.note(format_args!(
            "no job is open; {} were downloaded",
            self.done
        ));
        self.first_failure.map_or(Ok(()), Err)
    }

    /// Passes over all that is open again and again, and takes what nobody has.
    async fn work(&mut self, running: &mut JoinSet<Ended>) -> Result<(), CommandError> {
        let transport = Arc::clone(self.client.transport());
        let mut looks = 0;
        // It is one sleep however many jobs end meanwhile.
        let mut slept = std::pin::pin!(transport.sleep(LOOK));
        loop {
            self.take(running).await?;
            let is_free = running.len() < self.at_once;
            if is_free && !self.pass.is_over() {
                self.read_page().await?;
                continue;
            }
            let has_nothing = is_free && running.is_empty() && !self.watches;
            if has_nothing && self.pass.has_taken {
                self.begin_pass();
                continue;
            }
            if has_nothing && self.pass.held.is_empty() {
                return Ok(());
            }
            tokio::select! {
                Some(ended) = running.join_next() => {
                    let ended = ended.map_err(|panicked| {
                        CommandError::other("a job could not be waited for").with_source(&panicked)
                    });
                    self.ended(ended?)?;
                }
                _ = &mut slept => {
                    slept.set(transport.sleep(LOOK));
                    end_orphans(self.ledger, clock::now()).await?;
                    looks += 1;
                    // A ledger with many open jobs is not read from end to end each time.
                    if is_free && looks >= self.pass.pages {
                        looks = 0;
                        self.begin_pass();
                        self.refuse_to_wait(running.is_empty())?;
                    }
                }
            }
        }
    }

    /// Starts what nobody has, up to so many at once.
    async fn take(&mut self, running: &mut JoinSet<Ended>) -> Result<(), CommandError> {
        while running.len() < self.at_once
            && let Some(entry) = self.open.pop_front()
        {
            let id = entry.id;
            if !claim(self.ledger, id, clock::now()).await? {
                self.held.put_off(id, self.now());
                self.pass.held.insert(id, entry.updated_at);
                continue;
            }
            self.held.forget(id);
            // Another process may have brought it to its end since the pass came to it.
            let Some(entry) = self.ledger.entry(id).await?.filter(is_open) else {
                give_up(self.ledger, id, clock::now());
                continue;
            };
            self.pass.has_taken = true;
            match Placed::of(&entry, self.others.as_ref()) {
                Ok(placed) => {
                    self.under_way.insert(id);
                    let task = Task { entry, placed };
                    let client = self.client.one_job();
                    running.spawn(async move {
                        let ended = fetch(&client, &task).await;
                        (task, ended)
                    });
                }
                Err(failure) => self.fail(&entry, failure)?,
            }
        }
        Ok(())
    }

    fn ended(&mut self, (task, ended): Ended) -> Result<(), CommandError> {
        let Task { entry, placed } = task;
        self.under_way.remove(&entry.id);
        if let Err(error) = ended {
            let mut failure = CommandError::from(error);
            failure.message = format!("job {}: {}", entry.id, failure.message);
            return self.fail(&entry, failure);
        }
        self.failed.forget(entry.id);
        self.done += 1;
        match self.output.is_json() {
            true => self.output.document(&json!({
                "localId": entry.id.0,
                "queryId": entry.query_id,
                "path": placed.path,
                "error": null,
            })),
            false => self.output.line(placed.path.display()),
        }
    }

    /// Leaves a job to others, and to itself for later; why is said at once, since a watcher has no end.
    fn fail(&mut self, entry: &Entry, failure: CommandError) -> Result<(), CommandError> {
        give_up(self.ledger, entry.id, clock::now());
        match entry.output.is_none() && self.others.is_none() {
            // The command line does not change.
            true => self.failed.leave(entry.id),
            false => self.failed.put_off(entry.id, self.now()),
        }
        let words = std::iter::once(&failure.message).chain(&failure.causes);
        let why = words.cloned().collect::<Vec<_>>().join(": ");
        if self.output.is_json() {
            self.output.document(&json!({
                "localId": entry.id.0,
                "queryId": entry.query_id,
                "path": null,
                "error": why,
            }))?;
        }
        self.output.warning(why);
        if let Some(hint) = &failure.hint {
            self.output.note(hint);
        }
        let failure = match &entry.query_id {
            Some(id) => failure.resumable(id, None),
            None => failure,
        };
        self.first_failure.get_or_insert(failure);
        Ok(())
    }

    fn now(&self) -> Moment {
        self.client.transport().now().moment
    }
}

async fn fetch(client: &Client, Task { entry, placed }: &Task) -> Result<(), Error> {
    let Some(id) = &entry.query_id else {
        return Err(Error::new(
            ErrorKind::NotFound,
            "the job has no id at the service",
        ));
    };
    let job = client.job(id.clone()).kept_as(entry.id);
    let track = client.wait(&job).await?;
    // While it was waited for, a share may have gone away.
    let is_there = placed.check(entry);
    is_there.map_err(|why| Error::new(ErrorKind::Storage, why))?;
    let place = (placed.path.as_path(), Existing::Keep);
    match placed.out.download(client, track.audio(), place).await? {
        Some(_) => Ok(()),
        None => {
            let message = format!(
                "{} is there already, and is another file",
                placed.path.display()
            );
            Err(Error::new(ErrorKind::Storage, message))
        }
    }
}
