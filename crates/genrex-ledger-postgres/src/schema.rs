//! The tables, and how a database of an older version becomes one of this.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use genrex_ledger::{Error, ErrorKind};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::address::Address;
use crate::failure::{Failure, StorageError, Then};
use crate::session::{Kind, Session};
use crate::triggers;

/// The version that this crate reads and writes.
pub(crate) const VERSION: i32 = 4;

/// The steps from one version to the next, oldest first.
const STEPS: [&str; 4] = [
    include_str!("../migrations/1.sql"),
    include_str!("../migrations/2.sql"),
    include_str!("../migrations/3.sql"),
    include_str!("../migrations/4.sql"),
];

/// What a migration did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migration {
    /// The version before; 0 for none.
    pub from: i32,
    /// The version now.
    pub to: i32,
}

/// Makes the tables of a ledger in a database, or brings an older version's to this one. Two that do so at once
/// wait for each other, and doing it again changes nothing. It needs the right to make a schema, or to be the
/// owner of the one named `genrex`.
///
/// # Errors
///
/// [`ErrorKind::Newer`], [`ErrorKind::Denied`] and [`ErrorKind::Storage`].
pub async fn migrate(address: &Address) -> Result<Migration, Error> {
    let (reply, answer) = oneshot::channel();
    let to = address.clone();
    // The caller's runtime may be another one, or none.
    let thread = std::thread::Builder::new().name(String::from("genrex-migrate"));
    let spawned = thread.spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        let done = match runtime {
            Ok(runtime) => runtime.block_on(migrated(&to)),
            Err(error) => {
                let why = "cannot be used: there is no runtime for it";
                let trouble = StorageError::new(ErrorKind::Storage, Then::GiveUp, why);
                Err(trouble.with_source(error).into())
            }
        };
        // Whoever asked may have gone.
        let _ = reply.send(done);
    });
    let no_thread = || Error::new(ErrorKind::Storage, "there is no thread for a migration");
    spawned.map_err(|error| no_thread().with_source(error))?;
    let done = answer.await.map_err(|_| no_thread())?;
    done.map_err(|failure| failure.into_error(&address.to_string(), ""))
}

async fn migrated(address: &Address) -> Result<Migration, Failure> {
    let session = Session::open(address).await?;
    let to = VERSION;
    if let Some(from) = session
        .alone(version(&session))
        .await?
        .filter(|from| *from >= VERSION)
    {
        is_known(from)?;
        return Ok(Migration { from, to });
    }
    session
        .transaction(Kind::Lease, async |session| {
            // It ends with the transaction.
            session
                .batch("SELECT pg_advisory_xact_lock(hashtextextended('genrex.schema_version', 0))")
                .await?;
            let from = version(session).await?.unwrap_or(0);
            is_known(from)?;
            let done = usize::try_from(from).unwrap_or(0);
            for step in STEPS.iter().skip(done) {
                session.batch(step).await?;
            }
            if done == 0 {
                session.batch(&triggers::sql()).await?;
                let named = format!("INSERT INTO genrex.ledger (id) VALUES ('{}')", name());
                session.batch(&named).await?;
            }
            for made in from + 1..=VERSION {
                let kept = format!("INSERT INTO genrex.schema_version (version) VALUES ({made})");
                session.batch(&kept).await?;
            }
            Ok(Migration { from, to })
        })
        .await
}

/// Whether the tables are this version's.
pub(crate) async fn check(session: &Session) -> Result<(), Failure> {
    match version(session).await? {
        Some(VERSION) => Ok(()),
        Some(found) => {
            is_known(found)?;
            let why = format!(
                "has the tables of version {found}, and this genrex needs those of version {VERSION}; once no older \
                 genrex uses it: genrex ledger migrate"
            );
            Err(StorageError::new(ErrorKind::NotMigrated, Then::GiveUp, why).into())
        }
        None => {
            let why = "has no tables of a ledger; make them: genrex ledger migrate";
            Err(StorageError::new(ErrorKind::NotMigrated, Then::GiveUp, why).into())
        }
    }
}

/// The version of the tables, if there are any.
async fn version(session: &Session) -> Result<Option<i32>, Failure> {
    let there = "SELECT to_regclass('genrex.schema_version') IS NOT NULL";
    let rows = session.query(there, &[]).await?;
    let is_there = rows.first().map(|row| row.try_get::<_, bool>(0));
    if !is_there.transpose()?.unwrap_or(false) {
        return Ok(None);
    }
    let newest = "SELECT max(version) FROM genrex.schema_version";
    let rows = session.query(newest, &[]).await?;
    let found = rows.first().map(|row| row.try_get::<_, Option<i32>>(0));
    Ok(found.transpose()?.flatten())
}

fn is_known(version: i32) -> Result<(), Failure> {
    if version <= VERSION {
        return Ok(());
    }
    let why = format!(
        "has the tables of version {version}: a newer genrex made them, and this one, which knows version {VERSION}, \
         changes nothing there"
    );
    Err(StorageError::new(ErrorKind::Newer, Then::GiveUp, why).into())
}

/// A random name.
fn name() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}
