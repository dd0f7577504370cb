//! Whether a database still has what this machine saw it keep. One that was restored from an earlier state, or whose
//! standby took over before it had everything, has forgotten purchases: it is held until somebody has looked.

pub(crate) mod step;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use genrex_ledger::{Change, Entry, Error, ErrorKind, Event, Hold, HoldKind, LocalId, State};
use genrex_ledger_rescue::{Seen, Witness};

use self::step::Step;
use crate::calls::Call;
use crate::failure::Failure;
use crate::relocation::{Held, MOVED, held};
use crate::row::Value;
use crate::session::{Kind, Session};
use crate::store::{Store, nothing};
use crate::text;
use crate::worker::host;

/// What a person types who has looked.
const COMMAND: &str = "genrex ledger accept-restored";

/// How much is kept of what machines miss, in bytes; a machine says a line.
const LONGEST: usize = 64 * 1024;

/// Which server it is, as far as that can be known, and whether another keeps what it does before that is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) name: Option<String>,
    pub(crate) is_synchronous: bool,
}

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
    seen: Option<Seen>,
    server: Server,
    /// How often somebody has taken the ledger as it was.
    pub(crate) generation: i64,
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
    ) -> Result<Option<Missing>, Failure> {
        let ledger = held.name.as_str();
        self.generation = held.generation;
        self.server = server(session).await?;
        if let Some(witness) = &self.witness {
            // Other processes of this machine write to it too. One that cannot be read says nothing.
            let here = witness.last().ok().flatten();
            self.seen = match here.or_else(|| self.seen.take()) {
                Some(here) if here.ledger != ledger => Some(here),
                // It may have been reached by another address.
                here => witness.last_of(ledger).or(here),
            };
        }
        self.missing(session).await
    }

    /// The same before each purchase: tables can be put back while a connection lasts.
    pub(crate) async fn missing(&self, session: &Session) -> Result<Option<Missing>, Failure> {
        match &self.seen {
            Some(seen) => missing(session, seen, &self.server).await,
            None => Ok(None),
        }
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
        self.seen = Some(seen);
    }
}

/// Which server this is.
async fn server(session: &Session) -> Result<Server, Failure> {
    let may = "SELECT has_function_privilege('pg_control_system()', 'execute'), \
         current_setting('synchronous_standby_names') <> '', pg_is_in_recovery()";
    let rows = session.read(may, &[]).await?;
    let row = rows.first().ok_or_else(nothing)?;
    let (may, is_synchronous, is_standby): (bool, bool, bool) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let name = if may && !is_standby {
        // The timeline is another one after each recovery to a point in time, and after each fail-over.
        let named = "SELECT system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) \
             FROM pg_control_system()";
        let rows = session.read(named, &[]).await?;
        rows.first().map(|row| row.try_get(0)).transpose()?
    } else {
        None
    };
    Ok(Server {
        name,
        is_synchronous,
    })
}

/// What is missing of what this machine saw, in words, unless somebody has accepted that.
async fn missing(
    session: &Session,
    seen: &Seen,
    server: &Server,
) -> Result<Option<Missing>, Failure> {
    let found = Found::by(session, seen).await?;
    // What was seen before all of it was copied here had other numbers.
    if seen.at.cast_signed() <= found.moved_at {
        return Ok(None);
    }
    let is_other_server = match (&seen.server, &server.name) {
        (Some(before), Some(now)) => before != now,
        _ => false,
    };
    let is_accepted = found.accepted_of_old > seen.generation;
    let is_step_accepted = is_accepted || found.accepted.is_some_and(|event| event >= seen.event);
    let is_server_accepted = is_accepted || found.accepted.is_some();
    Ok(if found.name != seen.ledger && !is_step_accepted {
        let words = format!(
            "it is another ledger than the one that {} knew at this address",
            host()
        );
        Some(Missing::new(seen, words))
    } else if (!found.is_there || found.generation < seen.generation) && !is_step_accepted {
        Some(Missing::lost(seen, found.newest))
    } else if is_other_server && !seen.is_synchronous && !is_server_accepted {
        let words = format!(
            "another server answers ({} after {}), and no standby had to keep what was bought: what other machines saw \
             may be missing",
            server.name.as_deref().unwrap_or_default(),
            seen.server.as_deref().unwrap_or_default()
        );
        Some(Missing::new(seen, words))
    } else {
        None
    })
}

/// What a ledger has of a step that this machine saw.
struct Found {
    /// The ledger's own name.
    name: String,
    /// How often somebody has taken it as it was,
    generation: i64,
    /// and of that before it was kept what was known to be missing.
    accepted_of_old: i64,
    /// The greatest number that was accepted as missing, of the step's server and generation.
    accepted: Option<i64>,
    /// When all of it was copied here, in milliseconds since 1970, or 0.
    moved_at: i64,
    is_there: bool,
    /// The greatest number of a step.
    newest: i64,
}

impl Found {
    async fn by(session: &Session, seen: &Seen) -> Result<Self, Failure> {
        let sql = "SELECT ledger.id, restored.*, \
                 EXISTS (SELECT FROM genrex.history WHERE id = $1 AND job = $2 AND at = $3 AND state = $4), \
                 (SELECT coalesce(max(id), 0) FROM genrex.history) \
             FROM genrex.ledger, ( \
                 SELECT count(*), count(*) FILTER (WHERE steps IS NULL), \
                     max(( \
                         SELECT max(step.event) \
                         FROM jsonb_to_recordset(steps) AS step(server text, generation bigint, event bigint) \
                         WHERE step.generation = $6 AND step.server IS NOT DISTINCT FROM $7 \
                     )), \
                     coalesce(max(extract(epoch FROM accepted_at) * 1000) FILTER (WHERE accepted_by = $5), 0)::bigint \
                 FROM genrex.restored \
             ) AS restored";
        let values = [
            Value::from(seen.event),
            seen.job.0.into(),
            seen.at.cast_signed().into(),
            Value::text(seen.state.as_str()),
            Value::text(MOVED),
            seen.generation.into(),
            Value::Text(seen.server.as_deref().map(text::kept)),
        ];
        let rows = session.read(sql, &values).await?;
        let row = rows.first().ok_or_else(nothing)?;
        Ok(Self {
            name: row.try_get(0)?,
            generation: row.try_get(1)?,
            accepted_of_old: row.try_get(2)?,
            accepted: row.try_get(3)?,
            moved_at: row.try_get(4)?,
            is_there: row.try_get(5)?,
            newest: row.try_get(6)?,
        })
    }
}

/// What of all that a machine saw a ledger does not have.
pub(crate) struct Missing {
    pub(crate) words: String,
    /// The part of them that is the same whenever the machine says it.
    what: String,
    step: Step,
}

impl Missing {
    fn new(seen: &Seen, words: String) -> Self {
        Self {
            what: words.clone(),
            words,
            step: Step::of(seen),
        }
    }

    /// That steps are, where the newest that is there is of this number.
    fn lost(seen: &Seen, newest: i64) -> Self {
        let missing = (seen.event - newest).max(1);
        let what = format!(
            "the last was number {}, of job {}, which was {} then",
            seen.event, seen.job, seen.state
        );
        Self {
            words: format!(
                "{missing} events that {} saw are missing, at least; {what}",
                host()
            ),
            what,
            step: Step::of(seen),
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
        let Missing { words, what, step } = &self.0;
        let mut steps = store.missing_steps().await?;
        let is_more = step.clone().add_to(&mut steps);
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
             SELECT detail, since, machine, $1, steps FROM genrex.hold";
        store.session.read(sql, &[Value::text(&self.0)]).await?;
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
