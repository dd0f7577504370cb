//! What is read and written, by SQL, around the rules.

use std::sync::LazyLock;

use genrex_ledger::{
    Account, Alias, Change, Credits, Entry, Error, ErrorKind, Event, Filter, Intent, LocalId, Look,
    Past, rules,
};
use genrex_ledger_rescue::Line;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter};

use crate::owner::{NOBODY, Owners};
use crate::query;
use crate::row::{self, COLUMNS, Raw};
use crate::storage_error::RequestError;
use unwritten::{Changed, Unwritten};

pub(crate) mod unwritten;

pub(crate) mod sql {
    pub(crate) const ACCOUNT: &str = "SELECT account FROM alias WHERE alias = ?1";
    pub(crate) const NAME_ALIAS: &str = "INSERT INTO alias (alias, account, seen_at) VALUES (?1, ?2, ?3) \
         ON CONFLICT (alias) DO UPDATE SET account = excluded.account, seen_at = excluded.seen_at \
         WHERE account != excluded.account";
    pub(crate) const MOVE_JOBS: &str = "UPDATE job SET account = ?2 WHERE account = ?1";
    pub(crate) const DROP_CREDITS: &str = "DELETE FROM credits WHERE account = ?1";
    pub(crate) const CREDITS: &str = "SELECT credits FROM credits WHERE account = ?1";
    pub(crate) const KEEP_CREDITS: &str = "INSERT INTO credits (account, credits, updated_at) VALUES (?1, ?2, ?3) \
         ON CONFLICT (account) DO UPDATE SET credits = excluded.credits, updated_at = excluded.updated_at";
    pub(crate) const BY_KEY: &str = "SELECT * FROM job WHERE key = ?1";
    pub(crate) const BY_ID: &str = "SELECT * FROM job WHERE id = ?1";
    pub(crate) const KEY: &str = "SELECT key FROM job WHERE id = ?1";
    pub(crate) const RELEASE: &str = "UPDATE job SET owner = ?3 WHERE id = ?1 AND owner = ?2";
    pub(crate) const NEWEST: &str = "SELECT max(id) FROM job";
    pub(crate) const SUPERSEDE: &str = "UPDATE job SET superseded_by = ?2 WHERE id = ?1";
    pub(crate) const NOTE: &str =
        "INSERT INTO history (job, at, state, detail) VALUES (?1, ?2, ?3, ?4)";
    pub(crate) const HISTORY: &str =
        "SELECT at, state, detail FROM history WHERE job = ?1 ORDER BY rowid";
}

pub(crate) static INSERT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "INSERT INTO job ({}, key, owner) VALUES ({})",
        COLUMNS.join(", "),
        vec!["?"; COLUMNS.len() + 2].join(", ")
    )
});

/// The ledger's tables, inside a transaction or, to read only, outside of one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Store<'c> {
    pub(crate) connection: &'c Connection,
    pub(crate) owners: &'c Owners,
    /// Whose the jobs are that begin here.
    pub(crate) owner: &'c str,
    /// Where changed credits wait until the transaction ends; without it they are written at once.
    pub(crate) unwritten: Option<&'c Unwritten>,
}

/// A job that an intent began, or one that it had begun before.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) entry: Entry,
    pub(crate) is_new: bool,
}

impl Store<'_> {
    pub(crate) fn account(&self, alias: &Alias) -> Result<Option<Account>, RequestError> {
        let mut query = self.connection.prepare_cached(sql::ACCOUNT)?;
        let found = query.query_row([alias.as_str()], |row| row.get::<_, String>(0));
        Ok(found.optional()?.map(Account::from))
    }

    pub(crate) fn observe(
        &self,
        alias: &Alias,
        account: &Account,
        look: &Look,
        now: u64,
    ) -> Result<(), RequestError> {
        let before = Account::from(alias.clone());
        if before != *account {
            let both = [before.as_str(), account.as_str()];
            self.execute(sql::MOVE_JOBS, both)?;
        }
        self.execute(
            sql::NAME_ALIAS,
            params![alias.as_str(), account.as_str(), now.cast_signed()],
        )?;
        let mut credits = self.credits(account)?;
        if before != *account
            && let Some(kept) = self.kept_credits(&before)?
        {
            rules::join(&mut credits, &kept);
            self.write_credits()?;
            self.execute(sql::DROP_CREDITS, [before.as_str()])?;
        }
        credits.observe(look, now);
        self.keep_credits(account, &credits, now)
    }

    pub(crate) fn intend(&self, intent: &Intent, now: u64) -> Result<Begun, RequestError> {
        let key = format!("{:032x}", intent.key);
        let mut same = self.connection.prepare_cached(sql::BY_KEY)?;
        if let Some(raw) = same.query_row([&key], Raw::read).optional()? {
            let entry = raw.understand()?;
            return Ok(Begun {
                entry,
                is_new: false,
            });
        }
        let rivals = rules::rivals(intent).map(|filter| self.entries(&filter));
        let rivals = rivals.transpose()?.unwrap_or_default();
        let mut credits = self.credits(&intent.account)?;
        let begun = rules::intend(&mut credits, &rivals, self.next_id()?, intent, now)?;
        self.keep_credits(&intent.account, &credits, now)?;
        let values = row::values(&begun.entry).into_iter();
        let rest = [key, String::from(self.owner)].map(Value::from);
        self.execute(&INSERT, params_from_iter(values.chain(rest)))?;
        if let Some(superseded) = begun.supersedes {
            self.execute(sql::SUPERSEDE, [superseded.0, begun.entry.id.0])?;
        }
        self.note(&begun.entry, now)?;
        Ok(Begun {
            entry: begun.entry,
            is_new: true,
        })
    }

    pub(crate) fn record(
        &self,
        id: LocalId,
        event: &Event,
        now: u64,
    ) -> Result<Entry, RequestError> {
        let entry = self.known(id)?;
        let mut credits = self.credits(&entry.account)?;
        let Some(after) = rules::record(&mut credits, &entry, event, now)? else {
            return Ok(entry);
        };
        self.keep_credits(&after.account, &credits, now)?;
        self.update(&entry, &after)?;
        self.note(&after, now)?;
        Ok(after)
    }

    pub(crate) fn reconcile(&self, id: LocalId, now: u64) -> Result<Entry, RequestError> {
        let entry = self.known(id)?;
        let found = rules::reconcile(&self.credits(&entry.account)?, &entry)?;
        self.record(id, &Event::Reconciled(found), now)
    }

    /// Ends each job in flight of an owner that is gone.
    pub(crate) fn recover(&self, now: u64) -> Result<Vec<Entry>, RequestError> {
        self.left_open()?
            .into_iter()
            .map(|id| self.record(id, &Event::Crashed, now))
            .collect()
    }

    /// The jobs in flight of owners that are gone.
    pub(crate) fn left_open(&self) -> Result<Vec<LocalId>, RequestError> {
        let (query, states) = query::in_flight();
        let mut query = self.connection.prepare_cached(&query)?;
        let rows = query.query_map(params_from_iter(states), |row| {
            Ok((LocalId(row.get(0)?), row.get::<_, String>(1)?))
        })?;
        let in_flight = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        let gone = in_flight
            .into_iter()
            .filter(|(_, owner)| self.is_gone(owner));
        Ok(gone.map(|(id, _)| id).collect())
    }

    /// Makes a job nobody's, if it is in flight, and the one's who says so.
    pub(crate) fn release(&self, id: LocalId, by: &str) -> Result<(), RequestError> {
        let entry = self.entry(id)?;
        if entry.is_some_and(|entry| entry.state.is_in_flight()) {
            self.execute(sql::RELEASE, params![id.0, by, NOBODY])?;
        }
        Ok(())
    }

    /// Applies what could not be kept when it happened.
    pub(crate) fn apply(&self, line: &Line, ledger: &str) -> Result<(), RequestError> {
        let is_of_this =
            line.ledger == ledger && (line.key.is_none() || line.key == self.key(line.local_id)?);
        if !is_of_this {
            let message = format!("job {} is of another ledger", line.local_id);
            return Err(Error::new(ErrorKind::NotFound, message).into());
        }
        self.allow(Change::of(&line.event))?;
        match &line.event {
            Event::Crashed => self.release(line.local_id, &line.owner),
            event => self.record(line.local_id, event, line.at).map(drop),
        }
    }

    /// The key of a job's intent, as it is kept.
    pub(crate) fn key(&self, id: LocalId) -> Result<Option<String>, RequestError> {
        let mut query = self.connection.prepare_cached(sql::KEY)?;
        let found = query.query_row([id.0], |row| row.get(0)).optional()?;
        Ok(found.flatten())
    }

    pub(crate) fn entry(&self, id: LocalId) -> Result<Option<Entry>, RequestError> {
        let mut query = self.connection.prepare_cached(sql::BY_ID)?;
        let found = query.query_row([id.0], Raw::read).optional()?;
        Ok(found.map(Raw::understand).transpose()?)
    }

    pub(crate) fn entries(&self, filter: &Filter) -> Result<Vec<Entry>, RequestError> {
        let most = filter.limit.map_or(usize::MAX, |limit| {
            usize::try_from(limit).unwrap_or(usize::MAX)
        });
        let (query, values) = query::select(filter);
        let mut query = self.connection.prepare_cached(&query)?;
        let mut rows = query.query(params_from_iter(values))?;
        let mut entries = Vec::new();
        while entries.len() < most
            && let Some(row) = rows.next()?
        {
            let entry = Raw::read(row)?.understand()?;
            if filter.admits(&entry) {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    pub(crate) fn history(&self, id: LocalId) -> Result<Vec<Past>, RequestError> {
        let mut query = self.connection.prepare_cached(sql::HISTORY)?;
        let rows = query.query_map([id.0], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get(2)?))
        })?;
        let mut history = Vec::new();
        for row in rows {
            let (at, state, detail) = row?;
            history.push(Past::new(at.cast_unsigned(), state.parse()?, detail));
        }
        Ok(history)
    }

    pub(crate) fn credits(&self, account: &Account) -> Result<Credits, RequestError> {
        Ok(self.kept_credits(account)?.unwrap_or_default())
    }

    fn kept_credits(&self, account: &Account) -> Result<Option<Credits>, RequestError> {
        if let Some(credits) = self.unwritten.and_then(|kept| kept.credits(account)) {
            return Ok(Some(credits));
        }
        let mut query = self.connection.prepare_cached(sql::CREDITS)?;
        let json: Option<String> = query
            .query_row([account.as_str()], |row| row.get(0))
            .optional()?;
        let credits = json.map(|json| Credits::from_json(&json)).transpose()?;
        Ok(credits)
    }

    pub(crate) fn keep_credits(
        &self,
        account: &Account,
        credits: &Credits,
        now: u64,
    ) -> Result<(), RequestError> {
        let changed = Changed {
            account: account.clone(),
            credits: credits.clone(),
            at: now,
        };
        let Some(unwritten) = self.unwritten else {
            return self.write(&changed);
        };
        if let Some(other) = unwritten.in_the_way_of(Some(account)) {
            self.write(&other)?;
        }
        unwritten.set(Some(changed));
        Ok(())
    }

    /// Writes what has changed of credits: before the transaction ends, and before a statement that reads them.
    pub(crate) fn write_credits(&self) -> Result<(), RequestError> {
        let Some(unwritten) = self.unwritten else {
            return Ok(());
        };
        if let Some(changed) = unwritten.in_the_way_of(None) {
            self.write(&changed)?;
            unwritten.set(None);
        }
        Ok(())
    }

    fn write(&self, changed: &Changed) -> Result<(), RequestError> {
        let json = changed.credits.to_json()?;
        let (account, at) = (changed.account.as_str(), changed.at.cast_signed());
        self.execute(sql::KEEP_CREDITS, params![account, json, at])
    }

    fn known(&self, id: LocalId) -> Result<Entry, RequestError> {
        let missing = || Error::new(ErrorKind::NotFound, format!("there is no job {id}")).about(id);
        Ok(self.entry(id)?.ok_or_else(missing)?)
    }

    /// No job is ever taken away, so that no number is given twice.
    fn next_id(&self) -> Result<LocalId, RequestError> {
        let mut query = self.connection.prepare_cached(sql::NEWEST)?;
        let newest: Option<i64> = query.query_row([], |row| row.get(0))?;
        Ok(LocalId(newest.unwrap_or(0) + 1))
    }

    /// Writes what has changed, and so no index of what has not.
    fn update(&self, before: &Entry, after: &Entry) -> Result<(), RequestError> {
        let pairs = row::values(before).into_iter().zip(row::values(after));
        let changed = COLUMNS.into_iter().zip(pairs);
        let (columns, mut values): (Vec<String>, Vec<Value>) = changed
            .filter(|(_, (before, after))| before != after)
            .map(|(column, (_, after))| (format!("{column} = ?"), after))
            .unzip();
        if columns.is_empty() {
            return Ok(());
        }
        values.push(before.id.0.into());
        let update = format!("UPDATE job SET {} WHERE id = ?", columns.join(", "));
        self.execute(&update, params_from_iter(values))
    }

    fn note(&self, entry: &Entry, now: u64) -> Result<(), RequestError> {
        self.execute(
            sql::NOTE,
            params![
                entry.id.0,
                now.cast_signed(),
                entry.state.as_str(),
                entry.detail
            ],
        )
    }

    fn is_gone(&self, owner: &str) -> bool {
        owner != self.owner && self.owners.is_gone(owner)
    }

    pub(crate) fn execute(
        &self,
        sql: &str,
        params: impl rusqlite::Params,
    ) -> Result<(), RequestError> {
        self.connection.prepare_cached(sql)?.execute(params)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
