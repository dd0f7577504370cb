//! The thread that owns the connection: it takes all that is queued, keeps it in one transaction and with one
//! sync, and answers all after that.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use genrex_ledger::{Error, ErrorKind, Event, LocalId};
use genrex_ledger_rescue::{Line, Pending, Rescue};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::connection;
use crate::options::{OnWait, Options};
use crate::owner::{Owner, Owners};
use crate::place::Opened;
use crate::request::{Request, Write};
use crate::schema;
use crate::storage_error::{RequestError, StorageError};
use crate::store::Store;
use crate::store::unwritten::Unwritten;

/// So many requests are kept by one transaction, at most: other processes get their turn.
const MOST: usize = 256;

/// How long a turn to write is waited for before outcomes are put beside the file.
const SOON: Duration = Duration::from_secs(1);

/// What the thread owns.
#[derive(Debug)]
pub(crate) struct Writer {
    /// As the caller gave it.
    path: PathBuf,
    /// The ledger's own name.
    name: String,
    connection: Connection,
    busy_timeout: Duration,
    on_wait: OnWait,
    opened: Opened,
    rescue: Rescue,
    owners: Owners,
    owner: Owner,
    /// Of the transaction that is open.
    unwritten: Unwritten,
}

impl Writer {
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self, RequestError> {
        let written = connection::open(path, options)?;
        let owners = Owners::of(written.place.owners());
        let writer = Self {
            path: path.to_owned(),
            name: written.name,
            connection: written.connection,
            busy_timeout: options.busy_timeout,
            on_wait: options.on_wait,
            opened: written.opened,
            rescue: Rescue::at(written.place.rescue(), written.place.reserve()),
            owner: owners.begin()?,
            owners,
            unwritten: Unwritten::default(),
        };
        writer.owners.sweep();
        writer.rescue.gather();
        writer.rescue.hold_space();
        if writer.rescue.is_there() {
            // What cannot be applied now is tried again before each transaction.
            let _ = writer.transaction(&mut [], &mut []);
        }
        Ok(writer)
    }

    pub(crate) const fn rescue(&self) -> &Rescue {
        &self.rescue
    }

    /// Works until the last handle is gone, and until all is kept that was queued by then.
    pub(crate) fn run(self, queue: &Receiver<Request>) {
        let mut is_open = true;
        while is_open && let Ok(first) = queue.recv() {
            is_open = self.round(first, queue);
        }
        while let Ok(first) = queue.try_recv() {
            self.round(first, queue);
        }
    }

    /// Does what is queued; says whether there is more to wait for.
    fn round(&self, first: Request, queue: &Receiver<Request>) -> bool {
        let (mut reads, mut writes, mut is_open) = (Vec::new(), Vec::new(), true);
        let rest = queue.try_iter().take(MOST - 1);
        for request in std::iter::once(first).chain(rest) {
            match request {
                Request::Read(read) => reads.push(read),
                Request::Write(write) => writes.push(write),
                Request::Close => is_open = false,
            }
        }
        if !writes.is_empty() {
            self.write(writes);
        }
        // They were asked while the writes were, and so may see them.
        for read in reads {
            // Whoever asked is told that no answer comes.
            let _ = catch_unwind(AssertUnwindSafe(|| read(Ok(&self.store()), &self.path)));
        }
        is_open
    }

    fn write(&self, mut writes: Vec<Box<dyn Write>>) {
        let mut notes = vec![None; writes.len()];
        let ended = catch_unwind(AssertUnwindSafe(|| {
            self.transaction(&mut writes, &mut notes)
        }));
        let defect = || StorageError::new("met a defect in genrex, and nothing was written");
        let ended = ended.unwrap_or_else(|_| Err(defect()));
        let ended = ended.as_ref().copied();
        for (write, note) in writes.into_iter().zip(notes) {
            let note = match write.unkept(ended) {
                Some(outcome) => note.unwrap_or_else(|| {
                    let kept = self.put_to_rescue(outcome);
                    kept.unwrap_or_else(|lost| lost)
                }),
                None => String::new(),
            };
            write.answer(ended, &self.path, &note);
        }
    }

    /// Keeps each that can be, and all of them or none for good. `notes` says of each where it is otherwise.
    fn transaction(
        &self,
        writes: &mut [Box<dyn Write>],
        notes: &mut [Option<String>],
    ) -> Result<(), StorageError> {
        let transaction = self.begin(writes, notes)?;
        self.unwritten.clear();
        self.opened.check()?;
        let rescued = self.apply_rescued()?;
        for write in &mut *writes {
            self.in_savepoint(|| write.keep(&self.writing()))?.ok();
        }
        self.writing().write_credits().map_err(unwritten)?;
        transaction.commit()?;
        // It may have been replaced in between.
        self.opened.check()?;
        if let Some(rescued) = rescued {
            // What stays is applied again, which changes nothing.
            let _ = rescued.end();
        }
        Ok(())
    }

    /// Waits for its turn to write. If that does not come soon, outcomes are put beside the file meanwhile: as
    /// long as they are in memory only, the end of this process would lose them.
    fn begin(
        &self,
        writes: &[Box<dyn Write>],
        notes: &mut [Option<String>],
    ) -> Result<Transaction<'_>, StorageError> {
        let begin = || Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate);
        self.connection.busy_timeout(SOON.min(self.busy_timeout))?;
        let begun = begin().map_err(StorageError::from);
        self.connection.busy_timeout(self.busy_timeout)?;
        match begun {
            Err(trouble) if trouble.is_busy() && self.busy_timeout > SOON => {
                for (write, note) in writes.iter().zip(notes) {
                    *note = write
                        .outcome()
                        .and_then(|outcome| self.put_to_rescue(outcome).ok());
                }
                (self.on_wait.0)();
                Ok(begin()?)
            }
            result => result,
        }
    }

    /// Runs one request of a transaction; what it wrote is taken back if it fails.
    fn in_savepoint<T, E>(
        &self,
        work: impl FnOnce() -> Result<T, E>,
    ) -> Result<Result<T, E>, StorageError> {
        self.connection.execute_batch("SAVEPOINT request")?;
        self.unwritten.begin();
        let done = work();
        // Some troubles make SQLite take the whole transaction back.
        if self.connection.is_autocommit() {
            return Err(StorageError::new(
                "could not keep what was asked together with this, and nothing of it was written",
            ));
        }
        self.connection.execute_batch(match done {
            Ok(_) => "RELEASE request",
            Err(_) => "ROLLBACK TO request; RELEASE request",
        })?;
        if done.is_err() {
            self.unwritten.take_back();
        }
        Ok(done)
    }

    /// Applies what is in the rescue file.
    fn apply_rescued(&self) -> Result<Option<Rescued>, StorageError> {
        let unreadable = |error| {
            let path = self.rescue.path().display();
            StorageError::new(format!("cannot be used: {path} cannot be read")).with_source(error)
        };
        let Some(pending) = self.rescue.take().map_err(unreadable)? else {
            return Ok(None);
        };
        let mut rescued = Rescued {
            is_any_refused: pending.is_any_unreadable,
            is_any_left: false,
            pending,
        };
        for line in &rescued.pending.lines {
            match self.in_savepoint(|| self.writing().apply(line, &self.name()))? {
                Ok(()) => {}
                Err(failure) if is_refusal(&failure) => rescued.is_any_refused = true,
                Err(_) => rescued.is_any_left = true,
            }
        }
        Ok(Some(rescued))
    }

    /// Keeps an outcome beside the database. Both results say so to whoever reads the error.
    fn put_to_rescue(&self, (id, event, at): (LocalId, &Event, u64)) -> Result<String, String> {
        let line = Line {
            ledger: self.name(),
            key: self.store().key(id).unwrap_or_default(),
            owner: String::from(self.owner.name()),
            local_id: id,
            event: event.clone(),
            at,
        };
        match self.rescue.keep(&line) {
            Ok(path) => Ok(format!(
                "; what happened is kept in {}, and read at the next start",
                path.display()
            )),
            Err(error) => Err(format!(
                "; and what happened could not be kept in {} either: {error}",
                self.rescue.path().display()
            )),
        }
    }

    /// The ledger's own name: it may have taken the contents and the name of another since it was opened.
    fn name(&self) -> String {
        schema::name(&self.connection).unwrap_or_else(|_| self.name.clone())
    }

    fn store(&self) -> Store<'_> {
        Store {
            connection: &self.connection,
            owners: &self.owners,
            owner: self.owner.name(),
            unwritten: None,
        }
    }

    /// The same in a transaction, which ends by [`Store::write_credits`].
    fn writing(&self) -> Store<'_> {
        Store {
            unwritten: Some(&self.unwritten),
            ..self.store()
        }
    }
}

fn unwritten(failure: RequestError) -> StorageError {
    match failure {
        RequestError::Storage(trouble) => trouble,
        RequestError::Rule(error) => StorageError::new("cannot be written").with_source(error),
    }
}

/// What the rescue file said, while it is held.
struct Rescued {
    pending: Pending,
    /// Something was not understood, or cannot have happened: a person has to look.
    is_any_refused: bool,
    /// Something could not be kept this time either.
    is_any_left: bool,
}

impl Rescued {
    /// What was applied is kept by now.
    fn end(self) -> std::io::Result<()> {
        if self.is_any_left {
            return Ok(());
        }
        if self.is_any_refused {
            self.pending.put_aside()
        } else {
            self.pending.remove()
        }
    }
}

/// Whether a rule says that it cannot be, and not the storage that it cannot keep it.
pub(crate) fn is_refusal(failure: &RequestError) -> bool {
    match failure {
        RequestError::Rule(error) => is_refused(error),
        RequestError::Storage(_) => false,
    }
}

fn is_refused(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::Unreadable | ErrorKind::Moved)
}

#[cfg(test)]
mod tests;
