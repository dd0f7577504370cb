//! One connection to the database, and one transaction on it.
//!
//! No statement is prepared by name and nothing is set for a session, so a pool in between that gives each
//! transaction another connection (pgbouncer in transaction mode) is none the wiser.

use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Row};

use crate::address::Address;
use crate::failure::{Failure, StorageError};
use crate::row::Value;
use crate::tls::Tls;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a call may take on a connection. The database gives up before.
const LONGEST: Duration = Duration::from_secs(20);

/// What is set for one transaction. A process that stands still in one is thrown out of it, since it holds the
/// account's row; and what returns has reached the disk, whatever the role's settings say.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
    SET LOCAL lock_timeout = '10s';
    SET LOCAL statement_timeout = '15s';
    SET LOCAL idle_in_transaction_session_timeout = '3s';
    SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') IN ('off', 'local')";

/// All that a ledger holds takes longer, and is to be of one moment.
const BEGIN_ALL: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
    SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = 0";

/// Who writes does so beside others, and with nobody who changes what holds the ledger. It ends with the transaction.
const BESIDE: &str = "; SELECT pg_advisory_xact_lock_shared(hashtextextended('genrex.hold', 0))";

/// Who changes what holds the ledger is alone.
const ALONE: &str = "; SELECT pg_advisory_xact_lock(hashtextextended('genrex.hold', 0))";

/// All that another ledger held may take long to write.
const LONG: &str = "; SET LOCAL statement_timeout = 0;
    SET LOCAL idle_in_transaction_session_timeout = '1h'";

/// What a call needs of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Single statements that change nothing.
    Read,
    /// All that the ledger holds, of one moment.
    ReadAll,
    /// One transaction, beside others'.
    Write,
    /// One transaction, while nobody else writes.
    Hold,
    /// The same, with all that another ledger held.
    Fill,
    /// One transaction that no hold concerns: leases, and who has the ledger open.
    Lease,
}

impl Kind {
    fn begin(self) -> String {
        match self {
            Self::Read | Self::Lease => String::from(BEGIN),
            Self::ReadAll => String::from(BEGIN_ALL),
            Self::Write => [BEGIN, BESIDE].concat(),
            Self::Hold => [BEGIN, ALONE].concat(),
            Self::Fill => [BEGIN, ALONE, LONG].concat(),
        }
    }

    /// How long it may take. What takes longer is ended by a connection that is gone, which is noticed.
    const fn longest(self) -> Duration {
        match self {
            Self::Read | Self::Write | Self::Hold | Self::Lease => LONGEST,
            Self::ReadAll | Self::Fill => Duration::from_secs(60 * 60),
        }
    }
}

/// An open connection.
pub(crate) struct Session {
    client: Client,
    driver: JoinHandle<()>,
}

impl Session {
    pub(crate) async fn open(address: &Address) -> Result<Self, Failure> {
        let tls = Tls::new(&address.trust).map_err(|cause| {
            let why = format!("cannot be connected to: {cause}");
            StorageError::new(
                genrex_ledger::ErrorKind::Denied,
                crate::failure::Then::GiveUp,
                why,
            )
        })?;
        let mut config = address.config.clone();
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        config.keepalives_idle(Duration::from_secs(30));
        config.tcp_user_timeout(LONGEST);
        let connecting = tokio::time::timeout(LONGEST, config.connect(tls));
        let gave_no_answer = |_| StorageError::away("cannot be reached: it gave no answer");
        let (client, connection) = connecting.await.map_err(gave_no_answer)??;
        let driver = tokio::spawn(async move {
            // Whoever asks next is told that the connection has ended.
            let _ = connection.await;
        });
        Ok(Self { client, driver })
    }

    /// One statement with what goes into columns, or is held against them.
    pub(crate) async fn read(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
        let parameters: Vec<_> = values.iter().map(Value::as_parameter).collect();
        self.query(sql, &parameters).await
    }

    /// One statement, inside a transaction or alone.
    pub(crate) async fn query(
        &self,
        sql: &str,
        parameters: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<Row>, Failure> {
        Ok(self.client.query_typed(sql, parameters).await?)
    }

    /// Statements that return nothing.
    pub(crate) async fn batch(&self, sql: &str) -> Result<(), Failure> {
        Ok(self.client.batch_execute(sql).await?)
    }

    /// Statements that change nothing, each its own transaction.
    pub(crate) async fn alone<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        in_time(LONGEST, work).await
    }

    /// Does what `work` does in one transaction, and returns when it lasts. After an error nothing of it does, or
    /// it is not known: the answer to the end of the transaction was lost.
    pub(crate) async fn transaction<T>(
        &self,
        kind: Kind,
        work: impl AsyncFnOnce(&Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        in_time(kind.longest(), async {
            self.batch(&kind.begin()).await?;
            match work(self).await {
                Ok(done) => {
                    self.batch("COMMIT").await?;
                    Ok(done)
                }
                Err(failure) => {
                    self.batch("ROLLBACK").await?;
                    Err(failure)
                }
            }
        })
        .await
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

async fn in_time<T>(
    longest: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(longest, work).await {
        Ok(done) => done,
        Err(_) => Err(StorageError::away("gave no answer").into()),
    }
}
