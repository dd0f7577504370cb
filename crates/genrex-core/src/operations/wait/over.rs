use genrex_ledger::Event;

use super::{State, Wait};
use crate::error::Waited;
use crate::transport::Now;
use crate::{Error, ErrorKind, Track};

/// How a wait ends, and what is said of it then.
impl Wait {
    pub(super) fn is_late(&self, now: Now) -> bool {
        let deadline = self.terms.deadline;
        deadline.is_some_and(|deadline| now.moment >= deadline)
    }

    pub(super) fn out_of_time(&mut self, now: Now) -> State {
        let waited = self.waited(now);
        let status = match &waited.last_status {
            Some(status) => format!("it last said {status}"),
            None => String::from("it gave no answer"),
        };
        let message = format!(
            "the job is not over after {:.1} s; the service was asked {} times and {status}",
            waited.elapsed.as_secs_f64(),
            waited.polls,
        );
        let error = Error::new(ErrorKind::Deadline, message);
        let error = match self.last_failure.take() {
            Some(last) => error.with_source(last),
            None => error,
        };
        self.over(error, now)
    }

    pub(super) fn cancelled(&self, now: Now) -> State {
        let message = "the wait was cancelled; the job goes on";
        self.over(Error::new(ErrorKind::Cancelled, message), now)
    }

    pub(super) fn over(&self, error: Error, now: Now) -> State {
        State::done(Err(self.told(error, now)))
    }

    pub(super) fn told(&self, error: Error, now: Now) -> Error {
        let error = error
            .with_query_id(self.job.id())
            .with_waited(self.waited(now));
        match self.local {
            Some(local) => error.with_local_id(local),
            None => error,
        }
    }

    /// Has the ledger keep how it ended. That it is over is free to find out again, so a ledger that cannot keep it
    /// changes nothing of the result.
    pub(super) fn keep(&self, event: Event, result: Result<Track, Error>) -> State {
        match self.local {
            Some(local) if self.is_kept => State::Keeping(local, event, Box::new(result)),
            Some(_) | None => State::done(result),
        }
    }

    pub(super) fn waited(&self, now: Now) -> Waited {
        Waited {
            elapsed: self.elapsed(now),
            limit: self.terms.settings.deadline,
            polls: self.polls,
            last_status: self.last_status.clone(),
        }
    }
}
