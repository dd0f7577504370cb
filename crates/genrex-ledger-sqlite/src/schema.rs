//! The tables of the file, and how a file of an older version becomes one of this.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use genrex_ledger::{Account, Credits, ErrorKind, Filter, State, rules};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use crate::owner::{NOBODY, Owners};
use crate::storage_error::{RequestError, StorageError};
use crate::store::Store;
use crate::triggers;

/// The version that this crate reads and writes, kept as `user_version`.
const VERSION: i64 = 5;
/// What marks a file as a ledger: `GnrX`.
const APPLICATION: i64 = 0x476E_7258;

/// Since version 2. Version 3 has other triggers, and spells accounts otherwise.
const TABLES: &str = include_str!("../migrations/2.sql");
/// Since version 4. Version 5 keeps what is known of an account's credits in a shorter form, and reads the longer one.
const FOURTH: &str = include_str!("../migrations/4.sql");

/// Makes the tables in a new file, and brings an older one to this version.
pub(crate) fn migrate(connection: &mut Connection, owners: &Owners) -> Result<(), RequestError> {
    if is_current_now(connection)? {
        return Ok(());
    }
    // Tables are made anew under each other's names.
    connection.pragma_update(None, "foreign_keys", false)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !is_current(&transaction)? {
        match pragma(&transaction, "user_version")? {
            0 => make(&transaction)?,
            version => upgrade(&transaction, version, owners)?,
        }
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(())
}

/// Whether the file is of this version; an error if it never can be.
///
/// It is asked of one state of the file: another process may be making the tables.
pub(crate) fn is_current_now(connection: &Connection) -> Result<bool, RequestError> {
    is_current(&*connection.unchecked_transaction()?)
}

fn is_current(connection: &Connection) -> Result<bool, RequestError> {
    let version = pragma(connection, "user_version")?;
    let application = pragma(connection, "application_id")?;
    let is_first = version == 1 && application == 0 && has_table(connection, "job")?;
    let is_older = (2..VERSION).contains(&version) && application == APPLICATION;
    let is_new = version == 0 && application == 0 && !has_table(connection, "%")?;
    match version {
        VERSION if application == APPLICATION => Ok(true),
        _ if is_first || is_older || is_new => Ok(false),
        _ if version > VERSION && [0, APPLICATION].contains(&application) => {
            let why = format!(
                "is of version {version}, and this genrex knows versions up to {VERSION}: use the newer genrex \
                 that wrote it, or give another path"
            );
            Err(StorageError::of_kind(ErrorKind::Newer, why).into())
        }
        _ => Err(StorageError::new("is a database of something else; it was left alone").into()),
    }
}

/// The ledger's own name.
pub(crate) fn name(connection: &Connection) -> rusqlite::Result<String> {
    connection.query_row("SELECT id FROM ledger", [], |row| row.get(0))
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

fn has_table(connection: &Connection, like: &str) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name LIKE ?1)",
        [like],
        |row| row.get(0),
    )
}

fn make(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    make_tables(transaction)?;
    transaction.execute_batch(&triggers::sql())
}

fn make_tables(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(TABLES)?;
    transaction.execute_batch(FOURTH)?;
    let half = || RandomState::new().build_hasher().finish();
    let name = format!("{:016x}{:016x}", half(), half());
    transaction.execute("INSERT INTO ledger (id) VALUES (?1)", [name])?;
    Ok(())
}

/// Brings a file of an older version to this one.
fn upgrade(
    transaction: &Transaction<'_>,
    version: i64,
    owners: &Owners,
) -> Result<(), RequestError> {
    if owners.is_any_alive() {
        let why = "is open in an older genrex: let that end first, then try again";
        return Err(StorageError::of_kind(ErrorKind::Busy, why).into());
    }
    drop_triggers(transaction)?;
    match version {
        1 => {
            from_first(transaction)?;
            normalise_jobs(transaction)?;
            distrust_intents(transaction)?;
            restore_credits(transaction, owners)?;
        }
        2 => {
            transaction.execute_batch(FOURTH)?;
            normalise_jobs(transaction)?;
            normalise_aliases(transaction)?;
            normalise_credits(transaction)?;
        }
        3 => transaction.execute_batch(FOURTH)?,
        _ => {}
    }
    transaction.execute_batch(&triggers::sql())?;
    Ok(())
}

/// They are made anew, from the state machine of this version.
pub(crate) fn drop_triggers(connection: &Connection) -> rusqlite::Result<()> {
    for name in texts(
        connection,
        "SELECT name FROM sqlite_schema WHERE type = 'trigger'",
    )? {
        connection.execute_batch(&format!("DROP TRIGGER {name}"))?;
    }
    Ok(())
}

fn texts(connection: &Connection, query: &str) -> rusqlite::Result<Vec<String>> {
    let mut query = connection.prepare(query)?;
    let rows = query.query_map([], |row| row.get(0))?;
    rows.collect()
}

/// Version 1 had prices, which are observed anew; what a job cost while its price was not known is what was observed.
fn from_first(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(
        "ALTER TABLE job RENAME TO job_1;
         ALTER TABLE history RENAME TO history_1;
         DROP INDEX job_query_id;
         DROP INDEX job_state;
         DROP INDEX job_row;
         DROP INDEX job_row_last;
         DROP INDEX job_body;
         DROP INDEX history_job;",
    )?;
    make_tables(transaction)?;
    transaction.execute_batch(
        "INSERT INTO job (id, account, text, duration, body_sha256, batch, row, state, query_id, expected_cost, \
             used_before, changed_before, alone, detail, reconciliation, resolved_by_hand, path, bytes, sha256, \
             owner, created_at, updated_at, service_at) \
         SELECT id, account, text, duration, body_sha256, batch, row, state, query_id, \
             coalesce(expected_cost, (SELECT credits FROM price \
                 WHERE price.account = job_1.account AND price.duration = job_1.duration \
                 ORDER BY seen_at DESC, price.rowid DESC LIMIT 1)), \
             used_before, changed_before, 0, detail, verdict, 0, path, bytes, sha256, \
             owner, created_at, updated_at, updated_at FROM job_1 ORDER BY id;
         INSERT INTO history (job, at, state, detail) SELECT job, at, state, detail FROM history_1 ORDER BY rowid;
         DROP TABLE history_1;
         DROP TABLE job_1;
         DROP TABLE price;",
    )
}

/// Version 1 kept no credits: what its jobs cost counts on.
fn restore_credits(transaction: &Transaction<'_>, owners: &Owners) -> Result<(), RequestError> {
    let store = Store {
        connection: transaction,
        owners,
        owner: NOBODY,
        unwritten: None,
    };
    for account in texts(transaction, "SELECT DISTINCT account FROM job")? {
        let account = Account::from(account);
        let jobs = store.entries(&Filter::of(account.clone()))?;
        let updated = jobs.iter().map(|job| job.updated_at).max().unwrap_or(0);
        store.keep_credits(&account, &rules::restore(&jobs), updated)?;
    }
    Ok(())
}

/// An account or an alias as this version spells it.
fn normal(name: &str) -> Account {
    match name.split_once('#') {
        Some((url, user)) => Account::new(origin(url), user),
        None => Account::from(String::from(name)),
    }
}

/// Older versions took some spellings of an origin for accounts of their own.
fn normalise_jobs(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    for account in texts(transaction, "SELECT DISTINCT account FROM job")? {
        transaction.execute(
            "UPDATE job SET account = ?2 WHERE account = ?1 AND account != ?2",
            [account.as_str(), normal(&account).as_str()],
        )?;
    }
    Ok(())
}

fn normalise_aliases(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    for alias in texts(transaction, "SELECT alias FROM alias ORDER BY seen_at")? {
        transaction.execute(
            "UPDATE OR REPLACE alias SET alias = ?2 WHERE alias = ?1",
            [alias.as_str(), normal(&alias).as_str()],
        )?;
    }
    for account in texts(transaction, "SELECT DISTINCT account FROM alias")? {
        transaction.execute(
            "UPDATE alias SET account = ?2 WHERE account = ?1",
            [account.as_str(), normal(&account).as_str()],
        )?;
    }
    Ok(())
}

fn normalise_credits(transaction: &Transaction<'_>) -> Result<(), RequestError> {
    let mut query = transaction.prepare("SELECT account, credits, updated_at FROM credits")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let mut joined: BTreeMap<Account, (Credits, i64)> = BTreeMap::new();
    for row in rows {
        let (account, json, updated): (String, String, i64) = row?;
        let credits = Credits::from_json(&json)?;
        match joined.entry(normal(&account)) {
            Entry::Vacant(free) => {
                free.insert((credits, updated));
            }
            Entry::Occupied(mut known) => {
                let (joined, last) = known.get_mut();
                rules::join(joined, &credits);
                *last = updated.max(*last);
            }
        }
    }
    transaction.execute("DELETE FROM credits", [])?;
    for (account, (credits, updated)) in joined {
        transaction.execute(
            "INSERT INTO credits (account, credits, updated_at) VALUES (?1, ?2, ?3)",
            params![account.as_str(), credits.to_json()?, updated],
        )?;
    }
    Ok(())
}

/// A URL up to its path.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    let path = url[host..].find('/').map_or(url.len(), |path| host + path);
    &url[..path]
}

/// Version 1 let a request leave even if it could not keep that it was about to: what it calls intended may
/// have been sent.
fn distrust_intents(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let why = "version 1 of the ledger may not have kept that it was sent";
    let (before, after) = (State::Intended.as_str(), State::Sent.as_str());
    transaction.execute(
        "INSERT INTO history (job, at, state, detail) \
         SELECT id, updated_at, ?2, ?3 FROM job WHERE state = ?1 ORDER BY id",
        [before, after, why],
    )?;
    transaction.execute(
        "UPDATE job SET state = ?2 WHERE state = ?1",
        [before, after],
    )?;
    Ok(())
}
