//! The locks that a change takes: of an account's row, and then of a job's.

use genrex_ledger::{Credits, Entry, Error, ErrorKind, Event, LocalId, rules};
use tokio_postgres::Row;

use super::Store;
use crate::failure::{Failure, StorageError, Then};
use crate::row::{self, Value};

/// A job that nobody else changes until the end of the transaction.
pub(crate) struct Locked {
    pub(crate) entry: Entry,
    /// Its account's.
    pub(crate) credits: Credits,
    /// When it was locked, by the database's clock.
    pub(super) now: u64,
}

impl Locked {
    /// What the job becomes, if that is anything new; what it changes of the credits is in them then.
    pub(crate) fn record(&mut self, event: &Event) -> Result<Option<Entry>, Error> {
        rules::record(&mut self.credits, &self.entry, event, self.now)
    }
}

impl Store<'_> {
    /// Locks an account's row, which is made if it is not there, until the end of the transaction.
    pub(super) async fn lock(self, account: &str) -> Result<Credits, Failure> {
        let (credits, ()) = self.lock_and(account, || async { Ok(()) }).await?;
        Ok(credits)
    }

    /// The same, and reads what others may change who hold the lock. All is sent at once, since others wait for the row
    /// meanwhile. It is done in its order, each statement by what was committed before it: so by what the last holder
    /// of the lock wrote.
    pub(super) async fn lock_and<T, R>(
        self,
        account: &str,
        reads: impl Fn() -> R,
    ) -> Result<(Credits, T), Failure>
    where
        R: Future<Output = Result<T, Failure>>,
    {
        for is_made in [false, true] {
            let (found, read) = tokio::try_join!(biased; self.lock_if_there(account), reads())?;
            if let Some(credits) = found {
                return Ok((credits, read));
            }
            if !is_made {
                self.make_account(account).await?;
            }
        }
        // It was joined to another in between.
        Err(moved(
            "the account of what was asked was just joined to another",
        ))
    }

    pub(crate) async fn make_account(self, account: &str) -> Result<(), Failure> {
        let sql = "INSERT INTO genrex.credits (account, credits, updated_at) VALUES ($1, $2, 0) \
             ON CONFLICT (account) DO NOTHING";
        let empty = Credits::new().to_json()?;
        let values = [Value::text(account), Value::Text(Some(empty))];
        self.write(sql, &values).await.map(drop)
    }

    pub(super) async fn lock_if_there(self, account: &str) -> Result<Option<Credits>, Failure> {
        let sql = "SELECT credits FROM genrex.credits WHERE account = $1 FOR UPDATE";
        credits_of(&self.read(sql, &[Value::text(account)]).await?)
    }

    /// Locks a job's account, and then the job.
    pub(crate) async fn lock_job(self, id: LocalId) -> Result<Locked, Failure> {
        let missing = || Error::new(ErrorKind::NotFound, format!("there is no job {id}")).about(id);
        let seen = self.entry(id).await?.ok_or_else(missing)?;
        // A job that went to another account meanwhile is left alone: that account is not locked.
        let sql = "SELECT * FROM genrex.job WHERE id = $1 AND account = $2 FOR UPDATE";
        let values = [id.0.into(), Value::text(seen.account.as_str())];
        let reads = || async { tokio::try_join!(biased; self.read(sql, &values), self.now()) };
        let (credits, (rows, now)) = self.lock_and(seen.account.as_str(), reads).await?;
        let row = rows.first();
        let row = row.ok_or_else(|| moved("the job's account was just joined to another"))?;
        Ok(Locked {
            entry: row::entry(row)?,
            credits,
            now,
        })
    }
}

pub(super) fn credits_of(rows: &[Row]) -> Result<Option<Credits>, Failure> {
    let json = rows.first().map(|row| row.try_get::<_, String>(0));
    let json = json.transpose()?;
    Ok(json.map(|json| Credits::from_json(&json)).transpose()?)
}

/// Another was quicker, and the same asked again finds it so.
fn moved(why: &str) -> Failure {
    StorageError::new(ErrorKind::Busy, Then::Again, why).into()
}
