use std::time::Duration;

/// How often a running job is asked after. Polling does not jitter: it is spaced already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Pace {
    /// A fifth of the time waited so far, at least 2 s and at most 10 s. In the API reference's example
    /// 30 s of music took 61 s: that is 15 polls, and the piece is found within 10 s of being ready.
    #[default]
    Growing,
    /// Always so long after an answer, at least 10 ms. The quick start's own loop has 5 s.
    Fixed(Duration),
}

impl Pace {
    /// From an answer to the next question.
    pub(crate) fn delay(self, elapsed: Duration) -> Duration {
        const SHORTEST: Duration = Duration::from_secs(2);
        const LONGEST: Duration = Duration::from_secs(10);
        const FLOOR: Duration = Duration::from_millis(10);
        match self {
            Self::Growing => (elapsed / 5).clamp(SHORTEST, LONGEST),
            Self::Fixed(delay) => delay.max(FLOOR),
        }
    }
}
