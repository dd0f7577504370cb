use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What runs that have a bound of their own have spent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Runs(BTreeMap<String, Spent>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Spent {
    /// Expected of jobs, and not seen yet.
    pending: u64,
    /// Expected of ambiguous jobs, and not seen yet.
    unclear: u64,
    seen: u64,
    /// When it last changed, by the service's clock.
    at: u64,
}

impl Runs {
    /// A run that has been still for a day is over.
    const EXPIRY: u64 = 24 * 60 * 60 * 1000;

    pub(super) fn spent(&self, run: &str) -> u64 {
        self.0.get(run).map_or(0, |spent| {
            spent
                .pending
                .saturating_add(spent.unclear)
                .saturating_add(spent.seen)
        })
    }

    /// What it has spent for certain: all but what may yet be released.
    pub(super) fn certain(&self, run: &str) -> u64 {
        self.0
            .get(run)
            .map_or(0, |spent| spent.unclear.saturating_add(spent.seen))
    }

    pub(super) fn reserve(&mut self, run: &str, credits: u64, at: u64) {
        let spent = self.0.entry(run.to_owned()).or_default();
        spent.pending = spent.pending.saturating_add(credits);
        spent.at = at;
    }

    pub(super) fn release(&mut self, run: &str, credits: u64) {
        if let Some(spent) = self.0.get_mut(run) {
            spent.pending = spent.pending.saturating_sub(credits);
        }
    }

    pub(super) fn release_unclear(&mut self, run: &str, credits: u64) {
        if let Some(spent) = self.0.get_mut(run) {
            spent.unclear = spent.unclear.saturating_sub(credits);
        }
    }

    /// A job of a run became unclear, or was found.
    pub(super) fn move_to_unclear(&mut self, run: &str, credits: u64) {
        if let Some(spent) = self.0.get_mut(run) {
            let moved = spent.pending.min(credits);
            spent.pending -= moved;
            spent.unclear = spent.unclear.saturating_add(moved);
        }
    }

    /// The balance showed so much that was expected: of which run is not known, and does not change a sum.
    pub(super) fn explain(&mut self, mut credits: u64) {
        for spent in self.0.values_mut() {
            let pending = spent.pending.min(credits);
            let unclear = spent.unclear.min(credits - pending);
            spent.pending -= pending;
            spent.unclear -= unclear;
            spent.seen = spent.seen.saturating_add(pending + unclear);
            credits -= pending + unclear;
        }
    }

    /// The balance showed so much that was not expected: each run that may have caused it counts it.
    pub(super) fn exceed(&mut self, credits: u64, at: u64) {
        const RECENT: u64 = 60 * 60 * 1000;
        for spent in self.0.values_mut() {
            if at.saturating_sub(spent.at) < RECENT {
                spent.seen = spent.seen.saturating_add(credits);
            }
        }
    }

    /// Everything is settled: what was expected and did not come is not spent.
    pub(super) fn settle(&mut self) {
        for spent in self.0.values_mut() {
            spent.pending = 0;
        }
    }

    pub(super) fn expire(&mut self, now: u64) {
        self.0
            .retain(|_, spent| now.saturating_sub(spent.at) < Self::EXPIRY);
    }
}
