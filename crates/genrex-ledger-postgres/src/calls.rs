//! What callers queue for the ledger's thread. Each call may be made again as a whole: where the answer to the end of
//! a transaction was lost, the job is looked up, and what was kept is not kept twice.

use async_trait::async_trait;
use genrex_ledger::{
    Account, Alias, Change, Credits, Entry, ErrorKind, Event, Filter, Intent, LocalId, Look, Past,
};
use tokio::sync::mpsc::UnboundedSender;

use crate::failure::Failure;
use crate::lease::Held;
use crate::request::Request;
use crate::session::Kind;
use crate::status::Status;
use crate::store::Store;

/// One thing to be read or kept.
#[async_trait]
pub(crate) trait Call: Send + 'static {
    type Answer: Send;

    /// What it needs of the database.
    fn kind(&self) -> Kind {
        Kind::Write
    }

    /// What the ledger's hold has to allow; `None` for what changes nothing that a hold keeps as it is.
    fn change(&self) -> Option<Change> {
        Some(Change::Other)
    }

    /// Does it. After an error what it wrote is taken back.
    async fn run(&mut self, store: Store<'_>) -> Result<Self::Answer, Failure>;

    /// It lasts, and the caller is told next.
    fn is_kept(&self, _: &mut Self::Answer) {}

    /// What must not be lost if it cannot be kept.
    fn outcome(&self) -> Option<(LocalId, &Event, u64)> {
        None
    }
}

/// The ledger's name.
pub(crate) struct Name;

/// Which account an alias belongs to.
pub(crate) struct AccountOf(pub(crate) Alias);

/// A job.
pub(crate) struct EntryOf(pub(crate) LocalId);

/// Jobs.
pub(crate) struct Entries(pub(crate) Filter);

/// What happened to a job.
pub(crate) struct History(pub(crate) LocalId);

/// What is known of an account's credits.
pub(crate) struct CreditsOf(pub(crate) Account);

/// Who uses the ledger, and what is in flight.
pub(crate) struct StatusOf;

macro_rules! reads {
    ($($call:ty => $answer:ty, |$store:ident, $own:ident| $read:expr;)*) => {$(
        #[async_trait]
        impl Call for $call {
            type Answer = $answer;

            fn kind(&self) -> Kind {
                Kind::Read
            }

            async fn run(&mut self, $store: Store<'_>) -> Result<$answer, Failure> {
                let $own = self;
                $read.await
            }
        }
    )*};
}

reads! {
    Name => String, |store, _own| store.name();
    AccountOf => Option<Account>, |store, own| store.account(&own.0);
    EntryOf => Option<Entry>, |store, own| store.entry(own.0);
    Entries => Vec<Entry>, |store, own| store.entries(&own.0);
    History => Vec<Past>, |store, own| store.history(own.0);
    CreditsOf => Credits, |store, own| store.credits(&own.0);
    StatusOf => Status, |store, _own| crate::status::read(store);
}

/// A look at the balance.
pub(crate) struct Observe {
    pub(crate) alias: Alias,
    pub(crate) account: Account,
    pub(crate) look: Look,
}

#[async_trait]
impl Call for Observe {
    type Answer = ();

    async fn run(&mut self, store: Store<'_>) -> Result<(), Failure> {
        store.observe(&self.alias, &self.account, &self.look).await
    }
}

/// An intent.
pub(crate) struct Intend {
    pub(crate) intent: Intent,
    pub(crate) held: Held,
    pub(crate) queue: UnboundedSender<Request>,
    pub(crate) now: u64,
}

#[async_trait]
impl Call for Intend {
    type Answer = Unclaimed;

    fn change(&self) -> Option<Change> {
        Some(Change::Purchase)
    }

    async fn run(&mut self, store: Store<'_>) -> Result<Unclaimed, Failure> {
        let begun = store.intend(&self.intent).await?;
        Ok(Unclaimed {
            entry: begun.entry,
            is_own: begun.is_own,
            held: self.held.clone(),
            release: None,
        })
    }

    fn is_kept(&self, unclaimed: &mut Unclaimed) {
        let Unclaimed { entry, is_own, .. } = unclaimed;
        let is_known = self.held.contains(entry.id);
        if *is_own && entry.state.is_in_flight() && !is_known {
            unclaimed.release = Some((self.queue.clone(), self.now));
        }
    }
}

/// A job that has begun, on its way to whoever intended it. If it does not arrive, because the future that
/// awaited it was dropped, nobody carries the job on, and nobody else knows of it: it is ended.
pub(crate) struct Unclaimed {
    entry: Entry,
    is_own: bool,
    held: Held,
    release: Option<(UnboundedSender<Request>, u64)>,
}

impl Unclaimed {
    /// It has arrived.
    pub(crate) fn claim(mut self) -> Entry {
        self.release = None;
        if self.is_own && self.entry.state.is_in_flight() {
            self.held.add(self.entry.id);
        }
        self.entry.clone()
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some((queue, now)) = self.release.take() {
            let (id, event) = (self.entry.id, Event::Crashed);
            // Without its thread the ledger is at its end, and so is the owner of the job.
            let _ = queue.send(Request::new(Abandon { id, event, now }, None));
        }
    }
}

/// What happened to a job; when, by this machine's clock, is told to the rescue file alone.
pub(crate) struct Record {
    pub(crate) id: LocalId,
    pub(crate) event: Event,
    pub(crate) now: u64,
}

#[async_trait]
impl Call for Record {
    type Answer = Entry;

    fn change(&self) -> Option<Change> {
        Some(Change::of(&self.event))
    }

    async fn run(&mut self, store: Store<'_>) -> Result<Entry, Failure> {
        store.record(self.id, &self.event).await
    }

    fn outcome(&self) -> Option<(LocalId, &Event, u64)> {
        genrex_ledger_rescue::is_to_be_rescued(&self.event).then_some((
            self.id,
            &self.event,
            self.now,
        ))
    }
}

/// A reconciliation with the last look.
pub(crate) struct Reconcile(pub(crate) LocalId);

#[async_trait]
impl Call for Reconcile {
    type Answer = Entry;

    async fn run(&mut self, store: Store<'_>) -> Result<Entry, Failure> {
        store.reconcile(self.0).await
    }
}

/// The end of what nobody carries on.
#[derive(Default)]
pub(crate) struct Recover {
    /// What an earlier run of this call may have ended, if the answer to it was lost.
    tried: Vec<LocalId>,
}

#[async_trait]
impl Call for Recover {
    type Answer = Vec<Entry>;

    async fn run(&mut self, store: Store<'_>) -> Result<Vec<Entry>, Failure> {
        let mut found = store.ended_by_this(&self.tried).await?;
        for id in store.left_open().await? {
            if !self.tried.contains(&id) {
                self.tried.push(id);
            }
            found.extend(store.end_orphan(id).await?);
        }
        found.sort_by_key(|entry| entry.id);
        Ok(found)
    }
}

/// Whether there is anything that nobody carries on.
pub(crate) struct IsAnyLeft;

#[async_trait]
impl Call for IsAnyLeft {
    type Answer = bool;

    fn kind(&self) -> Kind {
        Kind::Read
    }

    async fn run(&mut self, store: Store<'_>) -> Result<bool, Failure> {
        Ok(!store.left_open().await?.is_empty())
    }
}

/// That nobody carries a job on.
pub(crate) struct Release {
    pub(crate) id: LocalId,
}

#[async_trait]
impl Call for Release {
    type Answer = ();

    fn change(&self) -> Option<Change> {
        None
    }

    async fn run(&mut self, store: Store<'_>) -> Result<(), Failure> {
        store.release(self.id).await
    }
}

/// That this process waits for a job, and downloads it.
pub(crate) struct Claim(pub(crate) LocalId);

#[async_trait]
impl Call for Claim {
    type Answer = bool;

    async fn run(&mut self, store: Store<'_>) -> Result<bool, Failure> {
        store.claim(self.0).await
    }
}

/// The end of a job that nobody was told of, or of which nobody was told that it may leave. What is over by then,
/// another has ended.
pub(crate) struct Abandon {
    pub(crate) id: LocalId,
    pub(crate) event: Event,
    pub(crate) now: u64,
}

#[async_trait]
impl Call for Abandon {
    type Answer = ();

    fn change(&self) -> Option<Change> {
        None
    }

    async fn run(&mut self, store: Store<'_>) -> Result<(), Failure> {
        match store.record(self.id, &self.event).await {
            Err(Failure::Rule(error)) if error.kind() == ErrorKind::Transition => Ok(()),
            result => result.map(drop),
        }
    }

    fn outcome(&self) -> Option<(LocalId, &Event, u64)> {
        Some((self.id, &self.event, self.now))
    }
}
