use std::time::Duration;

/// How retries are spaced: full jitter under a doubling ceiling.
///
/// Retries jitter, so that many clients do not come back at once; polling does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Backoff {
    base: Duration,
    ceiling: Duration,
}

impl Backoff {
    /// From 0 up to `base` after the first failure, doubling up to `ceiling`.
    #[must_use]
    pub const fn new(base: Duration, ceiling: Duration) -> Self {
        Self { base, ceiling }
    }

    /// No retry comes sooner, whatever chance or the service says: whoever watches can still step in.
    pub(crate) const FLOOR: Duration = Duration::from_millis(10);

    /// The delay after so many failures, from 1.
    pub(crate) fn delay(&self, failures: u32, jitter: &mut Jitter) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        let most = self.base.saturating_mul(doubled).min(self.ceiling);
        most.mul_f64(jitter.fraction()).max(Self::FLOOR)
    }
}

impl Default for Backoff {
    /// 0.5 s, doubling up to 8 s.
    fn default() -> Self {
        Self::new(Duration::from_millis(500), Duration::from_secs(8))
    }
}

/// Where the jitter comes from: `SplitMix64`, which is all that spreading clients apart needs.
#[derive(Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// From 0 to 1, excluding 1.
    fn fraction(&mut self) -> f64 {
        let high = u32::try_from(self.next() >> 32).unwrap_or(0);
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_range_under_a_doubling_ceiling_is_used() {
        let backoff = Backoff::default();
        for (failures, ceiling) in [(1, 500), (2, 1000), (5, 8000), (6, 8000), (u32::MAX, 8000)] {
            let ceiling = Duration::from_millis(ceiling);
            let mut jitter = Jitter::seeded(7);
            let delays: Vec<_> = (0..1000)
                .map(|_| backoff.delay(failures, &mut jitter))
                .collect();
            assert!(delays.iter().all(|delay| *delay < ceiling));
            assert!(delays.iter().any(|delay| *delay < ceiling / 20));
            assert!(delays.iter().any(|delay| *delay > ceiling / 20 * 19));
        }
    }
}
