use std::time::Duration;

/// How retries are spaced: full jitter under a doubling ceiling.
///
/// Retries jitter, so that many clients do not come back at once; polling does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    /// The delay after so many failures, from 1.
    pub(crate) fn delay(&self, failures: u32, random: &mut fastrand::Rng) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        let most = self.base.saturating_mul(doubled).min(self.ceiling);
        most.mul_f64(random.f64())
    }
}

impl Default for Backoff {
    /// 0.5 s, doubling up to 8 s.
    fn default() -> Self {
        Self::new(Duration::from_millis(500), Duration::from_secs(8))
    }
}
