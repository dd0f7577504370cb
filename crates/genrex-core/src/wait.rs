use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use genrex_proto::{Endpoint, Generation, RetrieveRequest, Status};
use genrex_sign::Payload;

use crate::account::Account;
use crate::call::{Failure, Retry, SignedCall, Spec};
use crate::error::Waited;
use crate::failure::{Call, Class, Verdict, verdict};
use crate::machine::{Event, Machine, Step};
use crate::transport::{Moment, Now};
use crate::{Error, ErrorKind, Job, Pace, Progress, Track};

/// Waiting for a job as a machine: polls at a pace until the job is over or the time is.
///
/// A poll that fails is asked again at the next one's time; what may be asked again, and how often, is
/// the failure table's. Polls draw on no retry budget: they obey the breaker.
#[derive(Debug)]
pub(crate) struct Wait {
    account: Arc<Account>,
    job: Job,
    pace: Pace,
    limit: Option<Duration>,
    deadline: Option<Moment>,
    began: Option<Moment>,
    polls: u32,
    last_status: Option<Status>,
    last_failure: Option<Error>,
    /// Failures in a row of a kind that is not asked again for ever.
    strikes: Option<(Class, u32)>,
    warned: bool,
    reports: VecDeque<Progress>,
    state: State,
}

#[derive(Debug)]
enum State {
    Starting,
    /// Until the next poll; the second says that it will be the last.
    Pausing(Moment, bool),
    Polling(Box<SignedCall<Generation>>, bool),
    Done(Option<Box<Result<Track, Error>>>),
}

impl Wait {
    /// How long before the deadline a last poll is sent, when the next one would come too late.
    const LAST_LOOK: Duration = Duration::from_secs(1);
    /// How long after its submit a job may be unknown: the service's own copies may lag.
    pub(crate) const GRACE: Duration = Duration::from_secs(30);

    /// `limit` is the time given in words, `deadline` the moment that it ends.
    pub(crate) fn new(
        account: Arc<Account>,
        job: Job,
        pace: Pace,
        limit: Option<Duration>,
        deadline: Option<Moment>,
    ) -> Self {
        Self {
            account,
            job,
            pace,
            limit,
            deadline,
            began: None,
            polls: 0,
            last_status: None,
            last_failure: None,
            strikes: None,
            warned: false,
            reports: VecDeque::new(),
            state: State::Starting,
        }
    }

    fn elapsed(&self, now: Now) -> Duration {
        self.began
            .map_or(Duration::ZERO, |began| now.moment.since(began))
    }

    fn waited(&self, now: Now) -> Waited {
        Waited {
            elapsed: self.elapsed(now),
            limit: self.limit,
            polls: self.polls,
            last_status: self.last_status.clone(),
        }
    }

    fn start(&mut self, now: Now) {
        match self.job.accepted_at() {
            Some(accepted_at) => {
                self.began = Some(accepted_at);
                self.pause(Duration::ZERO, now);
            }
            // An earlier run's job may be ready: look at once.
            None => {
                self.began = Some(now.moment);
                self.state = State::Pausing(now.moment, false);
            }
        }
    }

    /// Plans the next poll, at the pace and no sooner than asked; or ends the wait.
    fn pause(&mut self, asked: Duration, now: Now) {
        let planned = now.moment + self.pace.delay(self.elapsed(now)).max(asked);
        self.state = match self.deadline {
            Some(deadline) if planned >= deadline => {
                let left = deadline.since(now.moment);
                let last_look = deadline - Self::LAST_LOOK.min(left / 2);
                if now.moment + asked <= last_look && !left.is_zero() {
                    State::Pausing(last_look, true)
                } else {
                    self.out_of_time(now)
                }
            }
            _ => State::Pausing(planned, false),
        };
    }

    fn poll(&mut self, now: Now, is_last: bool) {
        match self.account.permit_poll(now.moment) {
            Some(probe) if !is_last => {
                self.state = match self.deadline {
                    Some(deadline) if probe >= deadline => {
                        let left = deadline.since(now.moment);
                        State::Pausing(deadline - Self::LAST_LOOK.min(left / 2), true)
                    }
                    _ => State::Pausing(probe, false),
                };
                return;
            }
            _ => {}
        }
        let spec = Spec {
            endpoint: Endpoint::Retrieve,
            payload: Payload::from(RetrieveRequest::new(self.job.id().clone()).to_json()),
            deadline: self.deadline,
            retry: Retry::ByCaller,
            grace: None,
        };
        let call = SignedCall::new(Arc::clone(&self.account), spec, Generation::from_json);
        self.state = State::Polling(Box::new(call), is_last);
    }

    fn answered(&mut self, generation: Generation, is_last: bool, now: Now) {
        self.account.poll_succeeded();
        self.polls += 1;
        if generation.id != *self.job.id() {
            let error = Error::new(
                ErrorKind::UnexpectedAnswer,
                "the answer is about another job",
            );
            return self.strike(Class::Unreadable, error, Duration::ZERO, is_last, now);
        }
        self.last_status = Some(generation.status.clone());
        match &generation.status {
            Status::Completed => {
                let policy = self.account.base().address_policy();
                match Track::new(generation, policy, self.elapsed(now), self.polls) {
                    Ok(track) => self.state = State::done(Ok(track)),
                    Err(error) => {
                        self.strike(Class::NotAudio, error, Duration::ZERO, is_last, now);
                    }
                }
            }
            Status::Failed => {
                let message = "the service says that the generation failed";
                let error = Error::new(ErrorKind::GenerationFailed, message);
                self.state = self.over(error, now);
            }
            status => {
                self.strikes = None;
                if *status != Status::Processing && !self.warned {
                    self.warned = true;
                    self.reports.push_back(Progress::UnknownStatus {
                        id: self.job.id().clone(),
                        status: status.clone(),
                    });
                }
                self.reports.push_back(Progress::Polled {
                    id: self.job.id().clone(),
                    status: status.clone(),
                    polls: self.polls,
                    elapsed: self.elapsed(now),
                });
                self.pause_or_end(Duration::ZERO, is_last, now);
            }
        }
    }

    fn failed(&mut self, failure: Failure, is_last: bool, now: Now) {
        if failure.kind == ErrorKind::Deadline {
            self.state = self.out_of_time(now);
            return;
        }
        self.polls += u32::from(!failure.class.never_left());
        if matches!(
            failure.class,
            Class::NeverLeft | Class::Lost | Class::Unsettled
        ) {
            self.account.poll_failed(now.moment);
        }
        let asked = failure.retry_after.unwrap_or_default();
        let within_grace = self
            .job
            .accepted_at()
            .is_some_and(|accepted_at| now.moment.since(accepted_at) < Self::GRACE);
        match failure.verdict {
            Verdict::RetryToDeadline(_) => {
                self.last_failure = Some(failure.into_error());
                self.pause_or_end(asked, is_last, now);
            }
            Verdict::Retry(..) if failure.class == Class::NotFound && within_grace => {
                self.last_failure = Some(failure.into_error());
                self.pause_or_end(asked, is_last, now);
            }
            Verdict::Retry(..) => {
                let class = failure.class;
                self.strike(class, failure.into_error(), asked, is_last, now);
            }
            _ => self.state = self.over(failure.into_error(), now),
        }
    }

    /// Counts a failure that is not asked again for ever.
    fn strike(&mut self, class: Class, error: Error, asked: Duration, is_last: bool, now: Now) {
        /// A completed job without a usable link is asked after so often.
        const LINKLESS: u32 = 3;
        let tries = match verdict(Call::Retrieve, class) {
            Verdict::Retry(tries, _) => tries,
            _ => LINKLESS,
        };
        let so_far = self.strikes.filter(|(of, _)| *of == class);
        let strikes = so_far.map_or(1, |(_, strikes)| strikes + 1);
        if strikes >= tries {
            self.state = self.over(error, now);
        } else {
            self.strikes = Some((class, strikes));
            self.last_failure = Some(error);
            self.pause_or_end(asked, is_last, now);
        }
    }

    fn pause_or_end(&mut self, asked: Duration, is_last: bool, now: Now) {
        if is_last {
            self.state = self.out_of_time(now);
        } else {
            self.pause(asked, now);
        }
    }

    fn out_of_time(&mut self, now: Now) -> State {
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

    fn over(&self, error: Error, now: Now) -> State {
        State::done(Err(error
            .with_query_id(self.job.id())
            .with_waited(self.waited(now))))
    }
}

impl State {
    fn done(result: Result<Track, Error>) -> Self {
        Self::Done(Some(Box::new(result)))
    }
}

impl Machine for Wait {
    type Output = Result<Track, Error>;

    fn next(&mut self, now: Now) -> Step<Self::Output> {
        loop {
            if let Some(report) = self.reports.pop_front() {
                return Step::Report(report);
            }
            match &mut self.state {
                State::Starting => self.start(now),
                State::Pausing(at, _) if now.moment < *at => {
                    return Step::Sleep(at.since(now.moment));
                }
                State::Pausing(_, is_last) => {
                    let is_last = *is_last;
                    self.poll(now, is_last);
                }
                State::Polling(call, is_last) => {
                    let is_last = *is_last;
                    match call.next(now).within() {
                        Ok(step) => return step,
                        Err(Ok(generation)) => self.answered(generation, is_last, now),
                        Err(Err(failure)) => self.failed(failure, is_last, now),
                    }
                }
                State::Done(result) => {
                    let over = || Box::new(Err(Error::new(ErrorKind::Cancelled, "already over")));
                    return Step::Done(*result.take().unwrap_or_else(over));
                }
            }
        }
    }

    fn receive(&mut self, now: Now, event: Event) {
        match &mut self.state {
            State::Polling(call, _) => call.receive(now, event),
            State::Pausing(..) if matches!(event, Event::Cancelled(_)) => {
                let error = Error::new(
                    ErrorKind::Cancelled,
                    "the wait was cancelled; the job goes on",
                );
                self.state = self.over(error, now);
            }
            State::Starting | State::Pausing(..) | State::Done(_) => {}
        }
    }
}
