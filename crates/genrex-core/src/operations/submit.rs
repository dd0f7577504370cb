//! The paid call: four outcomes, and an id that stands whole in a broken answer.

mod submission;

use std::sync::Arc;

use genrex_ledger::Refusal;
use genrex_proto::{Excerpt, GenerateRequest, Generation, QueryId, RetrieveRequest};

pub use self::submission::Submission;
use crate::failure::{Class, Free, Next, Paid};
use crate::machine::{Machine as _, Outcome, Step};
use crate::operations::call::exchange::Answer;
use crate::operations::call::{Answered, CallError, SignedCall, Terms, Wish};
use crate::session::Session;
use crate::transport::Now;
use crate::{Error, ErrorKind, Evidence, Job};

/// One paid submit as a machine within a purchase, which keeps what it is told to before each [`Wants::Leave`] and
/// at [`Wants::Keep`].
#[derive(Debug)]
pub(crate) struct Submit {
    session: Arc<Session>,
    terms: Terms,
    seconds: u8,
    /// An id that stands whole in an answer which is not whole yet, and whether it was handed on to be kept.
    early: Option<(QueryId, bool)>,
    state: State,
}

#[derive(Debug)]
enum State {
    Submitting(Box<SignedCall<GenerateRequest>>),
    /// A broken answer held a whole id, which is to be kept before it is confirmed.
    Salvaged(QueryId, Box<CallError<Paid>>),
    /// The service is asked whether it knows it.
    Confirming {
        call: Box<SignedCall<RetrieveRequest>>,
        id: QueryId,
        failure: Box<CallError<Paid>>,
    },
    Over,
}

/// What a submit wants of the purchase around it.
pub(crate) enum Wants {
    Step(Step<Submission>),
    /// To send a paid request now: [`Submit::send`] does. The number is the attempt's, from 1.
    Leave(u32),
    /// That this id is kept as unconfirmed; then [`Submit::kept`].
    Keep(QueryId),
}

impl Submit {
    pub(crate) fn new(session: Arc<Session>, request: &GenerateRequest, terms: Terms) -> Self {
        let call = SignedCall::new(Arc::clone(&session), request, terms);
        Self {
            session,
            terms,
            seconds: request.duration().get(),
            early: None,
            state: State::Submitting(Box::new(call)),
        }
    }

    pub(crate) fn wants(&mut self, now: Now) -> Wants {
        if let Some((id, is_handed_on)) = &mut self.early
            && !*is_handed_on
        {
            *is_handed_on = true;
            return Wants::Keep(id.clone());
        }
        match &mut self.state {
            State::Submitting(call) => match call.wish(now) {
                Wish::Leave => Wants::Leave(call.attempt()),
                Wish::Step(step) => match step.within() {
                    Ok(step) => Wants::Step(step),
                    Err(result) => self.submitted(result, now),
                },
            },
            State::Salvaged(id, _) => Wants::Keep(id.clone()),
            State::Confirming { call, .. } => match call.next(now).within() {
                Ok(step) => Wants::Step(step),
                Err(result) => self.confirmed(result, now),
            },
            State::Over => self.over(already_over()),
        }
    }

    /// Signs and sends the paid request.
    pub(crate) fn send(&mut self, now: Now) -> Wants {
        match &mut self.state {
            State::Submitting(call) => match call.send(now) {
                Ok(step) => Wants::Step(step),
                Err(failure) => self.submitted(Err(failure), now),
            },
            State::Salvaged(..) | State::Confirming { .. } | State::Over => self.wants(now),
        }
    }

    /// An id was kept, as far as it could be: one of a broken answer is asked after. Returns it then.
    pub(crate) fn kept(&mut self, now: Now) -> Option<QueryId> {
        let id = match &self.state {
            State::Salvaged(id, _) => id.clone(),
            State::Submitting(_) | State::Confirming { .. } | State::Over => return None,
        };
        self.confirm(now);
        Some(id)
    }

    /// Whether an attempt has left, and was refused.
    pub(crate) fn has_left(&self) -> bool {
        match &self.state {
            State::Submitting(call) => call.earlier().is_some(),
            State::Salvaged(..) | State::Confirming { .. } | State::Over => false,
        }
    }

    /// Ends it before its next attempt, and says why.
    pub(crate) fn give_up(&mut self, why: &str, cause: Option<Error>) -> Submission {
        let failure = match std::mem::replace(&mut self.state, State::Over) {
            State::Submitting(mut call) => call.given_up(),
            State::Salvaged(_, failure) | State::Confirming { failure, .. } => *failure,
            State::Over => return already_over(),
        };
        let earlier = failure.earlier;
        let is_cancelled = cause
            .as_ref()
            .is_some_and(|cause| cause.kind() == ErrorKind::Cancelled);
        let kind = match earlier {
            Some(verdict) if !is_cancelled => Next::from(verdict).kind(),
            Some(_) | None => ErrorKind::Cancelled,
        };
        let answered = failure.into_error();
        let error = Error::new(kind, why)
            .with_status(answered.status())
            .with_retry_after(answered.retry_after())
            .with_source(cause.unwrap_or(answered));
        unsent(earlier, error)
    }

    fn confirm(&mut self, now: Now) {
        self.state = match std::mem::replace(&mut self.state, State::Over) {
            State::Salvaged(id, failure) => {
                let mut terms = self.terms;
                terms.accepted_at = Some(now.moment);
                let request = RetrieveRequest::new(id.clone());
                let call = SignedCall::new(Arc::clone(&self.session), &request, terms);
                State::Confirming {
                    call: Box::new(call),
                    id,
                    failure,
                }
            }
            other => other,
        };
    }

    pub(crate) fn receive(&mut self, now: Now, outcome: Outcome) {
        match &mut self.state {
            State::Submitting(call) => {
                call.receive(now, outcome);
                if self.early.is_none() {
                    let id = call.so_far().and_then(QueryId::salvage);
                    self.early = id.map(|id| (id, false));
                }
            }
            State::Confirming { call, .. } => call.receive(now, outcome),
            // It is the purchase around it that is told whether the id was kept.
            State::Salvaged(..) => self.confirm(now),
            State::Over => {}
        }
    }

    fn submitted(
        &mut self,
        result: Result<Answered<Generation>, Box<CallError<Paid>>>,
        now: Now,
    ) -> Wants {
        let failure = match result {
            Ok(answered) => return self.accepted(answered.answer.id, now),
            Err(failure) => failure,
        };
        let Some(verdict) = failure.verdict else {
            return self.over(unsent(failure.earlier, failure.into_error()));
        };
        match verdict {
            Paid::NotSent(..) => self.over(unsent(failure.earlier, failure.into_error())),
            Paid::Refused(refusal, _) | Paid::RefusedForNow(_, refusal, _) => {
                self.over(Submission::refused(refusal, failure.into_error()))
            }
            Paid::RefusedSignature => self.over(Submission::refused(
                Refusal::Credentials,
                failure.into_error(),
            )),
            Paid::Salvage => {
                let body = failure.answer.as_ref().and_then(Answer::body);
                match body.and_then(|body| QueryId::salvage(body)) {
                    Some(id) => {
                        self.state = State::Salvaged(id.clone(), failure);
                        Wants::Keep(id)
                    }
                    None => self.unclear(*failure),
                }
            }
            // A success that was not one cannot be: whatever it is, it may have been charged.
            Paid::Accepted | Paid::Ambiguous => self.unclear(*failure),
        }
    }

    /// It may have been charged. An id that stood whole in what came of its answer is told, whatever came after it.
    fn unclear(&mut self, failure: CallError<Paid>) -> Wants {
        let early = self.early.take().map(|(id, _)| id);
        let id = early.or_else(|| {
            let answer = failure.answer.as_ref();
            let success = answer.filter(|_| failure.class == Class::TooLarge)?;
            QueryId::salvage(success.body()?)
        });
        self.over(ambiguous(failure, id))
    }

    fn accepted(&mut self, id: QueryId, now: Now) -> Wants {
        self.over(Submission::Accepted(Job::accepted(
            id,
            self.seconds,
            now.moment,
        )))
    }

    /// An id that stood whole in a success is believed, unless the service does not know it.
    fn confirmed(
        &mut self,
        result: Result<Answered<Generation>, Box<CallError<Free>>>,
        now: Now,
    ) -> Wants {
        let (id, failure) = match std::mem::replace(&mut self.state, State::Over) {
            State::Confirming { id, failure, .. } => (id, failure),
            State::Submitting(_) | State::Salvaged(..) | State::Over => return self.wants(now),
        };
        match result {
            Err(unknown) if unknown.class == Class::NotFound => {
                self.over(ambiguous(*failure, Some(id)))
            }
            Ok(_) | Err(_) => self.accepted(id, now),
        }
    }

    fn over(&mut self, submission: Submission) -> Wants {
        self.state = State::Over;
        Wants::Step(Step::Done(submission))
    }
}

/// What is known when the last attempt did not leave: what became of one before it that did.
fn unsent(earlier: Option<Paid>, error: Error) -> Submission {
    match earlier {
        None | Some(Paid::NotSent(..)) => Submission::NotSent(error),
        Some(Paid::Refused(refusal, _) | Paid::RefusedForNow(_, refusal, _)) => {
            Submission::refused(refusal, error)
        }
        Some(Paid::RefusedSignature) => Submission::refused(Refusal::Credentials, error),
        // None of them is sent again; if one was, it may have been charged.
        Some(Paid::Accepted | Paid::Salvage | Paid::Ambiguous) => {
            Submission::Ambiguous(error.of_kind(ErrorKind::Ambiguous))
        }
    }
}

fn already_over() -> Submission {
    Submission::NotSent(Error::new(ErrorKind::Cancelled, "already over"))
}

fn ambiguous(failure: CallError<Paid>, unconfirmed_id: Option<QueryId>) -> Submission {
    let answer = failure.answer.as_ref();
    let evidence = Evidence {
        seen: failure.class,
        // An ambiguous attempt was signed, or it could not have left.
        signed_at: failure.signed_at.unwrap_or(genrex_sign::UnixMillis::new(0)),
        elapsed: failure.elapsed,
        status: answer.and_then(Answer::status),
        excerpt: answer.and_then(Answer::body).map(|body| Excerpt::new(body)),
        unconfirmed_id,
        detail: answer.and_then(Answer::error).map(ToString::to_string),
    };
    let message = format!("the submit may have been charged, and was not sent again: {evidence}");
    let id = evidence.unconfirmed_id.clone();
    let cause = failure.into_error();
    let error = Error::new(ErrorKind::Ambiguous, message)
        .with_status(cause.status())
        .with_evidence(evidence)
        .with_source(cause);
    Submission::Ambiguous(match id {
        Some(id) => error.with_query_id(&id),
        None => error,
    })
}
