use std::time::Duration;

/// How often a running job is asked after. Polling does not jitter: it is spaced already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Pace {
    /// A fifth of the time waited so far, at least 2 s and at most 10 s. In the API reference's example
    /// 30 s of music took 61 s: that is 15 polls, and the piece is found within 10 s of being ready.
    Growing,
    /// Always so long after an answer, at least 10 ms. The quick start's own loop has 5 s.
    Fixed(Duration),
    /// Where a job is likely to be over, by the times that jobs of the same duration took: those that this client, or a
    /// clone of it, has waited for, and those that its ledger keeps. At least 0.5 s after an answer and at most 30 s. It
    /// weighs a poll against 0.4 s for which a job that is over is not seen. Before the first one, and for a job of an
    /// unknown duration: 5 s, and up to 30 s for a job that takes longer than 100 s.
    #[default]
    Learned,
}

impl Pace {
    /// From an answer to the next question, so long after the job was accepted; `learned` says what was learned.
    pub(crate) fn delay(self, elapsed: Duration, learned: impl FnOnce() -> Duration) -> Duration {
        const FLOOR: Duration = Duration::from_millis(10);
        match self {
            Self::Growing => Self::growing(elapsed),
            Self::Fixed(delay) => delay.max(FLOOR),
            Self::Learned => learned(),
        }
    }

    /// What [`Growing`](Self::Growing) says.
    pub(crate) fn growing(elapsed: Duration) -> Duration {
        const SHORTEST: Duration = Duration::from_secs(2);
        const LONGEST: Duration = Duration::from_secs(10);
        (elapsed / 5).clamp(SHORTEST, LONGEST)
    }
}
