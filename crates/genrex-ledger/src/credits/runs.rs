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
    /// So many are known at once.
    const MOST: usize = 128;
    /// One that has been still for so long, in milliseconds, makes room for another.
    const STILL: u64 = 60 * 60 * 1000;

    pub(super) fn spent(&self, run: &str) -> u64 {
        self.of(run).pending.saturating_add(self.certain(run))
    }

    /// What it has spent for certain: all but what may yet be released.
    pub(super) fn certain(&self, run: &str) -> u64 {
        let spent = self.of(run);
        spent.unclear.saturating_add(spent.seen)
    }

    fn of(&self, run: &str) -> Spent {
        self.0.get(run).copied().unwrap_or_default()
    }

    /// Whether a run is known, or can be.
    pub(super) fn has_room(&self, run: &str, now: u64) -> bool {
        self.0.contains_key(run)
            || self.0.len() < Self::MOST
            || self.0.values().any(|spent| spent.is_still(now))
    }

    pub(super) fn reserve(&mut self, run: &str, credits: u64, at: u64) {
        if self.0.len() >= Self::MOST && !self.0.contains_key(run) {
            let stillest = self.0.iter().min_by_key(|(_, spent)| spent.at);
            if let Some(stillest) = stillest.map(|(name, _)| name.clone()) {
                self.0.remove(&stillest);
            }
        }
        let spent = self.0.entry(run.to_owned()).or_default();
        spent.pending = spent.pending.saturating_add(credits);
        spent.at = at;
    }

    pub(super) fn release(&mut self, run: &str, credits: u64) {
        if let Some(spent) = self.0.get_mut(run) {
            spent.pending -= credits.min(spent.pending);
        }
    }

    pub(super) fn release_unclear(&mut self, run: &str, credits: u64) {
        if let Some(spent) = self.0.get_mut(run) {
            spent.unclear -= credits.min(spent.unclear);
        }
    }

    pub(super) fn add_unclear(&mut self, run: &str, credits: u64) {
        if let Some(spent) = self.0.get_mut(run) {
            spent.unclear = spent.unclear.saturating_add(credits);
        }
    }

    /// A job of a run became unclear.
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

    /// A job of a run has changed.
    pub(super) fn heard_of(&mut self, run: &str, at: u64) {
        if let Some(spent) = self.0.get_mut(run) {
            spent.at = spent.at.max(at);
        }
    }

    /// The balance showed so much that was not expected, and that was charged by this time: each run that may have
    /// caused it counts it.
    pub(super) fn exceed(&mut self, credits: u64, at: u64) {
        // A job that nobody asks after is under way for an hour, and its charge may come late.
        const OPEN: u64 = 2 * Runs::STILL;
        let open = self
            .0
            .values_mut()
            .filter(|spent| at.saturating_sub(spent.at) < OPEN);
        for spent in open {
            spent.seen = spent.seen.saturating_add(credits);
        }
    }

    /// Everything is settled: what was expected and did not come is not spent, unless its charge may be hidden. Of which
    /// run it was is known only if there is one; otherwise it counts for each.
    pub(super) fn settle(&mut self, may_be_hidden: bool) {
        let waiting = self.0.values_mut().filter(|spent| spent.pending > 0);
        let waiting: Vec<&mut Spent> = waiting.collect();
        let is_one = waiting.len() == 1;
        for spent in waiting {
            if may_be_hidden || !is_one {
                spent.seen = spent.seen.saturating_add(spent.pending);
            }
            spent.pending = 0;
        }
    }

    pub(super) fn join(&mut self, other: &Self) {
        for (run, spent) in &other.0 {
            self.reserve(run, spent.pending, spent.at);
            if let Some(joined) = self.0.get_mut(run) {
                joined.unclear = joined.unclear.saturating_add(spent.unclear);
                joined.seen = joined.seen.saturating_add(spent.seen);
            }
        }
    }
}

impl Spent {
    const fn is_still(&self, now: u64) -> bool {
        now.saturating_sub(self.at) >= Runs::STILL
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stillest_makes_room() {
        let mut runs = Runs::default();
        for run in (0_u64..).take(Runs::MOST) {
            runs.reserve(&run.to_string(), 1, run);
        }
        assert!(runs.has_room("5", 0));
        assert!(!runs.has_room("another", Runs::STILL - 1));
        assert!(runs.has_room("another", Runs::STILL));
        runs.reserve("another", 1, Runs::STILL);
        assert_eq!(
            (runs.0.len(), runs.spent("0"), runs.spent("1")),
            (Runs::MOST, 0, 1)
        );
    }

    #[test]
    fn what_did_not_come_is_released_only_if_it_is_known_whose_it_was() {
        let mut runs = Runs::default();
        runs.reserve("one", 10, 0);
        runs.reserve("one", 10, 0);
        runs.explain(10);
        runs.settle(false);
        assert_eq!(runs.spent("one"), 10);
        runs.reserve("one", 10, 0);
        runs.reserve("other", 10, 0);
        runs.settle(false);
        assert_eq!((runs.spent("one"), runs.spent("other")), (20, 10));
    }

    const HOUR: u64 = 3_600_000;

    /// What is spent, and how much of it for certain.
    fn sums(runs: &Runs, run: &str) -> (u64, u64) {
        (runs.spent(run), runs.certain(run))
    }

    #[test]
    fn what_a_run_has_spent_is_pending_then_unclear_or_seen() {
        let mut runs = Runs::default();
        runs.reserve("run", 10, 0);
        assert_eq!(sums(&runs, "run"), (10, 0));
        runs.release("run", 4);
        assert_eq!(sums(&runs, "run"), (6, 0));
        runs.move_to_unclear("run", 4);
        assert_eq!(sums(&runs, "run"), (6, 4));
        // What shows is what was pending, and then what was unclear.
        runs.explain(3);
        assert_eq!(sums(&runs, "run"), (6, 6));
        runs.release_unclear("run", 1);
        assert_eq!(sums(&runs, "run"), (5, 5));
        runs.add_unclear("run", 2);
        assert_eq!(sums(&runs, "run"), (7, 7));
        // No more is given back than there is.
        runs.reserve("run", 1, 0);
        runs.release("run", 9);
        runs.release_unclear("run", 9);
        assert_eq!(sums(&runs, "run"), (3, 3));
        runs.reserve("run", 2, 0);
        runs.move_to_unclear("run", 9);
        assert_eq!(sums(&runs, "run"), (5, 5));
    }

    #[test]
    fn what_shows_is_explained_by_one_run_after_the_other() {
        let mut runs = Runs::default();
        for run in ["a", "b", "c"] {
            runs.reserve(run, 5, 0);
        }
        runs.explain(7);
        assert_eq!(sums(&runs, "a"), (5, 5));
        assert_eq!(sums(&runs, "b"), (5, 2));
        assert_eq!(sums(&runs, "c"), (5, 0));
    }

    #[test]
    fn what_was_not_expected_counts_for_each_run_of_the_last_two_hours() {
        let mut runs = Runs::default();
        runs.reserve("old", 1, 0);
        runs.reserve("heard of", 1, 0);
        runs.heard_of("heard of", 1);
        // What is told late makes it no older.
        runs.heard_of("heard of", 0);
        runs.exceed(5, 2 * HOUR);
        assert_eq!(sums(&runs, "old"), (1, 0));
        assert_eq!(sums(&runs, "heard of"), (6, 5));
        runs.exceed(5, 2 * HOUR + 1);
        assert_eq!(sums(&runs, "heard of"), (6, 5));
    }

    #[test]
    fn a_run_that_awaits_nothing_has_no_part_in_what_did_not_come() {
        let mut runs = Runs::default();
        runs.reserve("other", 0, 0);
        runs.reserve("run", 10, 0);
        runs.settle(false);
        assert_eq!(sums(&runs, "run"), (0, 0));
    }

    #[test]
    fn what_did_not_come_and_may_be_hidden_is_spent() {
        let mut runs = Runs::default();
        runs.reserve("run", 10, 0);
        runs.settle(true);
        assert_eq!(sums(&runs, "run"), (10, 10));
        runs.settle(false);
        assert_eq!(sums(&runs, "run"), (10, 10));
    }

    #[test]
    fn a_run_makes_room_when_it_has_been_still_for_an_hour() {
        let mut runs = Runs::default();
        for run in 0..128 {
            assert!(runs.has_room("another", 0));
            runs.reserve(&run.to_string(), 1, 5);
        }
        assert!(!runs.has_room("another", HOUR + 4));
        assert!(runs.has_room("another", HOUR + 5));
    }

    #[test]
    fn what_either_knows_of_a_run_is_joined() {
        let (mut one, mut other) = (Runs::default(), Runs::default());
        one.reserve("run", 1, 0);
        other.reserve("run", 70, 0);
        other.explain(40);
        other.move_to_unclear("run", 20);
        other.reserve("another", 5, 0);
        one.join(&other);
        assert_eq!(sums(&one, "run"), (71, 60));
        assert_eq!(sums(&one, "another"), (5, 0));
    }
}
