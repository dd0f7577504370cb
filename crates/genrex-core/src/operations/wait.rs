//! Polling: a job is asked after at a pace until it is over or the time is.

mod over;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use genrex_ledger::{self as ledger, Event, LocalId};
use genrex_proto::{Generation, RetrieveRequest, Status};

use crate::failure::{Class, Counters, Follows, Free, retrieve};
use crate::job::find::Find;
use crate::machine::{Keep, Kept, Machine, Outcome, Step};
use crate::operations::call::{Answered, CallError, SignedCall, Terms};
use crate::pacing::Pacing;
use crate::pacing::recall::Recall;
use crate::session::Session;
use crate::settings::pace::Pace;
use crate::transport::{Moment, Now};
use crate::{Error, ErrorKind, Job, Progress, Track};

/// Waiting for a job as a machine: polls at a pace until the job is over or the time is.
///
/// A poll that fails is asked again at the next one's time; what may be asked again, and how often, is
/// the failure table's. Polls draw on no retry budget: they obey the breaker.
#[derive(Debug)]
pub(crate) struct Wait {
    session: Arc<Session>,
    job: Job,
    terms: Terms,
    /// Whether a ledger keeps what comes of it.
    is_kept: bool,
    local: Option<LocalId>,
    began: Option<Moment>,
    /// When the service last said how the job is.
    answered_at: Option<Moment>,
    polls: u32,
    /// How many seconds of music it makes, as far as that is known.
    seconds: Option<u8>,
    /// When the service last said that it is not over, after it was accepted.
    not_over_at: Duration,
    last_status: Option<Status>,
    last_failure: Option<Error>,
    counters: Counters,
    warned: bool,
    /// Whether the ledger was told that the service is at work on it: that shows when the account was charged.
    is_processing_told: bool,
    reports: VecDeque<Progress>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Finding the job in the ledger.
    Finding(Find),
    /// Asking the ledger how long such jobs took.
    Recalling(Recall),
    Starting,
    /// Until the next poll; the second says that it will be the last.
    Pausing(Moment, bool),
    /// Waiting for a slot.
    Queued(bool),
    Polling(Box<SignedCall<RetrieveRequest>>, bool),
    /// Having the ledger keep that the service is at work on it.
    Telling(LocalId, bool),
    /// Having the ledger keep how it ended.
    Keeping(LocalId, Event, Box<Result<Track, Error>>),
    Done(Option<Box<Result<Track, Error>>>),
}

impl Wait {
    /// How long before the deadline a last poll is sent, when the next one would come too late.
    const LAST_LOOK: Duration = Duration::from_secs(1);
    pub(crate) fn new(session: Arc<Session>, job: Job, terms: Terms, is_kept: bool) -> Self {
        let local = job.local_id();
        let state = if is_kept && local.is_none() {
            State::Finding(Find::new(&session, job.id().clone()))
        } else {
            State::recalling(&session, terms, is_kept)
        };
        let counters = Counters::since(job.accepted_at());
        Self {
            session,
            seconds: job.seconds(),
            not_over_at: Duration::ZERO,
            job,
            terms,
            is_kept,
            local,
            began: None,
            answered_at: None,
            polls: 0,
            last_status: None,
            last_failure: None,
            counters,
            warned: false,
            is_processing_told: false,
            reports: VecDeque::new(),
            state,
        }
    }

    fn elapsed(&self, now: Now) -> Duration {
        self.began
            .map_or(Duration::ZERO, |began| now.moment.since(began))
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
        let elapsed = self.elapsed(now);
        let learned = || self.session.learned_delay(self.seconds, elapsed);
        let delay = self.terms.settings.pace.delay(elapsed, learned);
        let planned = now.moment + delay.max(asked);
        self.state = match self.terms.deadline {
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

    /// When the poll whose turn has come may be sent instead, if that is later: many may have failed while it waited.
    fn held_back(&self, is_last: bool, now: Now) -> Option<State> {
        let probe = self.session.permit_poll(now.moment).filter(|_| !is_last)?;
        Some(match self.terms.deadline {
            Some(deadline) if probe >= deadline => {
                let left = deadline.since(now.moment);
                State::Pausing(deadline - Self::LAST_LOOK.min(left / 2), true)
            }
            _ => State::Pausing(probe, false),
        })
    }

    /// It has its slot: the poll is made, and signed, now and not while it waited.
    fn begin(&mut self, is_last: bool, now: Now) {
        match self.held_back(is_last, now) {
            Some(state) => self.state = state,
            None => self.poll(is_last),
        }
    }

    fn poll(&mut self, is_last: bool) {
        let mut terms = self.terms;
        terms.retries = false;
        let request = RetrieveRequest::new(self.job.id().clone());
        let call = SignedCall::new(Arc::clone(&self.session), &request, terms).with_slot();
        self.reports.push_back(Progress::Polling {
            id: self.job.id().clone(),
        });
        self.state = State::Polling(Box::new(call), is_last);
    }

    fn answered(&mut self, generation: Generation, is_last: bool, now: Now) {
        self.session.poll_succeeded();
        self.polls += 1;
        if generation.id != *self.job.id() {
            let error = Error::new(
                ErrorKind::UnexpectedAnswer,
                "the answer is about another job",
            );
            return self.counted(Class::Unreadable, error, Duration::ZERO, is_last, now);
        }
        self.last_status = Some(generation.status.clone());
        match &generation.status {
            Status::Completed => {
                let policy = self.session.base().address_policy();
                match Track::new(generation, policy) {
                    Ok(track) => self.completed(track, now),
                    Err(error) => {
                        self.counted(Class::NoLink, error, Duration::ZERO, is_last, now);
                    }
                }
            }
            Status::Failed => {
                let message = "the service says that the generation failed";
                let error = Error::new(ErrorKind::GenerationFailed, message);
                let error = self.told(error, now);
                self.state = self.keep(Event::Failed, Err(error));
            }
            status => {
                self.counters.went_well();
                self.not_over_at = self.elapsed(now);
                self.answered_at = Some(now.moment);
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
                match self
                    .local
                    .filter(|_| self.is_kept && *status == Status::Processing)
                {
                    Some(local) if !self.is_processing_told => {
                        self.is_processing_told = true;
                        self.state = State::Telling(local, is_last);
                    }
                    Some(_) | None => self.pause_or_end(Duration::ZERO, is_last, now),
                }
            }
        }
    }

    fn completed(&mut self, track: Track, now: Now) {
        // Of a job that was accepted elsewhere, nobody here knows how long it took.
        let (after, by) = (self.not_over_at, self.elapsed(now));
        let event = match (self.seconds, self.job.accepted_at()) {
            (Some(seconds), Some(_)) if Pacing::tells(after, by) => {
                self.session.completed(seconds, after, by);
                let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                Event::CompletedBetween {
                    after: millis(after),
                    by: millis(by),
                }
            }
            _ => Event::Completed,
        };
        let track = track.waited_for(self.elapsed(now), self.polls);
        let track = match self.local {
            Some(local) => track.kept_as(local),
            None => track,
        };
        self.state = self.keep(event, Ok(track));
    }

    fn failed(&mut self, failure: CallError<Free>, is_last: bool, now: Now) {
        let verdict = match failure.verdict {
            // Its time came, or its caller gave up, before it left.
            None if failure.kind == ErrorKind::Deadline => {
                self.state = self.out_of_time(now);
                return;
            }
            None => Free::Final(failure.kind),
            Some(verdict) => verdict,
        };
        self.polls += u32::from(!failure.class.never_left());
        if failure.class.is_outage() {
            self.session.poll_failed(now.moment);
        }
        let (class, asked) = (failure.class, failure.retry_after.unwrap_or_default());
        self.judged(verdict, class, failure.into_error(), asked, is_last, now);
    }

    /// A failure that this machine finds by itself, by the same table.
    fn counted(&mut self, class: Class, error: Error, asked: Duration, is_last: bool, now: Now) {
        self.judged(retrieve(class), class, error, asked, is_last, now);
    }

    fn judged(
        &mut self,
        verdict: Free,
        class: Class,
        error: Error,
        asked: Duration,
        is_last: bool,
        now: Now,
    ) {
        match self.counters.judge(verdict, class, now) {
            Follows::Again | Follows::WaitOut => {
                self.reports.push_back(self.unanswered(&error, now));
                self.last_failure = Some(error);
                self.pause_or_end(asked, is_last, now);
            }
            // The call has sent once more already, if the clock was wrong; the rest only a download can do.
            Follows::Over(_)
            | Follows::Accepted
            | Follows::CorrectClock
            | Follows::FromZero
            | Follows::Redirect
            | Follows::FreshLink => self.state = self.over(error, now),
        }
    }

    fn unanswered(&self, error: &Error, now: Now) -> Progress {
        let since = self.answered_at.or(self.began);
        Progress::Unanswered {
            id: self.job.id().clone(),
            kind: error.kind(),
            status: error.status(),
            silent: since.map_or(Duration::ZERO, |since| now.moment.since(since)),
        }
    }

    fn pause_or_end(&mut self, asked: Duration, is_last: bool, now: Now) {
        if is_last {
            self.state = self.out_of_time(now);
        } else {
            self.pause(asked, now);
        }
    }

    fn found(&mut self, found: Result<Option<LocalId>, ledger::Error>) {
        match found {
            Ok(local) => self.local = local,
            Err(error) => self.reports.push_back(Progress::not_kept(None, &error)),
        }
        self.state = State::recalling(&self.session, self.terms, self.is_kept);
    }

    fn kept(&mut self, answer: Result<Kept, ledger::Error>, result: Result<Track, Error>) {
        if let Err(error) = answer {
            let report = Progress::not_kept(self.local, &error);
            self.reports.push_back(report);
        }
        self.state = State::done(result);
    }
}

impl State {
    /// What the ledger keeps is asked for if the pace rests on it, and nobody has asked before.
    fn recalling(session: &Session, terms: Terms, is_kept: bool) -> Self {
        match is_kept && terms.settings.pace == Pace::Learned && session.begin_recall() {
            true => Self::Recalling(Recall::new(session)),
            false => Self::Starting,
        }
    }

    fn done(result: Result<Track, Error>) -> Self {
        Self::Done(Some(Box::new(result)))
    }
}

impl Machine for Wait {
    const NAME: &'static str = "wait";
    type Output = Result<Track, Error>;

    fn next(&mut self, now: Now) -> Step<Self::Output> {
        loop {
            if let Some(report) = self.reports.pop_front() {
                return Step::Report(report);
            }
            let is_late = self.is_late(now);
            match &mut self.state {
                State::Finding(find) => return Step::keep(find.ask()),
                State::Recalling(recall) => return Step::keep(recall.ask()),
                State::Starting => self.start(now),
                State::Pausing(at, _) if now.moment < *at => {
                    return Step::Sleep(at.since(now.moment));
                }
                State::Pausing(_, is_last) => self.state = State::Queued(*is_last),
                State::Queued(_) if is_late => self.state = self.out_of_time(now),
                State::Queued(_) => return Step::Slot(self.terms.share, self.terms.deadline),
                State::Polling(call, is_last) => {
                    let is_last = *is_last;
                    match call.next(now).within() {
                        Ok(step) => return step,
                        Err(Ok(Answered { answer, .. })) => self.answered(answer, is_last, now),
                        Err(Err(failure)) => self.failed(*failure, is_last, now),
                    }
                }
                State::Telling(local, _) => {
                    return Step::keep(Keep::Event(*local, Event::Processing));
                }
                State::Keeping(local, event, _) => {
                    return Step::keep(Keep::Event(*local, event.clone()));
                }
                State::Done(result) => {
                    let over = || Box::new(Err(Error::new(ErrorKind::Cancelled, "already over")));
                    return Step::Done(*result.take().unwrap_or_else(over));
                }
            }
        }
    }

    fn receive(&mut self, now: Now, outcome: Outcome) {
        match (&mut self.state, outcome) {
            (State::Polling(call, _), outcome) => call.receive(now, outcome),
            (State::Queued(is_last), Outcome::Slot) => {
                let is_last = *is_last;
                self.begin(is_last, now);
            }
            (State::Pausing(..) | State::Queued(_), Outcome::Cancelled(_)) => {
                self.state = self.cancelled(now);
            }
            (State::Finding(find), Outcome::Kept(answer)) => {
                if let Some(found) = find.told(answer) {
                    self.found(found);
                }
            }
            (State::Recalling(recall), Outcome::Kept(answer)) => {
                if let Some(credits) = recall.told(answer) {
                    self.session.recall(&credits);
                    self.state = State::Starting;
                }
            }
            // Nothing rests on it but what may be concluded of other jobs later.
            (State::Telling(_, is_last), Outcome::Kept(_)) => {
                let is_last = *is_last;
                self.pause_or_end(Duration::ZERO, is_last, now);
            }
            (State::Keeping(..), Outcome::Kept(answer)) => {
                if let State::Keeping(_, _, result) =
                    std::mem::replace(&mut self.state, State::Starting)
                {
                    self.kept(answer, *result);
                }
            }
            (State::Pausing(..) | State::Queued(_), Outcome::Slept) | (State::Done(_), _) => {}
            // What no step asked for: it ends, since going on might never end.
            (
                State::Finding(_)
                | State::Recalling(_)
                | State::Starting
                | State::Pausing(..)
                | State::Queued(_)
                | State::Telling(..)
                | State::Keeping(..),
                Outcome::Slot
                | Outcome::Head(_)
                | Outcome::SendFailed(_)
                | Outcome::Chunk(_)
                | Outcome::End
                | Outcome::ReadFailed(_)
                | Outcome::Slept
                | Outcome::Cancelled(_)
                | Outcome::Stored
                | Outcome::StoreFailed(_)
                | Outcome::Kept(_),
            ) => {
                let message = "the wait was told of something it did not ask for";
                self.state = self.over(Error::new(ErrorKind::UnexpectedAnswer, message), now);
            }
        }
    }
}

#[cfg(test)]
mod tests;
