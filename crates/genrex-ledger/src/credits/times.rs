use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How long jobs took: of each duration the newest, and of the durations those that were last seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Times(VecDeque<(u8, VecDeque<(u64, u64)>)>);

/// How long a job took: from the time when it was accepted until it was over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Took {
    /// How many seconds of music it made.
    pub duration: u8,
    /// When the service last said that it was not over.
    pub after: Duration,
    /// When it said that it was.
    pub by: Duration,
}

impl Times {
    /// So many of each duration are kept: a service changes, and what it took long ago says little.
    const MOST: usize = 32;
    /// So many durations are.
    const DURATIONS: usize = 8;

    pub(crate) fn add(&mut self, duration: u8, after: u64, by: u64) {
        let at = self.0.iter().position(|(known, _)| *known == duration);
        let mut times = at
            .and_then(|at| self.0.remove(at))
            .map(|(_, times)| times)
            .unwrap_or_default();
        times.push_back((after.min(by), by));
        if times.len() > Self::MOST {
            times.pop_front();
        }
        self.0.push_back((duration, times));
        if self.0.len() > Self::DURATIONS {
            self.0.pop_front();
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Took> {
        self.0.iter().flat_map(|(duration, times)| {
            times.iter().map(|(after, by)| Took {
                duration: *duration,
                after: Duration::from_millis(*after),
                by: Duration::from_millis(*by),
            })
        })
    }

    /// Adds what another saw, as if it had been seen before.
    pub(super) fn join(&mut self, other: &Self) {
        let own = std::mem::take(self);
        for (duration, times) in other.0.iter().chain(&own.0) {
            for (after, by) in times {
                self.add(*duration, *after, *by);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: &Times, duration: u8) -> Vec<u64> {
        let own = times.iter().filter(|took| took.duration == duration);
        own.map(|took| u64::try_from(took.by.as_millis()).unwrap())
            .collect()
    }

    #[test]
    fn the_newest_of_each_duration_are_kept_in_order() {
        let mut times = Times::default();
        for number in 0..100 {
            times.add(10, number, number + 1);
            times.add(20, 0, number);
        }
        assert_eq!(of(&times, 10), (69..=100).collect::<Vec<_>>());
        assert_eq!(of(&times, 20), (68..=99).collect::<Vec<_>>());
        assert_eq!(of(&times, 30), [0; 0]);
    }

    #[test]
    fn the_durations_that_were_last_seen_are_kept() {
        let mut times = Times::default();
        for duration in 1..=8 {
            times.add(duration, 0, 1);
        }
        times.add(1, 0, 2);
        times.add(9, 0, 1);
        assert_eq!(of(&times, 1), [1, 2]);
        assert_eq!((of(&times, 2), of(&times, 9)), (vec![], vec![1]));
    }

    #[test]
    fn what_another_saw_comes_before() {
        let (mut own, mut other) = (Times::default(), Times::default());
        own.add(10, 4, 5);
        other.add(10, 2, 3);
        other.add(20, 6, 7);
        own.join(&other);
        assert_eq!((of(&own, 10), of(&own, 20)), (vec![3, 5], vec![7]));
    }

    #[test]
    fn it_was_not_over_later_than_it_was() {
        let mut times = Times::default();
        times.add(10, 9, 5);
        assert_eq!(times.iter().next().unwrap().after, Duration::from_millis(5));
    }
}
