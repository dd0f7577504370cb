use std::collections::{HashMap, HashSet};
use std::time::Duration;

use genrex_async::core::Moment;
use genrex_ledger::LocalId;

/// Jobs that are put off, each time for twice as long.
#[derive(Debug)]
pub(super) struct Later {
    first: Duration,
    longest: Duration,
    /// For how long each was put off last, and until when.
    jobs: HashMap<LocalId, (Duration, Moment)>,
}

impl Later {
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            jobs: HashMap::new(),
        }
    }

    /// What is put off once is left.
    pub(super) fn never() -> Self {
        Self::new(Duration::MAX, Duration::MAX)
    }

    pub(super) fn put_off(&mut self, id: LocalId, now: Moment) {
        let last = self.jobs.get(&id);
        let delay = last.map_or(self.first, |(last, _)| {
            last.saturating_mul(2).min(self.longest)
        });
        self.jobs.insert(id, (delay, now + delay));
    }

    /// Puts a job off without an end.
    pub(super) fn leave(&mut self, id: LocalId) {
        let never = Moment::new(Duration::MAX);
        self.jobs.insert(id, (Duration::MAX, never));
    }

    pub(super) fn is_due(&self, id: LocalId, now: Moment) -> bool {
        self.jobs.get(&id).is_none_or(|(_, until)| *until <= now)
    }

    pub(super) fn forget(&mut self, id: LocalId) {
        self.jobs.remove(&id);
    }

    /// Forgets all but these.
    pub(super) fn keep(&mut self, open: &HashSet<LocalId>) {
        self.jobs.retain(|id, _| open.contains(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: LocalId = LocalId(1);

    fn at(seconds: u64) -> Moment {
        Moment::new(Duration::from_secs(seconds))
    }

    #[test]
    fn each_time_it_is_put_off_for_longer_up_to_a_bound() {
        let mut later = Later::new(Duration::from_secs(30), Duration::from_secs(100));
        assert!(later.is_due(JOB, at(0)));
        for (now, due) in [(0, 30), (30, 90), (90, 190), (190, 290)] {
            later.put_off(JOB, at(now));
            assert!(!later.is_due(JOB, at(due - 1)), "{due}");
            assert!(later.is_due(JOB, at(due)), "{due}");
        }
        assert!(later.is_due(LocalId(2), at(0)));
        later.forget(JOB);
        assert!(later.is_due(JOB, at(0)));
    }

    #[test]
    fn what_is_left_stays_so_and_what_is_no_longer_open_is_forgotten() {
        let mut later = Later::never();
        later.put_off(JOB, at(1));
        assert!(!later.is_due(JOB, at(u64::from(u32::MAX))));
        later.keep(&HashSet::from([JOB]));
        assert!(!later.is_due(JOB, at(1)));
        let mut soon = Later::new(Duration::ZERO, Duration::ZERO);
        soon.leave(JOB);
        assert!(!soon.is_due(JOB, at(u64::from(u32::MAX))));
        later.keep(&HashSet::new());
        assert!(later.jobs.is_empty());
    }
}
