use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::response::Parts;

use super::received::{Received, announced, length};
use super::{Download, State, Then, unexpected};
use crate::failure::{self, Class, Follows, Next, class_of_failure, class_of_status};
use crate::operations::call::retries::Failed;
use crate::operations::call::retry_after::retry_after;
use crate::transport::{Moment, Now, TransportError};
use crate::{Error, ErrorKind, Progress};

/// What an answer, its bytes and its end lead to.
impl Download {
    pub(super) fn head(&mut self, head: &Parts, now: Now) {
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
            StatusCode::PARTIAL_CONTENT if self.received.continues(head, self.url.as_ref()) => {
                self.state = State::Reading;
            }
            StatusCode::PARTIAL_CONTENT => self.mismatched(now),
            StatusCode::OK if announced(head).is_some_and(|total| !self.allowance.has(total)) => {
                self.too_large(now);
            }
            StatusCode::OK => {
                let is_started_over = self.received.bytes > 0;
                self.received = Received::begin(head, self.url.clone());
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
        match self.judge(class, now) {
            (Follows::Redirect, _) => self.redirected(head),
            (follows, kind) => {
                self.follow(
                    follows,
                    error.of_kind(kind),
                    retry_after(&head.headers),
                    now,
                );
            }
        }
    }

    /// What a failure leads to, by the table; what was received is kept and gone on from, where it can be.
    pub(super) fn judged(&mut self, class: Class, error: Error, asked: Option<Duration>, now: Now) {
        let (follows, kind) = self.judge(class, now);
        self.follow(follows, error.of_kind(kind), asked, now);
    }

    /// What the table says of a failure, and what the error is called if it is the last.
    fn judge(&mut self, class: Class, now: Now) -> (Follows, ErrorKind) {
        let verdict = failure::download(class);
        let follows = self.counters.judge(verdict, class, now);
        (follows, Next::from(verdict).kind())
    }

    fn follow(&mut self, follows: Follows, error: Error, asked: Option<Duration>, now: Now) {
        match follows {
            Follows::Again => self.again(asked, error, now),
            Follows::WaitOut => match self.retries.wait_out(now) {
                Some(at) => self.ask_again(Some(at)),
                None => self.over(error),
            },
            Follows::FromZero => {
                self.received = Received::default();
                self.reports.push_back(Progress::StartedOver);
                self.again(asked, error, now);
                if let State::Due(at) = self.state {
                    self.state = State::Restarting(Then::AskAgain(at));
                }
            }
            Follows::FreshLink => self.renew(),
            // A success is no failure, only a head says where to, and nothing is signed.
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
    pub(super) fn ask_again(&mut self, at: Option<Moment>) {
        if self.received.is_resumable() {
            self.state = State::Due(at);
        } else {
            self.received = Received::default();
            self.state = State::Restarting(Then::AskAgain(at));
        }
    }

    pub(super) fn chunk(&mut self, bytes: Bytes, now: Now) {
        if !self.allowance.take(length(&bytes)) {
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
    pub(super) fn stored(&mut self, bytes: &Bytes) {
        self.received.keep(bytes);
        self.reports.push_back(Progress::Downloading {
            received: self.received.bytes,
            total: self.received.total,
        });
        self.state = State::Reading;
    }

    pub(super) fn body_ended(&mut self, now: Now) {
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

    pub(super) fn broke_off(&mut self, error: TransportError, now: Now) {
        let class = class_of_failure(error.kind());
        let failure = unexpected("the audio could not be downloaded").with_source(error);
        self.judged(class, failure, None, now);
    }

    fn mismatched(&mut self, now: Now) {
        let error = unexpected("the storage does not answer for the part that is missing");
        self.judged(Class::Mismatched, error, None, now);
    }

    fn too_large(&mut self, now: Now) {
        let error = unexpected("more than 256 MiB of audio came, which is the most for one job");
        self.judged(Class::TooLarge, error, None, now);
    }
}
