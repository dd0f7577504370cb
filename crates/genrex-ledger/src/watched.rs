use std::time::Duration;

use async_trait::async_trait;

use crate::ledger::{Filter, Ledger, Past};
use crate::{Account, Alias, Credits, Entry, Error, Event, Intent, LocalId, Look};

/// One call of a [`Ledger`], for who counts them.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Call<'a> {
    /// [`Ledger::observe`], of this account.
    Observe(&'a Account),
    /// [`Ledger::intend`].
    Intend(&'a Intent),
    /// [`Ledger::record`].
    Record(LocalId, &'a Event),
    /// [`Ledger::reconcile`].
    Reconcile(LocalId),
    /// [`Ledger::recover`].
    Recover,
    /// [`Ledger::release`], which says nothing.
    Release(LocalId),
    /// [`Ledger::claim`].
    Claim(LocalId),
    /// Whatever reads.
    Read,
}

/// Who is told of each call when it is over, with what came of it. It changes neither.
pub trait Watcher: Send + Sync {
    /// The time of some clock that only goes on.
    fn now(&self) -> Duration;

    /// A call that was begun at `began` is over. The job is that of a call which returns one.
    fn called(&self, call: Call<'_>, began: Duration, answer: Result<Option<&Entry>, &Error>);
}

/// A ledger of which each call is told to a [`Watcher`].
#[derive(Debug, Clone)]
pub struct Watched<L, W> {
    ledger: L,
    watcher: W,
}

impl<L: Ledger, W: Watcher> Watched<L, W> {
    /// The same ledger, watched.
    #[must_use]
    pub const fn new(ledger: L, watcher: W) -> Self {
        Self { ledger, watcher }
    }

    fn told<T>(
        &self,
        call: Call<'_>,
        began: Duration,
        answer: Result<T, Error>,
        job: impl FnOnce(&T) -> Option<&Entry>,
    ) -> Result<T, Error> {
        self.watcher.called(call, began, answer.as_ref().map(job));
        answer
    }
}

#[async_trait]
impl<L: Ledger, W: Watcher> Ledger for Watched<L, W> {
    async fn name(&self) -> Result<String, Error> {
        let began = self.watcher.now();
        let answer = self.ledger.name().await;
        self.told(Call::Read, began, answer, |_| None)
    }

    async fn account(&self, alias: &Alias) -> Result<Option<Account>, Error> {
        let began = self.watcher.now();
        let answer = self.ledger.account(alias).await;
        self.told(Call::Read, began, answer, |_| None)
    }

    async fn observe(
        &self,
        alias: &Alias,
        account: &Account,
        look: &Look,
        now: u64,
    ) -> Result<(), Error> {
        let began = self.watcher.now();
        let answer = self.ledger.observe(alias, account, look, now).await;
        self.told(Call::Observe(account), began, answer, |()| None)
    }

    async fn intend(&self, intent: &Intent, now: u64) -> Result<Entry, Error> {
        let began = self.watcher.now();
        let answer = self.ledger.intend(intent, now).await;
        self.told(Call::Intend(intent), began, answer, |job| Some(job))
    }

    async fn record(&self, id: LocalId, event: &Event, now: u64) -> Result<Entry, Error> {
        let began = self.watcher.now();
        let answer = self.ledger.record(id, event, now).await;
        self.told(Call::Record(id, event), began, answer, |job| Some(job))
    }

    async fn reconcile(&self, id: LocalId, now: u64) -> Result<Entry, Error> {
        let began = self.watcher.now();
        let answer = self.ledger.reconcile(id, now).await;
        self.told(Call::Reconcile(id), began, answer, |job| Some(job))
    }

    async fn recover(&self, now: u64) -> Result<Vec<Entry>, Error> {
        let began = self.watcher.now();
        let answer = self.ledger.recover(now).await;
        self.told(Call::Recover, began, answer, |_| None)
    }

    fn release(&self, id: LocalId, now: u64) {
        let began = self.watcher.now();
        self.ledger.release(id, now);
        self.watcher.called(Call::Release(id), began, Ok(None));
    }

    async fn claim(&self, id: LocalId, now: u64) -> Result<bool, Error> {
        let began = self.watcher.now();
        let answer = self.ledger.claim(id, now).await;
        self.told(Call::Claim(id), began, answer, |_| None)
    }

    async fn entry(&self, id: LocalId) -> Result<Option<Entry>, Error> {
        let began = self.watcher.now();
        let answer = self.ledger.entry(id).await;
        self.told(Call::Read, began, answer, |_| None)
    }

    async fn entries(&self, filter: &Filter) -> Result<Vec<Entry>, Error> {
        let began = self.watcher.now();
        let answer = self.ledger.entries(filter).await;
        self.told(Call::Read, began, answer, |_| None)
    }

    async fn history(&self, id: LocalId) -> Result<Vec<Past>, Error> {
        let began = self.watcher.now();
        let answer = self.ledger.history(id).await;
        self.told(Call::Read, began, answer, |_| None)
    }

    async fn credits(&self, account: &Account) -> Result<Credits, Error> {
        let began = self.watcher.now();
        let answer = self.ledger.credits(account).await;
        self.told(Call::Read, began, answer, |_| None)
    }
}
