use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_trait::async_trait;

use crate::error::ErrorKind;
use crate::ledger::{Filter, Ledger, Past};
use crate::relocation::{Contents, KeptJob, Portable};
use crate::{
    Account, Alias, Change, Credits, Entry, Error, Event, Hold, Intent, LocalId, Look, rules,
};

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
    aliases: HashMap<Alias, (Account, u64)>,
    credits: HashMap<Account, Credits>,
    hold: Option<Hold>,
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
    fn allow(&self, change: Change) -> Result<(), Error> {
        self.hold.as_ref().map_or(Ok(()), |hold| hold.allow(change))
    }

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
        let state = self.state();
        Ok(state.aliases.get(alias).map(|(account, _)| account.clone()))
    }

    async fn observe(
        &self,
        alias: &Alias,
        account: &Account,
        look: &Look,
        now: u64,
    ) -> Result<(), Error> {
        let mut state = self.state();
        state.allow(Change::Other)?;
        state.move_jobs(alias, account);
        let known = state.aliases.get(alias);
        if known.is_none_or(|(known, _)| known != account) {
            state.aliases.insert(alias.clone(), (account.clone(), now));
        }
        let credits = state.credits.entry(account.clone()).or_default();
        credits.observe(look, now);
        Ok(())
    }

    async fn intend(&self, intent: &Intent, now: u64) -> Result<Entry, Error> {
        let mut state = self.state();
        state.allow(Change::Purchase)?;
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
        let mut state = self.state();
        state.allow(Change::of(event))?;
        state.record(id, event, now)
    }

    async fn reconcile(&self, id: LocalId, now: u64) -> Result<Entry, Error> {
        let mut state = self.state();
        state.allow(Change::Other)?;
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
        if !gone.is_empty() {
            state.allow(Change::Other)?;
        }
        gone.into_iter()
            .map(|id| state.record(id, &Event::Crashed, now))
            .collect()
    }

    fn release(&self, id: LocalId, _: u64) {
        self.state().owners.remove(&id);
    }

    async fn claim(&self, id: LocalId, _: u64) -> Result<bool, Error> {
        let mut state = self.state();
        let stands = state.known(id)?.state;
        let own = Arc::downgrade(&self.process);
        let is_others = state
            .owners
            .get(&id)
            .is_some_and(|owner| owner.strong_count() > 0 && !owner.ptr_eq(&own));
        if stands.is_in_flight() || (is_others && stands != crate::State::Downloaded) {
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

#[async_trait]
impl Portable for MemoryLedger {
    async fn hold(&self) -> Result<Option<Hold>, Error> {
        Ok(self.state().hold.clone())
    }

    async fn change_hold(
        &self,
        expected: Option<&Hold>,
        next: Option<&Hold>,
        _: u64,
    ) -> Result<(), Error> {
        let mut state = self.state();
        let in_flight = state.entries.values().find(|job| job.state.is_in_flight());
        rules::change_hold(state.hold.as_ref(), expected, next, in_flight)?;
        state.hold = next.cloned();
        Ok(())
    }

    async fn contents(&self) -> Result<Contents, Error> {
        let state = self.state();
        let keys: HashMap<LocalId, u128> = state.keys.iter().map(|(key, id)| (*id, *key)).collect();
        let jobs = state.entries.values().map(|entry| KeptJob {
            key: keys.get(&entry.id).copied(),
            entry: entry.clone(),
        });
        let history = state.entries.keys().flat_map(|id| {
            let past = state.history.get(id).into_iter().flatten();
            past.map(|past| (*id, past.clone()))
        });
        let mut aliases: Vec<_> = state.aliases.iter().collect();
        aliases.sort_by_key(|(alias, _)| *alias);
        let aliases = aliases
            .into_iter()
            .map(|(alias, (account, since))| (alias.clone(), account.clone(), *since));
        let mut credits: Vec<(Account, Credits)> = state.credits.clone().into_iter().collect();
        credits.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(Contents {
            name: state.name.0.clone(),
            jobs: jobs.collect(),
            history: history.collect(),
            aliases: aliases.collect(),
            credits,
        })
    }

    async fn fill(&self, contents: &Contents, hold: &Hold, _: u64) -> Result<(), Error> {
        let mut state = self.state();
        let is_empty = state.entries.is_empty() && state.credits.is_empty();
        rules::fill(is_empty, state.hold.as_ref())?;
        let mut filled = State {
            name: Name(contents.name.clone()),
            hold: Some(hold.clone()),
            ..State::default()
        };
        for KeptJob { key, entry } in &contents.jobs {
            filled.keys.extend(key.map(|key| (key, entry.id)));
            filled.entries.insert(entry.id, entry.clone());
        }
        for (id, past) in &contents.history {
            filled.history.entry(*id).or_default().push(past.clone());
        }
        let aliases = contents.aliases.iter().cloned();
        filled.aliases = aliases
            .map(|(alias, account, since)| (alias, (account, since)))
            .collect();
        filled.credits = contents.credits.iter().cloned().collect();
        *state = filled;
        Ok(())
    }
}
