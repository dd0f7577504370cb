use std::time::Duration;

use crate::session::Session;
use crate::settings::backoff::Backoff;
use crate::transport::{Moment, Now};

/// When an operation that is to be tried again is, if the deadline and the client's budget leave a try.
#[derive(Debug)]
pub(crate) struct Retries {
    backoff: Backoff,
    /// No try begins at it or later.
    deadline: Option<Moment>,
    failures: u32,
    /// How often in all something of this machine's own was waited for.
    waits: u32,
    last_cost: Option<u32>,
}

/// What the next try has to heed of the last.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Failed {
    /// How long the other side asked to wait.
    pub(crate) asked: Option<Duration>,
    pub(crate) timed_out: bool,
}

/// When the next try is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Again {
    pub(crate) at: Moment,
    pub(crate) delay: Duration,
    /// How often it has been tried.
    pub(crate) attempts: u32,
}

impl Retries {
    pub(crate) const fn new(backoff: Backoff, deadline: Option<Moment>) -> Self {
        Self {
            backoff,
            deadline,
            failures: 0,
            waits: 0,
            last_cost: None,
        }
    }

    /// The next try, if one is left.
    pub(crate) fn next(&mut self, failed: Failed, session: &Session, now: Now) -> Option<Again> {
        self.failures = self.failures.saturating_add(1);
        let delay = match failed.asked {
            Some(asked) => asked.max(Backoff::FLOOR),
            None => session.backoff(self.backoff, self.failures),
        };
        let at = now.moment + delay;
        if self.deadline.is_some_and(|deadline| at >= deadline) {
            return None;
        }
        self.last_cost = Some(session.take_retry(failed.timed_out)?);
        Some(Again {
            at,
            delay,
            attempts: self.failures,
        })
    }

    /// The next try after one for which this machine lacked something: it asked nothing of the service, so it costs
    /// nothing, and comes soon.
    pub(crate) fn wait_out(&mut self, now: Now) -> Option<Moment> {
        const FIRST: Duration = Duration::from_millis(50);
        const LONGEST: Duration = Duration::from_secs(1);
        let delay = FIRST.saturating_mul(1 << self.waits.min(10));
        self.waits = self.waits.saturating_add(1);
        let at = now.moment + delay.min(LONGEST);
        let is_late = self.deadline.is_some_and(|deadline| at >= deadline);
        (!is_late).then_some(at)
    }

    /// It came to a success: what the last try had cost is given back.
    pub(crate) fn succeeded(&self, session: &Session) {
        session.give_back_retry(self.last_cost);
    }
}
