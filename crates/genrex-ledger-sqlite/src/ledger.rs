use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use async_trait::async_trait;
use futures_channel::oneshot;
use genrex_ledger::{
    Account, Alias, Credits, Entry, Error, Event, Filter, Intent, Ledger, LocalId, Look, Past,
};

use crate::group::Writer;
use crate::options::Options;
use crate::place::Place;
use crate::reader::Reader;
use crate::request::{
    Intend, Keep, Observe, Reconcile, Record, Recover, Release, Reply, Request, to_error,
};
use crate::schema;
use crate::storage_error::{RequestError, StorageError};
use crate::store::Store;

/// The ledger as one SQLite file, shared by all processes of a machine that are given its path.
///
/// A clone is the same ledger in the same process, and the same owner of the jobs that it intends; another
/// [`open`](Self::open) of the same path is another owner.
///
/// **Blocking.** [`open`](Self::open) and the drop of the last clone sync files, and so block the thread that
/// they are called on: the drop waits until all that is queued is kept and the file is closed. No other call
/// blocks; each syncs on the ledger's own thread.
///
/// **Dropped futures.** A future that is dropped while its request is queued does not take the request back.
/// An intent that nobody awaits any more is ended by the ledger itself: it was not sent.
#[derive(Debug, Clone)]
pub struct SqliteLedger {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    rescue: PathBuf,
    is_writer: bool,
    queue: Sender<Request>,
    /// It is there until the drop.
    thread: Option<JoinHandle<()>>,
}

impl SqliteLedger {
    /// Opens the ledger at a path, and makes it if it is not there: the file 0600, its folder 0700.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](genrex_ledger::ErrorKind), naming the file and what to do: others may read it or
    /// write to its folder, it is a link or has two names, it is on a network file system, it is no ledger.
    /// [`ErrorKind::Missing`](genrex_ledger::ErrorKind) if it is not there and files that belong to it are.
    /// [`ErrorKind::Newer`](genrex_ledger::ErrorKind) for a file that a newer genrex has changed.
    /// [`ErrorKind::Busy`](genrex_ledger::ErrorKind) if another process holds it for too long.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(path, &Options::new())
    }

    /// The same, with options.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open)'s.
    pub fn open_with(path: impl AsRef<Path>, options: &Options) -> Result<Self, Error> {
        let path = path.as_ref();
        let open = || {
            let writer = Writer::open(path, options)?;
            let rescue = writer.rescue().path().to_owned();
            Self::start(path, rescue, true, move |queue| writer.run(&queue))
        };
        open().map_err(|failure| to_error(failure, path))
    }

    /// Opens a ledger that is there, to look into it only. It takes no lock that a writer would wait for, needs
    /// no right to write, and changes nothing: what writes returns an error.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](genrex_ledger::ErrorKind), [`ErrorKind::Missing`](genrex_ledger::ErrorKind) and
    /// [`ErrorKind::Newer`](genrex_ledger::ErrorKind).
    pub fn open_to_read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let open = || {
            let place = Place::find(path)?;
            let rescue = place.rescue();
            let reader = Reader::open(path, place)?;
            Self::start(path, rescue, false, move |queue| reader.run(&queue))
        };
        open().map_err(|failure| to_error(failure, path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.shared.path
    }

    /// Where an outcome is kept that the file could not take, because the disk was full, another process held
    /// it for too long, or it was replaced. Whoever writes to the ledger next applies it, and takes that file
    /// away.
    #[must_use]
    pub fn rescue_path(&self) -> &Path {
        &self.shared.rescue
    }

    fn start(
        path: &Path,
        rescue: PathBuf,
        is_writer: bool,
        work: impl FnOnce(Receiver<Request>) + Send + 'static,
    ) -> Result<Self, RequestError> {
        let (queue, requests) = mpsc::channel();
        let thread = thread::Builder::new()
            .name(String::from("genrex-ledger"))
            .spawn(move || work(requests))
            .map_err(|error| StorageError::new("cannot be used: no thread").with_source(error))?;
        Ok(Self {
            shared: Arc::new(Shared {
                path: path.to_owned(),
                rescue,
                is_writer,
                queue,
                thread: Some(thread),
            }),
        })
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Store<'_>) -> Result<T, RequestError> + Send + 'static,
    ) -> Result<T, Error> {
        self.ask(|reply| Request::read(read, reply)).await
    }

    pub(crate) async fn write<K: Keep>(&self, task: K) -> Result<K::Answer, Error> {
        if !self.shared.is_writer {
            return Err(self.trouble("was opened to be read only"));
        }
        self.ask(|reply| Request::write(task, Some(reply))).await
    }

    async fn ask<T: Send>(&self, request: impl FnOnce(Reply<T>) -> Request) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        self.queue(request(reply))?;
        match answer.await {
            Ok(answer) => answer,
            Err(oneshot::Canceled) => Err(self.trouble("gave no answer: its thread ended")),
        }
    }

    fn queue(&self, request: Request) -> Result<(), Error> {
        let queued = self.shared.queue.send(request);
        queued.map_err(|_| self.trouble("cannot be asked: its thread ended"))
    }

    fn trouble(&self, why: &str) -> Error {
        StorageError::new(why).to_error(&self.shared.path, "")
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
impl Ledger for SqliteLedger {
    async fn name(&self) -> Result<String, Error> {
        self.read(|store| Ok(schema::name(store.connection)?)).await
    }

    async fn account(&self, alias: &Alias) -> Result<Option<Account>, Error> {
        let alias = alias.clone();
        self.read(move |store| store.account(&alias)).await
    }

    async fn observe(
        &self,
        alias: &Alias,
        account: &Account,
        look: &Look,
        now: u64,
    ) -> Result<(), Error> {
        self.write(Observe {
            alias: alias.clone(),
            account: account.clone(),
            look: look.clone(),
            now,
        })
        .await
    }

    async fn intend(&self, intent: &Intent, now: u64) -> Result<Entry, Error> {
        let queue = self.shared.queue.clone();
        let intent = intent.clone();
        let begun = self.write(Intend { intent, now, queue }).await?;
        begun
            .claim()
            .ok_or_else(|| self.trouble("lost what it was just given"))
    }

    async fn record(&self, id: LocalId, event: &Event, now: u64) -> Result<Entry, Error> {
        let event = event.clone();
        self.write(Record { id, event, now }).await
    }

    async fn reconcile(&self, id: LocalId, now: u64) -> Result<Entry, Error> {
        self.write(Reconcile { id, now }).await
    }

    async fn recover(&self, now: u64) -> Result<Vec<Entry>, Error> {
        let is_needed = |store: &Store<'_>| Ok(!store.left_open()?.is_empty());
        // Most often there is nothing, and nothing is locked.
        if self.shared.is_writer && !self.read(is_needed).await? {
            return Ok(Vec::new());
        }
        self.write(Recover { now }).await
    }

    fn release(&self, id: LocalId, now: u64) {
        if self.shared.is_writer {
            // Without its thread the ledger is at its end, and so is the owner of the job.
            let _ = self.queue(Request::write(Release { id, now }, None));
        }
    }

    async fn entry(&self, id: LocalId) -> Result<Option<Entry>, Error> {
        self.read(move |store| store.entry(id)).await
    }

    async fn entries(&self, filter: &Filter) -> Result<Vec<Entry>, Error> {
        let filter = filter.clone();
        self.read(move |store| store.entries(&filter)).await
    }

    async fn history(&self, id: LocalId) -> Result<Vec<Past>, Error> {
        self.read(move |store| store.history(id)).await
    }

    async fn credits(&self, account: &Account) -> Result<Credits, Error> {
        let account = account.clone();
        self.read(move |store| store.credits(&account)).await
    }
}

#[cfg(test)]
mod tests {
    use futures_executor::block_on;

    use super::*;

    /// What has a defect.
    struct Defect;

    impl Keep for Defect {
        type Kept = ();
        type Answer = ();

        fn keep(&self, store: &Store<'_>) -> Result<(), RequestError> {
            store.connection.execute("DELETE FROM credits", [])?;
            panic!("a defect, for the sake of a test");
        }

        fn answer(self, (): ()) {}
    }

    /// The other callers of a process are not to end with one.
    #[test]
    fn a_defect_ends_one_transaction_and_not_the_ledger() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = SqliteLedger::open(folder.path().join("genrex/ledger.db")).unwrap();
        let account = Account::new("https://api.genrex.com", "u1");
        let alias = Alias::new("https://api.genrex.com", "key");
        block_on(ledger.observe(&alias, &account, &Look::new(7), 1)).unwrap();
        let before = block_on(ledger.credits(&account)).unwrap();
        assert_ne!(before, Credits::new());
        let error = block_on(ledger.write(Defect)).unwrap_err();
        assert!(error.to_string().contains("defect"), "{error}");
        let read: Result<(), Error> =
            block_on(ledger.read(|_| panic!("another, for the sake of a test")));
        read.unwrap_err();
        assert_eq!(block_on(ledger.credits(&account)).unwrap(), before);
        block_on(ledger.observe(&alias, &account, &Look::new(8), 2)).unwrap();
    }

    #[test]
    fn a_ledger_goes_wherever_a_client_goes() {
        fn is_at_home_anywhere<T: Clone + Send + Sync + std::fmt::Debug + 'static>() {}
        is_at_home_anywhere::<SqliteLedger>();
    }
}
