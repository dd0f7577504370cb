mod evidence;
mod kind;
mod waited;

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use genrex_ledger::{LocalId, Refusal};
use genrex_proto::QueryId;

pub use self::evidence::Evidence;
pub use self::kind::ErrorKind;
pub use self::waited::Waited;

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
    local_id: Option<LocalId>,
    ledger_failure: Option<String>,
    status: Option<u16>,
    refusal: Option<Refusal>,
    retry_after: Option<Duration>,
    settled_at: Option<u64>,
    clock_offset_millis: Option<i64>,
    evidence: Option<Evidence>,
    waited: Option<Waited>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error that names no job.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            query_id: None,
            local_id: None,
            ledger_failure: None,
            status: None,
            refusal: None,
            retry_after: None,
            settled_at: None,
            clock_offset_millis: None,
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

    pub(crate) fn with_local_id(mut self, id: LocalId) -> Self {
        self.0.local_id = Some(id);
        self
    }

    pub(crate) fn with_ledger_failure(mut self, why: String) -> Self {
        self.0.ledger_failure = Some(why);
        self
    }

    /// The same as another kind: what the failure table calls it.
    pub(crate) fn of_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    pub(crate) fn with_status(mut self, status: Option<u16>) -> Self {
        self.0.status = status;
        self
    }

    pub(crate) fn with_refusal(mut self, refusal: Refusal) -> Self {
        self.0.refusal = Some(refusal);
        self
    }

    pub(crate) fn with_retry_after(mut self, delay: Option<Duration>) -> Self {
        self.0.retry_after = delay;
        self
    }

    pub(crate) fn with_settled_at(mut self, at: Option<u64>) -> Self {
        self.0.settled_at = at;
        self
    }

    pub(crate) fn with_clock_offset(mut self, millis: Option<i64>) -> Self {
        self.0.clock_offset_millis = millis;
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

    /// The job's name in the ledger, where one keeps it.
    #[must_use]
    pub fn local_id(&self) -> Option<LocalId> {
        self.0.local_id
    }

    /// Why the ledger could not keep this outcome, if it could not.
    #[must_use]
    pub fn ledger_failure(&self) -> Option<&str> {
        self.0.ledger_failure.as_deref()
    }

    /// The status of the last answer, where one came.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// Of a submit that the service refused: why, and whether the same may be taken later.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        self.0.refusal
    }

    /// How long the service asked to wait, at most 300 s.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// For [`ErrorKind::PriceUnknown`]: when what earlier jobs cost is settled at the latest, as far as that is
    /// known, in milliseconds since 1970 by the service's clock.
    #[must_use]
    pub fn settled_at(&self) -> Option<u64> {
        self.0.settled_at
    }

    /// For [`ErrorKind::Credentials`]: how far the service's clock is ahead of this machine's, in milliseconds, where
    /// that is more than a client corrects by itself (24 h). Then the clock is wrong, and the key need not be.
    #[must_use]
    pub fn clock_offset_millis(&self) -> Option<i64> {
        self.0.clock_offset_millis
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

    /// It and its causes, in one line.
    #[must_use]
    pub fn in_full(&self) -> String {
        let mut line = self.to_string();
        let mut next = self.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            // Many libraries repeat their cause in their own text.
            if !line.ends_with(&text) {
                line = format!("{line}: {text}");
            }
            next = cause.source();
        }
        line
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
            .field("local_id", &inner.local_id)
            .field("ledger_failure", &inner.ledger_failure)
            .field("status", &inner.status)
            .field("refusal", &inner.refusal)
            .field("retry_after", &inner.retry_after)
            .field("settled_at", &inner.settled_at)
            .field("clock_offset_millis", &inner.clock_offset_millis)
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
        let (kind, message) = if error.is_credential() {
            (ErrorKind::Credentials, "a credential is refused")
        } else {
            (ErrorKind::InvalidInput, "a signature is refused")
        };
        Self::new(kind, message).with_source(error)
    }
}

impl From<genrex_proto::Error> for Error {
    /// A prompt, a duration or an id that was refused before anything was sent; or an answer that was read by hand.
    fn from(error: genrex_proto::Error) -> Self {
        let message = match error.kind() {
            genrex_proto::ErrorKind::UnreadableAnswer => {
                return Self::new(ErrorKind::UnexpectedAnswer, "an answer is refused")
                    .with_source(error);
            }
            _ => "what was asked for is refused",
        };
        Self::new(ErrorKind::InvalidInput, message).with_source(error)
    }
}

impl From<genrex_ledger::Error> for Error {
    /// What the ledger could not do, where nothing was to be sent.
    fn from(error: genrex_ledger::Error) -> Self {
        let about = error.job();
        let failure = Self::new(ErrorKind::Ledger, "the ledger could not do what was asked")
            .with_source(error);
        match about {
            Some(local) => failure.with_local_id(local),
            None => failure,
        }
    }
}

#[cfg(test)]
mod tests;
