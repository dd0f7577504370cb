use std::sync::Arc;

use genrex_proto::{Endpoint, Excerpt, GenerateRequest, Generation, QueryId, RetrieveRequest};
use genrex_sign::Payload;

use crate::account::Account;
use crate::call::{Failure, Retry, SignedCall, Spec};
use crate::exchange::Seen;
use crate::failure::{Class, Verdict};
use crate::machine::{Event, Machine, Step};
use crate::transport::{Moment, Now};
use crate::wait::Wait;
use crate::{Backoff, Error, ErrorKind, Evidence, Job, Progress};

/// How a submit ended: one of four ways, and nothing else.
///
/// A submit costs credits and cannot be undone, listed or repeated safely, so what is known of it
/// decides what may be done next. [`into_result`](Self::into_result) is for a caller who goes on only
/// with a job.
#[derive(Debug)]
#[must_use = "an ambiguous submit may have been charged, and an accepted one was"]
pub enum Submission {
    /// The service took the job.
    Accepted(Job),
    /// The service refused it: nothing was charged.
    Refused(Error),
    /// It is proved that the request did not leave: nothing was charged.
    NotSent(Error),
    /// It may have been charged, and was not sent again. The error holds the
    /// [evidence](Error::evidence).
    Ambiguous(Error),
}

impl Submission {
    /// The job, or why there is none.
    ///
    /// # Errors
    ///
    /// What the other three ways hold; [`ErrorKind::Ambiguous`] is the one that may have cost credits.
    pub fn into_result(self) -> Result<Job, Error> {
        match self {
            Self::Accepted(job) => Ok(job),
            Self::Refused(error) | Self::NotSent(error) | Self::Ambiguous(error) => Err(error),
        }
    }
}

/// One paid submit as a machine.
#[derive(Debug)]
pub(crate) struct Submit {
    account: Arc<Account>,
    deadline: Option<Moment>,
    backoff: Backoff,
    report: Option<Progress>,
    state: State,
}

#[derive(Debug)]
enum State {
    Submitting(Box<SignedCall<Generation>>),
    /// A broken answer held a whole id: the service is asked whether it knows it.
    Confirming {
        call: Box<SignedCall<Generation>>,
        id: QueryId,
        failure: Box<Failure>,
    },
    Done(Option<Submission>),
}

impl Submit {
    pub(crate) fn new(
        account: Arc<Account>,
        request: &GenerateRequest,
        deadline: Option<Moment>,
        backoff: Backoff,
    ) -> Self {
        let spec = Spec {
            endpoint: Endpoint::Generate,
            payload: Payload::from(request.to_json()),
            deadline,
            retry: Retry::Spaced(backoff),
            grace: None,
        };
        let call = SignedCall::new(Arc::clone(&account), spec, Generation::from_json);
        Self {
            account,
            deadline,
            backoff,
            report: None,
            state: State::Submitting(Box::new(call)),
        }
    }

    fn submitted(&mut self, result: Result<Generation, Failure>, now: Now) -> State {
        let failure = match result {
            Ok(generation) => return self.accepted(generation.id, now),
            Err(failure) => failure,
        };
        match failure.verdict {
            Verdict::Salvage => {
                let body = failure.seen.as_ref().and_then(Seen::body);
                match body.and_then(|body| QueryId::salvage(body)) {
                    Some(id) => {
                        self.report = Some(Progress::Salvaged { id: id.clone() });
                        self.confirm(id, failure, now)
                    }
                    None => State::Done(Some(ambiguous(failure, None))),
                }
            }
            Verdict::Ambiguous => State::Done(Some(ambiguous(failure, None))),
            _ if failure.class.never_left() => {
                State::Done(Some(Submission::NotSent(failure.into_error())))
            }
            _ => State::Done(Some(Submission::Refused(failure.into_error()))),
        }
    }

    fn accepted(&mut self, id: QueryId, now: Now) -> State {
        self.report = Some(Progress::Accepted { id: id.clone() });
        State::Done(Some(Submission::Accepted(Job::accepted(id, now.moment))))
    }

    /// An id that stood whole in a success is believed, unless the service does not know it.
    fn confirmed(
        &mut self,
        result: Result<Generation, Failure>,
        id: QueryId,
        failure: Failure,
        now: Now,
    ) -> State {
        match result {
            Err(unknown) if unknown.class == Class::NotFound => {
                State::Done(Some(ambiguous(failure, Some(id))))
            }
            _ => self.accepted(id, now),
        }
    }

    fn confirm(&self, id: QueryId, failure: Failure, now: Now) -> State {
        let spec = Spec {
            endpoint: Endpoint::Retrieve,
            payload: Payload::from(RetrieveRequest::new(id.clone()).to_json()),
            deadline: self.deadline,
            retry: Retry::Spaced(self.backoff),
            grace: Some(now.moment + Wait::GRACE),
        };
        State::Confirming {
            call: Box::new(SignedCall::new(
                Arc::clone(&self.account),
                spec,
                Generation::from_json,
            )),
            id,
            failure: Box::new(failure),
        }
    }
}

fn ambiguous(failure: Failure, unconfirmed_id: Option<QueryId>) -> Submission {
    let seen = failure.seen.as_ref();
    let evidence = Evidence {
        seen: failure.class,
        // An ambiguous attempt was signed, or it could not have left.
        signed_at: failure.signed_at.unwrap_or(genrex_sign::UnixMillis::new(0)),
        elapsed: failure.elapsed,
        status: seen.and_then(Seen::status),
        excerpt: seen.and_then(Seen::body).map(|body| Excerpt::new(body)),
        unconfirmed_id,
        detail: seen.and_then(Seen::error).map(ToString::to_string),
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

impl Machine for Submit {
    type Output = Submission;

    fn next(&mut self, now: Now) -> Step<Submission> {
        loop {
            if let Some(report) = self.report.take() {
                return Step::Report(report);
            }
            self.state = match &mut self.state {
                State::Submitting(call) => match call.next(now).within() {
                    Ok(step) => return step,
                    Err(result) => self.submitted(result, now),
                },
                State::Confirming { call, id, .. } => match call.next(now).within() {
                    Ok(step) => return step,
                    Err(result) => {
                        let id = id.clone();
                        match std::mem::replace(&mut self.state, State::Done(None)) {
                            State::Confirming { failure, .. } => {
                                self.confirmed(result, id, *failure, now)
                            }
                            other => other,
                        }
                    }
                },
                State::Done(submission) => {
                    let over =
                        || Submission::NotSent(Error::new(ErrorKind::Cancelled, "already over"));
                    return Step::Done(submission.take().unwrap_or_else(over));
                }
            };
        }
    }

    fn receive(&mut self, now: Now, event: Event) {
        match &mut self.state {
            State::Submitting(call) | State::Confirming { call, .. } => call.receive(now, event),
            State::Done(_) => {}
        }
    }
}
