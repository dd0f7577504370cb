//! One signed call: sign afresh, send, judge, perhaps again.

pub(crate) mod error;
pub(crate) mod exchange;
pub(crate) mod retries;
pub(crate) mod retry_after;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use genrex_proto::{BalanceRequest, Charge, GenerateRequest, Operation, RetrieveRequest};
use genrex_sign::{Payload, UnixMillis};

pub(crate) use self::error::CallError;
use self::exchange::{Answer, Exchange};
use self::retries::{Failed, Retries};
use self::retry_after::{date, retry_after};
use crate::failure::{self, Class, Column, Counters, Follows, Free, Paid};
use crate::machine::{Machine, Outcome, Outgoing, Step};
use crate::session::{Session, SigningClock};
use crate::slots::Share;
use crate::transport::{Moment, Now, Route, SendOptions};
use crate::{ErrorKind, Progress, Settings};

/// An operation with its column of the failure table.
pub(crate) trait Call: Operation {
    /// What the column says.
    type Verdict: Column;

    /// The cell.
    fn verdict(class: Class) -> Self::Verdict;
}

impl Call for GenerateRequest {
    type Verdict = Paid;

    fn verdict(class: Class) -> Paid {
        failure::paid(class)
    }
}

impl Call for RetrieveRequest {
    type Verdict = Free;

    fn verdict(class: Class) -> Free {
        failure::retrieve(class)
    }
}

impl Call for BalanceRequest {
    type Verdict = Free;

    fn verdict(class: Class) -> Free {
        failure::balance(class)
    }
}

/// How a call is gone about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// No sleep and no free request crosses it.
    pub(crate) deadline: Option<Moment>,
    pub(crate) settings: Settings,
    /// Whether a failed attempt is repeated here; if not, whoever polls decides. A corrected clock sends once more
    /// in any case.
    pub(crate) retries: bool,
    /// When the job that is asked after was accepted, where that was just now.
    pub(crate) accepted_at: Option<Moment>,
    /// What its requests are a part of.
    pub(crate) share: Share,
    /// Whether it goes by the slot that the operation around it has, and leaves it to that.
    pub(crate) borrows_slot: bool,
}

impl Terms {
    /// Of a call that is no part of a purchase.
    pub(crate) const fn free(deadline: Option<Moment>, settings: Settings) -> Self {
        Self {
            deadline,
            settings,
            retries: true,
            accepted_at: None,
            share: Share::Free,
            borrows_slot: false,
        }
    }
}

/// One signed call as a machine: signs each attempt afresh, repeats what the failure table allows, and
/// corrects the clock once.
pub(crate) struct SignedCall<O: Call> {
    session: Arc<Session>,
    payload: Payload,
    terms: Terms,
    counters: Counters,
    retries: Retries,
    attempts: u32,
    /// Whether the next attempt has its slot.
    has_slot: bool,
    /// The verdict on the last attempt that may have left: it stays true, whatever the next one meets.
    earlier: Option<O::Verdict>,
    /// It is rare and large: apart, so that a call that goes well is small.
    last_failure: Option<Box<CallError<O::Verdict>>>,
    signed: Option<(UnixMillis, Moment)>,
    reports: VecDeque<Progress>,
    state: State<O>,
}

enum State<O: Call> {
    /// To be sent at this moment, or at once.
    Due(Option<Moment>),
    Exchanging(Exchange),
    Done(Option<Called<O>>),
}

/// What a call comes to.
pub(crate) type Called<O> =
    Result<Answered<<O as Operation>::Answer>, Box<CallError<<O as Call>::Verdict>>>;

/// A success.
#[derive(Debug)]
pub(crate) struct Answered<T> {
    pub(crate) answer: T,
    /// The answer's `Date`, in seconds since the Unix epoch.
    pub(crate) date: Option<i64>,
}

/// What a call wants, told apart from the moment before it leaves: whoever keeps a ledger keeps `sent` then.
pub(crate) enum Wish<T> {
    /// A step.
    Step(Step<T>),
    /// To sign and send now: [`SignedCall::send`] does.
    Leave,
}

impl<O: Call> SignedCall<O> {
    /// Whether it costs credits. A paid operation with a column of free ones, or the other way about, does not compile.
    const CHARGE: Charge = {
        let is_one = matches!(
            (O::CHARGE, <O::Verdict as Column>::CHARGE),
            (Charge::Paid, Charge::Paid) | (Charge::Free, Charge::Free)
        );
        assert!(
            is_one,
            "the operation and its column do not agree on whether it costs credits"
        );
        O::CHARGE
    };

    pub(crate) fn new(session: Arc<Session>, request: &O, terms: Terms) -> Self {
        Self {
            session,
            payload: Payload::from(request.to_json()),
            counters: Counters::since(terms.accepted_at),
            retries: Retries::new(terms.settings.backoff, terms.deadline),
            has_slot: terms.borrows_slot,
            terms,
            attempts: 0,
            earlier: None,
            last_failure: None,
            signed: None,
            reports: VecDeque::new(),
            state: State::Due(None),
        }
    }

    /// The same, with a slot for its first attempt.
    pub(crate) fn with_slot(mut self) -> Self {
        self.has_slot = true;
        self
    }

    /// The next step, or that the next is to leave.
    pub(crate) fn wish(&mut self, now: Now) -> Wish<Called<O>> {
        if let Some(report) = self.reports.pop_front() {
            return Wish::Step(Step::Report(report));
        }
        match &mut self.state {
            State::Due(at) => {
                let at = *at;
                self.due(at, now)
            }
            State::Exchanging(_) => Wish::Step(Step::Read),
            State::Done(result) => Wish::Step(Step::Done(match result.take() {
                Some(result) => result,
                None => Err(Box::new(self.unsent(ErrorKind::Cancelled))),
            })),
        }
    }

    fn due(&mut self, at: Option<Moment>, now: Now) -> Wish<Called<O>> {
        let at = at.max(self.session.paused(now.moment));
        let is_late = |moment: Moment| {
            let deadline = self.terms.deadline;
            deadline.is_some_and(|deadline| moment >= deadline)
        };
        match at.filter(|at| now.moment < *at) {
            // Who sleeps has no slot.
            Some(at) if !is_late(at) => {
                self.has_slot = false;
                Wish::Step(Step::Sleep(at.since(now.moment)))
            }
            None if is_late(now.moment) => self.late(),
            None if self.has_slot => Wish::Leave,
            None => Wish::Step(Step::Slot(self.terms.share, self.terms.deadline)),
            Some(_) => self.late(),
        }
    }

    fn late(&mut self) -> Wish<Called<O>> {
        let failure = self.last_failure.take();
        let failure = failure.unwrap_or_else(|| Box::new(self.unsent(ErrorKind::Deadline)));
        Wish::Step(Step::Done(Err(failure)))
    }

    /// Signs and sends.
    pub(crate) fn send<T>(&mut self, now: Now) -> Result<Step<T>, Box<CallError<O::Verdict>>> {
        let (request, t) = self
            .session
            .sign::<O>(&self.payload, now)
            .map_err(|error| Box::new(self.unsent(error.kind())))?;
        self.signed = Some((t, now.moment));
        self.state = State::Exchanging(Exchange::default());
        self.attempts += 1;
        self.has_slot = false;
        Ok(Step::Send(Box::new(Outgoing {
            request,
            options: self.options(now),
            resend_count: self.attempts - 1,
            keeps_slot: self.terms.borrows_slot,
        })))
    }

    /// What of a success has come so far, while more is awaited.
    pub(crate) fn so_far(&self) -> Option<&[u8]> {
        match &self.state {
            State::Exchanging(exchange) => exchange.so_far(),
            State::Due(_) | State::Done(_) => None,
        }
    }

    /// Which attempt the next one is, from 1.
    pub(crate) const fn attempt(&self) -> u32 {
        self.attempts + 1
    }

    /// The verdict on the last attempt that may have left.
    pub(crate) const fn earlier(&self) -> Option<O::Verdict> {
        self.earlier
    }

    /// Ends it before its next attempt: what the last one came to.
    pub(crate) fn given_up(&mut self) -> CallError<O::Verdict> {
        let last = self.last_failure.take().map(|failure| *failure);
        last.unwrap_or_else(|| self.unsent(ErrorKind::Cancelled))
    }

    fn ended(&mut self, kind: ErrorKind) {
        let mut failure = self.given_up();
        failure.kind = kind;
        self.state = State::Done(Some(Err(Box::new(failure))));
    }

    /// No attempt is to be told of, or none is made any more.
    fn unsent(&self, kind: ErrorKind) -> CallError<O::Verdict> {
        CallError::unsent(kind, self.earlier)
    }

    /// A paid call is not cut short by the deadline: a short time-out makes ambiguity.
    fn options(&self, now: Now) -> SendOptions {
        let timeouts = self.terms.settings.timeouts;
        let policy = self.session.base().address_policy();
        let (route, limit) = match Self::CHARGE {
            Charge::Paid => (Route::Paid, timeouts.submit),
            Charge::Free => {
                let left = self.terms.deadline.map(|at| at.since(now.moment));
                let limit = left.map_or(timeouts.answer, |left| left.min(timeouts.answer));
                (Route::Api, limit)
            }
        };
        SendOptions::new(route, limit, policy).connect_within(timeouts.connect)
    }

    fn concluded(&mut self, answer: Answer, now: Now) {
        let mut class = failure::classify(&answer);
        let mut decode_error = None;
        if class == Class::Success {
            let date = answer.head().and_then(|head| date(&head.headers));
            match O::read(answer.body().map_or(&[], |body| body)) {
                Ok(answer) => {
                    self.retries.succeeded(&self.session);
                    self.state = State::Done(Some(Ok(Answered { answer, date })));
                    return;
                }
                Err(error) => {
                    decode_error = Some(error);
                    class = Class::Unreadable;
                }
            }
        }
        let verdict = O::verdict(class);
        if !class.never_left() {
            self.earlier = Some(verdict);
        }
        let (signed_at, sent_at) = self.signed.unzip();
        let failure = CallError {
            class,
            verdict: Some(verdict),
            kind: verdict.into().kind(),
            attempts: self.attempts,
            earlier: self.earlier,
            signed_at,
            elapsed: sent_at.map_or(Duration::ZERO, |at| now.moment.since(at)),
            retry_after: answer.head().and_then(|head| retry_after(&head.headers)),
            clock_offset: match class {
                Class::Unauthorized => answer
                    .head()
                    .and_then(|head| SigningClock::beyond_correction(date(&head.headers)?, now)),
                _ => None,
            },
            answer: Some(answer),
            decode_error,
        };
        self.state = match self.again(&failure, verdict, now) {
            Some(at) => {
                self.last_failure = Some(Box::new(failure));
                State::Due(Some(at))
            }
            None => State::Done(Some(Err(Box::new(failure)))),
        };
    }

    /// When to send again after a failure, if at all.
    fn again(
        &mut self,
        failure: &CallError<O::Verdict>,
        verdict: O::Verdict,
        now: Now,
    ) -> Option<Moment> {
        if failure.class == Class::Later {
            // The whole client waits, whoever decides on this call.
            let asked = failure.retry_after;
            let spaced = || {
                self.session
                    .backoff(self.terms.settings.backoff, self.attempts)
            };
            let delay = asked.unwrap_or_else(spaced);
            self.session.pause(now.moment + delay);
        }
        match self.counters.judge(verdict, failure.class, now) {
            Follows::CorrectClock => return self.correct_clock(failure, now),
            Follows::WaitOut => return self.retries.wait_out(now),
            Follows::Again if self.terms.retries => {}
            // Whoever polls decides; and no call's column has what only a download can do.
            Follows::Again
            | Follows::Accepted
            | Follows::Over(_)
            | Follows::FromZero
            | Follows::Redirect
            | Follows::FreshLink => return None,
        }
        let failed = Failed {
            asked: failure.retry_after,
            timed_out: failure.timed_out(),
        };
        let again = self.retries.next(failed, &self.session, now)?;
        self.reports.push_back(Progress::Retrying {
            kind: failure.kind,
            delay: again.delay,
            attempts: again.attempts,
        });
        Some(again.at)
    }

    /// At once, if the answer shows that the attempt was signed by a wrong clock.
    fn correct_clock(&mut self, failure: &CallError<O::Verdict>, now: Now) -> Option<Moment> {
        let head = failure.answer.as_ref().and_then(Answer::head)?;
        let date = date(&head.headers)?;
        match self.session.correct_clock(date, now) {
            Some(offset_millis) => self
                .reports
                .push_back(Progress::ClockCorrected { offset_millis }),
            // Another operation has corrected it since this attempt was signed.
            None if self
                .session
                .was_corrected(date, failure.signed_at?, failure.elapsed, now) => {}
            None => return None,
        }
        Some(now.moment)
    }
}

impl<O: Call> Machine for SignedCall<O> {
    const NAME: &'static str = O::NAME;
    type Output = Called<O>;

    fn next(&mut self, now: Now) -> Step<Self::Output> {
        match self.wish(now) {
            Wish::Step(step) => step,
            Wish::Leave => match self.send(now) {
                Ok(step) => step,
                Err(failure) => Step::Done(Err(failure)),
            },
        }
    }

    fn receive(&mut self, now: Now, outcome: Outcome) {
        match (&mut self.state, outcome) {
            (State::Exchanging(exchange), outcome) => {
                let answer = match exchange.receive(outcome) {
                    // A paid call's connection is its own: nothing is gained by reading on to its end, and an id
                    // that is here is kept the sooner.
                    None if Self::CHARGE == Charge::Paid => exchange.end_if_whole(),
                    answer => answer,
                };
                if let Some(answer) = answer {
                    self.concluded(answer, now);
                }
            }
            // Its time has come, or nobody knows why it was woken: what is due is looked at again.
            (State::Due(_), Outcome::Slept) | (State::Done(_), _) => {}
            (State::Due(_), Outcome::Slot) => self.has_slot = true,
            (State::Due(_), Outcome::Cancelled(_)) => self.ended(ErrorKind::Cancelled),
            // An outcome that no step asked for: nothing further is sent.
            (
                State::Due(_),
                Outcome::Head(_)
                | Outcome::SendFailed(_)
                | Outcome::Chunk(_)
                | Outcome::End
                | Outcome::ReadFailed(_)
                | Outcome::Stored
                | Outcome::StoreFailed(_)
                | Outcome::Kept(_),
            ) => self.ended(ErrorKind::UnexpectedAnswer),
        }
    }
}

impl<O: Call> fmt::Debug for SignedCall<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedCall")
            .field("operation", &O::NAME)
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
