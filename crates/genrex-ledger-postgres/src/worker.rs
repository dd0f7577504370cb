//! The thread that has the connection: it does one call after the other, connects again when the connection ends,
//! and puts outcomes aside while the database is away.

use std::collections::VecDeque;
use std::pin::pin;
use std::time::Duration;

use genrex_ledger::{Change, Error, ErrorKind};
use genrex_ledger_rescue::{Line, Pending, Rescue};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::address::Address;
use crate::aside::{Aside, apply};
use crate::calls::Call;
use crate::clock;
use crate::failure::{Failure, StorageError, Then};
use crate::lease::{self, Held};
use crate::options::Options;
use crate::query::IN_FLIGHT;
use crate::relocation;
use crate::request::{Ask, Request};
use crate::restored::{HoldRestored, Memory, Missing, Notes};
use crate::row::Value;
use crate::schema;
use crate::session::{Kind, Session};
use crate::store::{Owner, Store};

/// How long is waited between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// How long an outcome is known to this process alone, at most.
const MOMENT: Duration = Duration::from_secs(1);

/// How long a database that is away is waited for when a ledger is opened, or let go of.
const SOON: Duration = Duration::from_secs(5);

/// What the thread owns.
pub(crate) struct Worker {
    address: Address,
    shown: String,
    timeout: Duration,
    rescue: Option<Rescue>,
    /// What other addresses of the ledger may have put aside before.
    others: Vec<Rescue>,
    session: Option<Session>,
    /// The ledger's own name.
    name: String,
    owner: Owner,
    is_writer: bool,
    renewal: Option<JoinHandle<()>>,
    pending: VecDeque<Box<dyn Ask>>,
    /// When the database was first found away, and last: who asks meanwhile does not wait anew.
    away: Option<(Duration, Duration)>,
    memory: Memory,
}

impl Worker {
    /// Connects, and is given a number of its own if it is to write.
    pub(crate) async fn open(
        address: Address,
        options: &Options,
        is_writer: bool,
        held: &Held,
    ) -> Result<Self, Error> {
        let shown = address.to_string();
        let rescue = options.rescue.as_deref().filter(|_| is_writer);
        let mut worker = Self {
            address,
            shown,
            timeout: options.timeout,
            rescue: rescue.map(Rescue::beside),
            others: rescue
                .map(|rescue| Rescue::beside(rescue).others())
                .unwrap_or_default(),
            session: None,
            name: String::new(),
            owner: Owner {
                name: own_name(),
                epoch: 0,
                lease: i64::try_from(options.lease.as_millis()).unwrap_or(i64::MAX),
            },
            is_writer,
            renewal: None,
            pending: VecDeque::new(),
            away: None,
            memory: Memory::beside(rescue),
        };
        let limit = SOON.min(options.timeout);
        let began = clock::elapsed();
        while let Err(failure) = worker.begin().await {
            let is_over = clock::elapsed().saturating_sub(began) + PAUSE > limit;
            if failure.then() == Then::GiveUp || is_over {
                return Err(failure.into_error(&worker.shown, ""));
            }
            clock::pause(PAUSE).await;
        }
        if is_writer {
            let (address, owner) = (worker.address.clone(), worker.owner.clone());
            worker.renewal = Some(tokio::spawn(lease::renew(address, owner, held.clone())));
            if let Some(rescue) = &worker.rescue {
                rescue.gather();
                rescue.hold_space();
            }
        }
        Ok(worker)
    }

    /// Works until the last handle is gone, and until all is kept that was queued by then.
    pub(crate) async fn run(mut self, queue: &mut mpsc::UnboundedReceiver<Request>) {
        let mut is_open = true;
        loop {
            let next = match self.pending.pop_front() {
                Some(asked) => Some(asked),
                None if is_open => match queue.recv().await {
                    Some(Request::Ask(asked)) => Some(asked),
                    Some(Request::Close) | None => {
                        is_open = false;
                        None
                    }
                },
                None => match queue.try_recv() {
                    Ok(Request::Ask(asked)) => Some(asked),
                    Ok(Request::Close) => None,
                    Err(_) => break,
                },
            };
            if let Some(asked) = next {
                is_open &= self.serve(asked, queue).await;
            }
        }
        self.close().await;
    }

    async fn begin(&mut self) -> Result<(), Failure> {
        let session = Session::open(&self.address).await?;
        let found = session.alone(async {
            schema::check(&session).await?;
            let held = relocation::held(&session).await?;
            let missing = match self.is_writer {
                true => self.memory.compare(&session, &held).await?,
                false => Vec::new(),
            };
            Ok((held.name, missing))
        });
        let (name, missing) = found.await?;
        self.name = name;
        if self.is_writer && self.owner.epoch == 0 {
            let sql = "INSERT INTO genrex.machine (name) VALUES ($1) RETURNING epoch";
            let values = [Value::text(&self.owner.name)];
            let rows = session
                .transaction(Kind::Lease, async |session| {
                    // Those that ended without a word; a number is never given again.
                    let old = "DELETE FROM genrex.machine WHERE seen_at < now() - interval '1 day'";
                    session.read(old, &[]).await?;
                    session.read(sql, &values).await
                })
                .await?;
            let row = rows.first().ok_or_else(|| {
                StorageError::new(ErrorKind::Storage, Then::GiveUp, "gave no number")
            })?;
            self.owner.epoch = row.try_get(0)?;
        }
        for missing in missing {
            self.hold_restored(&session, missing).await?;
        }
        self.session = Some(session);
        Ok(())
    }

    /// Holds a ledger that has forgotten what this machine saw; what is free goes on.
    async fn hold_restored(&self, session: &Session, missing: Missing) -> Result<(), Failure> {
        let (owner, notes) = (&self.owner, &Notes::default());
        session
            .transaction(Kind::Hold, async |session| {
                let store = Store {
                    session,
                    owner,
                    notes,
                };
                HoldRestored(missing).run(store).await
            })
            .await
    }

    /// Does what is asked, as often as it takes; says whether there is more to wait for.
    async fn serve(
        &mut self,
        mut asked: Box<dyn Ask>,
        queue: &mut mpsc::UnboundedReceiver<Request>,
    ) -> bool {
        let mut is_open = true;
        loop {
            let tried = self.attempt_or_put_aside(&mut *asked, queue, &mut is_open);
            let failure = match tried.await {
                Ok(()) => {
                    self.away = None;
                    asked.answer(Ok(()), &self.shown);
                    return is_open;
                }
                Err(failure) => failure,
            };
            let then = failure.then();
            let now = clock::elapsed();
            let mut since = asked.queued();
            if then == Then::Reconnect {
                self.session = None;
                let lasts = |&(_, last): &(_, Duration)| now.saturating_sub(last) < self.timeout;
                let first = self.away.filter(lasts).map_or(now, |(first, _)| first);
                self.away = Some((first, now));
                since = since.min(first);
            } else {
                self.away = None;
            }
            let is_refused = is_refused(&failure);
            if then != Then::Again && !is_refused {
                while let Ok(request) = queue.try_recv() {
                    is_open &= self.waits(request);
                }
                let aside = self.aside();
                aside.put(&mut *asked);
                for waiting in &mut self.pending {
                    aside.put(&mut **waiting);
                }
            }
            // What waits in a queue does not wait for its turn and then for the database.
            let waited = now.saturating_sub(since);
            let limit = if is_open { self.timeout } else { SOON };
            if then == Then::GiveUp || waited + PAUSE > limit {
                if !is_refused {
                    self.aside().put(&mut *asked);
                }
                asked.answer(Err(failure), &self.shown);
                return is_open;
            }
            clock::pause(PAUSE).await;
        }
    }

    /// Does it once. Where the database says nothing for a moment, each outcome that is in hand is put aside meanwhile,
    /// this one and those that wait behind it: the machine may be cut off without a word, and in memory alone the end of
    /// this process would lose them.
    async fn attempt_or_put_aside(
        &mut self,
        asked: &mut dyn Ask,
        queue: &mut mpsc::UnboundedReceiver<Request>,
        is_open: &mut bool,
    ) -> Result<(), Failure> {
        let aside = self.aside();
        let own = aside.line(asked);
        let mut waiting = std::mem::take(&mut self.pending);
        let (mut note, mut is_late, mut is_queue_open) = (None, false, true);
        let mut put_aside = 0;
        let mut moment = pin!(clock::pause(MOMENT));
        let ended = {
            let mut attempt = Box::pin(self.attempt(asked));
            loop {
                tokio::select! {
                    biased;
                    ended = &mut attempt => break ended,
                    () = &mut moment, if !is_late => {
                        is_late = true;
                        note = own.as_ref().and_then(|line| aside.keep(line));
                    }
                    // Each is synced, and takes long enough to go back to the database in between: it does not wait
                    // for ever for who is in a transaction.
                    () = tokio::task::yield_now(), if is_late && put_aside < waiting.len() => {
                        aside.put(&mut *waiting[put_aside]);
                        put_aside += 1;
                    }
                    next = queue.recv(), if is_late && is_queue_open => match next {
                        Some(Request::Ask(waits)) => waiting.push_back(waits),
                        Some(Request::Close) => *is_open = false,
                        None => is_queue_open = false,
                    }
                }
            }
        };
        self.pending = waiting;
        if note.is_some() {
            *asked.note() = note;
        }
        ended
    }

    /// Has a request wait for its turn; says whether more may come.
    fn waits(&mut self, request: Request) -> bool {
        match request {
            Request::Ask(asked) => self.pending.push_back(asked),
            Request::Close => return false,
        }
        true
    }

    fn aside(&self) -> Aside {
        Aside {
            rescue: self.rescue.clone(),
            ledger: self.name.clone(),
            owner: self.owner.name.clone(),
        }
    }

    /// Does it once. What is known to be kept is; after any error it may be, and is looked up when it is done again.
    async fn attempt(&mut self, asked: &mut dyn Ask) -> Result<(), Failure> {
        if self.session.is_none() {
            self.begin().await?;
        }
        let kind = asked.kind();
        if kind == Kind::Write {
            self.apply_rescued().await?;
        }
        let Some(session) = &self.session else {
            return Err(StorageError::away("cannot be reached").into());
        };
        let (owner, notes) = (&self.owner, &Notes::default());
        if kind == Kind::Read {
            let store = Store {
                session,
                owner,
                notes,
            };
            return session.alone(asked.run(store)).await;
        }
        let change = asked.change().filter(|_| kind == Kind::Write);
        let memory = &self.memory;
        let mut forgotten = None;
        let done = session
            .transaction(kind, async |session| {
                let store = Store {
                    session,
                    owner,
                    notes,
                };
                // Both are sent at once, and this first: what others wait for is not locked yet.
                let held = allowed(session, change, memory, &mut forgotten);
                Ok(tokio::try_join!(biased; held, asked.run(store))?.0)
            })
            .await;
        if let Some(missing) = forgotten {
            self.hold_restored(session, missing).await?;
        }
        if let Some(allowed) = done? {
            self.name = allowed.name;
            self.memory.generation = allowed.generation;
        }
        if let Some(noted) = notes.take() {
            self.memory.keep(&self.name, &noted);
        }
        Ok(())
    }

    /// Applies what this machine could not tell the database when it happened. A file that cannot be read stays, and is
    /// read the next time.
    async fn apply_rescued(&mut self) -> Result<(), Failure> {
        let own = self.rescue.as_ref().filter(|rescue| rescue.is_there());
        if let Some(Ok(Some(pending))) = own.map(Rescue::take) {
            self.apply_pending(pending).await?;
        }
        while let Some(other) = self.others.last() {
            let is_own = |line: &Line| line.ledger == self.name;
            match other.take() {
                Ok(Some(pending))
                    if !pending.is_any_unreadable && pending.lines.iter().all(is_own) =>
                {
                    self.apply_pending(pending).await?;
                }
                _ => {}
            }
            self.others.pop();
        }
        Ok(())
    }

    async fn apply_pending(&self, pending: Pending) -> Result<(), Failure> {
        let Some(session) = &self.session else {
            return Err(StorageError::away("cannot be reached").into());
        };
        let (mut is_any_refused, mut is_any_left) = (pending.is_any_unreadable, false);
        for line in &pending.lines {
            let (owner, notes) = (&self.owner, &Notes::default());
            let change = Some(Change::of(&line.event));
            let applied = session
                .transaction(Kind::Write, async |session| {
                    allowed(session, change, &self.memory, &mut None).await?;
                    let store = Store {
                        session,
                        owner,
                        notes,
                    };
                    apply(store, line, &self.name).await
                })
                .await;
            match applied {
                Ok(()) => {}
                Err(failure) if is_refused(&failure) => is_any_refused = true,
                Err(failure) if failure.then() == Then::GiveUp => is_any_left = true,
                Err(failure) => return Err(failure),
            }
        }
        // What stays is applied again, which changes nothing.
        let _ = match (is_any_left, is_any_refused) {
            (true, _) => Ok(()),
            (false, true) => pending.put_aside(),
            (false, false) => pending.remove(),
        };
        Ok(())
    }

    /// Lets go of what is in flight, if the database can be asked. If not, the leases end by themselves.
    async fn close(mut self) {
        if let Some(renewal) = self.renewal.take() {
            renewal.abort();
        }
        let Some(session) = self.session.take().filter(|_| self.is_writer) else {
            return;
        };
        let epoch = [Value::from(self.owner.epoch)];
        let released = session.transaction(Kind::Lease, async |session| {
            let sql = format!(
                "UPDATE genrex.job SET lease_until = '-infinity' WHERE epoch = $1 AND {IN_FLIGHT}"
            );
            session.read(&sql, &epoch).await?;
            let gone = "DELETE FROM genrex.machine WHERE epoch = $1";
            session.read(gone, &epoch).await
        });
        // It is over, whatever comes of it.
        let _ = tokio::time::timeout(SOON, released).await;
    }
}

/// What was found out before a change was written.
struct Allowed {
    /// The ledger's own name.
    name: String,
    /// How often somebody has taken it as it was.
    generation: i64,
}

/// Whether the ledger's hold lets a change be written, and the ledger has not forgotten what this machine saw.
async fn allowed(
    session: &Session,
    change: Option<Change>,
    memory: &Memory,
    forgotten: &mut Option<Missing>,
) -> Result<Option<Allowed>, Failure> {
    let Some(change) = change else {
        return Ok(None);
    };
    let looking = async {
        match change {
            Change::Purchase => memory.missing(session).await,
            _ => Ok(None),
        }
    };
    let (held, missing) = tokio::try_join!(biased; relocation::held(session), looking)?;
    memory.is_of(&held)?;
    if let Some(hold) = held.hold {
        hold.allow(change)?;
    }
    if let Some(missing) = missing {
        let message = format!(
            "the ledger was restored, or another server took its place: {}",
            missing.words
        );
        *forgotten = Some(missing);
        return Err(Error::new(ErrorKind::Restored, message).into());
    }
    Ok(Some(Allowed {
        name: held.name,
        generation: held.generation,
    }))
}

/// Whether a rule says that it cannot be. What is told to a ledger that has moved is for its new place.
fn is_refused(failure: &Failure) -> bool {
    match failure {
        Failure::Rule(error) => !matches!(error.kind(), ErrorKind::Unreadable | ErrorKind::Moved),
        Failure::Storage(_) => false,
    }
}

/// This host and process, for people.
fn own_name() -> String {
    format!("{}/{}", host(), std::process::id())
}

/// This host, for people.
pub(crate) fn host() -> String {
    #[cfg(unix)]
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    #[cfg(not(unix))]
    let host = std::env::var("COMPUTERNAME").unwrap_or_default();
    host
}
