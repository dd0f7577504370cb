use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::LocalId;

/// What pieces cost, by their duration in seconds: nothing but what was observed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Prices {
    of: BTreeMap<u8, u64>,
    /// How many looks in a row showed a charge, and none that was not expected. Each doubles how many jobs
    /// may be under way at once under a limit: one observation is no law.
    confirmed: u32,
}

impl Prices {
    pub(super) fn of(&self, duration: u8) -> Option<u64> {
        self.of.get(&duration).copied()
    }

    pub(super) fn dearest(&self) -> Option<u64> {
        self.of.values().copied().max()
    }

    pub(super) fn observe(&mut self, duration: u8, credits: u64) {
        self.of.insert(duration, credits);
    }

    pub(super) const fn confirm(&mut self) {
        self.confirmed = self.confirmed.saturating_add(1);
    }

    /// The balance moved by more than was expected: no price is known any more.
    pub(super) fn forget(&mut self) {
        self.of.clear();
        self.confirmed = 0;
    }

    /// How many jobs may be under way at once while these prices are what a limit rests on.
    pub(super) fn most_at_once(&self) -> u64 {
        1 << self.confirmed.min(20)
    }
}

/// When the account is charged, as far as jobs that went alone have shown it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Charging {
    /// How many were charged at the submit, and never again.
    pub(super) at_submit: u32,
    /// How many were charged at another time.
    pub(super) later: u32,
    /// The longest time from a job's end to a movement that came after it, in milliseconds.
    pub(super) longest_lag: u64,
}

impl Charging {
    /// Whether a balance that has not moved says that a submit was not charged.
    pub(super) const fn is_at_submit(&self) -> bool {
        const OBSERVATIONS: u32 = 3;
        self.at_submit >= OBSERVATIONS && self.later == 0
    }
}

/// A job that went alone: what the balance does until it is settled is its doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Solo {
    pub(super) id: LocalId,
    pub(super) duration: u8,
    /// The credits used before it.
    pub(super) used_before: u64,
    /// The credits used when the balance was first looked at after the service took it.
    pub(super) used_after_submit: Option<u64>,
    pub(super) is_accepted: bool,
    /// Whether a limit rests on what it shows: until then no other purchase starts.
    pub(super) is_awaited: bool,
}
