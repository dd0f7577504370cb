use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use genrex_proto::{Endpoint, ErrorBody};
use genrex_sign::{Payload, UnixMillis};
use http::header::LOCATION;

use crate::account::Account;
use crate::clock::SigningClock;
use crate::exchange::{Exchange, Seen};
use crate::failure::{self, Call, Class, Verdict};
use crate::machine::{Event, Machine, Outgoing, Step};
use crate::retry_after::{date, retry_after};
use crate::transport::{Moment, Now, Route, SendOptions};
use crate::{Backoff, Error, ErrorKind, Progress};

/// What a signed call is to do.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) endpoint: Endpoint,
    pub(crate) payload: Payload,
    /// No sleep and no repeatable request crosses it.
    pub(crate) deadline: Option<Moment>,
    pub(crate) retry: Retry,
    /// Until then a 404 is asked again: the service's own copies may lag behind a submit.
    pub(crate) grace: Option<Moment>,
}

/// Whether a failed attempt is repeated here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// As the failure table says, spaced so.
    Spaced(Backoff),
    /// Not here: whoever polls decides. A corrected clock still sends once more.
    ByCaller,
}

/// One signed call as a machine: signs each attempt afresh, repeats what the failure table allows, and
/// corrects the clock once.
#[derive(Debug)]
pub(crate) struct SignedCall<T> {
    account: Arc<Account>,
    spec: Spec,
    decode: fn(&[u8]) -> Result<T, genrex_proto::Error>,
    attempts: u32,
    corrected: bool,
    last_cost: Option<u32>,
    last_failure: Option<Failure>,
    signed: Option<(UnixMillis, Moment)>,
    /// The attempt that was announced, so that each is once.
    announced: u32,
    reports: VecDeque<Progress>,
    state: State<T>,
}

#[derive(Debug)]
enum State<T> {
    /// To be sent at this moment, or at once.
    Due(Option<Moment>),
    Exchanging(Exchange),
    Done(Option<Box<Result<T, Failure>>>),
}

/// How a signed call failed, with all that its caller needs to go on.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) class: Class,
    pub(crate) verdict: Verdict,
    pub(crate) kind: ErrorKind,
    pub(crate) attempts: u32,
    pub(crate) signed_at: Option<UnixMillis>,
    pub(crate) elapsed: Duration,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) seen: Option<Seen>,
    decode_error: Option<genrex_proto::Error>,
}

impl<T> SignedCall<T> {
    pub(crate) fn new(
        account: Arc<Account>,
        spec: Spec,
        decode: fn(&[u8]) -> Result<T, genrex_proto::Error>,
    ) -> Self {
        Self {
            account,
            spec,
            decode,
            attempts: 0,
            corrected: false,
            last_cost: None,
            last_failure: None,
            signed: None,
            announced: 0,
            reports: VecDeque::new(),
            state: State::Due(None),
        }
    }

    fn due(&mut self, at: Option<Moment>, now: Now) -> Step<Result<T, Failure>> {
        let at = at.max(self.account.paused(now.moment));
        let is_late = |moment: Moment| {
            self.spec
                .deadline
                .is_some_and(|deadline| moment >= deadline)
        };
        match at.filter(|at| now.moment < *at) {
            Some(at) if is_late(at) => self.out_of_time(),
            Some(at) => Step::Sleep(at.since(now.moment)),
            None if is_late(now.moment) => self.out_of_time(),
            None if self.is_to_be_announced() => {
                self.announced += 1;
                Step::Report(Progress::Submitting {
                    attempt: self.announced,
                })
            }
            None => self.send(now),
        }
    }

    const fn is_to_be_announced(&self) -> bool {
        !self.spec.endpoint.is_repeatable() && self.announced == self.attempts
    }

    fn send(&mut self, now: Now) -> Step<Result<T, Failure>> {
        let (request, t) = match self
            .account
            .sign(self.spec.endpoint, &self.spec.payload, now)
        {
            Ok(signed) => signed,
            Err(error) => return Step::Done(Err(Failure::unsent(error.kind()))),
        };
        self.signed = Some((t, now.moment));
        self.state = State::Exchanging(Exchange::default());
        self.attempts += 1;
        Step::Send(Box::new(Outgoing {
            request,
            options: self.options(now),
            resend_count: self.attempts - 1,
        }))
    }

    /// A paid call is not cut short by the deadline: a short time-out makes ambiguity.
    fn options(&self, now: Now) -> SendOptions {
        const PAID: Duration = Duration::from_secs(60);
        const FREE: Duration = Duration::from_secs(20);
        if self.spec.endpoint.is_repeatable() {
            let left = self
                .spec
                .deadline
                .map(|deadline| deadline.since(now.moment));
            SendOptions::call(Route::Api, left.map_or(FREE, |left| left.min(FREE)))
        } else {
            SendOptions::call(Route::Paid, PAID)
        }
    }

    fn out_of_time(&mut self) -> Step<Result<T, Failure>> {
        let failure = self.last_failure.take();
        Step::Done(Err(
            failure.unwrap_or_else(|| Failure::unsent(ErrorKind::Deadline))
        ))
    }

    fn concluded(&mut self, seen: Seen, now: Now) {
        let call = Call::from(self.spec.endpoint);
        let (mut class, mut verdict) = failure::judge(call, &seen);
        let mut decode_error = None;
        if verdict == Verdict::Accept {
            match (self.decode)(seen.body().map_or(&[], |body| body)) {
                Ok(answer) => {
                    self.account.give_back_retry(self.last_cost);
                    self.state = State::Done(Some(Box::new(Ok(answer))));
                    return;
                }
                Err(error) => {
                    decode_error = Some(error);
                    class = Class::Unreadable;
                    verdict = failure::verdict(call, class);
                }
            }
        }
        let (signed_at, sent_at) = self.signed.unzip();
        let failure = Failure {
            class,
            verdict,
            kind: verdict.kind(),
            attempts: self.attempts,
            signed_at,
            elapsed: sent_at.map_or(Duration::ZERO, |at| now.moment.since(at)),
            retry_after: seen.head().and_then(|head| retry_after(&head.headers)),
            seen: Some(seen),
            decode_error,
        };
        self.state = match self.again(&failure, now) {
            Some(at) => {
                self.last_failure = Some(failure);
                State::Due(Some(at))
            }
            None => State::Done(Some(Box::new(Err(failure)))),
        };
    }

    /// When to send again after a failure, if at all.
    fn again(&mut self, failure: &Failure, now: Now) -> Option<Moment> {
        if let Verdict::CorrectClock(_) = failure.verdict {
            return self.correct_clock(failure, now);
        }
        if failure.class == Class::Later {
            // The whole account waits, whoever decides on this call.
            let backoff = match self.spec.retry {
                Retry::Spaced(backoff) => backoff,
                Retry::ByCaller => Backoff::default(),
            };
            let asked = failure.retry_after;
            let delay = asked.unwrap_or_else(|| self.account.backoff(backoff, self.attempts));
            self.account.pause(now.moment + delay);
        }
        let Retry::Spaced(backoff) = self.spec.retry else {
            return None;
        };
        let in_grace = self.spec.grace.is_some_and(|grace| now.moment < grace);
        let tries = match failure.verdict {
            Verdict::Retry(..) if failure.class == Class::NotFound && in_grace => u32::MAX,
            Verdict::Retry(tries, _) => tries,
            Verdict::RetryToDeadline(_) => u32::MAX,
            _ => return None,
        };
        let timed_out = failure
            .seen
            .as_ref()
            .and_then(Seen::error)
            .is_some_and(|error| error.kind().is_timeout());
        if self.attempts >= tries {
            return None;
        }
        let delay = match failure.retry_after {
            Some(asked) => asked.max(Backoff::FLOOR),
            None => self.account.backoff(backoff, self.attempts),
        };
        let at = now.moment + delay;
        if self.spec.deadline.is_some_and(|deadline| at >= deadline) {
            return None;
        }
        self.last_cost = Some(self.account.take_retry(timed_out)?);
        self.reports.push_back(Progress::Retrying {
            kind: failure.kind,
            delay,
            attempts: self.attempts,
        });
        Some(at)
    }

    /// At once, if the answer shows that the attempt was signed by a wrong clock; and only once.
    fn correct_clock(&mut self, failure: &Failure, now: Now) -> Option<Moment> {
        if self.corrected {
            return None;
        }
        let head = failure.seen.as_ref().and_then(Seen::head)?;
        let date = date(&head.headers)?;
        match self.account.correct_clock(date, now) {
            Some(offset_millis) => self
                .reports
                .push_back(Progress::ClockCorrected { offset_millis }),
            // Another operation has corrected it since this attempt was signed.
            None if SigningClock::was_wrong(date, failure.signed_at?, failure.elapsed) => {}
            None => return None,
        }
        self.corrected = true;
        Some(now.moment)
    }
}

impl<T> Machine for SignedCall<T> {
    type Output = Result<T, Failure>;

    fn next(&mut self, now: Now) -> Step<Self::Output> {
        if let Some(report) = self.reports.pop_front() {
            return Step::Report(report);
        }
        match &mut self.state {
            State::Due(at) => {
                let at = *at;
                self.due(at, now)
            }
            State::Exchanging(_) => Step::Read,
            State::Done(result) => Step::Done(match result.take() {
                Some(result) => *result,
                None => Err(Failure::unsent(ErrorKind::Cancelled)),
            }),
        }
    }

    fn receive(&mut self, now: Now, event: Event) {
        match (&mut self.state, event) {
            (State::Exchanging(exchange), event) => {
                if let Some(seen) = exchange.receive(event) {
                    self.concluded(seen, now);
                }
            }
            (State::Due(_), Event::Cancelled(_)) => {
                let failure = Failure::unsent(ErrorKind::Cancelled);
                self.state = State::Done(Some(Box::new(Err(failure))));
            }
            (State::Due(_) | State::Done(_), _) => {}
        }
    }
}

impl Failure {
    /// Nothing was sent, or nothing of the last attempt that a caller needs to know.
    fn unsent(kind: ErrorKind) -> Self {
        Self {
            class: Class::Cancelled,
            verdict: Verdict::Final(kind),
            kind,
            attempts: 0,
            signed_at: None,
            elapsed: Duration::ZERO,
            retry_after: None,
            seen: None,
            decode_error: None,
        }
    }

    /// Says it to people.
    pub(crate) fn into_error(self) -> Error {
        let status = self.seen.as_ref().and_then(Seen::status);
        let error = Error::new(self.kind, self.message())
            .with_status(status)
            .with_retry_after(self.retry_after);
        match (self.decode_error, self.seen) {
            (Some(cause), _) => error.with_source(cause),
            (None, Some(Seen::Failed(cause) | Seen::Cut { error: cause, .. })) => {
                error.with_source(cause)
            }
            (None, _) => error,
        }
    }

    fn message(&self) -> String {
        let said = || match &self.seen {
            Some(Seen::Answered { head, body }) => {
                format!("{} ({})", ErrorBody::parse(body), head.status)
            }
            Some(Seen::TooLarge { head } | Seen::Cut { head, .. }) => {
                format!("status {}", head.status)
            }
            Some(Seen::Failed(_)) | None => String::from("no answer"),
        };
        let tries = match self.attempts {
            0 | 1 => String::new(),
            tries => format!(" after {tries} tries"),
        };
        match self.kind {
            ErrorKind::Credentials => format!("the service refused the signature: {}", said()),
            ErrorKind::OutOfCredit => format!("the account has not enough credit: {}", said()),
            ErrorKind::NotFound => format!("the service does not know the job: {}", said()),
            ErrorKind::RateLimited => format!("the service asked to slow down{tries}: {}", said()),
            ErrorKind::Refused => format!("the service refused the request: {}", said()),
            ErrorKind::Certificate => String::from("the service's certificate was refused"),
            ErrorKind::TooLarge => String::from("the answer is larger than 1 MiB"),
            ErrorKind::Cancelled => String::from("cancelled"),
            ErrorKind::Deadline => {
                String::from("the time given was over before a request could be sent")
            }
            ErrorKind::UnexpectedAnswer => match (self.class, self.location()) {
                (Class::Redirect, Some(to)) => {
                    format!(
                        "the service answered with a redirect, which is never followed, to {to}"
                    )
                }
                (Class::Redirect, None) => {
                    String::from("the service answered with a redirect to nowhere")
                }
                _ => format!("the service's answer could not be read{tries}"),
            },
            _ if self.class == Class::NeverLeft => {
                format!("the service could not be reached{tries}")
            }
            _ => match self.seen {
                Some(Seen::Answered { .. }) => {
                    format!("the service is in trouble{tries}: {}", said())
                }
                _ => format!("no answer came from the service{tries}"),
            },
        }
    }

    fn location(&self) -> Option<String> {
        let location = self.seen.as_ref()?.head()?.headers.get(LOCATION)?;
        let text = String::from_utf8_lossy(location.as_bytes());
        // A query may hold a secret of the gateway's.
        let bare = text.split('?').next().unwrap_or_default();
        Some(genrex_proto::Escaped(bare).to_string())
    }
}

impl Verdict {
    /// The kind of the error that it ends in.
    const fn kind(self) -> ErrorKind {
        match self {
            Self::Final(kind)
            | Self::Retry(_, kind)
            | Self::RetryToDeadline(kind)
            | Self::CorrectClock(kind)
            | Self::FreshLink(_, kind) => kind,
            Self::Ambiguous | Self::Salvage => ErrorKind::Ambiguous,
            Self::Accept | Self::Follow(_) | Self::StartOver | Self::Impossible => {
                ErrorKind::UnexpectedAnswer
            }
        }
    }
}
