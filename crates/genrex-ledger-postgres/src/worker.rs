//! The thread that has the connection: it does one call after the other, connects again when the connection ends,
//! and puts outcomes aside while the database is away.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use genrex_ledger::{Error, ErrorKind, Event, LocalId};
use genrex_ledger_rescue::{Line, Rescue};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::address::Address;
use crate::calls::Call;
use crate::clock;
use crate::failure::{Failure, StorageError, Then};
use crate::lease::{self, Held};
use crate::options::Options;
use crate::query::IN_FLIGHT;
use crate::row::Value;
use crate::schema;
use crate::session::Session;
use crate::store::{Owner, Store};

/// How long is waited between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// How long a database that is away is waited for when a ledger is opened, or let go of.
const SOON: Duration = Duration::from_secs(5);

/// One request.
pub(crate) enum Request {
    Ask(Box<dyn Ask>),
    /// The last handle is gone: what is queued is kept, and nothing more is awaited.
    Close,
}

/// The other end of a request's answer.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, Error>>;

impl Request {
    pub(crate) fn new<C: Call>(call: C, reply: Option<Reply<C::Answer>>) -> Self {
        Self::Ask(Box::new(Asked {
            call,
            done: None,
            reply,
            queued: clock::elapsed(),
            note: None,
        }))
    }
}

/// A [`Call`] of whatever kind, and who awaits it.
#[async_trait]
pub(crate) trait Ask: Send {
    async fn run(&mut self, store: Store<'_>) -> Result<(), Failure>;
    fn is_writing(&self) -> bool;
    fn outcome(&self) -> Option<(LocalId, &Event, u64)>;
    /// When it was asked, as [`clock::elapsed`] has it.
    fn queued(&self) -> Duration;
    /// Where its outcome was put aside.
    fn note(&mut self) -> &mut Option<String>;
    /// Tells the caller.
    fn answer(self: Box<Self>, ended: Result<(), Failure>, address: &str);
}

struct Asked<C: Call> {
    call: C,
    done: Option<C::Answer>,
    reply: Option<Reply<C::Answer>>,
    queued: Duration,
    note: Option<String>,
}

#[async_trait]
impl<C: Call> Ask for Asked<C> {
    async fn run(&mut self, store: Store<'_>) -> Result<(), Failure> {
        self.done = Some(self.call.run(store).await?);
        Ok(())
    }

    fn is_writing(&self) -> bool {
        self.call.is_writing()
    }

    fn outcome(&self) -> Option<(LocalId, &Event, u64)> {
        self.call.outcome()
    }

    fn queued(&self) -> Duration {
        self.queued
    }

    fn note(&mut self) -> &mut Option<String> {
        &mut self.note
    }

    fn answer(self: Box<Self>, ended: Result<(), Failure>, address: &str) {
        let note = self.note.unwrap_or_default();
        let answer = match (ended, self.done) {
            (Ok(()), Some(mut done)) => {
                self.call.is_kept(&mut done);
                Ok(done)
            }
            (Ok(()), None) => Err(StorageError::away("gave no answer").to_error(address, &note)),
            (Err(failure), _) => Err(failure.into_error(address, &note)),
        };
        if let Some(reply) = self.reply {
            // Whoever asked may have gone.
            let _ = reply.send(answer);
        }
    }
}

/// What the thread owns.
pub(crate) struct Worker {
    address: Address,
    shown: String,
    timeout: Duration,
    rescue: Option<Rescue>,
    session: Option<Session>,
    /// The ledger's own name.
    name: String,
    owner: Owner,
    is_writer: bool,
    renewal: Option<JoinHandle<()>>,
    pending: VecDeque<Box<dyn Ask>>,
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
        schema::check(&session).await?;
        let owner = self.owner.clone();
        let store = Store {
            session: &session,
            owner: &owner,
        };
        self.name = store.name().await?;
        if self.is_writer && self.owner.epoch == 0 {
            let sql = "INSERT INTO genrex.machine (name) VALUES ($1) RETURNING epoch";
            let values = [Value::text(&self.owner.name)];
            let rows = session
                .transaction(async |session| {
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
        self.session = Some(session);
        Ok(())
    }

    /// Does what is asked, as often as it takes; says whether there is more to wait for.
    async fn serve(
        &mut self,
        mut asked: Box<dyn Ask>,
        queue: &mut mpsc::UnboundedReceiver<Request>,
    ) -> bool {
        let mut is_open = true;
        loop {
            let failure = match self.attempt(&mut *asked).await {
                Ok(()) => {
                    asked.answer(Ok(()), &self.shown);
                    return is_open;
                }
                Err(failure) => failure,
            };
            let then = failure.then();
            if then == Then::Reconnect {
                self.session = None;
            }
            let is_refused =
                matches!(&failure, Failure::Rule(error) if error.kind() != ErrorKind::Unreadable);
            if then != Then::Again && !is_refused {
                // In memory alone, the end of this process would lose them.
                while let Ok(request) = queue.try_recv() {
                    match request {
                        Request::Ask(asked) => self.pending.push_back(asked),
                        Request::Close => is_open = false,
                    }
                }
                self.put_aside(&mut *asked);
                let mut pending = std::mem::take(&mut self.pending);
                for waiting in &mut pending {
                    self.put_aside(&mut **waiting);
                }
                self.pending = pending;
            }
            // What waits in a queue does not wait for its turn and then for the database.
            let waited = clock::elapsed().saturating_sub(asked.queued());
            let limit = if is_open { self.timeout } else { SOON };
            if then == Then::GiveUp || waited + PAUSE > limit {
                if !is_refused {
                    self.put_aside(&mut *asked);
                }
                asked.answer(Err(failure), &self.shown);
                return is_open;
            }
            clock::pause(PAUSE).await;
        }
    }

    /// Does it once. What is known to be kept is; after any error it may be, and is looked up when it is done again.
    async fn attempt(&mut self, asked: &mut dyn Ask) -> Result<(), Failure> {
        if self.session.is_none() {
            self.begin().await?;
        }
        let is_rescued = self.rescue.as_ref().is_some_and(Rescue::is_there);
        if is_rescued && asked.is_writing() {
            self.apply_rescued().await?;
        }
        let Some(session) = &self.session else {
            return Err(StorageError::away("cannot be reached").into());
        };
        let owner = &self.owner;
        if asked.is_writing() {
            session
                .transaction(async |session| asked.run(Store { session, owner }).await)
                .await
        } else {
            session.alone(asked.run(Store { session, owner })).await
        }
    }

    /// Applies what this machine could not tell the database when it happened.
    async fn apply_rescued(&self) -> Result<(), Failure> {
        let (Some(rescue), Some(session)) = (&self.rescue, &self.session) else {
            return Ok(());
        };
        // A file that cannot be read stays, and is read the next time.
        let Ok(Some(pending)) = rescue.take() else {
            return Ok(());
        };
        let (mut is_any_refused, mut is_any_left) = (pending.is_any_unreadable, false);
        for line in &pending.lines {
            let owner = &self.owner;
            let applied = session
                .transaction(async |session| {
                    apply(Store { session, owner }, line, &self.name).await
                })
                .await;
            match applied {
                Ok(()) => {}
                Err(Failure::Rule(_)) => is_any_refused = true,
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

    /// Keeps an outcome on this machine, once.
    fn put_aside(&self, asked: &mut dyn Ask) {
        let Some((id, event, at)) = asked.outcome() else {
            return;
        };
        let (event, note) = (event.clone(), asked.note());
        if note.is_some() {
            return;
        }
        let Some(rescue) = &self.rescue else {
            return;
        };
        let line = Line {
            ledger: self.name.clone(),
            key: None,
            owner: self.owner.name.clone(),
            local_id: id,
            event,
            at,
        };
        let path = rescue.path().display();
        *note = Some(match rescue.keep(&line) {
            Ok(()) => format!(
                "; what happened is kept in {path}, and given to the database by the next command that buys"
            ),
            Err(error) => {
                format!("; and what happened could not be kept in {path} either: {error}")
            }
        });
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
        let released = session.transaction(async |session| {
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

async fn apply(store: Store<'_>, line: &Line, ledger: &str) -> Result<(), Failure> {
    let is_of_this = line.ledger == ledger
        && (line.key.is_none() || line.key == store.key(line.local_id).await?);
    if !is_of_this {
        let message = format!("job {} is of another ledger", line.local_id);
        return Err(Error::new(ErrorKind::NotFound, message).into());
    }
    match store.record(line.local_id, &line.event).await {
        // Another has said so before, or knows better by now.
        Err(Failure::Rule(error))
            if error.kind() == ErrorKind::Transition
                && matches!(line.event, Event::NotSent(_) | Event::Crashed) =>
        {
            Ok(())
        }
        result => result.map(drop),
    }
}

/// This host and process, for people.
fn own_name() -> String {
    #[cfg(unix)]
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    #[cfg(not(unix))]
    let host = std::env::var("COMPUTERNAME").unwrap_or_default();
    format!("{host}/{}", std::process::id())
}
