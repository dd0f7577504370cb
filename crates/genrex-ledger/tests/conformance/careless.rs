//! Storages that are moved wrongly, each in one way.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use genrex_ledger::relocation::{Contents, Portable};
use genrex_ledger::{
    Account, Alias, Credits, Entry, Error, Event, Filter, Hold, Intent, Ledger, LocalId, Look,
    MemoryLedger, Past,
};

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Careless {
    /// A hold is kept, and nobody asks for it.
    HoldsNothing,
    /// The hold is changed, whatever it was.
    TakesAnyHold,
    /// A ledger is held while a job is in flight.
    MovesInFlight,
    /// The keys of intents are left behind.
    ForgetsKeys,
    /// Steps are left behind.
    ForgetsHistory,
    /// Links to what was bought in place of a job are left behind.
    ForgetsLinks,
    /// The new one keeps its name.
    KeepsItsName,
    /// What is there is written over.
    FillsWhatIsFull,
    /// It is not held when it is filled.
    OpensTooSoon,
}

impl Careless {
    pub(crate) const ALL: [Self; 9] = [
        Self::HoldsNothing,
        Self::TakesAnyHold,
        Self::MovesInFlight,
        Self::ForgetsKeys,
        Self::ForgetsHistory,
        Self::ForgetsLinks,
        Self::KeepsItsName,
        Self::FillsWhatIsFull,
        Self::OpensTooSoon,
    ];
}

/// A ledger in memory with one of them.
#[derive(Debug, Clone)]
pub(crate) struct Moved {
    ledger: MemoryLedger,
    flaw: Careless,
    /// The hold, where the ledger itself is not to know of it.
    aside: Arc<Mutex<Option<Hold>>>,
    /// The name, where that of another is not taken.
    name: Arc<Mutex<Option<String>>>,
}

impl Moved {
    pub(crate) fn new(flaw: Careless) -> Self {
        Self {
            ledger: MemoryLedger::new(),
            flaw,
            aside: Arc::default(),
            name: Arc::default(),
        }
    }

    pub(crate) fn reopened(&self) -> Self {
        Self {
            ledger: self.ledger.reopened(),
            ..self.clone()
        }
    }

    fn is(&self, flaw: Careless) -> bool {
        self.flaw == flaw
    }
}

#[async_trait]
impl Portable for Moved {
    async fn hold(&self) -> Result<Option<Hold>, Error> {
        if self.is(Careless::HoldsNothing) {
            return Ok(self.aside.lock().unwrap().clone());
        }
        self.ledger.hold().await
    }

    async fn change_hold(
        &self,
        expected: Option<&Hold>,
        next: Option<&Hold>,
        now: u64,
    ) -> Result<(), Error> {
        let found = self.hold().await?;
        match self.flaw {
            Careless::HoldsNothing => {
                *self.aside.lock().unwrap() = next.cloned();
                Ok(())
            }
            Careless::TakesAnyHold => self.ledger.change_hold(found.as_ref(), next, now).await,
            Careless::MovesInFlight => {
                let tried = self.ledger.change_hold(expected, next, now).await;
                // As if the check were not there: another kind is let through, and counts the same.
                match (tried, next) {
                    (Err(_), Some(next)) if found.as_ref() == expected => {
                        let mut held = next.clone();
                        held.kind = genrex_ledger::HoldKind::Moved;
                        self.ledger.change_hold(expected, Some(&held), now).await
                    }
                    (tried, _) => tried,
                }
            }
            _ => self.ledger.change_hold(expected, next, now).await,
        }
    }

    async fn contents(&self) -> Result<Contents, Error> {
        let mut contents = self.ledger.contents().await?;
        if let Some(name) = self.name.lock().unwrap().clone() {
            contents.name = name;
        }
        Ok(contents)
    }

    async fn fill(&self, contents: &Contents, hold: &Hold, now: u64) -> Result<(), Error> {
        let mut contents = contents.clone();
        match self.flaw {
            Careless::ForgetsKeys => contents.jobs.iter_mut().for_each(|job| job.key = None),
            Careless::ForgetsHistory => contents.history.truncate(5),
            Careless::ForgetsLinks => {
                let jobs = contents.jobs.iter_mut();
                jobs.for_each(|job| job.entry.superseded_by = None);
            }
            Careless::KeepsItsName => {
                *self.name.lock().unwrap() = Some(self.ledger.name().await?);
            }
            Careless::FillsWhatIsFull => return Ok(()),
            _ => {}
        }
        self.ledger.fill(&contents, hold, now).await?;
        if self.is(Careless::OpensTooSoon) {
            self.ledger.change_hold(Some(hold), None, now).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Ledger for Moved {
    async fn name(&self) -> Result<String, Error> {
        let kept = self.name.lock().unwrap().clone();
        match kept {
            Some(name) => Ok(name),
            None => self.ledger.name().await,
        }
    }

    async fn account(&self, alias: &Alias) -> Result<Option<Account>, Error> {
        self.ledger.account(alias).await
    }

    async fn observe(
        &self,
        alias: &Alias,
        account: &Account,
        look: &Look,
        now: u64,
    ) -> Result<(), Error> {
        self.ledger.observe(alias, account, look, now).await
    }

    async fn intend(&self, intent: &Intent, now: u64) -> Result<Entry, Error> {
        self.ledger.intend(intent, now).await
    }

    async fn record(&self, id: LocalId, event: &Event, now: u64) -> Result<Entry, Error> {
        self.ledger.record(id, event, now).await
    }

    async fn reconcile(&self, id: LocalId, now: u64) -> Result<Entry, Error> {
        self.ledger.reconcile(id, now).await
    }

    async fn recover(&self, now: u64) -> Result<Vec<Entry>, Error> {
        self.ledger.recover(now).await
    }

    fn release(&self, id: LocalId, now: u64) {
        self.ledger.release(id, now);
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
