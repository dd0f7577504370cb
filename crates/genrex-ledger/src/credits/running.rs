use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How many jobs are running, by the minute in which each last changed: one that nobody has heard of for an
/// hour no longer counts, so that a job which is never asked after blocks nothing for ever.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Running(BTreeMap<u64, u64>);

impl Running {
    const MINUTE: u64 = 60 * 1000;
    const EXPIRY: u64 = 60;

    pub(super) fn add(&mut self, at: u64) {
        *self.0.entry(at / Self::MINUTE).or_default() += 1;
    }

    pub(super) fn remove(&mut self, at: u64) {
        let minute = at / Self::MINUTE;
        if let Some(count) = self.0.get_mut(&minute) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&minute);
            }
        }
    }

    pub(super) fn expire(&mut self, now: u64) {
        self.0 = self
            .0
            .split_off(&(now / Self::MINUTE).saturating_sub(Self::EXPIRY));
    }

    pub(super) fn count(&self) -> u64 {
        self.0.values().sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
