//! What holds the file, and all that it holds: read as a whole, or taken as a whole.

use async_trait::async_trait;
use genrex_ledger::relocation::{Contents, KeptJob, Portable};
use genrex_ledger::{
    Account, Alias, Change, Error, ErrorKind, Hold, HoldKind, LocalId, Past, State, rules,
};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension as _, params, params_from_iter};

use crate::ledger::SqliteLedger;
use crate::owner::NOBODY;
use crate::request::Keep;
use crate::row::{self, Raw};
use crate::schema;
use crate::storage_error::RequestError;
use crate::store::{INSERT, Store, sql};
use crate::triggers;

const HOLD: &str = "SELECT kind, token, detail, command FROM hold";
const KEEP_HOLD: &str =
    "INSERT INTO hold (kind, token, detail, command, since) VALUES (?1, ?2, ?3, ?4, ?5)";

#[async_trait]
impl Portable for SqliteLedger {
    async fn hold(&self) -> Result<Option<Hold>, Error> {
        self.read(hold_of).await
    }

    async fn change_hold(
        &self,
        expected: Option<&Hold>,
        next: Option<&Hold>,
        now: u64,
    ) -> Result<(), Error> {
        let (expected, next) = (expected.cloned(), next.cloned());
        self.write(ChangeHold {
            expected,
            next,
            now,
        })
        .await
    }

    async fn contents(&self) -> Result<Contents, Error> {
        self.read(contents_of).await
    }

    async fn fill(&self, contents: &Contents, hold: &Hold, now: u64) -> Result<(), Error> {
        let (contents, hold) = (contents.clone(), hold.clone());
        self.write(Fill {
            contents,
            hold,
            now,
        })
        .await
    }
}

/// Another hold in place of the one that was seen.
struct ChangeHold {
    expected: Option<Hold>,
    next: Option<Hold>,
    now: u64,
}

impl Keep for ChangeHold {
    type Kept = ();
    type Answer = ();

    fn change(&self) -> Option<Change> {
        None
    }

    fn keep(&self, store: &Store<'_>) -> Result<(), RequestError> {
        let in_flight = store.entries(&in_flight())?;
        rules::change_hold(
            hold_of(store)?.as_ref(),
            self.expected.as_ref(),
            self.next.as_ref(),
            in_flight.first(),
        )?;
        store.keep_hold(self.next.as_ref(), self.now)
    }

    fn answer(self, (): ()) {}
}

/// All that another holds.
struct Fill {
    contents: Contents,
    hold: Hold,
    now: u64,
}

impl Keep for Fill {
    type Kept = ();
    type Answer = ();

    fn change(&self) -> Option<Change> {
        None
    }

    fn keep(&self, store: &Store<'_>) -> Result<(), RequestError> {
        store.fill(&self.contents, self.now)?;
        store.keep_hold(Some(&self.hold), self.now)
    }

    fn answer(self, (): ()) {}
}

fn in_flight() -> genrex_ledger::Filter {
    let states = State::ALL.into_iter().filter(|state| state.is_in_flight());
    let mut filter = genrex_ledger::Filter::default().states(states.collect::<Vec<_>>());
    filter.limit = Some(1);
    filter
}

fn hold_of(store: &Store<'_>) -> Result<Option<Hold>, RequestError> {
    let mut query = store.connection.prepare_cached(HOLD)?;
    let kept = query.query_row([], |row| {
        let hold = |kind| {
            Ok(Hold {
                kind,
                token: row.get(1)?,
                detail: row.get(2)?,
                command: row.get(3)?,
            })
        };
        let kind: String = row.get(0)?;
        kind.parse::<HoldKind>()
            .map(hold)
            .map_or_else(|error| Ok(Err(error)), |hold| hold.map(Ok))
    });
    Ok(kept.optional()?.transpose()?)
}

fn contents_of(store: &Store<'_>) -> Result<Contents, RequestError> {
    // All is read of one state of the file.
    let snapshot = store.connection.unchecked_transaction()?;
    let contents = Contents {
        name: schema::name(store.connection)?,
        jobs: store.all_jobs()?,
        history: store.all_history()?,
        aliases: store.all_aliases()?,
        credits: store.all_credits()?,
    };
    snapshot.finish()?;
    Ok(contents)
}

impl Store<'_> {
    /// Whether nothing holds the ledger that forbids this change.
    pub(crate) fn allow(&self, change: Change) -> Result<(), RequestError> {
        let hold = hold_of(self)?;
        Ok(hold.map_or(Ok(()), |hold| hold.allow(change))?)
    }

    fn keep_hold(&self, hold: Option<&Hold>, now: u64) -> Result<(), RequestError> {
        self.execute("DELETE FROM hold", [])?;
        let Some(hold) = hold else {
            return Ok(());
        };
        let Hold {
            kind,
            token,
            detail,
            command,
        } = hold;
        let values = params![kind.as_str(), token, detail, command, now.cast_signed()];
        self.execute(KEEP_HOLD, values)
    }

    fn all_jobs(&self) -> Result<Vec<KeptJob>, RequestError> {
        let mut query = self.connection.prepare("SELECT * FROM job ORDER BY id")?;
        let mut rows = query.query([])?;
        let mut jobs = Vec::new();
        while let Some(row) = rows.next()? {
            let key: Option<String> = row.get("key")?;
            jobs.push(KeptJob {
                key: key.and_then(|key| u128::from_str_radix(&key, 16).ok()),
                entry: Raw::read(row)?.understand()?,
            });
        }
        Ok(jobs)
    }

    fn all_history(&self) -> Result<Vec<(LocalId, Past)>, RequestError> {
        let all = "SELECT job, at, state, detail FROM history ORDER BY rowid";
        let mut query = self.connection.prepare(all)?;
        let mut rows = query.query([])?;
        let mut history = Vec::new();
        while let Some(row) = rows.next()? {
            let (at, state): (i64, String) = (row.get(1)?, row.get(2)?);
            let past = Past::new(at.cast_unsigned(), state.parse()?, row.get(3)?);
            history.push((LocalId(row.get(0)?), past));
        }
        Ok(history)
    }

    fn all_aliases(&self) -> Result<Vec<(Alias, Account, u64)>, RequestError> {
        let all = "SELECT alias, account, seen_at FROM alias ORDER BY alias";
        let mut query = self.connection.prepare(all)?;
        let rows = query.query_map([], |row| {
            let (alias, account): (String, String) = (row.get(0)?, row.get(1)?);
            let since: i64 = row.get(2)?;
            Ok((
                Alias::from(alias),
                Account::from(account),
                since.cast_unsigned(),
            ))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn all_credits(&self) -> Result<Vec<(Account, genrex_ledger::Credits)>, RequestError> {
        self.write_credits()?;
        let all = "SELECT account FROM credits ORDER BY account";
        let mut query = self.connection.prepare(all)?;
        let names = query.query_map([], |row| row.get::<_, String>(0))?;
        let names = names.collect::<rusqlite::Result<Vec<_>>>()?;
        names
            .into_iter()
            .map(|name| {
                let account = Account::from(name);
                let credits = self.credits(&account)?;
                Ok((account, credits))
            })
            .collect()
    }

    fn fill(&self, contents: &Contents, now: u64) -> Result<(), RequestError> {
        self.write_credits()?;
        let any = "SELECT EXISTS (SELECT 1 FROM job) OR EXISTS (SELECT 1 FROM credits) \
             OR EXISTS (SELECT 1 FROM alias)";
        let is_any: bool = self.connection.query_row(any, [], |row| row.get(0))?;
        rules::fill(!is_any, hold_of(self)?.as_ref())?;
        if contents
            .jobs
            .iter()
            .any(|job| job.entry.state.is_in_flight())
        {
            let message = "a job of the ledger is in flight, which cannot be copied";
            return Err(Error::new(ErrorKind::InFlight, message).into());
        }
        // A job may be superseded by a later one, and each has its state from the beginning.
        self.connection
            .pragma_update(None, "defer_foreign_keys", true)?;
        schema::drop_triggers(self.connection)?;
        for KeptJob { key, entry } in &contents.jobs {
            let key = key.map(|key| format!("{key:032x}"));
            let rest = [Value::from(key), Value::from(String::from(NOBODY))];
            let values = row::values(entry).into_iter().chain(rest);
            self.execute(&INSERT, params_from_iter(values))?;
        }
        for (id, past) in &contents.history {
            let at = past.at.cast_signed();
            let values = params![id.0, at, past.state.as_str(), past.detail];
            self.execute(sql::NOTE, values)?;
        }
        for (alias, account, since) in &contents.aliases {
            let values = params![alias.as_str(), account.as_str(), since.cast_signed()];
            self.execute(sql::NAME_ALIAS, values)?;
        }
        for (account, credits) in &contents.credits {
            self.keep_credits(account, credits, now)?;
        }
        self.execute("UPDATE ledger SET id = ?1", [&contents.name])?;
        self.connection.execute_batch(&triggers::sql())?;
        Ok(())
    }
}
