//! How a job begins in it.

use std::sync::Arc;
use std::time::Duration;

use genrex_ledger::{
    Credits, Entry, Error, Intent, LocalId, Once, Reconciliation, Row, State, rules,
};

use super::{Flawed, Stored};
use crate::flaw::Flaw;

impl Flawed {
    pub(super) fn intend_now(
        &self,
        stored: &mut Stored,
        intent: &Intent,
        now: u64,
        checked: Option<(&[Entry], &Credits)>,
    ) -> Result<Entry, Error> {
        let mut intent = intent.clone();
        if self.has(Flaw::AnewIgnored) {
            intent.anew = false;
        }
        if self.has(Flaw::TakesHalfAKey) {
            intent.key &= u128::from(u64::MAX);
        }
        if let Some(id) = stored.keys.get(&intent.key)
            && !self.has(Flaw::IntendsAgain)
        {
            return Ok(stored.entries[id].clone());
        }
        let rivals = match checked {
            Some((rivals, _)) if self.has(Flaw::RivalsCheckedBefore) => rivals.to_vec(),
            _ => rules::rivals(&intent)
                .map(|filter| self.select(stored, &filter, false))
                .unwrap_or_default(),
        };
        self.ignore_last(&mut intent, &rivals);
        let rivals = self.judged(rivals, intent.row());
        let id = self.next_id(stored);
        let account = self.account_of(&intent.account);
        let mut credits = stored.credits.get(&account).cloned().unwrap_or_default();
        let is_checked_before =
            self.has(Flaw::LimitCheckedBefore) || self.has(Flaw::LimitCheckedUnlocked);
        if let Some((_, checked)) = checked.filter(|_| is_checked_before) {
            credits = checked.clone();
        }
        let mut unbound = intent.clone();
        if self.has(Flaw::TotalIgnored) {
            unbound.limits.total = None;
        }
        if self.has(Flaw::RunsForgotten) {
            unbound.run = None;
        }
        let begun = rules::intend(&mut credits, &rivals, id, &unbound, now)?;
        if !self.has(Flaw::CreditsNotKept) {
            stored.credits.insert(account, credits);
        }
        if let Some(superseded) = begun.supersedes
            && !self.has(Flaw::SupersedesNothing)
        {
            stored.entries.get_mut(&superseded).unwrap().superseded_by = Some(id);
        }
        let mut entry = begun.entry;
        entry.run = intent.run.map(|run| run.id);
        stored.keys.insert(intent.key, id);
        stored.owners.insert(id, Arc::downgrade(&self.process));
        Ok(self.write(stored, entry, now))
    }

    /// Waits a moment for another that checks at the same time.
    pub(super) fn meets_another(&self) {
        let (count, changed) = &*self.checking;
        let mut checking = count.lock().unwrap();
        *checking += 1;
        changed.notify_all();
        let moment = Duration::from_millis(20);
        let is_alone = |checking: &mut u32| *checking < 2;
        let (mut checking, _) = changed
            .wait_timeout_while(checking, moment, is_alone)
            .unwrap();
        *checking = checking.saturating_sub(1);
    }

    /// Whatever was seen of a row, its newest job is said to have been.
    fn ignore_last(&self, intent: &mut Intent, rivals: &[Entry]) {
        if self.has(Flaw::LastIgnored)
            && let Once::Row { row, last } = &mut intent.once
        {
            let newest = rivals
                .iter()
                .find(|rival| rival.row().as_ref() == Some(row));
            *last = newest.map(|rival| rival.id);
        }
    }

    /// The rivals as the rules see them.
    fn judged(&self, rivals: Vec<Entry>, row: Option<&Row>) -> Vec<Entry> {
        let mut rivals = rivals;
        if self.has(Flaw::OtherBatchesIgnored) && row.is_some() {
            rivals.retain(|rival| rival.row().as_ref() == row);
        }
        if self.has(Flaw::OnceIgnored) {
            rivals.retain(|rival| rival.state != State::Accepted);
        }
        if self.has(Flaw::ActsOnStoredVerdicts) {
            for rival in &mut rivals {
                rival.resolved_by_hand |= rival.reconciliation == Some(Reconciliation::NotCharged);
            }
        }
        rivals
    }

    fn next_id(&self, stored: &Stored) -> LocalId {
        let count = i64::try_from(stored.entries.len()).unwrap();
        if self.has(Flaw::NumbersShrink) {
            LocalId(1_000_000 - count)
        } else {
            LocalId(count + 1)
        }
    }
}
