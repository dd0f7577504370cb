//! How long a job takes, as far as the times that were seen tell.

use std::f64::consts::SQRT_2;

/// A smooth estimate on the logarithm of the time: one bell curve for each time that was seen, and a wide one for what
/// was not.
#[derive(Debug)]
pub(super) struct Distribution {
    /// The logarithm of each time, in seconds, and its weight; the weights add up to one.
    seen: Vec<(f64, f64)>,
    /// The standard deviation of each bell curve.
    bandwidth: f64,
    mean: f64,
    /// How much of all is the wide one.
    unseen: f64,
}

/// The standard deviation of what was not seen: a factor of two and a half.
const WIDE: f64 = 0.9;
/// The narrowest bell curve: the times are known no better.
const NARROWEST: f64 = 0.03;

impl Distribution {
    /// Of times in seconds, the newest last; there is one at least.
    pub(super) fn of(times: impl DoubleEndedIterator<Item = f64>) -> Self {
        /// The weight of what was not seen, in times that were.
        const UNSEEN: f64 = 0.5;
        let mut seen = weighted(times);
        let count = 1.0 / seen.iter().map(|(_, weight)| weight * weight).sum::<f64>();
        let mean = seen.iter().map(|(time, weight)| time * weight).sum();
        seen.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let mut made = Self {
            bandwidth: NARROWEST,
            mean,
            unseen: UNSEEN / (count + UNSEEN),
            seen,
        };
        made.bandwidth = made.best_bandwidth(count);
        made
    }

    /// The chance that a job is over by this time, in seconds.
    pub(super) fn over_by(&self, seconds: f64) -> f64 {
        if seconds <= 0.0 {
            return 0.0;
        }
        let time = seconds.ln();
        let of = |(seen, weight): &(f64, f64)| weight * bell((time - seen) / self.bandwidth);
        let seen: f64 = self.seen.iter().map(of).sum();
        (1.0 - self.unseen) * seen + self.unseen * bell((time - self.mean) / WIDE)
    }

    /// From when to when, in seconds, nearly all jobs like those that were seen are over.
    pub(super) fn range(&self) -> (f64, f64) {
        let first = self.seen.first().map_or(self.mean, |(time, _)| *time);
        let last = self.seen.last().map_or(self.mean, |(time, _)| *time);
        let early = (first - 3.0 * self.bandwidth).min(self.mean - 1.2);
        (early.exp(), (last + 4.0 * self.bandwidth).exp())
    }

    /// Scott's rule takes two groups of times for one wide one. So narrower ones are tried, and the one is taken under
    /// which each time is most likely by the others.
    fn best_bandwidth(&self, count: f64) -> f64 {
        const ENOUGH: usize = 8;
        const FACTORS: [f64; 5] = [0.7, 0.5, 0.35, 0.25, 0.15];
        // A narrower one has to be better by so much.
        const BETTER: f64 = 0.01;
        let widest = (1.06 * self.spread() * count.powf(-0.2)).max(NARROWEST);
        if self.seen.len() < ENOUGH {
            return widest;
        }
        let mut best = (self.likelihood(widest), widest);
        for factor in FACTORS {
            let bandwidth = (widest * factor).max(NARROWEST);
            let likelihood = self.likelihood(bandwidth);
            if likelihood > best.0 + BETTER {
                best = (likelihood, bandwidth);
            }
        }
        best.1
    }

    /// The standard deviation, or what it would be by the quartiles if that is less: one that took very long is no sign
    /// that all vary.
    fn spread(&self) -> f64 {
        // The quartiles of a normal distribution are so many standard deviations apart.
        const QUARTILES: f64 = 1.34;
        // Of one or two times, nothing can be told.
        const UNKNOWN: f64 = 0.2;
        let of = |(time, weight): &(f64, f64)| weight * (time - self.mean).powi(2);
        let deviation = self.seen.iter().map(of).sum::<f64>().sqrt();
        let by_quartiles = (self.quantile(0.75) - self.quantile(0.25)) / QUARTILES;
        match self.seen.len() {
            0..=2 => deviation.max(UNKNOWN),
            _ if by_quartiles > 0.0 => deviation.min(by_quartiles),
            _ => deviation,
        }
    }

    fn quantile(&self, part: f64) -> f64 {
        let mut sum = 0.0;
        let reached = self.seen.iter().find(|(_, weight)| {
            sum += weight;
            sum >= part
        });
        reached
            .or(self.seen.last())
            .map_or(self.mean, |(time, _)| *time)
    }

    /// How likely each time is by the others, in the mean of the logarithms.
    fn likelihood(&self, bandwidth: f64) -> f64 {
        let density = |distance: f64, deviation: f64| {
            (-0.5 * (distance / deviation).powi(2)).exp() / deviation
        };
        let of = |(index, (time, weight)): (usize, &(f64, f64))| {
            let others = self
                .seen
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != index);
            let by_others =
                others.map(|(_, (other, weight))| weight * density(time - other, bandwidth));
            let by_others: f64 = by_others.sum();
            let unseen = self.unseen * density(time - self.mean, WIDE);
            weight * ((1.0 - self.unseen) * by_others + unseen).ln()
        };
        self.seen.iter().enumerate().map(of).sum()
    }
}

/// The logarithms, and their weights: each counts a twentieth less than the one after it.
fn weighted(times: impl DoubleEndedIterator<Item = f64>) -> Vec<(f64, f64)> {
    const OLDER: f64 = 0.95;
    let mut weight = 1.0;
    let weigh = |time: f64| {
        let weighed = (time.ln(), weight);
        weight *= OLDER;
        weighed
    };
    let mut seen: Vec<_> = times.rev().map(weigh).collect();
    let all: f64 = seen.iter().map(|(_, weight)| weight).sum();
    for (_, weight) in &mut seen {
        *weight /= all;
    }
    seen
}

/// The part of a normal distribution below so many standard deviations.
fn bell(deviations: f64) -> f64 {
    0.5 * erfc(-deviations / SQRT_2)
}

/// The complementary error function, by formula 7.1.26 of Abramowitz and Stegun: to 1.5e-7.
fn erfc(x: f64) -> f64 {
    const FACTORS: [f64; 5] = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ];
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let series = FACTORS.iter().fold(0.0, |sum, factor| (sum + factor) * t);
    let positive = series * (-x * x).exp();
    if x < 0.0 { 2.0 - positive } else { positive }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_is_as_in_the_tables() {
        for (x, expected) in [
            (0.0, 1.0),
            (0.5, 0.479_500_122),
            (1.0, 0.157_299_207),
            (-1.0, 1.842_700_793),
            (3.0, 0.000_022_090),
        ] {
            assert!((erfc(x) - expected).abs() < 2e-7, "{x}: {}", erfc(x));
        }
    }

    #[test]
    fn it_is_a_distribution() {
        for times in [vec![20.0], vec![20.0, 21.0], vec![5.0, 90.0, 5.1, 88.0]] {
            let made = Distribution::of(times.into_iter());
            let mut last = 0.0;
            for tenth in 0..20_000 {
                let now = made.over_by(f64::from(tenth) / 10.0);
                assert!((last..=1.0 + 1e-6).contains(&now), "{now} after {last}");
                last = now;
            }
            assert!(last > 0.99, "{last}");
        }
    }

    #[test]
    fn two_groups_are_not_one_wide_one() {
        let times = (0..40).map(|job| if job % 2 == 0 { 30.0 } else { 90.0 } + f64::from(job % 5));
        let made = Distribution::of(times.collect::<Vec<_>>().into_iter());
        let between = made.over_by(75.0) - made.over_by(45.0);
        assert!(between < 0.05, "{between}");
    }
}
