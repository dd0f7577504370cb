//! The tables of the file, and how a file of an older version becomes one of this.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use genrex_ledger::{Account, ErrorKind, State};
use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::failure::{Failure, Trouble};
use crate::owner::Owners;
use crate::triggers;

/// The version that this crate reads and writes, kept as `user_version`.
const VERSION: i64 = 2;
/// What marks a file as a ledger: `GnrX`.
const APPLICATION: i64 = 0x476E_7258;

const TABLES: &str = include_str!("../migrations/2.sql");

/// Makes the tables in a new file, and brings an older one to this version.
pub(crate) fn migrate(connection: &mut Connection, owners: &Owners) -> Result<(), Failure> {
    if is_current_now(connection)? {
        return Ok(());
    }
    // Tables are made anew under each other's names.
    connection.pragma_update(None, "foreign_keys", false)?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !is_current(&transaction)? {
        match pragma(&transaction, "user_version")? {
            0 => make(&transaction)?,
            _ => from_first(&transaction, owners)?,
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
pub(crate) fn is_current_now(connection: &Connection) -> Result<bool, Failure> {
    is_current(&*connection.unchecked_transaction()?)
}

fn is_current(connection: &Connection) -> Result<bool, Failure> {
    let version = pragma(connection, "user_version")?;
    let application = pragma(connection, "application_id")?;
    let is_first = version == 1 && application == 0 && has_table(connection, "job")?;
    let is_new = version == 0 && application == 0 && !has_table(connection, "%")?;
    match version {
        VERSION if application == APPLICATION => Ok(true),
        _ if is_first || is_new => Ok(false),
        _ if version > VERSION && [0, APPLICATION].contains(&application) => {
            let why = format!(
                "is of version {version}, and this genrex knows versions up to {VERSION}: use the newer genrex \
                 that wrote it, or give another path"
            );
            Err(Trouble::of_kind(ErrorKind::Newer, why).into())
        }
        _ => Err(Trouble::new("is a database of something else; it was left alone").into()),
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
    let half = || RandomState::new().build_hasher().finish();
    let name = format!("{:016x}{:016x}", half(), half());
    transaction.execute("INSERT INTO ledger (id) VALUES (?1)", [name])?;
    Ok(())
}

/// Version 1 had no credits: it had prices, which are observed anew.
fn from_first(transaction: &Transaction<'_>, owners: &Owners) -> Result<(), Failure> {
    if owners.is_any_alive() {
        let why = "is open in an older genrex: let that end first, then try again";
        return Err(Trouble::of_kind(ErrorKind::Busy, why).into());
    }
    transaction.execute_batch(
        "ALTER TABLE job RENAME TO job_1;
         ALTER TABLE history RENAME TO history_1;
         DROP TRIGGER job_begins;
         DROP TRIGGER job_goes;
         DROP TRIGGER job_keeps_its_id;
         DROP TRIGGER job_stays;
         DROP INDEX job_query_id;
         DROP INDEX job_state;
         DROP INDEX job_row;
         DROP INDEX job_row_last;
         DROP INDEX job_body;
         DROP INDEX history_job;
         DROP TABLE price;",
    )?;
    make_tables(transaction)?;
    transaction.execute_batch(
        "INSERT INTO job (id, account, text, duration, body_sha256, batch, row, state, query_id, expected_cost, \
             used_before, changed_before, alone, detail, reconciliation, resolved_by_hand, path, bytes, sha256, \
             owner, created_at, updated_at, service_at) \
         SELECT id, account, text, duration, body_sha256, batch, row, state, query_id, expected_cost, \
             used_before, changed_before, 0, detail, verdict, 0, path, bytes, sha256, \
             owner, created_at, updated_at, updated_at FROM job_1 ORDER BY id;
         INSERT INTO history (job, at, state, detail) SELECT job, at, state, detail FROM history_1 ORDER BY rowid;
         DROP TABLE history_1;
         DROP TABLE job_1;",
    )?;
    normalise_accounts(transaction)?;
    distrust_intents(transaction)?;
    transaction.execute_batch(&triggers::sql())?;
    Ok(())
}

/// Version 1 named an account by the URL as it was spelled, and a fingerprint of the key.
fn normalise_accounts(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut query = transaction.prepare("SELECT DISTINCT account FROM job")?;
    let accounts: Vec<String> = query
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for account in accounts {
        let Some((url, fingerprint)) = account.rsplit_once('#') else {
            continue;
        };
        let same = Account::new(origin(url), fingerprint);
        transaction.execute(
            "UPDATE job SET account = ?2 WHERE account = ?1",
            [account.as_str(), same.as_str()],
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
