//! `genrex work`: takes jobs that are paid for and not here, of all batches of a ledger, waits for them and downloads
//! them to where their rows belong. It buys nothing.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use genrex_async::core::{Transport as _, claim, end_orphans, give_up};
use genrex_async::{Audio, Client, Error, ErrorKind, Existing};
use genrex_ledger::{Entry, Filter, Ledger, LocalId, State};
use serde_json::json;
use tokio::task::JoinSet;

use crate::account_flags::AccountFlags;
use crate::args::{Global, Work};
use crate::clock;
use crate::command_error::{Code, CommandError, in_a_line};
use crate::commands::batch::begun_in;
use crate::commands::out_dir::{OutDir, place_of};
use crate::connect::{CallOptions, Connection};
use crate::interrupt::Interrupts;
use crate::ledger::{self, Place};
use crate::metrics;
use crate::output::Output;

/// How long is waited between two looks at what is open.
const LOOK: Duration = Duration::from_secs(2);
/// How many open jobs a look finds that were not dealt with.
const AT_A_TIME: u32 = 1000;

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
    let worker = Worker {
        client: connection.client.clone(),
        ledger: &*ledger,
        accounts,
        others,
        output: *output,
        tried: HashSet::new(),
        open: VecDeque::new(),
        is_any_elsewhere: false,
        failures: Vec::new(),
        done: 0,
    };
    worker.run(&work, &mut Interrupts::watch()?).await
}

struct Worker<'a> {
    client: Client,
    ledger: &'a dyn Ledger,
    accounts: AccountFlags,
    /// Where those go of which the ledger does not know it.
    others: Option<OutDir>,
    output: Output,
    /// Those that this process has dealt with.
    tried: HashSet<LocalId>,
    /// What was open when it last looked, and was not dealt with since.
    open: VecDeque<Entry>,
    /// Whether another process had something of it.
    is_any_elsewhere: bool,
    failures: Vec<CommandError>,
    done: u64,
}

/// What is done with a job.
struct Task {
    entry: Entry,
    out: OutDir,
    path: PathBuf,
}

/// What came of it.
type Ended = (Task, Result<(), Error>);

impl Worker<'_> {
    async fn run(mut self, work: &Work, interrupts: &mut Interrupts) -> Result<(), CommandError> {
        let at_once = usize::from(work.concurrency);
        let mut running = JoinSet::new();
        self.look().await?;
        let transport = Arc::clone(self.client.transport());
        loop {
            self.take(at_once, &mut running).await?;
            if running.is_empty() && !self.is_any_elsewhere && !work.watch {
                // More may be open than one look shows.
                self.look().await?;
                if self.open.is_empty() {
                    break;
                }
                continue;
            }
            tokio::select! {
                Some(ended) = running.join_next() => {
                    let ended = ended.map_err(|panicked| {
                        CommandError::other("a job could not be waited for").with_source(&panicked)
                    });
                    self.ended(ended?)?;
                }
                _ = transport.sleep(LOOK) => {
                    end_orphans(self.ledger, clock::now()).await?;
                    self.look().await?;
                }
                () = interrupts.next() => {
                    running.shutdown().await;
                    let message = "interrupted; the jobs go on at the service";
                    return Err(CommandError::new(Code::Interrupted, "interrupted", message)
                        .hint("run the same command again to go on"));
                }
            }
        }
        self.output.note(format_args!(
            "no job is open; {} were downloaded",
            self.done
        ));
        self.output.all_failed(self.failures)
    }

    /// Finds what is open, if nothing is left of what it found before.
    async fn look(&mut self) -> Result<(), CommandError> {
        if !self.open.is_empty() {
            return Ok(());
        }
        self.is_any_elsewhere = false;
        let mut filter = Filter::default().states([State::Accepted, State::Completed]);
        filter.oldest_first = true;
        filter.account = self.accounts.own().cloned();
        // What could not be dealt with stays open, and must not hide the others.
        let tried = u32::try_from(self.tried.len()).unwrap_or(u32::MAX);
        filter.limit = Some(tried.saturating_add(AT_A_TIME));
        let open = self.ledger.entries(&filter).await?.into_iter();
        self.open = open
            .filter(|entry| !self.tried.contains(&entry.id))
            .collect();
        Ok(())
    }

    /// Starts what nobody has, up to so many at once.
    async fn take(
        &mut self,
        at_once: usize,
        running: &mut JoinSet<Ended>,
    ) -> Result<(), CommandError> {
        while running.len() < at_once
            && let Some(entry) = self.open.pop_front()
        {
            if !claim(self.ledger, entry.id, clock::now()).await? {
                self.is_any_elsewhere = true;
                continue;
            }
            self.tried.insert(entry.id);
            match self.placed(&entry) {
                Ok((out, path)) => {
                    let task = Task { entry, out, path };
                    let client = self.client.one_job();
                    running.spawn(async move {
                        let ended = fetch(&client, &task).await;
                        (task, ended)
                    });
                }
                Err(failure) => {
                    give_up(self.ledger, entry.id, clock::now());
                    self.failures.push(failure);
                }
            }
        }
        Ok(())
    }

    /// Where a job's audio goes.
    fn placed(&self, entry: &Entry) -> Result<(OutDir, PathBuf), CommandError> {
        let id = entry.id;
        let Some(query_id) = &entry.query_id else {
            return Err(CommandError::other(format!(
                "job {id} has no id at the service"
            )));
        };
        let Some(planned) = &entry.output else {
            let Some(others) = &self.others else {
                let message = format!("job {id}: nobody has said where its audio is to go");
                return Err(CommandError::usage(message).hint(format!(
                    "give --out-dir a place for all of these, or take it alone: genrex wait {id}"
                )));
            };
            let path = others.named_after(&entry.text, query_id);
            return Ok((others.clone(), path));
        };
        let unreadable = |why| CommandError::usage(format!("job {id}: {why}"));
        let path = place_of(planned, &entry.text, query_id).map_err(unreadable)?;
        let out = OutDir::around(&path)?;
        let begun = entry.batch.as_deref().and_then(begun_in);
        match begun.filter(|_| out.store().is_none()) {
            // A folder that is made here in its place is seen by nobody else.
            Some(folder) if !Path::new(folder).is_dir() => {
                let message =
                    format!("job {id}: the folder {folder} of its batch is not on this machine");
                Err(CommandError::usage(message)
                    .hint("mount it here under this name, or run this where it is"))
            }
            _ => Ok((out, path)),
        }
    }

    fn ended(&mut self, (task, ended): Ended) -> Result<(), CommandError> {
        let Task { entry, path, .. } = task;
        let failure = ended.err();
        if self.output.is_json() {
            self.output.document(&json!({
                "localId": entry.id.0,
                "queryId": entry.query_id,
                "path": failure.is_none().then_some(&path),
                "error": failure.as_ref().map(in_a_line),
            }))?;
        } else if failure.is_none() {
            self.output.line(path.display())?;
        }
        match failure {
            None => {
                // It is open no more.
                self.tried.remove(&entry.id);
                self.done += 1;
            }
            Some(error) => {
                give_up(self.ledger, entry.id, clock::now());
                let failure = CommandError::from(error);
                self.failures.push(match &entry.query_id {
                    Some(id) => failure.resumable(id, None),
                    None => failure,
                });
            }
        }
        Ok(())
    }
}

async fn fetch(client: &Client, task: &Task) -> Result<(), Error> {
    let Some(id) = &task.entry.query_id else {
        return Err(Error::new(
            ErrorKind::NotFound,
            "the job has no id at the service",
        ));
    };
    let job = client.job(id.clone()).kept_as(task.entry.id);
    let track = client.wait(&job).await?;
    let audio: &Audio = track.audio();
    let done = task
        .out
        .download(client, audio, (&task.path, Existing::Keep));
    match done.await? {
        Some(_) => Ok(()),
        None => {
            let message = format!(
                "{} is there already, and is another file",
                task.path.display()
            );
            Err(Error::new(ErrorKind::Storage, message))
        }
    }
}
