//! When a running job is asked after: where it is likely to be over, by the times that jobs like it took.
//!
//! A poll costs, and so does the time for which a job that is over is not seen. The schedule that costs least is the
//! optimal inspection schedule of Barlow, Hunter and Proschan for the distribution of the time to completion. That
//! distribution is estimated from the times that were seen, the newest counting most, with a part that may be anything,
//! since a service slows down without a word; so no gap is longer than [`LONGEST`] seconds.

mod distribution;
pub(crate) mod recall;
mod schedule;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use genrex_ledger::Credits;

use self::distribution::Distribution;
use self::schedule::Schedule;

/// What a poll is worth, in seconds for which a job that is over is not seen.
const POLL: f64 = 0.4;
/// The shortest and the longest time between two polls, in seconds.
const SHORTEST: f64 = 0.5;
const LONGEST: f64 = 30.0;

/// The times that jobs took, by the seconds of music that they make, and what follows from them.
#[derive(Debug, Default)]
pub(crate) struct Pacing {
    of: BTreeMap<u8, Learned>,
    /// Whether a ledger was asked for what it keeps.
    is_recalled: bool,
}

#[derive(Debug, Default)]
struct Learned {
    /// In seconds, the newest last.
    times: VecDeque<f64>,
    /// Made when it is needed.
    schedule: Option<Schedule>,
}

impl Pacing {
    /// A job that makes so many seconds of music was seen to be over between these two times after it was accepted.
    pub(crate) fn completed(&mut self, seconds: u8, after: Duration, by: Duration) {
        self.of.entry(seconds).or_default().add(after, by);
    }

    /// Whether two times tell how long a job took. Further apart than any two polls, they tell how long the service
    /// was silent, or how seldom somebody asked.
    pub(crate) fn tells(after: Duration, by: Duration) -> bool {
        by.saturating_sub(after).as_secs_f64() <= 2.0 * LONGEST
    }

    /// Whether a ledger is to be asked how long jobs took: once, since what comes later is seen here.
    pub(crate) const fn begin_recall(&mut self) -> bool {
        !std::mem::replace(&mut self.is_recalled, true)
    }

    /// What a ledger keeps, which was before all that was seen here.
    pub(crate) fn recall(&mut self, credits: &Credits) {
        let seen = std::mem::take(&mut self.of);
        for took in credits.times() {
            self.completed(took.duration, took.after, took.by);
        }
        for (seconds, learned) in seen {
            let of = self.of.entry(seconds).or_default();
            learned.times.into_iter().for_each(|time| of.push(time));
        }
    }

    /// How long until such a job is asked after, so long after it was accepted.
    pub(crate) fn delay(&mut self, seconds: Option<u8>, elapsed: Duration) -> Duration {
        let elapsed = elapsed.as_secs_f64();
        let learned = seconds.and_then(|seconds| self.of.get_mut(&seconds));
        let next = match learned {
            Some(learned) => learned.schedule().next(elapsed),
            None => elapsed + unlearned(elapsed),
        };
        Duration::from_secs_f64((next - elapsed).clamp(SHORTEST, LONGEST))
    }
}

impl Learned {
    /// So many are remembered: a service changes, and what it took long ago says little.
    const MOST: usize = 64;

    fn add(&mut self, after: Duration, by: Duration) {
        self.push(((after + by) / 2).as_secs_f64().max(SHORTEST / 2.0));
    }

    fn push(&mut self, time: f64) {
        self.times.push_back(time);
        if self.times.len() > Self::MOST {
            self.times.pop_front();
        }
        self.schedule = None;
    }

    fn schedule(&mut self) -> &Schedule {
        let times = &self.times;
        self.schedule
            .get_or_insert_with(|| Schedule::of(&Distribution::of(times.iter().copied())))
    }
}

/// The pace while nothing is known: 5 s, as in the quick start, and slower from 100 s on.
fn unlearned(elapsed: f64) -> f64 {
    const FIRST: f64 = 5.0;
    const SLOWER_FROM: f64 = 100.0;
    (FIRST * (elapsed / SLOWER_FROM).max(1.0).sqrt()).min(LONGEST)
}

#[cfg(test)]
mod tests;
