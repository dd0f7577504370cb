//! A storage that many machines share: it takes the time from a clock of its own, and not from its callers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use genrex_ledger::{
    Account, Alias, Credits, Entry, Error, Event, Filter, Intent, Ledger, LocalId, Look,
    MemoryLedger, Past,
};

/// Goes on by some milliseconds at each call, from a time long after the suite's.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnClock {
    ledger: MemoryLedger,
    calls: Arc<AtomicU64>,
}

impl OwnClock {
    pub(crate) fn reopened(&self) -> Self {
        Self {
            ledger: self.ledger.reopened(),
            calls: Arc::clone(&self.calls),
        }
    }

    fn now(&self) -> u64 {
        1_800_000_000_000 + 3 * self.calls.fetch_add(1, Ordering::Relaxed)
    }
}

#[async_trait]
impl Ledger for OwnClock {
    async fn name(&self) -> Result<String, Error> {
        self.ledger.name().await
    }

    async fn account(&self, alias: &Alias) -> Result<Option<Account>, Error> {
        self.ledger.account(alias).await
    }

    async fn observe(
        &self,
        alias: &Alias,
        account: &Account,
        look: &Look,
        _: u64,
    ) -> Result<(), Error> {
        self.ledger.observe(alias, account, look, self.now()).await
    }

    async fn intend(&self, intent: &Intent, _: u64) -> Result<Entry, Error> {
        self.ledger.intend(intent, self.now()).await
    }

    async fn record(&self, id: LocalId, event: &Event, _: u64) -> Result<Entry, Error> {
        self.ledger.record(id, event, self.now()).await
    }

    async fn reconcile(&self, id: LocalId, _: u64) -> Result<Entry, Error> {
        self.ledger.reconcile(id, self.now()).await
    }

    async fn recover(&self, _: u64) -> Result<Vec<Entry>, Error> {
        self.ledger.recover(self.now()).await
    }

    fn release(&self, id: LocalId, _: u64) {
        self.ledger.release(id, self.now());
    }

    async fn entry(&self, id: LocalId) -> Result<Option<Entry>, Error> {
        self.ledger.entry(id).await
    }

    async fn entries(&self, filter: &Filter) -> Result<Vec<Entry>, Error> {
        self.ledger.entries(filter).await
    }

    async fn history(&self, id: LocalId) -> Result<Vec<Past>, Error> {
        self.ledger.history(id).await
    }

    async fn credits(&self, account: &Account) -> Result<Credits, Error> {
        self.ledger.credits(account).await
    }
}
