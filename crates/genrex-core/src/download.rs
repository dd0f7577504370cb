use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use genrex_proto::{Endpoint, Generation, RetrieveRequest, Status};
use genrex_sign::Payload;
use http::header::{
    ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE,
    LOCATION, RANGE, USER_AGENT,
};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use sha2::{Digest as _, Sha256};

use crate::account::{AGENT, Account};
use crate::asset_url::AssetUrl;
use crate::call::{Retry, SignedCall, Spec};
use crate::failure::{Call, Class, Verdict, class_of_failure, class_of_status, verdict};
use crate::machine::{Event, Machine, Outgoing, Step};
use crate::retry_after::retry_after;
use crate::transport::{Moment, Now, SendOptions, TransportError};
use crate::wav::WavHeader;
use crate::{Audio, Backoff, Error, ErrorKind, Progress, Track};

/// What was downloaded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Downloaded {
    /// How many bytes.
    pub bytes: u64,
    /// Their SHA-256.
    pub sha256: Sha256Digest,
    /// How long the piece sounds, where its header says so.
    pub duration: Option<Duration>,
}

/// 32 bytes, shown as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sha256Digest(pub [u8; 32]);

impl fmt::Display for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sha256Digest({self})")
    }
}

/// One download as a machine: resumes what broke off, renews what expired, follows and checks each
/// redirect, and lets nothing be committed that is not the whole of a WAVE file.
#[derive(Debug)]
pub(crate) struct Download {
    account: Arc<Account>,
    audio: Audio,
    backoff: Backoff,
    deadline: Option<Moment>,
    url: Option<AssetUrl>,
    received: Received,
    sent: u32,
    failures: u32,
    hops: u32,
    fresh_links: u32,
    fresh_after_nonsense: u32,
    last_cost: Option<u32>,
    reports: VecDeque<Progress>,
    state: State,
}

/// What of the file is in the sink.
#[derive(Debug, Default)]
struct Received {
    bytes: u64,
    hash: Sha256,
    wav: WavHeader,
    /// The strong validator of the version that these bytes are of.
    etag: Option<HeaderValue>,
    total: Option<u64>,
}

#[derive(Debug)]
enum State {
    /// To be asked for at this moment, or at once.
    Due(Option<Moment>),
    AwaitingHead,
    Reading,
    Writing(Bytes),
    /// Emptying the sink, and then as this says.
    Restarting(Then),
    Renewing(Box<SignedCall<Generation>>),
    Committing,
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
        account: Arc<Account>,
        audio: Audio,
        backoff: Backoff,
        deadline: Option<Moment>,
    ) -> Self {
        let url = AssetUrl::new(audio.url(), account.base().address_policy());
        let mut machine = Self {
            account,
            audio,
            backoff,
            deadline,
            url: None,
            received: Received::default(),
            sent: 0,
            failures: 0,
            hops: 0,
            fresh_links: 0,
            fresh_after_nonsense: 0,
            last_cost: None,
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
            return Step::Done(Err(Error::new(
                ErrorKind::UnexpectedAnswer,
                "there is no link",
            )));
        };
        let mut headers = HeaderMap::new();
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("audio/wav, audio/*;q=0.9, */*;q=0.1"),
        );
        headers.insert(USER_AGENT, AGENT);
        if self.received.bytes > 0
            && let Some(etag) = &self.received.etag
            && let Ok(range) = HeaderValue::try_from(format!("bytes={}-", self.received.bytes))
        {
            headers.insert(RANGE, range);
            headers.insert(IF_RANGE, etag.clone());
        }
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = url.uri().clone();
        *request.headers_mut() = headers;
        self.state = State::AwaitingHead;
        self.sent += 1;
        Step::Send(Box::new(Outgoing {
            request,
            options: SendOptions::download(self.time_left(now)),
            resend_count: self.sent - 1,
        }))
    }

    fn time_left(&self, now: Now) -> Duration {
        const LONGEST: Duration = Duration::from_secs(60 * 60);
        self.deadline
            .map_or(LONGEST, |deadline| deadline.since(now.moment))
    }

    fn head(&mut self, head: &Parts, now: Now) {
        let class = class_of_status(head.status);
        if class != Class::Success {
            return self.refused(class, head, now);
        }
        let encoded = head.headers.get(CONTENT_ENCODING);
        let announced = number(&head.headers, &CONTENT_LENGTH);
        if encoded.is_some_and(|encoding| encoding != "identity") {
            let error = Error::new(
                ErrorKind::UnexpectedAnswer,
                "the audio came compressed, unasked",
            );
            return self.failed(Class::Unreadable, error, None, now);
        }
        let is_page = head
            .headers
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        if is_page {
            return self.not_audio("a page came in place of the audio");
        }
        match head.status {
            StatusCode::PARTIAL_CONTENT => match self.continues(head) {
                true => self.state = State::Reading,
                false => self.ask_from_zero(now),
            },
            StatusCode::OK => {
                let version = (strong_etag(&head.headers), announced);
                if self.received.bytes > 0 {
                    self.read_from_zero();
                } else {
                    self.state = State::Reading;
                }
                (self.received.etag, self.received.total) = version;
                if announced.is_some_and(|total| total > Self::CAP) {
                    self.too_large();
                }
            }
            _ => {
                let message = format!("the storage answered {}", head.status);
                self.failed(
                    Class::Unreadable,
                    Error::new(ErrorKind::UnexpectedAnswer, message),
                    None,
                    now,
                );
            }
        }
    }

    /// Whether a 206 goes on where the received bytes end, in the same version of the same file.
    fn continues(&self, head: &Parts) -> bool {
        let same_version =
            strong_etag(&head.headers).is_none_or(|etag| Some(etag) == self.received.etag);
        let range = head
            .headers
            .get(CONTENT_RANGE)
            .and_then(|range| range.to_str().ok());
        let Some((start, total)) = range.and_then(content_range) else {
            return false;
        };
        let same_total = match (total, self.received.total) {
            (Some(now), Some(then)) => now == then,
            _ => true,
        };
        start == self.received.bytes && start > 0 && same_version && same_total
    }

    /// A status that is no success.
    fn refused(&mut self, class: Class, head: &Parts, now: Now) {
        match verdict(Call::Download, class) {
            Verdict::Follow(hops) => self.follow(hops, head),
            // Asked for more than there is: what is here is of another version.
            Verdict::FreshLink(..) if head.status == StatusCode::RANGE_NOT_SATISFIABLE => {
                self.ask_from_zero(now);
            }
            Verdict::FreshLink(links, kind) => {
                let message = format!("the link to the audio no longer works: {}", head.status);
                self.renew(
                    class,
                    links,
                    Error::new(kind, message).with_status(Some(head.status.as_u16())),
                );
            }
            _ => {
                let message = format!("the storage answered {}", head.status);
                let error = Error::new(ErrorKind::Unreachable, message)
                    .with_status(Some(head.status.as_u16()));
                self.failed(class, error, retry_after(&head.headers), now);
            }
        }
    }

    fn follow(&mut self, hops: u32, head: &Parts) {
        let location = head.headers.get(LOCATION).and_then(|to| to.to_str().ok());
        let (Some(location), Some(url)) = (location, &self.url) else {
            return self.over(Error::new(
                ErrorKind::UnexpectedAnswer,
                "the storage redirects to nowhere",
            ));
        };
        if self.hops >= hops {
            let message = format!("the storage redirects more than {hops} times");
            return self.over(Error::new(ErrorKind::UnexpectedAnswer, message));
        }
        match url.redirected(location, self.account.base().address_policy()) {
            Ok(target) => {
                self.hops += 1;
                self.url = Some(target);
                self.state = State::Due(None);
            }
            Err(error) => self.over(error),
        }
    }

    fn chunk(&mut self, bytes: Bytes) {
        if self.received.bytes.saturating_add(length(&bytes)) > Self::CAP {
            return self.too_large();
        }
        self.received.wav.feed(&bytes);
        if !self.received.wav.is_plausible() {
            return self.not_audio("what came is not a WAVE file");
        }
        self.state = State::Writing(bytes);
    }

    /// A chunk is in the sink.
    fn kept(&mut self, length_of_chunk: u64) {
        self.received.bytes += length_of_chunk;
        self.reports.push_back(Progress::Downloading {
            received: self.received.bytes,
            total: self.received.total,
        });
        self.state = State::Reading;
    }

    fn is_whole(&self) -> bool {
        let Received {
            wav, bytes, total, ..
        } = &self.received;
        wav.is_whole(*bytes, total.is_some())
    }

    fn body_ended(&mut self, now: Now) {
        let short = self
            .received
            .total
            .is_some_and(|total| self.received.bytes < total);
        if short {
            let error = Error::new(ErrorKind::UnexpectedAnswer, "the audio broke off");
            return self.failed(Class::Unreadable, error, None, now);
        }
        let long = self
            .received
            .total
            .is_some_and(|total| self.received.bytes > total);
        if long || !self.is_whole() {
            return self.not_audio("the file is not as long as it says");
        }
        self.state = State::Committing;
    }

    fn broke_off(&mut self, error: TransportError, now: Now) {
        let class = class_of_failure(error.kind());
        let kind = match verdict(Call::Download, class) {
            Verdict::Final(kind) | Verdict::Retry(_, kind) => kind,
            _ => ErrorKind::Unreachable,
        };
        let error = Error::new(kind, "the audio could not be downloaded").with_source(error);
        self.failed(class, error, None, now);
    }

    /// Tries again if the table says so; what was received is kept and gone on from.
    fn failed(&mut self, class: Class, error: Error, asked: Option<Duration>, now: Now) {
        let Verdict::Retry(tries, _) = verdict(Call::Download, class) else {
            return self.over(error);
        };
        let Some(at) = self.again(tries, &error, asked, now) else {
            return self.over(error);
        };
        // Without a strong validator nothing says that the rest would be of the same version.
        if self.received.bytes > 0 && self.received.etag.is_none() {
            self.forget(Then::AskAgain(Some(at)));
        } else {
            self.state = State::Due(Some(at));
        }
    }

    /// When to try again, if there is a try, a token and time left.
    fn again(
        &mut self,
        tries: u32,
        error: &Error,
        asked: Option<Duration>,
        now: Now,
    ) -> Option<Moment> {
        self.failures += 1;
        if self.failures >= tries {
            return None;
        }
        let delay = match asked {
            Some(asked) => asked.max(Backoff::FLOOR),
            None => self.account.backoff(self.backoff, self.failures),
        };
        let at = now.moment + delay;
        if self.deadline.is_some_and(|deadline| at >= deadline) {
            return None;
        }
        self.last_cost = Some(self.account.take_retry(false)?);
        self.reports.push_back(Progress::Retrying {
            kind: error.kind(),
            delay,
            attempts: self.failures,
        });
        Some(at)
    }

    fn not_audio(&mut self, message: &str) {
        let Verdict::FreshLink(links, kind) = verdict(Call::Download, Class::NotAudio) else {
            return;
        };
        self.renew(Class::NotAudio, links, Error::new(kind, message));
    }

    /// Asks the service for a fresh link.
    fn renew(&mut self, class: Class, links: u32, error: Error) {
        let count = match class {
            Class::NotAudio => &mut self.fresh_after_nonsense,
            _ => &mut self.fresh_links,
        };
        if *count >= links {
            return self.over(error);
        }
        *count += 1;
        let id = self.audio.job().clone();
        let spec = Spec {
            endpoint: Endpoint::Retrieve,
            payload: Payload::from(RetrieveRequest::new(id.clone()).to_json()),
            deadline: self.deadline,
            retry: Retry::Spaced(self.backoff),
            grace: None,
        };
        let call = SignedCall::new(Arc::clone(&self.account), spec, Generation::from_json);
        self.reports.push_back(Progress::FreshLink { id });
        self.state = State::Renewing(Box::new(call));
    }

    fn renewed(&mut self, generation: Generation) {
        let policy = self.account.base().address_policy();
        if generation.id != *self.audio.job() || generation.status != Status::Completed {
            let message =
                "the answer with the fresh link is about another job, or one that is not completed";
            return self.over(Error::new(ErrorKind::UnexpectedAnswer, message));
        }
        let track = Track::new(generation, policy, Duration::ZERO, 1);
        let url = track.and_then(|track| {
            let asset = track.assets().get(self.audio.index()).ok_or_else(|| {
                Error::new(
                    ErrorKind::UnexpectedAnswer,
                    "the job's answer no longer holds this link",
                )
            })?;
            AssetUrl::new(asset.url(), policy)
        });
        match url {
            Ok(url) => {
                self.url = Some(url);
                self.hops = 0;
                // Another link may lead to another rendering: its validator decides.
                if self.fresh_after_nonsense > 0 || self.received.etag.is_none() {
                    self.forget(Then::AskAgain(None));
                } else {
                    self.state = State::Due(None);
                }
            }
            Err(error) => self.over(error),
        }
    }

    /// The whole came where the rest was asked for: it is read on from zero.
    fn read_from_zero(&mut self) {
        self.reports.push_back(Progress::StartedOver);
        self.forget(Then::ReadOn);
    }

    /// What came does not go on from what is here: asked again from zero, as one try.
    fn ask_from_zero(&mut self, now: Now) {
        let Verdict::Retry(tries, kind) = verdict(Call::Download, Class::Unreadable) else {
            return;
        };
        let error = Error::new(
            kind,
            "the storage does not answer for the part that is missing",
        );
        match self.again(tries, &error, None, now) {
            Some(at) => {
                self.reports.push_back(Progress::StartedOver);
                self.forget(Then::AskAgain(Some(at)));
            }
            None => self.over(error),
        }
    }

    fn forget(&mut self, then: Then) {
        self.received = Received::default();
        self.state = State::Restarting(then);
    }

    fn too_large(&mut self) {
        self.over(Error::new(
            ErrorKind::TooLarge,
            "the audio is larger than 256 MiB",
        ));
    }

    fn over(&mut self, error: Error) {
        let error = error.with_query_id(self.audio.job());
        self.state = State::Done(Some(Box::new(Err(error))));
    }

    fn committed(&mut self) {
        let received = std::mem::take(&mut self.received);
        self.account.give_back_retry(self.last_cost);
        self.state = State::Done(Some(Box::new(Ok(Downloaded {
            bytes: received.bytes,
            sha256: Sha256Digest(received.hash.finalize().into()),
            duration: received.wav.duration(received.bytes),
        }))));
    }
}

impl Machine for Download {
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
                State::AwaitingHead | State::Reading => return Step::Read,
                State::Writing(bytes) => return Step::Write(bytes.clone()),
                State::Restarting(_) => return Step::Restart,
                State::Renewing(call) => match call.next(now).within() {
                    Ok(step) => return step,
                    Err(Ok(generation)) => self.renewed(generation),
                    Err(Err(failure)) => {
                        self.over(failure.into_error());
                    }
                },
                State::Committing => return Step::Commit,
                State::Done(result) => {
                    let over = || Box::new(Err(Error::new(ErrorKind::Cancelled, "already over")));
                    return Step::Done(*result.take().unwrap_or_else(over));
                }
            }
        }
    }

    fn receive(&mut self, now: Now, event: Event) {
        match (&mut self.state, event) {
            (State::Done(_), _) => {}
            (State::Renewing(call), event) => call.receive(now, event),
            (State::AwaitingHead, Event::Head(head)) => self.head(&head, now),
            (State::Reading, Event::Chunk(bytes)) => self.chunk(bytes),
            (State::Reading, Event::End) => self.body_ended(now),
            (_, Event::SendFailed(error) | Event::ReadFailed(error)) => self.broke_off(error, now),
            (State::Writing(bytes), Event::Stored) => {
                self.received.hash.update(&*bytes);
                let length_of_chunk = length(bytes);
                self.kept(length_of_chunk);
            }
            (State::Restarting(then), Event::Stored) => {
                self.state = match *then {
                    Then::ReadOn => State::Reading,
                    Then::AskAgain(at) => State::Due(at),
                };
            }
            (State::Committing, Event::Stored) => self.committed(),
            (_, Event::StoreFailed(error)) => {
                let failed = Error::new(ErrorKind::Storage, "the audio could not be stored");
                self.over(failed.with_source(error));
            }
            (_, Event::Cancelled(_)) => {
                self.over(Error::new(
                    ErrorKind::Cancelled,
                    "the download was cancelled",
                ));
            }
            (_, _) => {}
        }
    }
}

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn number(headers: &HeaderMap, name: &http::HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

/// The `ETag`, if it is a strong one (RFC 9110, section 8.8.3): a weak one says nothing of bytes.
fn strong_etag(headers: &HeaderMap) -> Option<HeaderValue> {
    let etag = headers.get(ETAG)?;
    let strong = etag.as_bytes().len() >= 2
        && etag.as_bytes().starts_with(b"\"")
        && etag.as_bytes().ends_with(b"\"");
    strong.then(|| etag.clone())
}

/// The first byte's place and the whole length in `bytes 100-199/200` or `bytes 100-199/*`.
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    let total = match total {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    Some((start.parse().ok()?, total))
}
