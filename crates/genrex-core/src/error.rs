use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use genrex_proto::{Excerpt, QueryId, Status};
use genrex_sign::UnixMillis;

use crate::failure::Class;

/// Why an operation did not come to what was asked for.
///
/// `Display` says one level and [`source`](StdError::source) the next. Where a job is involved its
/// [id](Self::query_id) is kept, whatever happened: it was paid for.
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    query_id: Option<QueryId>,
    status: Option<u16>,
    retry_after: Option<Duration>,
    evidence: Option<Evidence>,
    waited: Option<Waited>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What was asked for cannot be asked for. Nothing was sent.
    InvalidInput,
    /// The client cannot be built of what it was given. Nothing was sent.
    Configuration,
    /// The key, the secret or the clock: the service refused the signature (401, 403).
    Credentials,
    /// The account has not enough credit. Nothing was charged.
    OutOfCredit,
    /// The service refused the request for good. Nothing was charged by it.
    Refused,
    /// The service does not know the job.
    NotFound,
    /// The service refused the request for now (429), longer than it was worth trying.
    RateLimited,
    /// The service says that the generation failed.
    GenerationFailed,
    /// The time that the caller gave is over; a job that was accepted goes on.
    Deadline,
    /// The submit may have been charged: see [`Error::evidence`]. It was not sent again.
    Ambiguous,
    /// The service could not be reached, or only errors of its own came (5xx).
    Unreachable,
    /// The server's certificate was refused.
    Certificate,
    /// What came is not what the service is documented to answer.
    UnexpectedAnswer,
    /// What came is larger than it may be: 1 MiB of JSON, 256 MiB of audio.
    TooLarge,
    /// The link to the audio no longer works, nor do fresh ones.
    LinkExpired,
    /// What was downloaded is not the audio that was promised.
    InvalidAudio,
    /// The link to the audio leads to an address of a private network.
    ForbiddenAddress,
    /// The audio could not be stored: the disk, a permission, a file that is there already.
    Storage,
    /// The caller gave up.
    Cancelled,
}

impl Error {
    /// An error that names no job.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            query_id: None,
            status: None,
            retry_after: None,
            evidence: None,
            waited: None,
            source: None,
        }))
    }

    /// The same with a cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    pub(crate) fn with_query_id(mut self, id: &QueryId) -> Self {
        self.0.query_id = Some(id.clone());
        self
    }

    pub(crate) fn with_status(mut self, status: Option<u16>) -> Self {
        self.0.status = status;
        self
    }

    pub(crate) fn with_retry_after(mut self, delay: Option<Duration>) -> Self {
        self.0.retry_after = delay;
        self
    }

    pub(crate) fn with_evidence(mut self, evidence: Evidence) -> Self {
        self.0.evidence = Some(evidence);
        self
    }

    pub(crate) fn with_waited(mut self, waited: Waited) -> Self {
        self.0.waited = Some(waited);
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The job that it happened to: it can be waited for again by this id.
    #[must_use]
    pub fn query_id(&self) -> Option<&QueryId> {
        self.0.query_id.as_ref()
    }

    /// The status of the last answer, where one came.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// How long the service asked to wait, at most 300 s.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// For [`ErrorKind::Ambiguous`]: what is known of the submit.
    #[must_use]
    pub fn evidence(&self) -> Option<&Evidence> {
        self.0.evidence.as_ref()
    }

    /// For an error that ended a wait: how far it had come.
    #[must_use]
    pub fn waited(&self) -> Option<&Waited> {
        self.0.waited.as_ref()
    }

    /// Whether credits may have been spent without a job to show for them.
    #[must_use]
    pub fn may_have_been_charged(&self) -> bool {
        self.kind() == ErrorKind::Ambiguous
    }

    /// Whether a paid job is known that can be waited for or downloaded again.
    #[must_use]
    pub fn is_resumable(&self) -> bool {
        self.query_id().is_some()
            && !matches!(
                self.kind(),
                ErrorKind::GenerationFailed | ErrorKind::NotFound
            )
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        f.debug_struct("Error")
            .field("kind", &inner.kind)
            .field("message", &inner.message)
            .field("query_id", &inner.query_id)
            .field("status", &inner.status)
            .field("retry_after", &inner.retry_after)
            .field("evidence", &inner.evidence)
            .field("waited", &inner.waited)
            .field("source", &inner.source)
            .finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source)
    }
}

impl From<genrex_sign::Error> for Error {
    /// A credential that was refused when it was read.
    fn from(error: genrex_sign::Error) -> Self {
        let kind = if error.is_credential() {
            ErrorKind::Credentials
        } else {
            ErrorKind::InvalidInput
        };
        Self::new(kind, error.to_string())
    }
}

impl From<genrex_proto::Error> for Error {
    /// A prompt, a duration or an id that was refused before anything was sent.
    fn from(error: genrex_proto::Error) -> Self {
        Self::new(ErrorKind::InvalidInput, error.to_string())
    }
}

/// What is known of a submit that may have been charged.
///
/// It claims no more than was seen. Give it to the service's support with the account's balance before
/// and after.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Evidence {
    /// What was seen of the last attempt.
    pub seen: Class,
    /// The `t` that was signed, by the service's clock as far as it is known.
    pub signed_at: UnixMillis,
    /// How long the exchange took.
    pub elapsed: Duration,
    /// The status of the answer, where a head came.
    pub status: Option<u16>,
    /// How the answer began, where one came.
    pub excerpt: Option<Excerpt>,
    /// An id that was found in a broken answer, which the service did not know when asked.
    pub unconfirmed_id: Option<QueryId>,
    /// What the transport said.
    pub detail: Option<String>,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {:.1} s after t={}",
            self.seen,
            self.elapsed.as_secs_f64(),
            self.signed_at
        )?;
        if let Some(status) = self.status {
            write!(f, ", status {status}")?;
        }
        if let Some(id) = &self.unconfirmed_id {
            write!(f, ", with the unconfirmed id {id}")?;
        }
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        Ok(())
    }
}

/// How far a wait had come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waited {
    /// Since the wait began, or since the submit where that was in this process.
    pub elapsed: Duration,
    /// The time that the caller gave, where there was one.
    pub limit: Option<Duration>,
    /// How often the service was asked.
    pub polls: u32,
    /// What it said last, where it said anything.
    pub last_status: Option<Status>,
}
