use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_trait::async_trait;

use crate::error::ErrorKind;
use crate::ledger::{Filter, Ledger, Past};
use crate::{Account, Alias, Credits, Entry, Error, Event, Intent, LocalId, Look, rules};

/// A ledger in memory: for tests, and for a program whose jobs end with it.
///
/// A clone is the same ledger in the same process. [`reopened`](Self::reopened) is the same ledger as another
/// process sees it: when all clones of a handle are gone, so is its process.
///
/// ```
/// use genrex_ledger::MemoryLedger;
///
/// let ledger = MemoryLedger::new();
/// let after_a_restart = ledger.reopened();
/// drop(ledger);
/// # drop(after_a_restart);
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryLedger {
    state: Arc<Mutex<State>>,
    process: Arc<()>,
}

#[derive(Debug, Default)]
struct State {
    name: Name,
    entries: BTreeMap<LocalId, Entry>,
    keys: HashMap<u128, LocalId>,
    /// Whose each is, in flight and after.
    owners: HashMap<LocalId, Weak<()>>,
    history: HashMap<LocalId, Vec<Past>>,
    aliases: HashMap<Alias, Account>,
    credits: HashMap<Account, Credits>,
}

/// A random name.
#[derive(Debug)]
struct Name(String);

impl Default for Name {
    fn default() -> Self {
        let half = || RandomState::new().build_hasher().finish();
        Self(format!("{:016x}{:016x}", half(), half()))
    }
}

impl MemoryLedger {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same ledger, as another process sees it.
    #[must_use]
    pub fn reopened(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            process: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each call leaves it whole, so a panic elsewhere has not harmed it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn write(&mut self, entry: Entry, now: u64) -> Entry {
        self.history.entry(entry.id).or_default().push(Past {
            at: now,
            state: entry.state,
            detail: entry.detail.clone(),
        });
        self.entries.insert(entry.id, entry.clone());
        entry
    }

    fn known(&self, id: LocalId) -> Result<&Entry, Error> {
        let missing = || Error::new(ErrorKind::NotFound, format!("there is no job {id}")).about(id);
        self.entries.get(&id).ok_or_else(missing)
    }

    fn record(&mut self, id: LocalId, event: &Event, now: u64) -> Result<Entry, Error> {
        let entry = self.known(id)?.clone();
        let credits = self.credits.entry(entry.account.clone()).or_default();
        Ok(match rules::record(credits, &entry, event, now)? {
            Some(after) => self.write(after, now),
            None => entry,
        })
    }

    fn select(&self, filter: &Filter) -> Vec<Entry> {
        let admitted = self.entries.values().filter(|entry| filter.admits(entry));
        let most = filter.limit.map_or(usize::MAX, |limit| {
            usize::try_from(limit).unwrap_or(usize::MAX)
        });
        if filter.oldest_first {
            admitted.take(most).cloned().collect()
        } else {
            admitted.rev().take(most).cloned().collect()
        }
    }

    fn move_jobs(&mut self, alias: &Alias, account: &Account) {
        let old = Account::from(alias.clone());
        if old == *account {
            return;
        }
        // Every job of an account began with its credits.
        let Some(credits) = self.credits.remove(&old) else {
            return;
        };
        let joined = self.credits.entry(account.clone()).or_default();
        rules::join(joined, &credits);
        let moved = self.entries.values_mut();
        for entry in moved.filter(|entry| entry.account == old) {
            entry.account = account.clone();
        }
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn name(&self) -> Result<String, Error> {
        Ok(self.state().name.0.clone())
    }

    async fn account(&self, alias: &Alias) -> Result<Option<Account>, Error> {
        Ok(self.state().aliases.get(alias).cloned())
    }

    async fn observe(
        &self,
        alias: &Alias,
        account: &Account,
        look: &Look,
        now: u64,
    ) -> Result<(), Error> {
        let mut state = self.state();
        state.move_jobs(alias, account);
        state.aliases.insert(alias.clone(), account.clone());
        let credits = state.credits.entry(account.clone()).or_default();
        credits.observe(look, now);
        Ok(())
    }

    async fn intend(&self, intent: &Intent, now: u64) -> Result<Entry, Error> {
        let mut state = self.state();
        if let Some(id) = state.keys.get(&intent.key) {
            return state.known(*id).cloned();
        }
        let rivals = rules::rivals(intent).map_or_else(Vec::new, |filter| state.select(&filter));
        let newest = state.entries.last_key_value().map_or(0, |(id, _)| id.0);
        let id = LocalId(newest + 1);
        let credits = state.credits.entry(intent.account.clone()).or_default();
        let begun = rules::intend(credits, &rivals, id, intent, now)?;
        if let Some(superseded) = begun.supersedes
            && let Some(entry) = state.entries.get_mut(&superseded)
        {
            entry.superseded_by = Some(id);
        }
        state.keys.insert(intent.key, id);
        state.owners.insert(id, Arc::downgrade(&self.process));
        Ok(state.write(begun.entry, now))
    }

    async fn record(&self, id: LocalId, event: &Event, now: u64) -> Result<Entry, Error> {
        self.state().record(id, event, now)
    }

    async fn reconcile(&self, id: LocalId, now: u64) -> Result<Entry, Error> {
        let mut state = self.state();
        let entry = state.known(id)?.clone();
        let found = {
            let credits = state.credits.entry(entry.account.clone()).or_default();
            rules::reconcile(credits, &entry)?
        };
        state.record(id, &Event::Reconciled(found), now)
    }

    async fn recover(&self, now: u64) -> Result<Vec<Entry>, Error> {
        let mut state = self.state();
        let in_flight = state
            .entries
            .values()
            .filter(|entry| entry.state.is_in_flight());
        let gone: Vec<LocalId> = in_flight
            .filter(|entry| {
                let owner = state.owners.get(&entry.id);
                owner.is_none_or(|owner| owner.strong_count() == 0)
            })
            .map(|entry| entry.id)
            .collect();
        gone.into_iter()
            .map(|id| state.record(id, &Event::Crashed, now))
            .collect()
    }

    fn release(&self, id: LocalId, _: u64) {
        self.state().owners.remove(&id);
    }

    async fn claim(&self, id: LocalId, _: u64) -> Result<bool, Error> {
        let mut state = self.state();
        let is_free = !state.known(id)?.state.is_in_flight();
        let own = Arc::downgrade(&self.process);
        let is_others = state
            .owners
            .get(&id)
            .is_some_and(|owner| owner.strong_count() > 0 && !owner.ptr_eq(&own));
        if !is_free || is_others {
            return Ok(false);
        }
        state.owners.insert(id, own);
        Ok(true)
    }

    async fn entry(&self, id: LocalId) -> Result<Option<Entry>, Error> {
        Ok(self.state().entries.get(&id).cloned())
    }

    async fn entries(&self, filter: &Filter) -> Result<Vec<Entry>, Error> {
        Ok(self.state().select(filter))
    }

    async fn history(&self, id: LocalId) -> Result<Vec<Past>, Error> {
        Ok(self.state().history.get(&id).cloned().unwrap_or_default())
    }

    async fn credits(&self, account: &Account) -> Result<Credits, Error> {
        Ok(self
            .state()
            .credits
            .get(account)
            .cloned()
            .unwrap_or_default())
    }
}
