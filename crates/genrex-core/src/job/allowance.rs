use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::transport::Moment;

/// What the operations of one job may take together, however many links an answer has and however often one of them
/// is tried.
#[derive(Debug)]
pub(crate) struct Allowance {
    deadline: Option<Moment>,
    left: Mutex<Left>,
}

#[derive(Debug)]
struct Left {
    bytes: u64,
    /// Until when audio may be asked for, where there is no deadline: known once it was asked for.
    audio_until: Option<Moment>,
}

impl Allowance {
    /// How much audio may come for one job: 256 MiB. 60 s of 32 kHz mono are 3.8 MB.
    const BYTES: u64 = 256 << 20;
    /// How long downloading may take where the caller gave no deadline.
    const WITHOUT_DEADLINE: Duration = Duration::from_secs(60 * 60);

    pub(crate) const fn until(deadline: Option<Moment>) -> Self {
        Self {
            deadline,
            left: Mutex::new(Left {
                bytes: Self::BYTES,
                audio_until: None,
            }),
        }
    }

    pub(crate) const fn deadline(&self) -> Option<Moment> {
        self.deadline
    }

    /// Until when audio may be asked for: the deadline, or an hour after the first that asks.
    pub(crate) fn audio_until(&self, now: Moment) -> Moment {
        match self.deadline {
            Some(deadline) => deadline,
            None => *self
                .left()
                .audio_until
                .get_or_insert(now + Self::WITHOUT_DEADLINE),
        }
    }

    /// Whether so many bytes may still come.
    pub(crate) fn has(&self, bytes: u64) -> bool {
        bytes <= self.left().bytes
    }

    /// Counts bytes that came, kept or not; `false` when they are more than may.
    pub(crate) fn take(&self, bytes: u64) -> bool {
        let mut left = self.left();
        let rest = left.bytes.checked_sub(bytes);
        left.bytes = rest.unwrap_or(0);
        rest.is_some()
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        // Each method leaves it whole, so a panic elsewhere has not harmed it.
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
