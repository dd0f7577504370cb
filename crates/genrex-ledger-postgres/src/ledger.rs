use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use async_trait::async_trait;
use genrex_ledger::{
    Account, Alias, Credits, Entry, Error, ErrorKind, Event, Filter, Intent, Ledger, LocalId, Look,
    Past,
};
use genrex_ledger_rescue::Rescue;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

use crate::address::Address;
use crate::calls::{
    Abandon, AccountOf, Call, Claim, CreditsOf, Entries, EntryOf, History, Intend, IsAnyLeft, Name,
    Observe, Reconcile, Record, Recover, Release, StatusOf,
};
use crate::clock;
use crate::lease::Held;
use crate::options::Options;
use crate::request::Request;
use crate::restored::AcceptRestored;
use crate::status::Status;
use crate::worker::Worker;

/// The ledger in PostgreSQL, shared by all machines that are given its address.
///
/// A clone is the same ledger in the same process, and the same owner of the jobs that it intends; another
/// [`connect`](Self::connect) is another owner.
///
/// **Blocking.** The drop of the last clone blocks the thread that it is called on, until all that is queued is kept
/// and what is in flight was let go of; at most some seconds, if the database is away. No other call blocks. No
/// runtime is needed: it has its own.
///
/// **Dropped futures.** A future that is dropped while its request is queued does not take the request back. An
/// intent that nobody awaits any more is ended by the ledger itself: it was not sent.
///
/// **A late answer.** [`record`](Ledger::record) of [`Event::Sent`] returns an error, and nothing may leave, if the
/// job's lease has ended, or might have by the time that the answer is seen.
#[derive(Clone)]
pub struct PostgresLedger {
    shared: Arc<Shared>,
}

struct Shared {
    address: String,
    is_writer: bool,
    lease: Duration,
    rescue: Option<Rescue>,
    held: Held,
    queue: mpsc::UnboundedSender<Request>,
    /// It is there until the drop.
    thread: Option<JoinHandle<()>>,
}

impl PostgresLedger {
    /// Connects to the ledger at a URL, to buy with.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unreadable`] for a URL that is none, and as [`connect_with`](Self::connect_with)'s.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(&Address::new(url)?, &Options::new()).await
    }

    /// The same, with options. A database that is away is waited for, but not for long.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotMigrated`] if it has no tables of this version, [`ErrorKind::Newer`] if it has those of a
    /// newer one, [`ErrorKind::Denied`] and [`ErrorKind::Storage`]. No message holds the password.
    pub async fn connect_with(address: &Address, options: &Options) -> Result<Self, Error> {
        Self::start(address, options, true).await
    }

    /// Connects to look only: what writes returns an error.
    ///
    /// # Errors
    ///
    /// As [`connect_with`](Self::connect_with)'s.
    pub async fn connect_to_read(address: &Address, options: &Options) -> Result<Self, Error> {
        Self::start(address, options, false).await
    }

    /// Where it is, without the password.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.shared.address
    }

    /// Who uses the ledger, and what is in flight.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`].
    pub async fn status(&self) -> Result<Status, Error> {
        self.ask(StatusOf).await
    }

    /// Takes a ledger that was restored from an earlier state as it is: it may be bought with again. Who says so, and
    /// when, is kept in it. Returns what was missing, in words.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] if it is not held as a restored one, and [`ErrorKind::Storage`].
    pub async fn accept_restored(&self, by: &str) -> Result<String, Error> {
        self.write(AcceptRestored(by.to_owned())).await
    }

    async fn start(address: &Address, options: &Options, is_writer: bool) -> Result<Self, Error> {
        let (queue, mut requests) = mpsc::unbounded_channel();
        let (reply, opened) = oneshot::channel();
        let held = Held::default();
        let work = {
            let (address, options, held) = (address.clone(), options.clone(), held.clone());
            move || {
                let runtime = match Builder::new_current_thread().enable_all().build() {
                    Ok(runtime) => runtime,
                    Err(error) => {
                        let _ = reply.send(Err(no_thread().with_source(error)));
                        return;
                    }
                };
                runtime.block_on(async move {
                    match Worker::open(address, &options, is_writer, &held).await {
                        Ok(worker) => {
                            // If nobody is there any more, the queue is at its end.
                            let _ = reply.send(Ok(()));
                            worker.run(&mut requests).await;
                        }
                        Err(error) => {
                            let _ = reply.send(Err(error));
                        }
                    }
                });
            }
        };
        let thread = thread::Builder::new().name(String::from("genrex-ledger"));
        let thread = thread
            .spawn(work)
            .map_err(|error| no_thread().with_source(error))?;
        // From here on a drop ends the thread.
        let ledger = Self {
            shared: Arc::new(Shared {
                address: address.to_string(),
                is_writer,
                lease: options.lease,
                rescue: options.rescue.as_deref().map(Rescue::beside),
                held,
                queue,
                thread: Some(thread),
            }),
        };
        match opened.await {
            Ok(opened) => opened.map(|()| ledger),
            Err(_) => Err(no_thread()),
        }
    }

    pub(crate) async fn write<C: Call>(&self, call: C) -> Result<C::Answer, Error> {
        if !self.shared.is_writer {
            return Err(self.trouble("was connected to only to be read"));
        }
        self.ask(call).await
    }

    pub(crate) async fn ask<C: Call>(&self, call: C) -> Result<C::Answer, Error> {
        let (reply, answer) = oneshot::channel();
        let queued = self.shared.queue.send(Request::new(call, Some(reply)));
        queued.map_err(|_| self.trouble("cannot be asked: its thread ended"))?;
        match answer.await {
            Ok(answer) => answer,
            Err(_) => Err(self.trouble("gave no answer: its thread ended")),
        }
    }

    /// That a request is about to leave. Whoever gets an error sends nothing, and that is kept.
    async fn hold(&self, id: LocalId, now: u64) -> Result<Entry, Error> {
        let event = Event::Sent;
        let asked = clock::elapsed();
        let kept = self.write(Record { id, event, now }).await;
        // Its lease began to count when it was kept, after it was asked for.
        let is_late = clock::elapsed().saturating_sub(asked) > self.shared.lease / 2;
        let error = match kept {
            Ok(_) if is_late => {
                let message = format!("job {id} may have lost its lease before it could be sent");
                Error::new(ErrorKind::NotOwned, message).about(id)
            }
            Ok(entry) => return Ok(entry),
            Err(error) => error,
        };
        // Nobody carries it on any more, unless it is another's.
        let is_own = self.shared.held.remove(id);
        let is_known = match error.kind() {
            // Another's job, or no job that can be sent: nothing was written.
            ErrorKind::Transition | ErrorKind::NotFound => true,
            ErrorKind::NotOwned => !is_late,
            _ => false,
        };
        if !is_known && is_own && self.shared.is_writer {
            let event = Event::NotSent(format!("that it was about to leave was not kept: {error}"));
            let told = Request::new(Abandon { id, event, now }, None);
            // Without its thread the ledger is at its end, and so is the owner of the job.
            let _ = self.shared.queue.send(told);
        }
        Err(error)
    }

    fn trouble(&self, why: &str) -> Error {
        let message = format!("the ledger {} {why}", self.shared.address);
        Error::new(ErrorKind::Storage, message)
    }
}

fn no_thread() -> Error {
    Error::new(ErrorKind::Storage, "there is no thread for the ledger")
}

impl fmt::Debug for PostgresLedger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresLedger")
            .field("address", &self.shared.address)
            .finish_non_exhaustive()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // Without its thread there is nothing to close.
        let _ = self.queue.send(Request::Close);
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            // It has told each caller itself what went wrong.
            let _ = thread.join();
        }
    }
}

#[async_trait]
impl Ledger for PostgresLedger {
    async fn name(&self) -> Result<String, Error> {
        self.ask(Name).await
    }

    async fn account(&self, alias: &Alias) -> Result<Option<Account>, Error> {
        self.ask(AccountOf(alias.clone())).await
    }

    async fn observe(
        &self,
        alias: &Alias,
        account: &Account,
        look: &Look,
        _: u64,
    ) -> Result<(), Error> {
        self.write(Observe {
            alias: alias.clone(),
            account: account.clone(),
            look: look.clone(),
        })
        .await
    }

    async fn intend(&self, intent: &Intent, now: u64) -> Result<Entry, Error> {
        let begun = self.write(Intend {
            intent: intent.clone(),
            held: self.shared.held.clone(),
            queue: self.shared.queue.clone(),
            now,
        });
        Ok(begun.await?.claim())
    }

    async fn record(&self, id: LocalId, event: &Event, now: u64) -> Result<Entry, Error> {
        if *event == Event::Sent {
            return self.hold(id, now).await;
        }
        let event = event.clone();
        let entry = self.write(Record { id, event, now }).await?;
        if !entry.state.is_in_flight() {
            self.shared.held.remove(id);
        }
        Ok(entry)
    }

    async fn reconcile(&self, id: LocalId, _: u64) -> Result<Entry, Error> {
        self.write(Reconcile(id)).await
    }

    async fn recover(&self, _: u64) -> Result<Vec<Entry>, Error> {
        // Most often there is nothing, and nothing is locked. What was put aside is applied by whoever writes.
        let is_rescued = self.shared.rescue.as_ref().is_some_and(Rescue::is_there);
        if self.shared.is_writer && !is_rescued && !self.ask(IsAnyLeft).await? {
            return Ok(Vec::new());
        }
        self.write(Recover::default()).await
    }

    fn release(&self, id: LocalId, _: u64) {
        if self.shared.is_writer {
            self.shared.held.remove(id);
            // Without its thread the ledger is at its end, and so is the owner of the job.
            let _ = self.shared.queue.send(Request::new(Release { id }, None));
        }
    }

    async fn claim(&self, id: LocalId, _: u64) -> Result<bool, Error> {
        self.write(Claim(id)).await
    }

    async fn entry(&self, id: LocalId) -> Result<Option<Entry>, Error> {
        self.ask(EntryOf(id)).await
    }

    async fn entries(&self, filter: &Filter) -> Result<Vec<Entry>, Error> {
        self.ask(Entries(filter.clone())).await
    }

    async fn history(&self, id: LocalId) -> Result<Vec<Past>, Error> {
        self.ask(History(id)).await
    }

    async fn credits(&self, account: &Account) -> Result<Credits, Error> {
        self.ask(CreditsOf(account.clone())).await
    }
}
