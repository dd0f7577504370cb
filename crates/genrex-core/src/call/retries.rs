use std::time::Duration;

use crate::failure::{Class, Tries};
use crate::session::Session;
use crate::settings::backoff::Backoff;
use crate::transport::{Moment, Now};

/// Counts the tries of one call or download, and says whether there is another and when. Polls are counted by
/// [`Streak`].
#[derive(Debug)]
pub(crate) struct Retries {
    backoff: Backoff,
    /// No try begins at it or later.
    deadline: Option<Moment>,
    failures: u32,
    last_cost: Option<u32>,
}

/// What one failed try asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failed {
    pub(crate) tries: Tries,
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
            last_cost: None,
        }
    }

    /// The next try, if the table, the deadline and the client's budget leave one.
    pub(crate) fn next(&mut self, failed: Failed, session: &Session, now: Now) -> Option<Again> {
        self.failures = self.failures.saturating_add(1);
        let is_left = match failed.tries {
            Tries::Most(tries) => self.failures < tries,
            Tries::ToDeadline => true,
        };
        if !is_left {
            return None;
        }
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

    /// It came to a success: what the last try had cost is given back.
    pub(crate) fn succeeded(&self, session: &Session) {
        session.give_back_retry(self.last_cost);
    }
}

/// Counts failures of one class in a row, for polls, which are spaced by a pace and draw on no budget.
#[derive(Debug, Default)]
pub(crate) struct Streak(Option<(Class, u32)>);

impl Streak {
    /// Counts one more; whether the tries are used up.
    pub(crate) fn exhausts(&mut self, class: Class, tries: Tries) -> bool {
        let before = self.0.filter(|(of, _)| *of == class);
        let count = before.map_or(1, |(_, count)| count.saturating_add(1));
        self.0 = Some((class, count));
        match tries {
            Tries::Most(most) => count >= most,
            Tries::ToDeadline => false,
        }
    }

    pub(crate) const fn end(&mut self) {
        self.0 = None;
    }
}
