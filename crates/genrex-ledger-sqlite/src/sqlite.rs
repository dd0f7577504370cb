use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{
    Connection, OpenFlags, OptionalExtension as _, Row, Transaction, TransactionBehavior, params,
};

use crate::ledger::{Filter, Ledger};
use crate::owner::Owner;
use crate::place::{prepare, unusable};
use crate::{
    Account, Entry, Error, ErrorKind, Event, Intent, Limits, LocalId, Observation, Price, State,
};

/// The ledger as one SQLite file, shared by all processes of a machine that are given its path.
///
/// WAL with `synchronous=FULL`: a transaction that returned is on the disk. People can open the file and
/// query it; what it holds is described in it.
#[derive(Debug)]
pub struct SqliteLedger {
    connection: Connection,
    owner: Owner,
    path: PathBuf,
}

/// The forward migrations, in order: version `n` of the file is what the first `n` of them make.
const MIGRATIONS: [&str; 1] = [include_str!("schema.sql")];

impl SqliteLedger {
    /// Opens the ledger at a path, and makes it if it is not there: the file 0600, its folder 0700.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`], naming the file, and [`ErrorKind::Newer`] for a file that a newer genrex has
    /// changed.
    pub fn open(path: &Path) -> Result<Self, Error> {
        /// How long another process's transaction is waited for; one takes milliseconds.
        const PATIENCE: Duration = Duration::from_secs(30);
        prepare(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let absolute = path
            .canonicalize()
            .map_err(|error| unusable(path, "cannot be found").because(error))?;
        let mut connection = Connection::open_with_flags(&absolute, flags)
            .map_err(|error| unusable(path, "cannot be opened").because(error))?;
        let set_up = |connection: &Connection| {
            connection.busy_timeout(PATIENCE)?;
            use_wal(connection)?;
            connection.pragma_update(None, "synchronous", "full")?;
            connection.pragma_update(None, "foreign_keys", true)
        };
        set_up(&connection).map_err(|error| unusable(path, "cannot be used").because(error))?;
        migrate(&mut connection, path)?;
        Ok(Self {
            owner: Owner::begin(path)?,
            connection,
            path: path.to_owned(),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn begin(&mut self) -> Result<Transaction<'_>, Error> {
        let path = self.path.clone();
        self.connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|error| failed(&path, error))
    }

    fn failed(&self, error: rusqlite::Error) -> Error {
        failed(&self.path, error)
    }
}

impl Ledger for SqliteLedger {
    fn intend(&mut self, intent: &Intent, limits: &Limits, now: u64) -> Result<Entry, Error> {
        let (path, owner) = (self.path.clone(), self.owner.name().to_owned());
        let transaction = self.begin()?;
        let is_taken = is_taken(&transaction, intent).map_err(|error| failed(&path, error))?;
        if is_taken {
            return Err(taken());
        }
        let price =
            price_of(&transaction, &intent.account).map_err(|error| failed(&path, error))?;
        let cost = price.of(intent.duration);
        if !limits.is_none() {
            check(&transaction, intent, limits, &price, now).map_err(|refusal| match refusal {
                Refusal::Limit(error) => error,
                Refusal::Sqlite(error) => failed(&path, error),
            })?;
        }
        let insert = |transaction: &Transaction<'_>| {
            transaction.execute(
                "INSERT INTO job (account, text, duration, body_sha256, state, expected_cost, owner, created_at, \
                 updated_at, batch, row, used_before, changed_before) \
                 VALUES (?1, ?2, ?3, ?4, 'intended', ?5, ?6, ?7, ?7, ?8, ?9, ?10, ?11)",
                params![
                    intent.account.as_str(),
                    intent.text,
                    intent.duration,
                    intent.body_sha256,
                    cost.map(to_sql),
                    owner,
                    to_sql(now),
                    intent.row.as_ref().map(|(batch, ..)| batch),
                    intent.row.as_ref().map(|(_, row, _)| row),
                    intent.before.as_ref().map(|(used, _)| to_sql(*used)),
                    intent.before.as_ref().and_then(|(_, changed)| changed.as_ref()),
                ],
            )?;
            let id = LocalId(transaction.last_insert_rowid());
            note(transaction, id, State::Intended, None, now)?;
            read(transaction, id)
        };
        let entry = insert(&transaction).map_err(|error| match error.sqlite_error() {
            Some(sqlite) if sqlite.extended_code == rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE => {
                taken()
            }
            _ => failed(&path, error),
        })?;
        transaction.commit().map_err(|error| failed(&path, error))?;
        entry.ok_or_else(|| unusable(&path, "lost what it was just given"))
    }

    fn record(&mut self, id: LocalId, event: &Event, now: u64) -> Result<Entry, Error> {
        let path = self.path.clone();
        let transaction = self.begin()?;
        let entry = read(&transaction, id)
            .map_err(|error| failed(&path, error))?
            .ok_or_else(|| unusable(&path, &format!("holds no job {id}")))?;
        let Some(state) = entry.state.after(event) else {
            let message = format!(
                "job {id} is {}, from where this cannot happen: {event:?}",
                entry.state
            );
            return Err(Error::new(ErrorKind::Transition, message));
        };
        let entry =
            apply(&transaction, id, state, event, now).map_err(|error| failed(&path, error))?;
        transaction.commit().map_err(|error| failed(&path, error))?;
        entry.ok_or_else(|| unusable(&path, "lost what it was just given"))
    }

    fn recover(&mut self, now: u64) -> Result<Vec<Entry>, Error> {
        let path = self.path.clone();
        let in_flight = |connection: &Connection| -> rusqlite::Result<Vec<(LocalId, String)>> {
            let mut query = connection
                .prepare("SELECT id, owner FROM job WHERE state IN ('intended', 'sent')")?;
            let rows = query.query_map([], |row| Ok((LocalId(row.get(0)?), row.get(1)?)))?;
            rows.collect()
        };
        // Most often there is nothing, and nothing is locked.
        if in_flight(&self.connection)
            .map_err(|error| self.failed(error))?
            .is_empty()
        {
            return Ok(Vec::new());
        }
        let mut recovered = Vec::new();
        let mut gone = Vec::new();
        {
            let owner = &self.owner;
            let transaction = self
                .connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(|error| failed(&path, error))?;
            for (id, name) in in_flight(&transaction).map_err(|error| failed(&path, error))? {
                if owner.is_gone(&name) {
                    let entry = apply(&transaction, id, State::Ambiguous, &Event::Crashed, now);
                    recovered.extend(entry.map_err(|error| failed(&path, error))?);
                    gone.push(name);
                }
            }
            transaction.commit().map_err(|error| failed(&path, error))?;
        }
        for name in gone {
            self.owner.forget(&name);
        }
        Ok(recovered)
    }

    fn entry(&self, id: LocalId) -> Result<Option<Entry>, Error> {
        read(&self.connection, id).map_err(|error| self.failed(error))
    }

    fn entries(&self, filter: &Filter) -> Result<Vec<Entry>, Error> {
        let mut conditions = vec![String::from("1")];
        let mut values = Vec::new();
        let mut equal = |column: &str, value: Option<&str>| {
            if let Some(value) = value {
                conditions.push(format!("{column} = ?"));
                values.push(Value::from(value.to_owned()));
            }
        };
        equal("account", filter.account.as_ref().map(Account::as_str));
        equal("query_id", filter.query_id.as_deref());
        equal("body_sha256", filter.body_sha256.as_deref());
        equal(
            "batch",
            filter.row.as_ref().map(|(batch, _)| batch.as_str()),
        );
        equal("row", filter.row.as_ref().map(|(_, row)| row.as_str()));
        if !filter.states.is_empty() {
            let places = vec!["?"; filter.states.len()].join(", ");
            conditions.push(format!("state IN ({places})"));
            values.extend(
                filter
                    .states
                    .iter()
                    .map(|state| Value::from(state.as_str().to_owned())),
            );
        }
        let query = format!(
            "SELECT * FROM job WHERE {} ORDER BY id DESC",
            conditions.join(" AND ")
        );
        let found = |connection: &Connection| -> rusqlite::Result<Vec<Entry>> {
            let mut query = connection.prepare(&query)?;
            let rows = query.query_map(rusqlite::params_from_iter(values), entry)?;
            rows.collect()
        };
        found(&self.connection).map_err(|error| self.failed(error))
    }

    fn price(&self, account: &Account) -> Result<Price, Error> {
        price_of(&self.connection, account).map_err(|error| self.failed(error))
    }

    fn learn(&mut self, account: &Account, seen: Observation, now: u64) -> Result<(), Error> {
        let learn = self.connection.execute(
            "INSERT INTO price (account, duration, credits, at_submit, seen_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![account.as_str(), seen.duration, to_sql(seen.credits), seen.at_submit, to_sql(now)],
        );
        learn.map(drop).map_err(|error| self.failed(error))
    }
}

/// Turns the log on. Where several begin at once on a new file, SQLite does not wait by itself here.
#[expect(
    clippy::disallowed_methods,
    reason = "another process is given its turn, once in a file's life"
)]
fn use_wal(connection: &Connection) -> rusqlite::Result<()> {
    const TRIES: u32 = 500;
    const TURN: Duration = Duration::from_millis(10);
    for _ in 0..TRIES {
        match connection.pragma_update(None, "journal_mode", "wal") {
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
                std::thread::sleep(TURN);
            }
            result => return result,
        }
    }
    connection.pragma_update(None, "journal_mode", "wal")
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), Error> {
    let newest = MIGRATIONS.len();
    let version_of = |connection: &Connection| -> rusqlite::Result<usize> {
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok(usize::try_from(version).unwrap_or(usize::MAX))
    };
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| failed(path, error))?;
    let version = version_of(&transaction).map_err(|error| failed(path, error))?;
    if version > newest {
        let message = format!(
            "the ledger {} is of version {version}, and this genrex knows versions up to {newest}: use the newer \
             genrex that wrote it, or give another path",
            path.display()
        );
        return Err(Error::new(ErrorKind::Newer, message));
    }
    for migration in MIGRATIONS.iter().skip(version) {
        transaction
            .execute_batch(migration)
            .map_err(|error| failed(path, error))?;
    }
    if version < newest {
        let newest = i64::try_from(newest).unwrap_or(i64::MAX);
        transaction
            .pragma_update(None, "user_version", newest)
            .map_err(|error| failed(path, error))?;
    }
    transaction.commit().map_err(|error| failed(path, error))
}

enum Refusal {
    Limit(Error),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Holds an intent against the limits, inside the transaction that would write it.
fn check(
    transaction: &Transaction<'_>,
    intent: &Intent,
    limits: &Limits,
    price: &Price,
    now: u64,
) -> Result<(), Refusal> {
    /// What counts as spent.
    const SPENT: &str = "account = ?1 AND created_at > ?2 AND state NOT IN ('notSent', 'refused') \
                         AND NOT (state = 'ambiguous' AND verdict IS 'notCharged')";
    let account = intent.account.as_str();
    if let Some((name, ..)) = limits.each().find(|(_, _, most)| *most == 0) {
        let message = format!("nothing may be spent ({name} = 0); it was not sent");
        return Err(Refusal::Limit(Error::new(ErrorKind::OverLimit, message)));
    }
    let Some(cost) = price.of(intent.duration) else {
        // One goes alone, and teaches what it costs: it was held against the balance before it.
        let teaching: i64 = transaction.query_row(
            &format!("SELECT count(*) FROM job WHERE {SPENT} AND expected_cost IS NULL AND used_before IS NOT NULL"),
            params![account, -1],
            |row| row.get(0),
        )?;
        return match teaching {
            0 => Ok(()),
            _ => Err(Refusal::Limit(Error::new(
                ErrorKind::PriceUnknown,
                "a limit is set, and what a piece costs is not known yet: an earlier submit has to show it first",
            ))),
        };
    };
    for (name, window, most) in limits.each() {
        let window = window.map(|window| u64::try_from(window.as_millis()).unwrap_or(u64::MAX));
        let since = window.map_or(-1, |window| to_sql(now.saturating_sub(window)));
        let spent = spent(transaction, SPENT, account, since, price)?;
        if spent.saturating_add(cost) > most {
            let message = format!(
                "this would cost {cost} credits, and {spent} of the {most} that are allowed ({name}) are spent or \
                 promised; it was not sent"
            );
            return Err(Refusal::Limit(Error::new(ErrorKind::OverLimit, message)));
        }
    }
    Ok(())
}

/// What counts as spent since a time. What was bought before its price was known counts as what such a
/// piece is known to cost now.
fn spent(
    transaction: &Transaction<'_>,
    which: &str,
    account: &str,
    since: i64,
    price: &Price,
) -> rusqlite::Result<u64> {
    let mut query = transaction.prepare(&format!(
        "SELECT duration, expected_cost, count(*) FROM job WHERE {which} GROUP BY duration, expected_cost"
    ))?;
    let rows = query.query_map(params![account, since], |row| {
        let (duration, cost): (u8, Option<i64>) = (row.get(0)?, row.get(1)?);
        let each = cost
            .map(from_sql)
            .or_else(|| price.of(duration))
            .unwrap_or(0);
        Ok(each.saturating_mul(from_sql(row.get(2)?)))
    })?;
    rows.sum()
}

/// Whether another came first: to the row of a batch, or to the very same prompt.
fn is_taken(transaction: &Transaction<'_>, intent: &Intent) -> rusqlite::Result<bool> {
    let account = intent.account.as_str();
    if let Some((batch, row, last)) = &intent.row {
        let newest: Option<i64> = transaction.query_row(
            "SELECT max(id) FROM job WHERE account = ?1 AND batch = ?2 AND row = ?3",
            params![account, batch, row],
            |row| row.get(0),
        )?;
        return Ok(newest != last.map(|last| last.0));
    }
    if !intent.unless_open {
        return Ok(false);
    }
    transaction.query_row(
        "SELECT EXISTS (SELECT 1 FROM job WHERE account = ?1 AND body_sha256 = ?2 \
         AND state IN ('intended', 'sent', 'ambiguous', 'accepted', 'completed') \
         AND NOT (state = 'ambiguous' AND verdict IS 'notCharged'))",
        params![account, intent.body_sha256],
        |row| row.get(0),
    )
}

fn taken() -> Error {
    Error::new(
        ErrorKind::RowTaken,
        "the same has been bought, or is being bought, already; it was not sent",
    )
}

fn apply(
    transaction: &Transaction<'_>,
    id: LocalId,
    state: State,
    event: &Event,
    now: u64,
) -> rusqlite::Result<Option<Entry>> {
    let detail = event.detail();
    transaction.execute(
        "UPDATE job SET state = ?2, detail = coalesce(?3, detail), updated_at = ?4 WHERE id = ?1 AND ?2 NOT IN \
         ('accepted', 'downloaded')",
        params![id.0, state.as_str(), detail, to_sql(now)],
    )?;
    match event {
        Event::Accepted(query_id) => {
            transaction.execute(
                "UPDATE job SET query_id = ?2, state = 'accepted', updated_at = ?3 WHERE id = ?1",
                params![id.0, query_id.as_str(), to_sql(now)],
            )?;
        }
        Event::Downloaded {
            path,
            bytes,
            sha256,
        } => {
            transaction.execute(
                "UPDATE job SET path = ?2, bytes = ?3, sha256 = ?4, state = 'downloaded', updated_at = ?5 WHERE id = ?1",
                params![id.0, path, to_sql(*bytes), sha256, to_sql(now)],
            )?;
        }
        Event::Reconciled(verdict) => {
            transaction.execute(
                "UPDATE job SET verdict = ?2 WHERE id = ?1",
                params![id.0, verdict.as_str()],
            )?;
        }
        _ => {}
    }
    note(transaction, id, state, detail.as_deref(), now)?;
    read(transaction, id)
}

fn note(
    transaction: &Transaction<'_>,
    id: LocalId,
    state: State,
    detail: Option<&str>,
    now: u64,
) -> rusqlite::Result<()> {
    transaction
        .execute(
            "INSERT INTO history (job, at, state, detail) VALUES (?1, ?2, ?3, ?4)",
            params![id.0, to_sql(now), state.as_str(), detail],
        )
        .map(drop)
}

fn read(connection: &Connection, id: LocalId) -> rusqlite::Result<Option<Entry>> {
    connection
        .query_row("SELECT * FROM job WHERE id = ?1", [id.0], entry)
        .optional()
}

fn price_of(connection: &Connection, account: &Account) -> rusqlite::Result<Price> {
    let mut query = connection.prepare(
        "SELECT duration, credits, at_submit FROM price WHERE account = ?1 ORDER BY seen_at, rowid",
    )?;
    let rows = query.query_map([account.as_str()], |row| {
        Ok(Observation {
            duration: row.get(0)?,
            credits: from_sql(row.get(1)?),
            at_submit: row.get(2)?,
        })
    })?;
    rows.collect::<rusqlite::Result<Vec<_>>>().map(Price::new)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let parsed = |column: &str, error: String| {
        let index = row.as_ref().column_index(column).unwrap_or(0);
        rusqlite::Error::FromSqlConversionFailure(index, rusqlite::types::Type::Text, error.into())
    };
    let state: String = row.get("state")?;
    let verdict: Option<String> = row.get("verdict")?;
    let query_id: Option<String> = row.get("query_id")?;
    Ok(Entry {
        id: LocalId(row.get("id")?),
        account: row.get("account")?,
        text: row.get("text")?,
        duration: row.get("duration")?,
        body_sha256: row.get("body_sha256")?,
        state: state.parse().map_err(|error| parsed("state", error))?,
        query_id: query_id
            .map(|id| {
                id.parse()
                    .map_err(|error: genrex_proto::Error| parsed("query_id", error.to_string()))
            })
            .transpose()?,
        expected_cost: row.get::<_, Option<i64>>("expected_cost")?.map(from_sql),
        balance_before: row
            .get::<_, Option<i64>>("used_before")?
            .map(|used| Ok::<_, rusqlite::Error>((from_sql(used), row.get("changed_before")?)))
            .transpose()?,
        detail: row.get("detail")?,
        verdict: verdict
            .map(|verdict| verdict.parse().map_err(|error| parsed("verdict", error)))
            .transpose()?,
        path: row.get("path")?,
        bytes: row.get::<_, Option<i64>>("bytes")?.map(from_sql),
        sha256: row.get("sha256")?,
        created_at: from_sql(row.get("created_at")?),
        updated_at: from_sql(row.get("updated_at")?),
    })
}

/// SQLite has signed integers only; times and credits are far below their end.
fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn failed(path: &Path, error: rusqlite::Error) -> Error {
    unusable(path, "cannot be written").because(error)
}
