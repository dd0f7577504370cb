use async_trait::async_trait;
use genrex_core::ledger::{
    Account, Alias, Credits, Entry, Error, ErrorKind, Event, Filter, Intent, Ledger, LocalId, Look,
    MemoryLedger, Past,
};

use super::world::World;

/// A ledger in memory that fails when its world says so: before it has done what was asked, or after.
pub(super) struct Troubled {
    pub(super) inner: MemoryLedger,
    pub(super) world: World,
}

impl Troubled {
    async fn kept<T>(&self, act: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let failed = || Error::new(ErrorKind::Storage, "as its world says");
        match self.world.ledger_trouble() {
            None => act.await,
            Some(true) => Err(failed()),
            Some(false) => act.await.and(Err(failed())),
        }
    }
}

#[async_trait]
impl Ledger for Troubled {
    async fn name(&self) -> Result<String, Error> {
        self.inner.name().await
    }

    async fn account(&self, alias: &Alias) -> Result<Option<Account>, Error> {
        self.kept(self.inner.account(alias)).await
    }

    async fn observe(
        &self,
        alias: &Alias,
        account: &Account,
        look: &Look,
        now: u64,
    ) -> Result<(), Error> {
        self.kept(self.inner.observe(alias, account, look, now))
            .await
    }

    async fn intend(&self, intent: &Intent, now: u64) -> Result<Entry, Error> {
        self.kept(self.inner.intend(intent, now)).await
    }

    async fn record(&self, id: LocalId, event: &Event, now: u64) -> Result<Entry, Error> {
        self.kept(self.inner.record(id, event, now)).await
    }

    async fn reconcile(&self, id: LocalId, now: u64) -> Result<Entry, Error> {
        self.kept(self.inner.reconcile(id, now)).await
    }

    async fn recover(&self, now: u64) -> Result<Vec<Entry>, Error> {
        self.kept(self.inner.recover(now)).await
    }

    fn release(&self, id: LocalId, now: u64) {
        self.inner.release(id, now);
    }

    async fn entry(&self, id: LocalId) -> Result<Option<Entry>, Error> {
        self.kept(self.inner.entry(id)).await
    }

    async fn entries(&self, filter: &Filter) -> Result<Vec<Entry>, Error> {
        self.kept(self.inner.entries(filter)).await
    }

    async fn history(&self, id: LocalId) -> Result<Vec<Past>, Error> {
        self.inner.history(id).await
    }

    async fn credits(&self, account: &Account) -> Result<Credits, Error> {
        self.inner.credits(account).await
    }
}
