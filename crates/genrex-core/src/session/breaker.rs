use std::time::Duration;

use crate::transport::Moment;

/// Keeps polls from hammering a service that is down: after five polls in a row that did not get
/// through, one is let through every 30 s until one does.
///
/// It is shared by all of a client's waits.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    next_probe: Option<Moment>,
}

impl Breaker {
    const THRESHOLD: u32 = 5;
    const PROBE_INTERVAL: Duration = Duration::from_secs(30);

    /// When the next poll may be sent; `None` means now. A probe that is let through holds the others
    /// back.
    pub(crate) fn permit(&mut self, now: Moment) -> Option<Moment> {
        match self.next_probe {
            Some(at) if now < at => Some(at),
            Some(_) => {
                self.next_probe = Some(now + Self::PROBE_INTERVAL);
                None
            }
            None => None,
        }
    }

    pub(crate) fn failed(&mut self, now: Moment) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= Self::THRESHOLD {
            self.next_probe = Some(now + Self::PROBE_INTERVAL);
        }
    }

    pub(crate) fn succeeded(&mut self) {
        *self = Self::default();
    }
}
