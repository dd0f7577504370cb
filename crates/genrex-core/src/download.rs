//! One download: resumed where it broke off, renewed where the link expired, each redirect followed and checked.

pub(crate) mod asset_url;
mod downloaded;
mod received;
mod wav;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use genrex_ledger::{self as ledger, Event, Filter};
use genrex_proto::{Generation, RetrieveRequest, Status};
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, IF_RANGE, LOCATION, RANGE, USER_AGENT};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Request, StatusCode};

use self::asset_url::AssetUrl;
pub use self::downloaded::{Downloaded, Sha256Digest};
use self::received::{Received, announced, length};
use crate::call::retries::{Failed, Retries};
use crate::call::retry_after::retry_after;
use crate::call::{SignedCall, Terms};
use crate::failure::{self, Class, Counters, Follows, Next, class_of_failure, class_of_status};
use crate::machine::{Keep, Kept, Machine, Outcome, Outgoing, Step};
use crate::session::{AGENT, Session};
use crate::transport::{Moment, Now, Route, SendOptions, TransportError};
use crate::{Audio, Error, ErrorKind, Progress, Track};

/// One download as a machine: resumes what broke off, renews what expired, follows and checks each
/// redirect, and lets nothing be committed that is not the whole of a WAVE file.
#[derive(Debug)]
pub(crate) struct Download {
    session: Arc<Session>,
    audio: Audio,
    terms: Terms,
    /// Where the sink puts it, for the ledger to keep; `None` without a ledger or a place.
    destination: Option<String>,
    retries: Retries,
    url: Option<AssetUrl>,
    received: Received,
    sent: u32,
    counters: Counters,
    reports: VecDeque<Progress>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// To be asked for at this moment, or at once.
    Due(Option<Moment>),
    AwaitingHead,
    /// The sink is to be told how long the file is.
    Announcing,
    Reading,
    Writing(Bytes),
    /// Emptying the sink, and then as this says.
    Restarting(Then),
    Renewing(Box<SignedCall<RetrieveRequest>>),
    Committing,
    /// Finding the job in the ledger.
    Finding(Downloaded),
    Keeping(ledger::LocalId, Downloaded),
    Done(Option<Box<Result<Downloaded, Error>>>),
}

/// What follows when the sink has been emptied.
#[derive(Debug, Clone, Copy)]
enum Then {
    ReadOn,
    AskAgain(Option<Moment>),
}

impl Download {
    /// The largest piece that is kept: 256 MiB. 60 s of 32 kHz mono are 3.8 MB.
    const CAP: u64 = 256 << 20;

    pub(crate) fn new(
        session: Arc<Session>,
        audio: Audio,
        terms: Terms,
        destination: Option<String>,
    ) -> Self {
        let url = AssetUrl::new(audio.url(), session.base().address_policy());
        let mut machine = Self {
            session,
            audio,
            destination,
            retries: Retries::new(terms.settings.backoff, terms.deadline),
            terms,
            url: None,
            received: Received::default(),
            sent: 0,
            counters: Counters::default(),
            reports: VecDeque::new(),
            state: State::Due(None),
        };
        match url {
            Ok(url) => machine.url = Some(url),
            Err(error) => machine.over(error),
        }
        machine
    }

    fn send(&mut self, now: Now) -> Step<Result<Downloaded, Error>> {
        let Some(url) = &self.url else {
            let error = Error::new(ErrorKind::UnexpectedAnswer, "there is no link");
            return Step::Done(Err(error));
        };
        let mut headers = HeaderMap::new();
        let kinds = HeaderValue::from_static("audio/wav, audio/*;q=0.9, */*;q=0.1");
        headers.insert(ACCEPT, kinds);
        headers.insert(USER_AGENT, AGENT);
        if let Some((range, etag)) = self.received.rest() {
            headers.insert(RANGE, range);
            headers.insert(IF_RANGE, etag);
        }
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = url.uri().clone();
        *request.headers_mut() = headers;
        self.state = State::AwaitingHead;
        self.sent += 1;
        let timeouts = self.terms.settings.timeouts;
        let policy = self.session.base().address_policy();
        Step::Send(Box::new(Outgoing {
            request,
            options: SendOptions::new(Route::Asset, self.time_left(now), policy)
                .connect_within(timeouts.connect)
                .idle_within(timeouts.answer),
            resend_count: self.sent - 1,
        }))
    }

    fn time_left(&self, now: Now) -> Duration {
        const LONGEST: Duration = Duration::from_secs(60 * 60);
        let deadline = self.terms.deadline;
        deadline.map_or(LONGEST, |deadline| deadline.since(now.moment))
    }

    fn head(&mut self, head: &Parts, now: Now) {
        let class = class_of_status(head.status);
        if class != Class::Success {
            return self.refused(class, head, now);
        }
        let encoding = head.headers.get(CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| encoding != "identity") {
            let error = unexpected("the audio came compressed, unasked");
            return self.judged(Class::Unreadable, error, None, now);
        }
        let kind = head.headers.get(CONTENT_TYPE);
        if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
            let error = unexpected("a page came in place of the audio");
            return self.judged(Class::NotAudio, error, None, now);
        }
        match head.status {
            StatusCode::PARTIAL_CONTENT if self.received.continues(head) => {
                self.state = State::Reading;
            }
            StatusCode::PARTIAL_CONTENT => self.mismatched(now),
            StatusCode::OK if announced(head).is_some_and(|total| total > Self::CAP) => {
                self.too_large(now);
            }
            StatusCode::OK => {
                let is_started_over = self.received.bytes > 0;
                self.received = Received::begin(head);
                if is_started_over {
                    self.reports.push_back(Progress::StartedOver);
                    self.state = State::Restarting(Then::ReadOn);
                } else {
                    self.state = State::Announcing;
                }
            }
            status => {
                let error = unexpected(format!("the storage answered {status}"));
                self.judged(Class::Unreadable, error, None, now);
            }
        }
    }

    /// A status that is no success.
    fn refused(&mut self, class: Class, head: &Parts, now: Now) {
        // Asked for more than there is: what is here is of another version.
        if head.status == StatusCode::RANGE_NOT_SATISFIABLE {
            return self.mismatched(now);
        }
        let message = match class {
            Class::Redirect => String::from("the storage redirects too often"),
            _ => format!("the storage answered {}", head.status),
        };
        let error = unexpected(message).with_status(Some(head.status.as_u16()));
        let verdict = failure::download(class);
        match self.counters.judge(verdict, class, now) {
            Follows::Redirect => self.redirected(head),
            follows => {
                let error = error.of_kind(Next::from(verdict).kind());
                self.follow(follows, error, retry_after(&head.headers), now);
            }
        }
    }

    /// What a failure leads to, by the table; what was received is kept and gone on from, where it can be.
    fn judged(&mut self, class: Class, error: Error, asked: Option<Duration>, now: Now) {
        let verdict = failure::download(class);
        let follows = self.counters.judge(verdict, class, now);
        self.follow(
            follows,
            error.of_kind(Next::from(verdict).kind()),
            asked,
            now,
        );
    }

    fn follow(&mut self, follows: Follows, error: Error, asked: Option<Duration>, now: Now) {
        match follows {
            Follows::Again => self.again(asked, error, now),
            Follows::FromZero => {
                self.received = Received::default();
                self.reports.push_back(Progress::StartedOver);
                self.again(asked, error, now);
                if let State::Due(at) = self.state {
                    self.state = State::Restarting(Then::AskAgain(at));
                }
            }
            Follows::FreshLink => self.renew(),
            // A redirect to nowhere is followed nowhere, a success is no failure, and nothing is signed.
            Follows::Over(_) | Follows::Redirect | Follows::Accepted | Follows::CorrectClock => {
                self.over(error);
            }
        }
    }

    fn again(&mut self, asked: Option<Duration>, error: Error, now: Now) {
        let failed = Failed {
            asked,
            ..Failed::default()
        };
        let Some(again) = self.retries.next(failed, &self.session, now) else {
            return self.over(error);
        };
        self.reports.push_back(Progress::Retrying {
            kind: error.kind(),
            delay: again.delay,
            attempts: again.attempts,
        });
        self.ask_again(Some(again.at));
    }

    /// From where the received bytes end, or from zero where nothing says that the rest would fit.
    fn ask_again(&mut self, at: Option<Moment>) {
        if self.received.is_resumable() {
            self.state = State::Due(at);
        } else {
            self.received = Received::default();
            self.state = State::Restarting(Then::AskAgain(at));
        }
    }

    fn redirected(&mut self, head: &Parts) {
        let location = head.headers.get(LOCATION).and_then(|to| to.to_str().ok());
        let (Some(location), Some(url)) = (location, &self.url) else {
            return self.over(unexpected("the storage redirects to nowhere"));
        };
        match url.redirected(location, self.session.base().address_policy()) {
            Ok(target) => {
                self.url = Some(target);
                self.state = State::Due(None);
            }
            Err(error) => self.over(error),
        }
    }

    fn chunk(&mut self, bytes: Bytes, now: Now) {
        if self.received.bytes.saturating_add(length(&bytes)) > Self::CAP {
            return self.too_large(now);
        }
        if self.received.feed(&bytes) {
            self.state = State::Writing(bytes);
        } else {
            let error = unexpected("what came is not a WAVE file");
            self.judged(Class::NotAudio, error, None, now);
        }
    }

    /// A chunk is in the sink.
    fn stored(&mut self, bytes: &Bytes) {
        self.received.keep(bytes);
        self.reports.push_back(Progress::Downloading {
            received: self.received.bytes,
            total: self.received.total,
        });
        self.state = State::Reading;
    }

    fn body_ended(&mut self, now: Now) {
        if self.received.is_short() {
            let error = unexpected("the audio broke off");
            self.judged(Class::Unreadable, error, None, now);
        } else if self.received.is_whole() {
            self.state = State::Committing;
        } else {
            let error = unexpected("the file is not as long as it says");
            self.judged(Class::NotAudio, error, None, now);
        }
    }

    fn broke_off(&mut self, error: TransportError, now: Now) {
        let class = class_of_failure(error.kind());
        let failure = unexpected("the audio could not be downloaded").with_source(error);
        self.judged(class, failure, None, now);
    }

    fn mismatched(&mut self, now: Now) {
        let error = unexpected("the storage does not answer for the part that is missing");
        self.judged(Class::Mismatched, error, None, now);
    }

    fn too_large(&mut self, now: Now) {
        let error = unexpected("the audio is larger than 256 MiB");
        self.judged(Class::TooLarge, error, None, now);
    }

    /// Asks the service for a fresh link.
    fn renew(&mut self) {
        let id = self.audio.job().clone();
        let request = RetrieveRequest::new(id.clone());
        let call = SignedCall::new(Arc::clone(&self.session), &request, self.terms);
        self.reports.push_back(Progress::FreshLink { id });
        self.state = State::Renewing(Box::new(call));
    }

    fn renewed(&mut self, generation: Generation) {
        let policy = self.session.base().address_policy();
        if generation.id != *self.audio.job() || generation.status != Status::Completed {
            let message =
                "the answer with the fresh link is about another job, or one that is not completed";
            return self.over(unexpected(message));
        }
        let track = Track::new(generation, policy, Duration::ZERO, 1);
        let url = track.and_then(|track| {
            let gone = || unexpected("the job's answer no longer holds this link");
            let asset = track.assets().get(self.audio.index()).ok_or_else(gone)?;
            AssetUrl::new(asset.url(), policy)
        });
        match url {
            Ok(url) => {
                // Another place may hold another rendering, whatever its validator says.
                let is_same = AssetUrl::new(self.audio.url(), policy)
                    .is_ok_and(|first| first.is_same_place(&url));
                self.url = Some(url);
                if self.received.bytes > 0
                    && (!is_same || self.counters.has_renewed_after(ErrorKind::InvalidAudio))
                {
                    self.received = Received::default();
                    self.reports.push_back(Progress::StartedOver);
                    self.state = State::Restarting(Then::AskAgain(None));
                } else {
                    self.ask_again(None);
                }
            }
            Err(error) => self.over(error),
        }
    }

    fn committed(&mut self) {
        self.retries.succeeded(&self.session);
        let downloaded = std::mem::take(&mut self.received).into_downloaded();
        self.state = if self.destination.is_some() {
            State::Finding(downloaded)
        } else {
            State::Done(Some(Box::new(Ok(downloaded))))
        };
    }

    fn found(&mut self, downloaded: Downloaded, answer: Result<Kept, ledger::Error>) {
        let entry = match answer {
            Ok(Kept::Entries(entries)) => entries.into_iter().next(),
            Ok(_) | Err(_) => None,
        };
        self.state = match entry {
            Some(entry) => State::Keeping(entry.id, downloaded),
            None => State::Done(Some(Box::new(Ok(downloaded)))),
        };
    }

    fn kept(
        &mut self,
        id: ledger::LocalId,
        downloaded: Downloaded,
        answer: Result<Kept, ledger::Error>,
    ) {
        if let Err(error) = answer {
            self.reports.push_back(Progress::NotKept {
                job: Some(id),
                message: error.to_string(),
            });
        }
        self.state = State::Done(Some(Box::new(Ok(downloaded))));
    }

    fn over(&mut self, error: Error) {
        let error = error.with_query_id(self.audio.job());
        self.state = State::Done(Some(Box::new(Err(error))));
    }
}

impl Machine for Download {
    const NAME: &'static str = "download";
    type Output = Result<Downloaded, Error>;

    fn next(&mut self, now: Now) -> Step<Self::Output> {
        loop {
            if let Some(report) = self.reports.pop_front() {
                return Step::Report(report);
            }
            let out_of_time = self.time_left(now).is_zero();
            match &mut self.state {
                State::Due(Some(at)) if now.moment < *at => {
                    return Step::Sleep(at.since(now.moment));
                }
                State::Due(_) if out_of_time => {
                    self.over(Error::new(
                        ErrorKind::Deadline,
                        "the time given was over before the audio was here",
                    ));
                }
                State::Due(_) => return self.send(now),
                State::Announcing => {
                    self.state = State::Reading;
                    return Step::Expect(self.received.total);
                }
                State::AwaitingHead | State::Reading => return Step::Read,
                State::Writing(bytes) => return Step::Write(bytes.clone()),
                State::Restarting(_) => return Step::Restart,
                State::Renewing(call) => match call.next(now).within() {
                    Ok(step) => return step,
                    Err(Ok(answered)) => self.renewed(answered.answer),
                    Err(Err(failure)) => self.over(failure.into_error()),
                },
                State::Committing => return Step::Commit,
                State::Finding(_) => {
                    let mut filter = Filter::named(self.audio.job().as_str());
                    filter.limit = Some(1);
                    return Step::keep(Keep::Entries(filter));
                }
                State::Keeping(id, downloaded) => {
                    let event = Event::Downloaded {
                        path: self.destination.clone().unwrap_or_default(),
                        bytes: downloaded.bytes,
                        sha256: downloaded.sha256.to_string(),
                    };
                    return Step::keep(Keep::Event(*id, event));
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
            (State::Done(_), _) | (State::Due(_), Outcome::Slept) => {}
            (State::Renewing(call), outcome) => call.receive(now, outcome),
            (State::AwaitingHead, Outcome::Head(head)) => self.head(&head, now),
            (State::Reading, Outcome::Chunk(bytes)) => self.chunk(bytes, now),
            (State::Reading, Outcome::End) => self.body_ended(now),
            (_, Outcome::SendFailed(error) | Outcome::ReadFailed(error)) => {
                self.broke_off(error, now);
            }
            (State::Writing(bytes), Outcome::Stored) => {
                let bytes = bytes.clone();
                self.stored(&bytes);
            }
            (State::Restarting(then), Outcome::Stored) => {
                self.state = match *then {
                    Then::ReadOn => State::Announcing,
                    Then::AskAgain(at) => State::Due(at),
                };
            }
            (State::Committing, Outcome::Stored) => self.committed(),
            (State::Finding(downloaded), Outcome::Kept(answer)) => {
                let downloaded = downloaded.clone();
                self.found(downloaded, answer);
            }
            (State::Keeping(id, downloaded), Outcome::Kept(answer)) => {
                let (id, downloaded) = (*id, downloaded.clone());
                self.kept(id, downloaded, answer);
            }
            (_, Outcome::StoreFailed(error)) => {
                let failed = Error::new(ErrorKind::Storage, "the audio could not be stored");
                self.over(failed.with_source(error));
            }
            (_, Outcome::Cancelled(_)) => {
                let error = Error::new(ErrorKind::Cancelled, "the download was cancelled");
                self.over(error);
            }
            // An outcome that no step asked for: it ends, since going on might never end.
            (_, _) => self.over(unexpected(
                "the download was told of something it did not ask for",
            )),
        }
    }
}

fn unexpected(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::UnexpectedAnswer, message)
}
