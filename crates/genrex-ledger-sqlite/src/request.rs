//! What callers queue for the connection's thread.

use std::path::Path;
use std::sync::mpsc::Sender;

use futures_channel::oneshot;
use genrex_ledger::{
    Account, Alias, Change, Entry, Error, ErrorKind, Event, Intent, LocalId, Look,
};
use genrex_ledger_rescue::is_to_be_rescued;

use crate::storage_error::{RequestError, StorageError};
use crate::store::{Begun, Store};

/// One request.
pub(crate) enum Request {
    Read(Box<Read>),
    Write(Box<dyn Write>),
    /// The last handle is gone: what is queued is kept, and nothing more is awaited.
    Close,
}

/// Answers from the tables, or from why they cannot be read; the path is the ledger's.
type Read = dyn FnOnce(Result<&Store<'_>, &StorageError>, &Path) + Send;

/// The other end of a request's answer.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Error>>;

impl Request {
    /// One that only reads.
    pub(crate) fn read<T: Send + 'static>(
        read: impl FnOnce(&Store<'_>) -> Result<T, RequestError> + Send + 'static,
        reply: Reply<T>,
    ) -> Self {
        Self::Read(Box::new(move |store, path| {
            let found = store.map_err(|trouble| trouble.to_error(path, ""));
            let found =
                found.and_then(|store| read(store).map_err(|failure| to_error(failure, path)));
            // Whoever asked may have gone.
            let _ = reply.send(found);
        }))
    }

    /// One that writes.
    pub(crate) fn write<K: Keep>(task: K, reply: Option<Reply<K::Answer>>) -> Self {
        Self::Write(Box::new(Asked {
            task,
            kept: None,
            reply,
        }))
    }
}

/// One thing to be kept, inside a transaction.
pub(crate) trait Keep: Send + 'static {
    type Kept: Send;
    type Answer: Send;

    /// What the ledger's hold has to allow first; `None` for what changes nothing that a hold keeps as it is.
    fn change(&self) -> Option<Change> {
        Some(Change::Other)
    }

    /// Keeps it. After an error what it wrote is taken back.
    fn keep(&self, store: &Store<'_>) -> Result<Self::Kept, RequestError>;

    /// What the caller is told when the transaction lasts.
    fn answer(self, kept: Self::Kept) -> Self::Answer;

    /// What must not be lost if it cannot be kept.
    fn outcome(&self) -> Option<(LocalId, &Event, u64)> {
        None
    }
}

/// A [`Keep`] of whatever kind, and who awaits it.
pub(crate) trait Write: Send {
    /// Keeps it; says whether it is to stay.
    fn keep(&mut self, store: &Store<'_>) -> Result<(), ()>;

    /// What must not be lost if it cannot be kept.
    fn outcome(&self) -> Option<(LocalId, &Event, u64)>;

    /// What is to be rescued, now that the transaction it was in ended so.
    fn unkept(&self, ended: Result<(), &StorageError>) -> Option<(LocalId, &Event, u64)>;

    /// Tells the caller. `note` is added to what the storage says of its trouble.
    fn answer(self: Box<Self>, ended: Result<(), &StorageError>, path: &Path, note: &str);
}

struct Asked<K: Keep> {
    task: K,
    kept: Option<Result<K::Kept, RequestError>>,
    reply: Option<Reply<K::Answer>>,
}

impl<K: Keep> Write for Asked<K> {
    fn keep(&mut self, store: &Store<'_>) -> Result<(), ()> {
        let allowed = self
            .task
            .change()
            .map_or(Ok(()), |change| store.allow(change));
        let kept = allowed.and_then(|()| self.task.keep(store));
        let kept = self.kept.insert(kept);
        kept.as_ref().map(drop).map_err(drop)
    }

    fn outcome(&self) -> Option<(LocalId, &Event, u64)> {
        self.task.outcome()
    }

    fn unkept(&self, ended: Result<(), &StorageError>) -> Option<(LocalId, &Event, u64)> {
        let is_lost = match &self.kept {
            // A rule refused it: it did not happen to this job. One that moved is told at its new place.
            Some(Err(RequestError::Rule(error))) => {
                matches!(error.kind(), ErrorKind::Unreadable | ErrorKind::Moved)
            }
            Some(Err(RequestError::Storage(_))) | None => true,
            Some(Ok(_)) => ended.is_err(),
        };
        self.task.outcome().filter(|_| is_lost)
    }

    fn answer(self: Box<Self>, ended: Result<(), &StorageError>, path: &Path, note: &str) {
        let answer = match (self.kept, ended) {
            (Some(Err(RequestError::Rule(error))), _) => Err(error),
            (Some(Err(RequestError::Storage(trouble))), _) => Err(trouble.to_error(path, note)),
            (_, Err(trouble)) => Err(trouble.to_error(path, note)),
            (Some(Ok(kept)), Ok(())) => Ok(self.task.answer(kept)),
            (None, Ok(())) => Err(StorageError::new("did not get to it").to_error(path, note)),
        };
        if let Some(reply) = self.reply {
            // Whoever asked may have gone.
            let _ = reply.send(answer);
        }
    }
}

/// A look at the balance.
pub(crate) struct Observe {
    pub(crate) alias: Alias,
    pub(crate) account: Account,
    pub(crate) look: Look,
    pub(crate) now: u64,
}

impl Keep for Observe {
    type Kept = ();
    type Answer = ();

    fn keep(&self, store: &Store<'_>) -> Result<(), RequestError> {
        store.observe(&self.alias, &self.account, &self.look, self.now)
    }

    fn answer(self, (): ()) {}
}

/// An intent.
pub(crate) struct Intend {
    pub(crate) intent: Intent,
    pub(crate) now: u64,
    pub(crate) queue: Sender<Request>,
}

impl Keep for Intend {
    type Kept = Begun;
    type Answer = Unclaimed;

    fn change(&self) -> Option<Change> {
        Some(Change::Purchase)
    }

    fn keep(&self, store: &Store<'_>) -> Result<Begun, RequestError> {
        store.intend(&self.intent, self.now)
    }

    fn answer(self, begun: Begun) -> Unclaimed {
        let release = begun
            .is_new
            .then_some((self.queue, begun.entry.id, self.now));
        Unclaimed {
            entry: Some(begun.entry),
            release,
        }
    }
}

/// A job that has begun, on its way to whoever intended it. If it does not arrive, because the future that
/// awaited it was dropped, nobody carries the job on, and nobody else knows of it: it is ended.
pub(crate) struct Unclaimed {
    entry: Option<Entry>,
    release: Option<(Sender<Request>, LocalId, u64)>,
}

impl Unclaimed {
    /// It has arrived.
    pub(crate) fn claim(mut self) -> Option<Entry> {
        self.release = None;
        self.entry.take()
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some((queue, id, now)) = self.release.take() {
            // Without its thread the ledger is at its end, and so is the owner of the job.
            let _ = queue.send(Request::write(Abandon { id, now }, None));
        }
    }
}

/// What happened to a job.
pub(crate) struct Record {
    pub(crate) id: LocalId,
    pub(crate) event: Event,
    pub(crate) now: u64,
}

impl Keep for Record {
    type Kept = Entry;
    type Answer = Entry;

    fn change(&self) -> Option<Change> {
        Some(Change::of(&self.event))
    }

    fn keep(&self, store: &Store<'_>) -> Result<Entry, RequestError> {
        store.record(self.id, &self.event, self.now)
    }

    fn answer(self, entry: Entry) -> Entry {
        entry
    }

    fn outcome(&self) -> Option<(LocalId, &Event, u64)> {
        is_to_be_rescued(&self.event).then_some((self.id, &self.event, self.now))
    }
}

/// A reconciliation with the last look.
pub(crate) struct Reconcile {
    pub(crate) id: LocalId,
    pub(crate) now: u64,
}

impl Keep for Reconcile {
    type Kept = Entry;
    type Answer = Entry;

    fn keep(&self, store: &Store<'_>) -> Result<Entry, RequestError> {
        store.reconcile(self.id, self.now)
    }

    fn answer(self, entry: Entry) -> Entry {
        entry
    }
}

/// The end of what nobody carries on.
pub(crate) struct Recover {
    pub(crate) now: u64,
}

impl Keep for Recover {
    type Kept = Vec<Entry>;
    type Answer = Vec<Entry>;

    fn keep(&self, store: &Store<'_>) -> Result<Vec<Entry>, RequestError> {
        store.recover(self.now)
    }

    fn answer(self, entries: Vec<Entry>) -> Vec<Entry> {
        entries
    }
}

/// The end of a job that nobody was told of.
struct Abandon {
    id: LocalId,
    now: u64,
}

impl Keep for Abandon {
    type Kept = Entry;
    type Answer = ();

    fn change(&self) -> Option<Change> {
        None
    }

    fn keep(&self, store: &Store<'_>) -> Result<Entry, RequestError> {
        store.record(self.id, &Event::Crashed, self.now)
    }

    fn answer(self, _: Entry) {}

    fn outcome(&self) -> Option<(LocalId, &Event, u64)> {
        Some((self.id, &Event::Crashed, self.now))
    }
}

/// That nobody carries a job on.
pub(crate) struct Release {
    pub(crate) id: LocalId,
    pub(crate) now: u64,
}

impl Keep for Release {
    type Kept = ();
    type Answer = ();

    fn change(&self) -> Option<Change> {
        None
    }

    fn keep(&self, store: &Store<'_>) -> Result<(), RequestError> {
        store.release(self.id, store.owner)
    }

    fn answer(self, (): ()) {}

    fn outcome(&self) -> Option<(LocalId, &Event, u64)> {
        Some((self.id, &Event::Crashed, self.now))
    }
}

pub(crate) fn to_error(failure: RequestError, path: &Path) -> Error {
    match failure {
        RequestError::Storage(trouble) => trouble.to_error(path, ""),
        RequestError::Rule(error) => error,
    }
}
