//! Who uses a ledger, and what is in flight.

use genrex_ledger::{Account, Hold};

use crate::failure::Failure;
use crate::query::IN_FLIGHT;
use crate::relocation::{MOVED, held};
use crate::row::Value;
use crate::store::{Store, nothing};
use crate::text;

/// What is known of a ledger as a whole, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The ledger's own name.
    pub name: String,
    /// The version of its tables.
    pub version: i32,
    /// The database's time, in milliseconds since 1970.
    pub now: u64,
    /// Who has it open to write, or had it open when its process ended.
    pub holders: Vec<Holder>,
    /// How many jobs are in each state.
    pub jobs: Vec<(String, u64)>,
    /// How many jobs in flight nobody carries on: `genrex jobs recover` ends them.
    pub orphans: u64,
    /// The accounts whose credits it knows.
    pub accounts: Vec<Account>,
    /// Why nothing may be bought with it, if there is a reason.
    pub hold: Option<Hold>,
    /// How often somebody has taken it as it was, after it was restored from an earlier state.
    pub generation: u64,
    /// How many transactions have begun since the oldest snapshot that anybody still reads; what was changed since it
    /// is not cleared away. Of other roles' sessions only who may read `pg_stat_activity` sees it.
    pub oldest_snapshot: Option<u64>,
    /// For how long the oldest transaction of the database has been open, in milliseconds. One that stays open keeps
    /// what was changed since from being cleared away.
    pub oldest_transaction: Option<u64>,
}

/// Who has a ledger open to write.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The host and the process.
    pub name: String,
    /// The number of this opening; a later one has a greater number.
    pub epoch: i64,
    /// When it was last heard of, in milliseconds since 1970.
    pub seen_at: u64,
    /// How many jobs it has in flight,
    pub in_flight: u64,
    /// and for how long the lease of the first to end still lasts, in milliseconds; below zero if it has ended.
    pub lease_left: Option<i64>,
}

pub(crate) async fn read(store: Store<'_>) -> Result<Status, Failure> {
    let count = |number: i64| u64::try_from(number).unwrap_or(0);
    let session = store.session;
    let mut jobs = Vec::new();
    let states = "SELECT state, count(*) FROM genrex.job GROUP BY state ORDER BY state";
    for row in session.read(states, &[]).await? {
        jobs.push((row.try_get(0)?, count(row.try_get(1)?)));
    }
    let oldest = "SELECT (extract(epoch FROM clock_timestamp() - min(xact_start)) * 1000)::bigint \
         FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let oldest = session.read(oldest, &[]).await?;
    let oldest: Option<i64> = match oldest.first() {
        Some(row) => row.try_get(0)?,
        None => None,
    };
    let snapshot = "SELECT max(age(xmin))::bigint FROM ( \
             SELECT backend_xmin AS xmin FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid() \
             UNION ALL SELECT xmin FROM pg_replication_slots UNION ALL SELECT transaction FROM pg_prepared_xacts \
         ) AS held";
    let snapshot = session.read(snapshot, &[]).await?;
    let snapshot: Option<i64> = match snapshot.first() {
        Some(row) => row.try_get(0)?,
        None => None,
    };
    let accounts = "SELECT account FROM genrex.credits ORDER BY account COLLATE \"C\"";
    let accounts = session.read(accounts, &[]).await?;
    let accounts = accounts.iter().map(|row| {
        let kept: String = row.try_get(0)?;
        Ok(Account::from(text::read(&kept)))
    });
    let restored = session
        .read(
            "SELECT count(*) FROM genrex.restored WHERE accepted_by <> $1",
            &[Value::text(MOVED)],
        )
        .await?;
    let restored: i64 = restored.first().ok_or_else(nothing)?.try_get(0)?;
    let held = held(session).await?;
    Ok(Status {
        name: held.name,
        hold: held.hold,
        generation: count(restored),
        accounts: accounts.collect::<Result<_, Failure>>()?,
        oldest_snapshot: snapshot.map(count),
        version: crate::schema::VERSION,
        now: store.now().await?,
        holders: holders(store).await?,
        jobs,
        orphans: u64::try_from(store.left_open().await?.len()).unwrap_or(u64::MAX),
        oldest_transaction: oldest.map(count),
    })
}

async fn holders(store: Store<'_>) -> Result<Vec<Holder>, Failure> {
    let sql = format!(
        "SELECT machine.name, machine.epoch, (extract(epoch FROM machine.seen_at) * 1000)::bigint, count(job.id), \
             (extract(epoch FROM min(CASE WHEN isfinite(job.lease_until) THEN job.lease_until END) \
                 - clock_timestamp()) * 1000)::bigint \
         FROM genrex.machine LEFT JOIN \
             (SELECT id, epoch, lease_until FROM genrex.job WHERE {IN_FLIGHT}) job USING (epoch) \
         GROUP BY machine.name, machine.epoch, machine.seen_at ORDER BY machine.epoch"
    );
    let rows = store.session.read(&sql, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(Holder {
                name: row.try_get(0)?,
                epoch: row.try_get(1)?,
                seen_at: row.try_get::<_, i64>(2)?.cast_unsigned(),
                in_flight: u64::try_from(row.try_get::<_, i64>(3)?).unwrap_or(0),
                lease_left: row.try_get(4)?,
            })
        })
        .collect()
}
