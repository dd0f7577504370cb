use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::LocalId;

/// The jobs that the service may be at work on, and when each was last heard of: one that nobody has heard of
/// for an hour no longer counts, so that a job which is never asked after blocks nothing for ever.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Running {
    #[serde(with = "super::gaps")]
    jobs: BTreeMap<LocalId, u64>,
    /// There are more, which are not known one by one, until this time.
    more_until: u64,
}

impl Running {
    const EXPIRY: u64 = 60 * 60 * 1000;
    /// So many are known one by one.
    const MOST: usize = 256;

    pub(super) fn heard_of(&mut self, job: LocalId, at: u64) {
        if self.jobs.len() >= Self::MOST
            && !self.jobs.contains_key(&job)
            && let Some((oldest, heard)) = self.oldest()
        {
            self.jobs.remove(&oldest);
            self.more_until = self.more_until.max(heard.saturating_add(Self::EXPIRY));
        }
        self.jobs.insert(job, at);
    }

    pub(super) fn remove(&mut self, job: LocalId) {
        self.jobs.remove(&job);
    }

    /// Takes out the jobs that nobody has heard of for an hour; each with the time from which it no longer
    /// counts.
    pub(super) fn expire(&mut self, now: u64) -> Vec<(LocalId, u64)> {
        let mut expired = Vec::new();
        self.jobs.retain(|job, heard| {
            let end = heard.saturating_add(Self::EXPIRY);
            if end <= now {
                expired.push((*job, end));
            }
            end > now
        });
        if self.more_until <= now {
            self.more_until = 0;
        }
        expired
    }

    /// The one that was not heard of for the longest time, and when it was.
    pub(super) fn oldest(&self) -> Option<(LocalId, u64)> {
        let heard = self.jobs.iter().map(|(job, heard)| (*heard, *job));
        heard.min().map(|(heard, job)| (job, heard))
    }

    pub(super) fn count(&self) -> u64 {
        let more = u64::from(self.more_until > 0);
        u64::try_from(self.jobs.len()).unwrap_or(u64::MAX) + more
    }

    /// Whether no more can be told apart.
    pub(super) fn is_full(&self) -> bool {
        self.jobs.len() >= Self::MOST
    }

    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty() && self.more_until == 0
    }

    pub(super) fn join(&mut self, other: &Self) {
        for (job, heard) in &other.jobs {
            self.heard_of(*job, *heard);
        }
        self.more_until = self.more_until.max(other.more_until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_nobody_asks_after_ends() {
        let mut running = Running::default();
        running.heard_of(LocalId(1), 5);
        running.heard_of(LocalId(2), 9);
        assert_eq!(running.oldest(), Some((LocalId(1), 5)));
        assert_eq!(running.expire(Running::EXPIRY + 4), []);
        assert_eq!(
            running.expire(Running::EXPIRY + 5),
            [(LocalId(1), Running::EXPIRY + 5)]
        );
        assert_eq!(running.count(), 1);
    }

    #[test]
    fn what_is_not_known_one_by_one_still_counts() {
        let mut running = Running::default();
        for job in 0..1_000 {
            running.heard_of(LocalId(job), 7);
        }
        for job in 0..1_000 {
            running.remove(LocalId(job));
        }
        assert!(!running.is_empty());
        running.expire(Running::EXPIRY + 7);
        assert!(running.is_empty());
    }

    #[test]
    fn a_job_counts_for_an_hour_after_it_was_heard_of() {
        const HOUR: u64 = 3_600_000;
        let mut running = Running::default();
        running.heard_of(LocalId(1), 5);
        assert_eq!(running.expire(HOUR + 4), []);
        running.heard_of(LocalId(1), 6);
        assert_eq!(running.expire(HOUR + 5), []);
        assert_eq!(running.expire(HOUR + 6), [(LocalId(1), HOUR + 6)]);
        assert!(running.is_empty());
    }

    #[test]
    fn of_too_many_the_oldest_counts_with_the_others_that_are_not_told_apart() {
        let mut running = Running::default();
        for (job, heard) in (1..=256).zip(1..) {
            assert!(!running.is_full());
            running.heard_of(LocalId(job), heard);
        }
        assert!(running.is_full());
        assert_eq!(running.count(), 256);
        // It is known already.
        running.heard_of(LocalId(1), 300);
        assert_eq!(running.count(), 256);
        running.heard_of(LocalId(1_000), 300);
        assert_eq!(running.oldest(), Some((LocalId(3), 3)));
        assert_eq!(running.count(), 257);
        assert!(running.is_full());
        // The one that is not known any more was heard of at 2.
        running.expire(Running::EXPIRY + 1);
        assert_eq!(running.count(), 257);
        running.expire(Running::EXPIRY + 2);
        assert_eq!(running.count(), 256);
    }

    #[test]
    fn what_either_has_under_way_both_have() {
        let (mut one, mut other) = (Running::default(), Running::default());
        one.heard_of(LocalId(1), 5);
        one.more_until = 7;
        other.heard_of(LocalId(2), 6);
        other.more_until = 9;
        one.join(&other);
        assert_eq!((one.count(), one.more_until), (3, 9));
        other.join(&one);
        assert_eq!(other, one);
        for job in [1, 2] {
            assert!(!one.is_empty());
            one.remove(LocalId(job));
        }
        assert!(!one.is_empty());
        one.expire(9);
        assert!(one.is_empty());
    }
}
