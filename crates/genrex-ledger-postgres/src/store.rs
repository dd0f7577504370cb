//! What is read and written, by SQL, around the rules.
//!
//! Whoever changes a job or an account's credits locks the account's row first, so that the check of the limits and
//! the reservation are one.

mod lock;

use genrex_ledger::{
    Account, Alias, Credits, Entry, Error, ErrorKind, Event, Filter, Intent, LocalId, Look, Past,
    rules,
};
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::failure::{Failure, StorageError, Then};
use crate::query::{self, IN_FLIGHT};
use crate::restored::{Noted, Notes};
use crate::row::{self, COLUMNS, Value};
use crate::session::Session;
use crate::text;

pub(crate) use lock::Locked;
use lock::credits_of;

/// Who intends jobs, and for how long they are its own.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    /// The host and the process.
    pub(crate) name: String,
    /// The number that this opening of the ledger was given; a later one has a greater number.
    pub(crate) epoch: i64,
    /// In milliseconds.
    pub(crate) lease: i64,
}

/// What there is before an intent begins a job.
enum Found {
    /// The job that it had begun before.
    Begun(Box<Begun>),
    /// The number for a job, and the database's time.
    Next(LocalId, u64),
}

/// A job that an intent began, or one that it had begun before.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) entry: Entry,
    /// Whether it belongs to this owner.
    pub(crate) is_own: bool,
}

/// The ledger's tables, inside a transaction or, to read only, outside of one.
#[derive(Clone, Copy)]
pub(crate) struct Store<'s> {
    pub(crate) session: &'s Session,
    pub(crate) owner: &'s Owner,
    /// The steps that are written.
    pub(crate) notes: &'s Notes,
}

impl Store<'_> {
    pub(crate) async fn name(self) -> Result<String, Failure> {
        let rows = self.read("SELECT id FROM genrex.ledger", &[]).await?;
        one(&rows)
    }

    pub(crate) async fn account(self, alias: &Alias) -> Result<Option<Account>, Failure> {
        let sql = "SELECT account FROM genrex.alias WHERE alias = $1";
        let rows = self.read(sql, &[Value::text(alias.as_str())]).await?;
        let found = rows.first().map(|row| row.try_get::<_, String>(0));
        Ok(found
            .transpose()?
            .map(|kept| Account::from(text::read(&kept))))
    }

    pub(crate) async fn observe(
        self,
        alias: &Alias,
        account: &Account,
        look: &Look,
    ) -> Result<(), Failure> {
        let before = Account::from(alias.clone());
        let mut accounts = vec![before.as_str(), account.as_str()];
        accounts.sort_unstable();
        accounts.dedup();
        let is_moved = before != *account;
        let mut kept = Vec::new();
        // All take them in one order, and so nobody waits for who waits for them.
        for name in accounts {
            if is_moved && name == before.as_str() {
                kept.push((name, self.lock_if_there(name).await?));
            } else {
                kept.push((name, Some(self.lock(name).await?)));
            }
        }
        let now = self.now().await?;
        let mut of = |name: &str| {
            let at = kept.iter().position(|(kept, _)| *kept == name)?;
            kept.swap_remove(at).1
        };
        let mut credits = of(account.as_str()).unwrap_or_default();
        if is_moved {
            self.move_jobs(&before, account).await?;
            if let Some(alias) = of(before.as_str()) {
                rules::join(&mut credits, &alias);
                let sql = "DELETE FROM genrex.credits WHERE account = $1";
                self.write(sql, &[Value::text(before.as_str())]).await?;
            }
        }
        credits.observe(look, now);
        tokio::try_join!(
            biased;
            self.name_alias(alias, account, now),
            self.keep_credits(account, &credits, now)
        )?;
        Ok(())
    }

    pub(crate) async fn intend(self, intent: &Intent) -> Result<Begun, Failure> {
        let key = format!("{:032x}", intent.key);
        let account = intent.account.as_str();
        let reads = || async {
            let rivals = async {
                match rules::rivals(intent) {
                    Some(filter) => self.entries(&filter).await,
                    None => Ok(Vec::new()),
                }
            };
            tokio::try_join!(biased; self.begun_or_next(account, &key), rivals)
        };
        let (mut credits, (found, rivals)) = self.lock_and(account, reads).await?;
        let (id, now) = match found.ok_or_else(nothing)? {
            Found::Begun(begun) => return Ok(*begun),
            Found::Next(id, now) => (id, now),
        };
        let begun = rules::intend(&mut credits, &rivals, id, intent, now)?;
        // They are sent together, and done in this order; the first that fails says why.
        tokio::try_join!(
            biased;
            self.keep_credits(&intent.account, &credits, now),
            self.insert(&begun.entry, &key),
            self.supersede(begun.supersedes, id),
            self.note(&begun.entry, now)
        )?;
        Ok(Begun {
            entry: begun.entry,
            is_own: true,
        })
    }

    pub(crate) async fn record(self, id: LocalId, event: &Event) -> Result<Entry, Failure> {
        let mut locked = self.lock_job(id).await?;
        let after = locked.record(event)?;
        let holding = async {
            match event {
                Event::Sent => self.hold(&locked.entry).await,
                _ => Ok(()),
            }
        };
        let keeping = async {
            match &after {
                Some(after) => self.keep(&locked, after).await,
                None => Ok(()),
            }
        };
        // They are sent together, and done in this order.
        tokio::try_join!(biased; holding, keeping)?;
        Ok(after.unwrap_or(locked.entry))
    }

    pub(crate) async fn reconcile(self, id: LocalId) -> Result<Entry, Failure> {
        let mut locked = self.lock_job(id).await?;
        let found = rules::reconcile(&locked.credits, &locked.entry)?;
        let after = locked.record(&Event::Reconciled(found))?;
        if let Some(after) = &after {
            self.keep(&locked, after).await?;
        }
        Ok(after.unwrap_or(locked.entry))
    }

    /// The jobs in flight whose leases have ended.
    pub(crate) async fn left_open(self) -> Result<Vec<LocalId>, Failure> {
        let sql = format!(
            "SELECT id FROM genrex.job WHERE {IN_FLIGHT} AND lease_until <= clock_timestamp() ORDER BY id"
        );
        let rows = self.read(&sql, &[]).await?;
        rows.iter()
            .map(|row| Ok(LocalId(row.try_get(0)?)))
            .collect()
    }

    /// Ends a job in flight if its lease has ended, in its owner's place.
    pub(crate) async fn end_orphan(self, id: LocalId) -> Result<Option<Entry>, Failure> {
        let mut locked = self.lock_job(id).await?;
        let sql = format!(
            "UPDATE genrex.job SET epoch = nextval('genrex.machine_epoch_seq'), ended_by = $2 \
             WHERE id = $1 AND {IN_FLIGHT} AND lease_until <= clock_timestamp() RETURNING id"
        );
        let values = [id.0.into(), self.owner.epoch.into()];
        if self.write(&sql, &values).await?.is_empty() {
            return Ok(None);
        }
        let after = locked.record(&Event::Crashed)?;
        if let Some(after) = &after {
            self.keep(&locked, after).await?;
        }
        Ok(after)
    }

    /// Those of some jobs that this owner has ended in others' places.
    pub(crate) async fn ended_by_this(self, ids: &[LocalId]) -> Result<Vec<Entry>, Failure> {
        let mut ended = Vec::new();
        for id in ids {
            let sql = format!(
                "SELECT * FROM genrex.job WHERE id = $1 AND ended_by = $2 AND NOT ({IN_FLIGHT})"
            );
            let rows = self
                .read(&sql, &[id.0.into(), self.owner.epoch.into()])
                .await?;
            for row in &rows {
                ended.push(row::entry(row)?);
            }
        }
        Ok(ended)
    }

    /// Makes a job nobody's, if it is this owner's: in flight, or to be waited for and downloaded.
    pub(crate) async fn release(self, id: LocalId) -> Result<(), Failure> {
        let values = [id.0.into(), self.owner.epoch.into()];
        let in_flight = format!(
            "UPDATE genrex.job SET lease_until = '-infinity' WHERE id = $1 AND epoch = $2 AND {IN_FLIGHT}"
        );
        let taken = format!(
            "UPDATE genrex.job SET carrier = 0 \
             WHERE id = $1 AND coalesce(carrier, epoch) = $2 AND NOT ({IN_FLIGHT})"
        );
        self.write(&in_flight, &values).await?;
        self.write(&taken, &values).await.map(drop)
    }

    pub(crate) async fn entry(self, id: LocalId) -> Result<Option<Entry>, Failure> {
        let sql = "SELECT * FROM genrex.job WHERE id = $1";
        let rows = self.read(sql, &[id.0.into()]).await?;
        rows.first().map(row::entry).transpose()
    }

    pub(crate) async fn entries(self, filter: &Filter) -> Result<Vec<Entry>, Failure> {
        let (sql, values) = query::select(filter);
        let rows = self.read(&sql, &values).await?;
        let entries: Vec<Entry> = rows.iter().map(row::entry).collect::<Result<_, _>>()?;
        Ok(entries
            .into_iter()
            .filter(|entry| filter.admits(entry))
            .collect())
    }

    pub(crate) async fn history(self, id: LocalId) -> Result<Vec<Past>, Failure> {
        let sql = "SELECT at, state, detail FROM genrex.history WHERE job = $1 ORDER BY id";
        let rows = self.read(sql, &[id.0.into()]).await?;
        let past = |row: &Row| {
            let (at, state): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
            let detail: Option<String> = row.try_get(2)?;
            let detail = detail.map(|kept| text::read(&kept));
            Ok(Past::new(at.cast_unsigned(), state.parse()?, detail))
        };
        rows.iter().map(past).collect()
    }

    pub(crate) async fn credits(self, account: &Account) -> Result<Credits, Failure> {
        let sql = "SELECT credits FROM genrex.credits WHERE account = $1";
        let rows = self.read(sql, &[Value::text(account.as_str())]).await?;
        Ok(credits_of(&rows)?.unwrap_or_default())
    }

    /// The key of a job's intent, as it is kept.
    pub(crate) async fn key(self, id: LocalId) -> Result<Option<String>, Failure> {
        let sql = "SELECT key FROM genrex.job WHERE id = $1";
        let rows = self.read(sql, &[id.0.into()]).await?;
        Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
    }

    /// The database's time, in milliseconds since 1970.
    pub(crate) async fn now(self) -> Result<u64, Failure> {
        let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        let now: i64 = one(&self.read(sql, &[]).await?)?;
        Ok(now.cast_unsigned())
    }

    /// Whether a job is still this owner's to send, and its lease has not ended; it is renewed.
    async fn hold(self, entry: &Entry) -> Result<(), Failure> {
        let sql = format!(
            "UPDATE genrex.job SET lease_until = clock_timestamp() + $4 * interval '1 millisecond' \
             WHERE id = $1 AND owner = $2 AND epoch = $3 AND {IN_FLIGHT} \
             AND lease_until > clock_timestamp() RETURNING id"
        );
        let Owner { name, epoch, lease } = self.owner;
        let values = [
            entry.id.0.into(),
            Value::text(name),
            (*epoch).into(),
            (*lease).into(),
        ];
        let is_held = !self.write(&sql, &values).await?.is_empty();
        is_held.then_some(()).ok_or_else(|| {
            let message = format!(
                "job {} is not this process's to send: another intended it, or its lease has ended",
                entry.id
            );
            Error::new(ErrorKind::NotOwned, message)
                .about(entry.id)
                .into()
        })
    }

    /// The job that a key began, or else the next job's number and the database's time. There is nothing if the account
    /// has no row.
    async fn begun_or_next(self, account: &str, key: &str) -> Result<Option<Found>, Failure> {
        let sql = "SELECT CASE WHEN job.id IS NULL THEN nextval('genrex.job_id') END AS next, \
             (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now, job.* \
             FROM genrex.credits LEFT JOIN genrex.job ON job.key = $2 WHERE credits.account = $1";
        let rows = self
            .read(sql, &[Value::text(account), Value::text(key)])
            .await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        if let Some(next) = row.try_get("next")? {
            let now: i64 = row.try_get("now")?;
            return Ok(Some(Found::Next(LocalId(next), now.cast_unsigned())));
        }
        let epoch: i64 = row.try_get("epoch")?;
        let begun = Begun {
            entry: row::entry(row)?,
            is_own: epoch == self.owner.epoch,
        };
        Ok(Some(Found::Begun(Box::new(begun))))
    }

    async fn insert(self, entry: &Entry, key: &str) -> Result<(), Failure> {
        let columns = COLUMNS.map(|column| format!("\"{column}\"")).join(", ");
        let count = COLUMNS.len();
        let places: Vec<String> = (1..=count + 3).map(|at| format!("${at}")).collect();
        let sql = format!(
            "INSERT INTO genrex.job ({columns}, key, owner, epoch, lease_until) \
             VALUES ({}, clock_timestamp() + ${} * interval '1 millisecond')",
            places.join(", "),
            count + 4
        );
        let Owner { name, epoch, lease } = self.owner;
        let mut values = Vec::from(row::values(entry));
        values.extend([
            Value::text(key),
            Value::text(name),
            (*epoch).into(),
            (*lease).into(),
        ]);
        self.write(&sql, &values).await.map(drop)
    }

    async fn supersede(self, old: Option<LocalId>, new: LocalId) -> Result<(), Failure> {
        if let Some(old) = old {
            let sql = "UPDATE genrex.job SET superseded_by = $2 WHERE id = $1";
            self.write(sql, &[old.0.into(), new.0.into()]).await?;
        }
        Ok(())
    }

    /// Writes what came of a job and of its account.
    pub(crate) async fn keep(self, before: &Locked, after: &Entry) -> Result<(), Failure> {
        tokio::try_join!(
            biased;
            self.keep_credits(&after.account, &before.credits, before.now),
            self.update(&before.entry, after),
            self.note(after, before.now)
        )?;
        Ok(())
    }

    /// Writes what has changed, and so no index of what has not.
    async fn update(self, before: &Entry, after: &Entry) -> Result<(), Failure> {
        let pairs = row::values(before).into_iter().zip(row::values(after));
        let changed = COLUMNS.into_iter().zip(pairs);
        let mut values = vec![Value::from(before.id.0)];
        let mut columns = Vec::new();
        for (column, (_, value)) in changed.filter(|(_, (before, after))| before != after) {
            values.push(value);
            columns.push(format!("\"{column}\" = ${}", values.len()));
        }
        if before.state.is_in_flight() && !after.state.is_in_flight() {
            columns.push(String::from("lease_until = NULL"));
        }
        if columns.is_empty() {
            return Ok(());
        }
        let sql = format!("UPDATE genrex.job SET {} WHERE id = $1", columns.join(", "));
        self.write(&sql, &values).await.map(drop)
    }

    async fn note(self, entry: &Entry, now: u64) -> Result<(), Failure> {
        let sql = "INSERT INTO genrex.history (job, at, state, detail) VALUES ($1, $2, $3, $4) RETURNING id";
        let detail = entry.detail.as_deref().map(text::kept);
        let values = [
            entry.id.0.into(),
            now.cast_signed().into(),
            Value::text(entry.state.as_str()),
            Value::Text(detail),
        ];
        let event = one(&self.write(sql, &values).await?)?;
        self.notes.add(Noted {
            event,
            entry: entry.clone(),
            at: now,
        });
        Ok(())
    }

    /// Writes what is known of an account that has a row.
    pub(crate) async fn keep_credits(
        self,
        account: &Account,
        credits: &Credits,
        now: u64,
    ) -> Result<(), Failure> {
        let sql = "UPDATE genrex.credits SET credits = $2, updated_at = $3 WHERE account = $1 RETURNING true";
        let values = [
            Value::text(account.as_str()),
            Value::Text(Some(credits.to_json()?)),
            now.cast_signed().into(),
        ];
        let written = self.write(sql, &values).await?;
        written.first().map(drop).ok_or_else(nothing)
    }

    async fn move_jobs(self, before: &Account, account: &Account) -> Result<(), Failure> {
        let sql = "UPDATE genrex.job SET account = $2 WHERE account = $1 \
             AND hashtextextended(account, 0) = hashtextextended($1, 0)";
        let values = [Value::text(before.as_str()), Value::text(account.as_str())];
        self.write(sql, &values).await.map(drop)
    }

    async fn name_alias(self, alias: &Alias, account: &Account, now: u64) -> Result<(), Failure> {
        let sql = "INSERT INTO genrex.alias (alias, account, seen_at) VALUES ($1, $2, $3) \
             ON CONFLICT (alias) DO UPDATE SET account = excluded.account, seen_at = excluded.seen_at \
             WHERE alias.account <> excluded.account";
        let values = [
            Value::text(alias.as_str()),
            Value::text(account.as_str()),
            now.cast_signed().into(),
        ];
        self.write(sql, &values).await.map(drop)
    }

    async fn read(self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
        let parameters: Vec<(&(dyn ToSql + Sync), Type)> =
            values.iter().map(Value::as_parameter).collect();
        self.session.query(sql, &parameters).await
    }

    async fn write(self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
        self.read(sql, values).await
    }
}

/// The first column of the only row.
fn one<'r, T: tokio_postgres::types::FromSql<'r>>(rows: &'r [Row]) -> Result<T, Failure> {
    let row = rows.first().ok_or_else(nothing)?;
    Ok(row.try_get(0)?)
}

pub(crate) fn nothing() -> Failure {
    StorageError::new(
        ErrorKind::Damaged,
        Then::GiveUp,
        "is damaged: a row is missing that each ledger has",
    )
    .into()
}
