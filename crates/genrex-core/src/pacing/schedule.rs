//! The times of polls that cost least in the mean.

use super::distribution::Distribution;
use super::{LONGEST, POLL, SHORTEST};

/// For each of some times after a job was accepted, when to ask after it next if it is not over.
#[derive(Debug)]
pub(super) struct Schedule {
    /// In seconds, growing.
    times: Vec<f64>,
    /// By the index of a time, that of the next poll's.
    next: Vec<usize>,
}

impl Schedule {
    pub(super) fn of(distribution: &Distribution) -> Self {
        Self::with(distribution, times(distribution), LONGEST)
    }

    /// The schedule among these times that costs least: by dynamic programming from the last.
    ///
    /// What it costs from a time on is, by the chance that the job is not over then: a poll; what the poll comes too
    /// late by; and what it costs from there.
    pub(super) fn with(distribution: &Distribution, times: Vec<f64>, longest: f64) -> Self {
        // Who gets to the end of the times goes on without a schedule.
        const BEYOND: f64 = 10.0 * POLL + 5.0;
        let over: Vec<f64> = times
            .iter()
            .map(|time| distribution.over_by(*time))
            .collect();
        let means = partial_means(&times, &over);
        let last = times.len() - 1;
        let mut costs = vec![(1.0 - over[last]) * BEYOND; times.len()];
        let mut next = vec![last; times.len()];
        for from in (0..last).rev() {
            let mut best = f64::INFINITY;
            for to in from + 1..=last {
                // The next one is always near enough.
                if to > from + 1 && times[to] - times[from] > longest {
                    break;
                }
                let late = times[to] * (over[to] - over[from]) - (means[to] - means[from]);
                let cost = POLL * (1.0 - over[from]) + late + costs[to];
                if cost < best {
                    best = cost;
                    next[from] = to;
                }
            }
            costs[from] = best;
        }
        Self { times, next }
    }

    /// When to ask next, in seconds after the job was accepted.
    pub(super) fn next(&self, elapsed: f64) -> f64 {
        let passed = self.times.partition_point(|time| *time <= elapsed);
        let from = passed.saturating_sub(1);
        if passed >= self.times.len() {
            return elapsed + beyond(elapsed);
        }
        self.times[self.next[from]].max(elapsed + SHORTEST)
    }
}

/// The pace when a job takes longer than any that was seen.
fn beyond(elapsed: f64) -> f64 {
    (elapsed / 10.0).clamp(2.0, LONGEST)
}

/// The times that a poll may be at: dense where jobs are over, and never too far apart.
fn times(distribution: &Distribution) -> Vec<f64> {
    const DENSE: u32 = 160;
    const AFTER: u32 = 20;
    let (early, late) = distribution.range();
    let early = early.max(SHORTEST);
    let late = late.max(early * 1.5);
    let dense = (0..=DENSE).map(|step| {
        let part = f64::from(step) / f64::from(DENSE);
        early * (late / early).powf(part)
    });
    let mut times = vec![0.0];
    for time in dense {
        push(&mut times, time);
    }
    for _ in 0..AFTER {
        let last = times[times.len() - 1];
        push(&mut times, last + beyond(last));
    }
    times
}

/// Adds a time, and as many before it as keep the gaps short.
fn push(times: &mut Vec<f64>, time: f64) {
    let mut last = times[times.len() - 1];
    while time - last > LONGEST {
        last += LONGEST;
        times.push(last);
    }
    times.push(time);
}

/// The integral of the time over the distribution, up to each time.
fn partial_means(times: &[f64], over: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let steps = times.windows(2).zip(over.windows(2));
    let sums = steps.map(|(times, over)| {
        sum += (over[1] - over[0]) * f64::midpoint(times[0], times[1]);
        sum
    });
    std::iter::once(0.0).chain(sums).collect()
}
