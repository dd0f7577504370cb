use std::time::Duration;

use crate::{Backoff, Pace};

/// How a client goes about its operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// How often a running job is asked after.
    pub pace: Pace,
    /// How long one operation may take, sleeps and requests together; `None` for ever. A submit that is
    /// on its way is not cut short by it: that would make ambiguity.
    pub deadline: Option<Duration>,
    /// How retries are spaced.
    pub backoff: Backoff,
}

impl Default for Settings {
    /// The growing pace, ten minutes, and retries from 0.5 s to 8 s.
    fn default() -> Self {
        Self {
            pace: Pace::default(),
            deadline: Some(Duration::from_secs(600)),
            backoff: Backoff::default(),
        }
    }
}
