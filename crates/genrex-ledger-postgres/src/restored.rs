//! Whether a database still has what this machine saw it keep. One that was restored from an earlier state, or whose
//! standby took over before it had everything, has forgotten purchases: it is held until somebody has looked.

mod found;
mod server;
pub(crate) mod step;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use genrex_ledger::{Change, Entry, Error, ErrorKind, Event, Hold, HoldKind, LocalId, State};
use genrex_ledger_rescue::{Seen, Witness};

use self::found::Found;
use self::server::{Server, server};
use self::step::Step;
use crate::calls::Call;
use crate::failure::{Failure, StorageError, Then};
use crate::relocation::{Held, held};
use crate::row::Value;
use crate::session::{Kind, Session};
use crate::store::Store;
use crate::text;
use crate::worker::host;

/// What a person types who has looked.
const COMMAND: &str = "genrex ledger accept-restored";

/// How much is kept of what machines miss, in bytes; a machine says a line.
const LONGEST: usize = 64 * 1024;

/// A step of a job, as it was written by a transaction that has not ended.
#[derive(Debug, Clone)]
pub(crate) struct Noted {
    pub(crate) event: i64,
    pub(crate) entry: Entry,
    pub(crate) at: u64,
}

/// The steps that a transaction wrote.
#[derive(Debug, Default)]
pub(crate) struct Notes(Mutex<Vec<Noted>>);

impl Notes {
    pub(crate) fn add(&self, noted: Noted) {
        self.list().push(noted);
    }

    /// The last one; the list is empty after it.
    pub(crate) fn take(&self) -> Option<Noted> {
        std::mem::take(&mut *self.list())
            .into_iter()
            .max_by_key(|noted| noted.event)
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Noted>> {
        // Each call leaves it whole, so a panic elsewhere has not harmed it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What this machine saw the ledger keep.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    witness: Option<Witness>,
    /// The last step of each server and generation; the newest at the end.
    seen: Vec<Seen>,
    server: Server,
    /// How often somebody has taken the ledger as it was.
    pub(crate) generation: i64,
    /// Which start of the server this was compared with.
    start: String,
}

impl Memory {
    /// In a file beside the one for outcomes, if there is one.
    pub(crate) fn beside(rescue: Option<&Path>) -> Self {
        Self {
            witness: rescue.map(Witness::beside),
            ..Self::default()
        }
    }

    /// Holds a server that was just connected to against all that this machine saw of the ledger; says what is missing.
    pub(crate) async fn compare(
        &mut self,
        session: &Session,
        held: &Held,
    ) -> Result<Vec<Missing>, Failure> {
        self.generation = held.generation;
        self.start.clone_from(&held.start);
        self.server = server(session).await?;
        self.remember(&held.name).map_err(|error| {
            let why = "cannot be compared with what this machine saw of it: the file that ends in .seen cannot be read";
            StorageError::new(ErrorKind::Denied, Then::GiveUp, why).with_source(error)
        })?;
        let knows = |seen: &Seen| self.server.is(seen.server.as_deref());
        // Once something was seen of a server, what was seen of others before says nothing of it.
        let is_new = !self.seen.iter().any(knows);
        let mut missing = Vec::new();
        for (at, seen) in self.seen.iter().rev().enumerate() {
            let is_new = is_new && at == 0;
            missing.extend(missing_of(session, seen, (&self.server, is_new)).await?);
        }
        Ok(missing)
    }

    /// What the machine's files say beside what this process knows: others write to them, and the disk may not have taken
    /// all. The ledger may have been reached by another address, and another ledger by this one.
    fn remember(&mut self, ledger: &str) -> std::io::Result<()> {
        let Some(witness) = &self.witness else {
            return Ok(());
        };
        let mut all = witness.all_of(ledger)?;
        let here = witness.last()?;
        let mut own = std::mem::take(&mut self.seen);
        if let Some(here) = here.filter(|here| here.ledger != ledger) {
            own.push(here);
        }
        all.sort_by_key(|seen| seen.at);
        self.seen = all;
        for seen in own {
            seen.add_to(&mut self.seen);
        }
        Ok(())
    }

    /// The same before each purchase: rows can be taken away while a connection lasts.
    pub(crate) async fn missing(&self, session: &Session) -> Result<Option<Missing>, Failure> {
        match self.seen.last() {
            Some(seen) => missing_of(session, seen, (&self.server, true)).await,
            None => Ok(None),
        }
    }

    /// Whether a connection leads where it led when it was compared. Behind a pool it may lead to a server that has taken
    /// over, and tables can be replaced.
    pub(crate) fn is_of(&self, held: &Held) -> Result<(), Failure> {
        if held.start == self.start {
            return Ok(());
        }
        let why = "was started anew, or its tables were put back";
        Err(StorageError::new(ErrorKind::Storage, Then::Reconnect, why).into())
    }

    /// Keeps the last step of a transaction that lasts. What the disk does not take is known to this process alone.
    pub(crate) fn keep(&mut self, ledger: &str, noted: &Noted) {
        let seen = Seen {
            ledger: ledger.to_owned(),
            generation: self.generation,
            event: noted.event,
            job: noted.entry.id,
            state: noted.entry.state,
            at: noted.at,
            server: self.server.name.clone(),
            is_synchronous: self.server.is_synchronous,
        };
        // What is intended is not worth a sync: nothing has left.
        if let Some(witness) = self
            .witness
            .as_ref()
            .filter(|_| seen.state != State::Intended)
        {
            let _ = witness.keep(&seen);
        }
        seen.add_to(&mut self.seen);
    }
}

/// What is missing of what this machine saw, in words, unless somebody has accepted that. Where `is_new` says that the
/// machine saw nothing of this server so far, another that was not kept by it may have more.
async fn missing_of(
    session: &Session,
    seen: &Seen,
    (server, is_new): (&Server, bool),
) -> Result<Option<Missing>, Failure> {
    let found = Found::by(session, seen, server).await?;
    // What was seen before all of it was copied here had other numbers.
    let is_before = found.name == seen.ledger && seen.at.cast_signed() <= found.moved_at;
    if is_before && found.is_copied {
        return Ok(None);
    }
    let is_accepted = found.accepted_of_old > seen.generation;
    let is_step_accepted = is_accepted || found.accepted.is_some_and(|event| event >= seen.event);
    let is_server_accepted = is_accepted || found.is_server_accepted;
    let words = if found.name != seen.ledger && !is_step_accepted {
        let host = host();
        format!("it is another ledger than the one that {host} knew at this address")
    } else if (!found.is_there || found.generation < seen.generation) && !is_step_accepted {
        return Ok(Some(Missing::lost(seen, server, found.newest)));
    } else if is_new && server.may_have_less_than(seen) && !is_server_accepted {
        format!(
            "another server answers ({} after {}), and no standby had to keep what was bought: what other machines saw \
             may be missing",
            server.name.as_deref().unwrap_or_default(),
            seen.server.as_deref().unwrap_or_default()
        )
    } else {
        return Ok(None);
    };
    Ok(Some(Missing::new(seen, server, words)))
}

/// What of all that a machine saw a ledger does not have.
pub(crate) struct Missing {
    pub(crate) words: String,
    /// The part of them that is the same whenever the machine says it.
    what: String,
    seen: Seen,
    server: Server,
}

impl Missing {
    fn new(seen: &Seen, server: &Server, words: String) -> Self {
        Self {
            what: words.clone(),
            words,
            seen: seen.clone(),
            server: server.clone(),
        }
    }

    /// That steps are, where the newest that is there is of this number.
    fn lost(seen: &Seen, server: &Server, newest: i64) -> Self {
        let missing = (seen.event - newest).max(1);
        let what = format!(
            "the last was number {}, of job {}, which was {} then",
            seen.event, seen.job, seen.state
        );
        let host = host();
        let words = format!("{missing} events that {host} saw are missing, at least; {what}");
        Self {
            what,
            ..Self::new(seen, server, words)
        }
    }
}

/// That a ledger is held because it was restored. What it calls intended may have been sent since.
pub(crate) struct HoldRestored(pub(crate) Missing);

#[async_trait]
impl Call for HoldRestored {
    type Answer = ();

    fn kind(&self) -> Kind {
        Kind::Hold
    }

    fn change(&self) -> Option<Change> {
        None
    }

    async fn run(&mut self, store: Store<'_>) -> Result<(), Failure> {
        let Missing {
            words,
            what,
            seen,
            server,
        } = &self.0;
        // Somebody may have accepted it since, and nobody else is in a transaction now.
        if missing_of(store.session, seen, (server, true))
            .await?
            .is_none()
        {
            return Ok(());
        }
        let mut steps = store.missing_steps().await?;
        let is_more = Step::of(seen).add_to(&mut steps);
        let detail = match held(store.session).await?.hold {
            // Each machine says what it saw, once.
            Some(hold) if hold.kind == HoldKind::Restored => {
                let detail = text::read(&hold.detail);
                match detail.contains(what) || detail.len() > LONGEST {
                    true if is_more => detail,
                    true => return Ok(()),
                    false => format!("{detail}; {words}"),
                }
            }
            Some(_) => return Ok(()),
            None => words.clone(),
        };
        let hold = Hold {
            kind: HoldKind::Restored,
            token: String::new(),
            detail,
            command: String::from(COMMAND),
        };
        store.keep_hold(Some(&hold), &steps).await?;
        store.distrust().await
    }
}

/// That somebody has looked, and takes the ledger as it is; returns what was missing.
pub(crate) struct AcceptRestored(pub(crate) String);

#[async_trait]
impl Call for AcceptRestored {
    type Answer = String;

    fn kind(&self) -> Kind {
        Kind::Hold
    }

    fn change(&self) -> Option<Change> {
        None
    }

    async fn run(&mut self, store: Store<'_>) -> Result<String, Failure> {
        let hold = held(store.session).await?.hold;
        let Some(hold) = hold.filter(|hold| hold.kind == HoldKind::Restored) else {
            let message = "the ledger is not held as a restored one: there is nothing to accept";
            return Err(Error::new(ErrorKind::NotFound, message).into());
        };
        let sql = "INSERT INTO genrex.restored (detail, held_at, held_by, accepted_by, steps) \
             SELECT detail, since, machine, $1, ( \
                 SELECT coalesce(jsonb_agg(step || jsonb_build_object('to', $2)), '[]') FROM jsonb_array_elements(steps) AS step \
             ) FROM genrex.hold";
        let to = server(store.session).await?.name;
        let values = [Value::text(&self.0), Value::Text(to)];
        store.session.read(sql, &values).await?;
        // Outcomes that were forgotten name jobs by their numbers: none of those is given to another job.
        let skipped = "SELECT count(nextval('genrex.job_id')) FROM generate_series(1, 100000)";
        store.session.read(skipped, &[]).await?;
        // Between the hold and now, an older genrex may have intended another.
        store.distrust().await?;
        store.keep_hold(None, &[]).await?;
        Ok(text::read(&hold.detail))
    }
}

impl Store<'_> {
    /// The steps that the hold says are missing.
    async fn missing_steps(self) -> Result<Vec<Step>, Failure> {
        let sql = "SELECT steps::text FROM genrex.hold";
        let rows = self.session.read(sql, &[]).await?;
        match rows.first() {
            Some(row) => {
                let kept: String = row.try_get(0)?;
                Ok(step::read(&text::read(&kept)))
            }
            None => Ok(Vec::new()),
        }
    }

    /// What is intended here may have been sent after the moment that the ledger was restored to.
    async fn distrust(self) -> Result<(), Failure> {
        let sql = "SELECT id FROM genrex.job WHERE state = 'intended' ORDER BY id";
        let why = "the ledger was restored: it may have been sent since";
        for row in self.session.read(sql, &[]).await? {
            let id = LocalId(row.try_get(0)?);
            for event in [Event::Sent, Event::Ambiguous(String::from(why))] {
                let mut locked = self.lock_job(id).await?;
                if let Some(after) = locked.record(&event)? {
                    self.keep(&locked, &after).await?;
                }
            }
        }
        Ok(())
    }
}
