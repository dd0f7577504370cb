//! The leases of jobs in flight are renewed, over a connection of their own, while somebody in this process carries
//! the jobs on.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use genrex_ledger::LocalId;
use tokio_postgres::types::Type;

use crate::address::Address;
use crate::clock;
use crate::failure::{Failure, Then};
use crate::query::IN_FLIGHT;
use crate::session::{Kind, Session};
use crate::store::Owner;

/// The jobs that callers of this process carry on.
#[derive(Debug, Clone, Default)]
pub(crate) struct Held(Arc<Mutex<BTreeSet<LocalId>>>);

impl Held {
    pub(crate) fn add(&self, id: LocalId) {
        self.ids().insert(id);
    }

    /// Whether it was there.
    pub(crate) fn remove(&self, id: LocalId) -> bool {
        self.ids().remove(&id)
    }

    pub(crate) fn contains(&self, id: LocalId) -> bool {
        self.ids().contains(&id)
    }

    fn ids(&self) -> MutexGuard<'_, BTreeSet<LocalId>> {
        // Each call leaves it whole, so a panic elsewhere has not harmed it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Renews what is held, four times in a lease, until it is stopped.
pub(crate) async fn renew(address: Address, owner: Owner, held: Held) {
    let quarter = Duration::from_millis(owner.lease.unsigned_abs() / 4);
    let mut session = None;
    loop {
        clock::pause(quarter).await;
        // What could not be renewed is tried again in a moment, and a lease that ended meanwhile has ended.
        while let Err(failure) = renew_once(&mut session, &address, &owner, &held).await {
            if failure.then() != Then::Again {
                session = None;
            }
            clock::pause(quarter / 4).await;
        }
    }
}

async fn renew_once(
    session: &mut Option<Session>,
    address: &Address,
    owner: &Owner,
    held: &Held,
) -> Result<(), Failure> {
    let session = match session {
        Some(session) => session,
        none => none.insert(Session::open(address).await?),
    };
    let ids: Vec<i64> = held.ids().iter().map(|id| id.0).collect();
    session
        .transaction(Kind::Lease, async |session| {
            let seen = "UPDATE genrex.machine SET seen_at = now() WHERE epoch = $1";
            session.query(seen, &[(&owner.epoch, Type::INT8)]).await?;
            if ids.is_empty() {
                return Ok(());
            }
            // What another transaction is at work on is renewed the next time; nobody waits for who waits for him.
            let sql = format!(
                "UPDATE genrex.job SET lease_until = clock_timestamp() + $3 * interval '1 millisecond' \
                 WHERE id IN (SELECT id FROM genrex.job WHERE id = ANY ($1) AND epoch = $2 AND {IN_FLIGHT} \
                     AND lease_until > clock_timestamp() FOR UPDATE SKIP LOCKED)"
            );
            let parameters: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] = [
                (&ids, Type::INT8_ARRAY),
                (&owner.epoch, Type::INT8),
                (&owner.lease, Type::INT8),
            ];
            session.query(&sql, &parameters).await.map(drop)
        })
        .await
}
