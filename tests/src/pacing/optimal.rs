use std::collections::BTreeMap;

use super::{Drawn, POLL};

/// The schedule that costs least for jobs that take exactly these times, each as likely as the others of its length: a
/// poll is right when one of them is over, and never between two.
#[derive(Debug)]
pub struct Optimal {
    /// When to poll, in seconds, by the seconds of music that a job makes.
    polls: BTreeMap<u8, Vec<f64>>,
}

impl Optimal {
    /// Of these jobs.
    #[must_use]
    pub fn of(jobs: &[Drawn]) -> Self {
        let mut times: BTreeMap<u8, Vec<f64>> = BTreeMap::new();
        for Drawn { makes, takes } in jobs {
            times.entry(*makes).or_default().push(*takes);
        }
        let polls = times
            .into_iter()
            .map(|(makes, times)| (makes, Self::polls(times)));
        Self {
            polls: polls.collect(),
        }
    }

    /// By dynamic programming over the times, from the last: which one is polled for next.
    fn polls(mut times: Vec<f64>) -> Vec<f64> {
        times.sort_by(f64::total_cmp);
        let count = times.len();
        let sums: Vec<f64> = std::iter::once(0.0)
            .chain(times.iter().scan(0.0, |sum, time| {
                *sum += time;
                Some(*sum)
            }))
            .collect();
        let number = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let mut costs = vec![0.0; count + 1];
        let mut next = vec![count; count + 1];
        for from in (0..count).rev() {
            let mut best = f64::INFINITY;
            for to in from + 1..=count {
                let late = number(to - from) * times[to - 1] - (sums[to] - sums[from]);
                let cost = number(count - from) * POLL + late + costs[to];
                if cost < best {
                    best = cost;
                    next[from] = to;
                }
                // More lateness than all the polls that are left is never right.
                if late > best {
                    break;
                }
            }
            costs[from] = best;
        }
        let mut polls = Vec::new();
        let mut from = 0;
        while from < count {
            from = next[from];
            polls.push(times[from - 1]);
        }
        polls
    }

    /// When to ask next; beyond the last, each ten seconds.
    #[must_use]
    pub fn next(&self, makes: u8, elapsed: f64) -> f64 {
        let polls = self.polls.get(&makes).map_or(&[][..], Vec::as_slice);
        let passed = polls.partition_point(|poll| *poll <= elapsed);
        polls.get(passed).copied().unwrap_or(elapsed + 10.0)
    }
}
