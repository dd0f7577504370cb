//! A storage that is right, but for one flaw.

mod intend;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::poll_fn;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::task::Poll;

use async_trait::async_trait;
use genrex_ledger::{
    Account, Alias, Credits, Entry, Error, ErrorKind, Event, Filter, Intent, Ledger, LocalId, Look,
    Past, State, rules,
};

use crate::flaw::Flaw;

#[derive(Debug, Default)]
struct Stored {
    entries: BTreeMap<LocalId, Entry>,
    keys: HashMap<u128, LocalId>,
    owners: HashMap<LocalId, Weak<()>>,
    history: HashMap<LocalId, Vec<Past>>,
    aliases: HashMap<Alias, Account>,
    credits: HashMap<Account, Credits>,
    recovered: HashSet<LocalId>,
}

/// A storage in memory, like the crate's own.
#[derive(Debug)]
pub(crate) struct Flawed {
    flaw: Option<Flaw>,
    stored: Arc<Mutex<Stored>>,
    processes: Arc<Mutex<Vec<Weak<()>>>>,
    /// How many check a limit now.
    checking: Arc<(Mutex<u32>, Condvar)>,
    process: Arc<()>,
}

impl Flawed {
    pub(crate) fn new(flaw: Option<Flaw>) -> Self {
        Self {
            flaw,
            stored: Arc::default(),
            processes: Arc::default(),
            checking: Arc::default(),
            process: Arc::default(),
        }
    }

    pub(crate) fn reopened(&self) -> Self {
        let mut processes = self.processes.lock().unwrap();
        processes.retain(|process| process.strong_count() > 0);
        // A living process keeps what it has.
        if processes.is_empty() {
            self.forget();
        }
        let process = Arc::default();
        processes.push(Arc::downgrade(&process));
        Self {
            flaw: self.flaw,
            stored: Arc::clone(&self.stored),
            processes: Arc::clone(&self.processes),
            checking: Arc::clone(&self.checking),
            process,
        }
    }

    fn forget(&self) {
        let mut stored = self.stored();
        match self.flaw {
            Some(Flaw::ForgetsOnReopen) => *stored = Stored::default(),
            Some(Flaw::ForgetsOutcomesOnReopen) => {
                for entry in stored.entries.values_mut() {
                    if entry.state == State::Accepted {
                        entry.state = State::Sent;
                        entry.query_id = None;
                    }
                }
            }
            Some(Flaw::ForgetsHistoryOnReopen) => stored.history.clear(),
            Some(Flaw::ForgetsCreditsOnReopen) => stored.credits.clear(),
            Some(Flaw::ForgetsKeysOnReopen) => stored.keys.clear(),
            Some(Flaw::ForgetsAliasesOnReopen) => stored.aliases.clear(),
            _ => {}
        }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap()
    }

    fn cut(&self, text: &mut String) {
        if self.has(Flaw::CutsTextsAtNul) {
            *text = text.split('\0').next().unwrap_or_default().to_owned();
        }
        if self.has(Flaw::CutsLongTexts) {
            *text = text.chars().take(255).collect();
        }
    }

    fn account_of(&self, account: &Account) -> Account {
        if self.has(Flaw::CreditsOfAllMixed) {
            Account::from(String::from("all"))
        } else {
            account.clone()
        }
    }

    fn write(&self, stored: &mut Stored, mut entry: Entry, now: u64) -> Entry {
        if !self.has(Flaw::LosesThePast) || entry.state != State::Completed {
            let detail = entry.detail.clone();
            let detail = detail.filter(|_| !self.has(Flaw::LosesDetails));
            let past = Past::new(now, entry.state, detail);
            stored.history.entry(entry.id).or_default().push(past);
        }
        self.cut(&mut entry.text);
        if let Some(detail) = &mut entry.detail {
            self.cut(detail);
        }
        if self.has(Flaw::WrapsBigNumbers) {
            entry.bytes = entry.bytes.map(|bytes| bytes & u64::from(u32::MAX));
        }
        stored.entries.insert(entry.id, entry.clone());
        entry
    }

    fn record_one(
        &self,
        stored: &mut Stored,
        id: LocalId,
        event: &Event,
        now: u64,
    ) -> Result<Entry, Error> {
        let missing = || Error::new(ErrorKind::NotFound, "there is no such job").about(id);
        let entry = stored.entries.get(&id).ok_or_else(missing)?.clone();
        self.refuse_known_id(stored, &entry, event)?;
        if self.has(Flaw::DropsWhatHappened) && *event == Event::Completed {
            return Ok(entry);
        }
        let account = self.account_of(&entry.account);
        let credits = stored.credits.entry(account).or_default();
        let before = credits.clone();
        if self.has(Flaw::RefundsTwice) && matches!(event, Event::NotSent(_)) {
            rules::record(credits, &entry, event, now)?;
        }
        let after = match rules::record(credits, &entry, event, now) {
            Err(_) if self.has(Flaw::AllowsEveryTransition) && *event == Event::Failed => {
                let mut next = entry.clone();
                next.state = State::Failed;
                Some(next)
            }
            after => after?,
        };
        let is_uncounted = match event {
            Event::Failed => self.has(Flaw::FailedNotCounted),
            Event::Ambiguous(_) => self.has(Flaw::AmbiguousNotCounted),
            _ => false,
        };
        if is_uncounted {
            // What was reserved is given back with the outcome.
            *credits = before;
            let mut refused = entry.clone();
            refused.state = State::Sent;
            let refusal = Event::NotSent(String::new());
            rules::record(credits, &refused, &refusal, now)?;
        }
        match after {
            Some(mut after) => {
                if self.has(Flaw::RecoverDropsUnconfirmed) && *event == Event::Crashed {
                    after.unconfirmed_id = None;
                }
                Ok(self.write(stored, after, now))
            }
            None if self.has(Flaw::RecordsTwice) => Ok(self.write(stored, entry, now)),
            None => Ok(entry),
        }
    }

    fn refuse_known_id(&self, stored: &Stored, entry: &Entry, event: &Event) -> Result<(), Error> {
        let Event::Accepted(name) = event else {
            return Ok(());
        };
        let is_known = stored.entries.values().any(|other| {
            other.id != entry.id
                && other.query_id.as_ref() == Some(name)
                && other.account == entry.account
        });
        if is_known && self.has(Flaw::QueryIdsUnique) {
            return Err(Error::new(ErrorKind::Storage, "UNIQUE constraint failed"));
        }
        Ok(())
    }

    fn admits(&self, filter: &Filter, entry: &Entry) -> bool {
        let mut filter = filter.clone();
        match self.flaw {
            Some(Flaw::FilterIgnoresAccount) => filter.account = None,
            Some(Flaw::FilterIgnoresStates) => filter.states.clear(),
            Some(Flaw::FilterIgnoresQueryId) => filter.query_id = None,
            Some(Flaw::FilterIgnoresBody) => filter.body_sha256 = None,
            Some(Flaw::FilterIgnoresBatch) => {
                filter.row_name = filter.row_name.or(filter.row.take().map(|row| row.name));
            }
            Some(Flaw::FilterIgnoresRowName) => filter.row_name = None,
            Some(Flaw::FilterIgnoresSince) => filter.since = None,
            Some(Flaw::SinceIsExclusive) => {
                filter.since = filter.since.map(|since| since.saturating_add(1));
            }
            _ => {}
        }
        filter.admits(entry)
    }

    fn select(&self, stored: &Stored, filter: &Filter, is_asked: bool) -> Vec<Entry> {
        let mut found: Vec<Entry> = stored.entries.values().cloned().collect();
        let oldest_first = match self.flaw {
            Some(Flaw::OrderReversed) if is_asked => !filter.oldest_first,
            Some(Flaw::OldestFirstIgnored) if is_asked => false,
            _ => filter.oldest_first,
        };
        if !oldest_first {
            found.reverse();
        }
        let most = filter.limit.map_or(usize::MAX, |limit| limit as usize);
        if self.has(Flaw::LimitBeforeFilter) && is_asked {
            found.truncate(most);
        }
        if is_asked {
            found.retain(|entry| self.admits(filter, entry));
        } else {
            found.retain(|entry| filter.admits(entry));
        }
        if !(self.has(Flaw::LimitIgnored) && is_asked) {
            found.truncate(most);
        }
        found
    }
}

/// Lets others go first.
async fn pause() {
    let mut is_first = true;
    poll_fn(|context| {
        if std::mem::take(&mut is_first) {
            context.waker().wake_by_ref();
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}

#[async_trait]
impl Ledger for Flawed {
    async fn name(&self) -> Result<String, Error> {
        Ok(match self.flaw {
            Some(Flaw::NamesEachProcess) => format!("{:p}", Arc::as_ptr(&self.process)),
            Some(Flaw::NamesAllAlike) => String::from("ledger"),
            Some(Flaw::NamesNothing) => String::new(),
            _ => format!("{:p}", Arc::as_ptr(&self.stored)),
        })
    }

    async fn account(&self, alias: &Alias) -> Result<Option<Account>, Error> {
        Ok(self.stored().aliases.get(alias).cloned())
    }

    async fn observe(
        &self,
        alias: &Alias,
        account: &Account,
        look: &Look,
        now: u64,
    ) -> Result<(), Error> {
        let mut stored = self.stored();
        let old = Account::from(alias.clone());
        if old != *account && !self.has(Flaw::AliasNotMoved) {
            for entry in stored.entries.values_mut() {
                if entry.account == old {
                    entry.account = account.clone();
                }
            }
            if !self.has(Flaw::CreditsNotMoved)
                && let Some(credits) = stored.credits.remove(&old)
            {
                let joined = stored.credits.entry(account.clone()).or_default();
                rules::join(joined, &credits);
            }
        }
        if !self.has(Flaw::AliasesNotKept) {
            stored.aliases.insert(alias.clone(), account.clone());
        }
        let account = self.account_of(account);
        let credits = stored.credits.entry(account).or_default();
        credits.observe(look, now);
        Ok(())
    }

    async fn intend(&self, intent: &Intent, now: u64) -> Result<Entry, Error> {
        let (rivals, credits) = {
            let stored = self.stored();
            let rivals = rules::rivals(intent)
                .map(|filter| self.select(&stored, &filter, false))
                .unwrap_or_default();
            let credits = stored.credits.get(&intent.account).cloned();
            (rivals, credits.unwrap_or_default())
        };
        if self.has(Flaw::RivalsCheckedBefore) || self.has(Flaw::LimitCheckedBefore) {
            pause().await;
        }
        // It never waits in a way that another call could be polled: only threads show it.
        if self.has(Flaw::LimitCheckedUnlocked) && intent.limits.total == Some(50) {
            self.meets_another();
        }
        let begun = self.intend_now(&mut self.stored(), intent, now, Some((&rivals, &credits)));
        if self.has(Flaw::LeavesWhatIsDropped) {
            pause().await;
        }
        begun
    }

    async fn record(&self, id: LocalId, event: &Event, now: u64) -> Result<Entry, Error> {
        if self.has(Flaw::FindsUnknownJobs) && self.stored().entries.is_empty() {
            return Err(Error::new(ErrorKind::Storage, "query returned no rows"));
        }
        if self.has(Flaw::WritesInHalves)
            && let Event::Accepted(name) = event
        {
            if let Some(entry) = self.stored().entries.get_mut(&id)
                && entry.state == State::Sent
            {
                entry.query_id = Some(name.clone());
            }
            pause().await;
        }
        self.record_one(&mut self.stored(), id, event, now)
    }

    async fn reconcile(&self, id: LocalId, now: u64) -> Result<Entry, Error> {
        let mut stored = self.stored();
        let missing = || Error::new(ErrorKind::NotFound, "there is no such job").about(id);
        let entry = stored.entries.get(&id).ok_or_else(missing)?.clone();
        let account = self.account_of(&entry.account);
        let found = rules::reconcile(stored.credits.entry(account).or_default(), &entry)?;
        self.record_one(&mut stored, id, &Event::Reconciled(found), now)
    }

    async fn recover(&self, now: u64) -> Result<Vec<Entry>, Error> {
        let mut stored = self.stored();
        if self.has(Flaw::RecoversNothing) {
            return Ok(Vec::new());
        }
        let is_gone = |owner: Option<&Weak<()>>| {
            self.has(Flaw::StealsFromTheLiving)
                || owner.is_none_or(|owner| owner.strong_count() == 0)
        };
        let gone: Vec<LocalId> = stored
            .entries
            .values()
            .filter(|entry| match entry.state {
                State::Sent => !self.has(Flaw::RecoverIgnoresSent),
                State::Intended => !self.has(Flaw::RecoverIgnoresIntended),
                _ => self.has(Flaw::RecoversTwice) && stored.recovered.contains(&entry.id),
            })
            .filter(|entry| is_gone(stored.owners.get(&entry.id)))
            .map(|entry| entry.id)
            .collect();
        stored.recovered.extend(&gone);
        gone.into_iter()
            .map(|id| self.record_one(&mut stored, id, &Event::Crashed, now))
            .collect()
    }

    fn release(&self, id: LocalId, _: u64) {
        let mut stored = self.stored();
        match self.flaw {
            Some(Flaw::ReleasesNothing) => {}
            Some(Flaw::ReleasesAll) => stored.owners.clear(),
            _ => {
                stored.owners.remove(&id);
            }
        }
    }

    async fn entry(&self, id: LocalId) -> Result<Option<Entry>, Error> {
        Ok(self.stored().entries.get(&id).cloned())
    }

    async fn entries(&self, filter: &Filter) -> Result<Vec<Entry>, Error> {
        Ok(self.select(&self.stored(), filter, true))
    }

    async fn history(&self, id: LocalId) -> Result<Vec<Past>, Error> {
        let stored = self.stored();
        Ok(stored.history.get(&id).cloned().unwrap_or_default())
    }

    async fn credits(&self, account: &Account) -> Result<Credits, Error> {
        let stored = self.stored();
        let credits = stored.credits.get(&self.account_of(account));
        Ok(credits.cloned().unwrap_or_default())
    }
}
