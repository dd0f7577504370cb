//! A process that buys rows of one batch, as many others do at the same time. With a bug planted it does what a job
//! queue does, or what an earlier draft did.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use genrex_blocking::{
    ApiKey, ApiSecret, BaseUrl, Client, ErrorKind, GenerateRequest, KeyPair, Limits, Pace, Prompt,
    Seconds, Submission,
};
use genrex_core::{PurchaseOptions, block_on};
use genrex_ledger::{Entry, Event, Filter, Intent, Ledger as _, LocalId, Look, Once, Row, State};
use genrex_ledger_postgres::{Options, PostgresLedger};

use super::attack::{LEASE, LIMIT, PRICE, PSQL};
use super::psql::Session;
use super::suite::address;
use crate::flags::FleetWorker;

/// Where a worker reads the folder for its files.
pub(crate) const FOLDER: &str = "FLEET_FOLDER";
const BATCH: &str = "a shared batch";
const SECONDS: u8 = 5;

/// The states of a row that there is nothing more to do about.
const OVER: [State; 5] = [
    State::Refused,
    State::Ambiguous,
    State::Failed,
    State::Completed,
    State::Downloaded,
];

/// Where a row stands after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    /// There is nothing more to do about it.
    Done,
    /// Another is at it, or it is to be tried again.
    Open,
    /// The limit does not allow it.
    Refused,
}

pub(crate) fn run(flags: &FleetWorker) -> anyhow::Result<()> {
    // It does not outlive who started it.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let mut worker = Worker::new(flags)?;
    let mut order: Vec<u64> = (0..flags.rows).collect();
    worker.random.shuffle(&mut order);
    loop {
        worker.recover();
        // What could not be asked now is asked row by row.
        let over = worker.over().unwrap_or_default();
        order.retain(|row| !over.contains(&name_of(*row)));
        let mut stands = Vec::new();
        for row in &order {
            // The database may be away: the row is tried again.
            stands.push(worker.step(*row).unwrap_or(Stands::Open));
        }
        if !stands.contains(&Stands::Open) {
            break;
        }
        pause(Duration::from_millis(50));
    }
    let name = format!("refused-{}-{}", flags.number, std::process::id());
    std::fs::write(folder()?.join(name), worker.refused.to_string())?;
    Ok(())
}

struct Worker {
    client: Client,
    /// The same without a ledger.
    bare: Client,
    ledger: PostgresLedger,
    bug: String,
    database: String,
    limit: u64,
    random: fastrand::Rng,
    /// The session whose locks say which jobs are this worker's, where that bug is planted.
    session: Option<Session>,
    /// How often the ledger did not let it send a job that another intended.
    refused: u64,
}

impl Worker {
    fn new(flags: &FleetWorker) -> anyhow::Result<Self> {
        let limit = std::env::var(LIMIT)?.parse()?;
        let options = Options::new().lease(LEASE).rescue(folder()?.join("rescue"));
        let to = address(&flags.database)?;
        let ledger = loop {
            match block_on(PostgresLedger::connect_with(&to, &options)) {
                Ok(ledger) => break ledger,
                // It is away, and comes back.
                Err(error) if error.kind() == genrex_ledger::ErrorKind::Storage => {}
                Err(error) => return Err(error.into()),
            }
        };
        let builder = || -> anyhow::Result<_> {
            let keys = KeyPair::new(
                ApiKey::new("sandbox-key")?,
                ApiSecret::new("sandbox-secret")?,
            );
            Ok(Client::builder()
                .key_pair(keys)
                .base_url(BaseUrl::new(&flags.url)?)
                .pace(Pace::Fixed(Duration::from_millis(10))))
        };
        let mut limits = Limits::default();
        limits.total = Some(limit);
        limits.per_job = Some(PRICE);
        Ok(Self {
            client: builder()?.ledger(ledger.clone()).limits(limits).build()?,
            bare: builder()?.build()?,
            ledger,
            bug: flags.bug.clone(),
            database: flags.database.clone(),
            limit,
            random: fastrand::Rng::with_seed(flags.number),
            session: None,
            refused: 0,
        })
    }

    /// Ends what nobody carries on; with a bug planted, runs it again, as a job queue does.
    fn recover(&self) {
        if self.bug != "orphans-run-again" {
            // What could not be asked now is asked in the next round.
            let _ = self.client.recover();
            return;
        }
        for entry in block_on(self.ledger.recover(now())).unwrap_or_default() {
            if entry.state == State::Ambiguous
                && let Ok(request) = request(&entry.text)
            {
                let submission = self.bare.submit(&request);
                let _ = self.record(entry.id, &Event::from(&submission));
            }
        }
    }

    /// The rows that there is nothing more to do about, asked for in one: who is killed often and comes to ten
    /// thousand rows asks little else.
    fn over(&self) -> anyhow::Result<HashSet<String>> {
        let filter = Filter::of(self.client.account()?).states(OVER);
        let entries = block_on(self.ledger.entries(&filter))?;
        Ok(entries.into_iter().map(|entry| entry.text).collect())
    }

    fn step(&mut self, row: u64) -> anyhow::Result<Stands> {
        let name = name_of(row);
        let mut filter = Filter::default();
        filter.row = Some(Row::new(BATCH, &name));
        filter.limit = Some(1);
        let newest = block_on(self.ledger.entries(&filter))?.pop();
        let Some(entry) = newest else {
            return self.buy(&name, None);
        };
        match entry.state {
            State::NotSent => self.buy(&name, Some(entry.id)),
            State::Intended => self.take_over(&entry),
            State::Sent => Ok(Stands::Open),
            State::Accepted => {
                let id = entry.query_id.context("no id")?;
                let job = self.client.job(id);
                // The answer is kept by whoever has it first.
                let _ = self.client.wait(&job);
                Ok(Stands::Open)
            }
            // Those that are over.
            _ => Ok(Stands::Done),
        }
    }

    fn buy(&mut self, name: &str, last: Option<LocalId>) -> anyhow::Result<Stands> {
        let once = Once::Row {
            row: Row::new(BATCH, name),
            last,
        };
        match self.bug.as_str() {
            "no-fence" | "session-locks" => self.buy_by_hand(name, once),
            "limit-before-intent" => self.look_then_buy(name, once),
            _ => {
                let mut options = PurchaseOptions::default();
                options.once = once;
                Ok(match self.client.purchase(&request(name)?, &options) {
                    Submission::NotSent(error) if error.kind() == ErrorKind::OverLimit => {
                        Stands::Refused
                    }
                    _ => Stands::Open,
                })
            }
        }
    }

    /// Sends what another has intended, if the ledger lets it: a queue would think that the other is gone.
    fn take_over(&mut self, entry: &Entry) -> anyhow::Result<Stands> {
        if self.bug == "session-locks" && !self.locks(entry.id)? {
            return Ok(Stands::Open);
        }
        if matches!(self.bug.as_str(), "no-fence" | "session-locks") {
            self.seize(entry.id)?;
        }
        match self.record(entry.id, &Event::Sent) {
            Ok(_) => {
                let submission = self.bare.submit(&request(&entry.text)?);
                self.record(entry.id, &Event::from(&submission))?;
            }
            Err(error) if error.kind() == genrex_ledger::ErrorKind::NotOwned => self.refused += 1,
            Err(_) => {}
        }
        Ok(Stands::Open)
    }

    /// The steps of a purchase, with a pause in which others may look.
    fn buy_by_hand(&mut self, name: &str, once: Once) -> anyhow::Result<Stands> {
        let entry = block_on(self.ledger.intend(&self.intent(name, once)?, now()))?;
        if self.bug == "session-locks" && !self.locks(entry.id)? {
            return Ok(Stands::Open);
        }
        // Long enough for the session to end meanwhile, with its database.
        let longest = if self.bug == "session-locks" {
            3_000
        } else {
            200
        };
        pause(Duration::from_millis(self.random.u64(0..longest)));
        self.seize(entry.id)?;
        self.record(entry.id, &Event::Sent)?;
        let submission = self.bare.submit(&request(name)?);
        self.record(entry.id, &Event::from(&submission))?;
        Ok(Stands::Open)
    }

    /// The limit is held against what is known, and the intent is written after that.
    fn look_then_buy(&mut self, name: &str, once: Once) -> anyhow::Result<Stands> {
        let account = self.client.account()?;
        let spent = block_on(self.ledger.credits(&account))?.spending(now());
        if spent.total + PRICE > self.limit {
            return Ok(Stands::Refused);
        }
        // Another has time to look: on a slow disk or a busy machine it has as much.
        pause(Duration::from_millis(20));
        let entry = block_on(self.ledger.intend(&self.intent(name, once)?, now()))?;
        self.record(entry.id, &Event::Sent)?;
        let submission = self.bare.submit(&request(name)?);
        self.record(entry.id, &Event::from(&submission))?;
        Ok(Stands::Open)
    }

    /// An intent without limits, but for what its piece costs at most.
    fn intent(&self, name: &str, once: Once) -> anyhow::Result<Intent> {
        let account = self.client.account()?;
        let used = self.client.balance()?.credits_used;
        let body = request(name)?.to_json();
        let mut limits = Limits::default();
        limits.per_job = Some(PRICE);
        Ok(
            Intent::new(fastrand::u128(..), account, name, SECONDS, &body)
                .after(Look::new(used))
                .within(limits)
                .once(once),
        )
    }

    /// Makes a job this process's, whoever it belongs to: what a ledger without epochs lets happen.
    fn seize(&self, id: LocalId) -> anyhow::Result<()> {
        let own = format!("/{}", std::process::id());
        let status = block_on(self.ledger.status())?;
        let holder = status
            .holders
            .iter()
            .rfind(|holder| holder.name.ends_with(&own))
            .context("not known")?;
        let sql = format!(
            "UPDATE genrex.job SET owner = '{}', epoch = {}, lease_until = now() + interval '1 hour' \
             WHERE id = {id} AND state IN ('intended', 'sent')",
            holder.name, holder.epoch
        );
        let ended = Command::new(std::env::var(PSQL)?)
            .args(["-X", "-q", "-d", &self.database, "-c", &sql])
            .output()?;
        ensure!(
            ended.status.success(),
            "{}",
            String::from_utf8_lossy(&ended.stderr)
        );
        Ok(())
    }

    /// Whether this worker's session has the lock of a job. It knows nothing of a session that has ended since.
    fn locks(&mut self, id: LocalId) -> anyhow::Result<bool> {
        let session = match &mut self.session {
            Some(session) => session,
            none => none.insert(Session::start(
                std::env::var(PSQL)?.as_ref(),
                &self.database,
            )?),
        };
        let locked = session.ask(&format!("SELECT pg_try_advisory_lock({id})"));
        if locked.is_err() {
            self.session = None;
        }
        locked.map(|said| said == "t")
    }

    fn record(&self, id: LocalId, event: &Event) -> Result<Entry, genrex_ledger::Error> {
        block_on(self.ledger.record(id, event, now()))
    }
}

fn folder() -> anyhow::Result<PathBuf> {
    Ok(PathBuf::from(std::env::var(FOLDER)?))
}

/// A row's name, which is its prompt as well.
fn name_of(row: u64) -> String {
    format!("row {row}")
}

fn request(text: &str) -> anyhow::Result<GenerateRequest> {
    Ok(GenerateRequest::new(
        Prompt::new(text)?,
        Seconds::new(SECONDS.into())?,
    ))
}

#[expect(clippy::disallowed_methods, reason = "a worker has a clock")]
fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "a worker waits for others")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}
