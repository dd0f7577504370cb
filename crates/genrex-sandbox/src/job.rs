/// A job, from its submit on.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) asset_id: String,
    pub(crate) text: String,
    pub(crate) seconds: u8,
    /// In credits.
    pub(crate) cost: u64,
    pub(crate) created_at: u64,
    /// When it is over, in milliseconds since the Unix epoch.
    pub(crate) over_at: u64,
    pub(crate) fails: bool,
}

/// How a job is doing at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Processing,
    Completed,
    Failed,
}

impl Job {
    /// A prompt that begins so fails, for tests of what a client does then.
    const FAILING: &str = "sandbox:fail";

    pub(crate) fn is_to_fail(text: &str) -> bool {
        text.starts_with(Self::FAILING)
    }

    pub(crate) fn stage(&self, now: u64) -> Stage {
        looked();
        if now < self.over_at {
            Stage::Processing
        } else if self.fails {
            Stage::Failed
        } else {
            Stage::Completed
        }
    }

    /// When it last changed.
    pub(crate) fn updated_at(&self, now: u64) -> u64 {
        match self.stage(now) {
            Stage::Processing => self.created_at,
            Stage::Completed | Stage::Failed => self.over_at,
        }
    }
}

/// Counts, in tests, that something of a job is looked at.
pub(crate) fn looked() {
    #[cfg(test)]
    LOOKS.set(LOOKS.get() + 1);
}

#[cfg(test)]
thread_local! {
    /// How often something of a job was looked at on this thread.
    pub(crate) static LOOKS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
