use std::time::Duration;

use genrex_proto::{ErrorBody, Escaped, bare_url};
use genrex_sign::UnixMillis;
use http::StatusCode;
use http::header::LOCATION;

use super::exchange::Answer;
use crate::failure::Class;
use crate::transport::TransportError;
use crate::{Error, ErrorKind};

/// How a signed call failed, with all that its caller needs to go on.
#[derive(Debug)]
pub(crate) struct CallError<V> {
    pub(crate) class: Class,
    /// The table's; `None` where nothing was sent.
    pub(crate) verdict: Option<V>,
    pub(crate) kind: ErrorKind,
    pub(crate) attempts: u32,
    /// The verdict on the last attempt of the call that may have left.
    pub(crate) earlier: Option<V>,
    pub(crate) signed_at: Option<UnixMillis>,
    pub(crate) elapsed: Duration,
    pub(crate) retry_after: Option<Duration>,
    /// By how many milliseconds the service's clock is ahead of this machine's, where that is more than is corrected.
    pub(crate) clock_offset: Option<i64>,
    pub(crate) answer: Option<Answer>,
    pub(super) decode_error: Option<genrex_proto::Error>,
}

impl<V> CallError<V> {
    /// Nothing was sent, or nothing of the last attempt that a caller needs to know.
    pub(crate) const fn unsent(kind: ErrorKind, earlier: Option<V>) -> Self
    where
        V: Copy,
    {
        Self {
            class: Class::Cancelled,
            verdict: None,
            kind,
            attempts: 0,
            earlier,
            signed_at: None,
            elapsed: Duration::ZERO,
            retry_after: None,
            clock_offset: None,
            answer: None,
            decode_error: None,
        }
    }

    pub(crate) fn timed_out(&self) -> bool {
        let error = self.answer.as_ref().and_then(Answer::error);
        error.is_some_and(|error| error.kind().is_timeout())
    }

    /// Says it to people: what it means here, and what the service or the transport said as its cause.
    pub(crate) fn into_error(self) -> Error {
        let status = self.answer.as_ref().and_then(Answer::status);
        let error = Error::new(self.kind, self.message())
            .with_status(status)
            .with_retry_after(self.retry_after)
            .with_clock_offset(self.clock_offset);
        match (self.decode_error, self.answer) {
            (Some(cause), _) => error.with_source(cause),
            (None, Some(Answer::Failed(cause))) => error.with_source(cause),
            (None, Some(Answer::Whole { head, body })) => {
                error.with_source(Answered::whole(head.status, &body))
            }
            (None, Some(Answer::TooLarge { head, .. })) => {
                error.with_source(Answered::begun(head.status, None))
            }
            (
                None,
                Some(Answer::Cut {
                    head, error: cause, ..
                }),
            ) => error.with_source(Answered::begun(head.status, Some(cause))),
            (None, None) => error,
        }
    }

    fn message(&self) -> String {
        let tries = match self.attempts {
            0 | 1 => String::new(),
            tries => format!(" after {tries} tries"),
        };
        match self.kind {
            ErrorKind::Credentials => match self.clock_offset {
                Some(offset) => format!(
                    "the service refused the signature: this machine's clock is {} the service's",
                    off(offset)
                ),
                None => String::from("the service refused the signature"),
            },
            ErrorKind::OutOfCredit => String::from("the account has not enough credit"),
            ErrorKind::NotFound => String::from("the service does not know the job"),
            ErrorKind::RateLimited => format!("the service asked to slow down{tries}"),
            ErrorKind::Refused => String::from("the service refused the request"),
            ErrorKind::Certificate => String::from("the service's certificate was refused"),
            ErrorKind::TooLarge => String::from("the answer is larger than 1 MiB"),
            ErrorKind::Cancelled => String::from("cancelled"),
            ErrorKind::Deadline => {
                String::from("the time given was over before a request could be sent")
            }
            ErrorKind::UnexpectedAnswer => self.unexpected(&tries),
            _ if self.class == Class::NeverLeft => {
                format!("the service could not be reached{tries}")
            }
            _ if self.class == Class::NoDescriptor => {
                String::from("this machine had no file descriptor left for a connection")
            }
            _ if self.class == Class::Redirect => self.unexpected(&tries),
            _ => match self.answer {
                Some(Answer::Whole { .. }) => format!("the service is in trouble{tries}"),
                Some(Answer::Failed(_) | Answer::Cut { .. } | Answer::TooLarge { .. }) | None => {
                    format!("no answer came from the service{tries}")
                }
            },
        }
    }

    fn unexpected(&self, tries: &str) -> String {
        match (self.class, self.location()) {
            (Class::Redirect, Some(to)) => {
                format!("the service answered with a redirect, which is never followed, to {to}")
            }
            (Class::Redirect, None) => {
                String::from("the service answered with a redirect to nowhere")
            }
            (_, _) => format!("the service's answer could not be read{tries}"),
        }
    }

    fn location(&self) -> Option<String> {
        let location = self.answer.as_ref()?.head()?.headers.get(LOCATION)?;
        let text = String::from_utf8_lossy(location.as_bytes());
        // A query may hold a secret of the gateway's.
        Some(Escaped(&bare_url(&text)).to_string())
    }
}

/// How far this machine's clock is off, in words; `offset_millis` is how far the service's is ahead of it.
fn off(offset_millis: i64) -> String {
    const HOUR: u64 = 3_600_000;
    let hours = offset_millis.unsigned_abs().saturating_add(HOUR / 2) / HOUR;
    let far = match hours.saturating_add(12) / 24 {
        0 | 1 => format!("{hours} hours"),
        days => format!("{days} days"),
    };
    let way = if offset_millis < 0 {
        "ahead of"
    } else {
        "behind"
    };
    format!("{far} {way}")
}

/// What the service answered, as the cause of an error.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Answered {
    text: String,
    source: Option<TransportError>,
}

impl Answered {
    /// Its own words, and the status.
    fn whole(status: StatusCode, body: &[u8]) -> Self {
        Self {
            text: format!("{} ({status})", ErrorBody::parse(body)),
            source: None,
        }
    }

    /// An answer of which no more is known than how it began.
    fn begun(status: StatusCode, source: Option<TransportError>) -> Self {
        Self {
            text: format!("an answer of status {status}"),
            source,
        }
    }
}

#[cfg(test)]
mod tests;
