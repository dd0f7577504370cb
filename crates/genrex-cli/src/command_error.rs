use std::error::Error as StdError;

use genrex_async::core::TransportError;
use genrex_async::{Error, ErrorKind, Evidence, QueryId};

use crate::clock;
use crate::next_step::next_step;
use crate::typed;

/// The program's exit codes: a contract with scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    /// Anything else.
    Other = 1,
    /// Bad usage or bad input: nothing was sent.
    Usage = 2,
    /// Credentials missing or refused.
    Credentials = 3,
    /// The service says that the generation failed.
    GenerationFailed = 4,
    /// The deadline passed while the job still runs.
    Deadline = 5,
    /// Out of credit.
    OutOfCredit = 6,
    /// The submit may have been charged.
    Ambiguous = 7,
    /// The service could not be reached or answered nonsense; nothing was charged.
    Unreachable = 8,
    /// Interrupted.
    Interrupted = 130,
    /// Whoever read the output has gone away: as for `cat`, whose signal SIGPIPE a shell shows as this number.
    PipeClosed = 141,
}

/// Why a command failed, for people and for scripts.
#[derive(Debug)]
pub(crate) struct CommandError {
    pub(crate) code: Code,
    /// A stable name, for `--json`.
    pub(crate) kind: &'static str,
    pub(crate) message: String,
    pub(crate) causes: Vec<String>,
    pub(crate) hint: Option<String>,
    pub(crate) query_id: Option<QueryId>,
    /// The command that takes the job up again.
    pub(crate) resume: Option<String>,
}

impl CommandError {
    pub(crate) fn new(code: Code, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            kind,
            message: message.into(),
            causes: Vec::new(),
            hint: None,
            query_id: None,
            resume: None,
        }
    }

    pub(crate) fn other(message: impl Into<String>) -> Self {
        Self::new(Code::Other, "other", message)
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, "invalidInput", message)
    }

    pub(crate) fn credentials(message: impl Into<String>) -> Self {
        Self::new(Code::Credentials, "credentials", message)
    }

    pub(crate) fn with_source(mut self, cause: &(dyn StdError + 'static)) -> Self {
        self.causes = chain(Some(cause));
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The job was paid for by this very run, so no code and no hint may say that nothing was.
    pub(crate) fn after_payment(mut self) -> Self {
        const PAID: &str = "the job is paid for, and stays at the service";
        let is_of_asking = matches!(self.kind, "refused" | "notFound" | "other");
        if matches!(self.code, Code::Usage | Code::Unreachable) {
            self.code = Code::Other;
            self.hint = Some(String::from(PAID));
        } else if is_of_asking {
            self.hint = Some(String::from(PAID));
        }
        self
    }

    /// Says how the job is taken up again; `None` where it cannot be.
    pub(crate) fn resumable(mut self, id: &QueryId, command: Option<String>) -> Self {
        self.query_id = Some(id.clone());
        self.resume = command;
        self
    }
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        let (code, kind) = name(error.kind());
        let mut failure = Self::new(code, kind, error.to_string());
        failure.causes = chain(error.source());
        if let Some(evidence) = error.evidence() {
            failure.message = match error.local_id() {
                Some(job) => {
                    format!("the submit of job {job} may have been charged, and was not sent again")
                }
                None => AMBIGUOUS.to_owned(),
            };
            failure.causes = vec![seen(evidence)];
        }
        failure.hint = next_step(&error);
        failure.query_id = error.query_id().cloned();
        failure
    }
}

/// An error in one line, for where there is no room for more.
pub(crate) fn in_a_line(error: &Error) -> String {
    match error.evidence() {
        Some(evidence) => {
            let job = error.local_id();
            let out = job.map_or_else(String::new, |job| {
                format!(". Find out: genrex jobs reconcile {job}{}", typed::flags())
            });
            format!("{AMBIGUOUS}: {}{out}", seen(evidence))
        }
        None => error.in_full(),
    }
}

const AMBIGUOUS: &str = "the submit may have been charged, and was not sent again";

/// An error's exit code and its stable name.
const fn name(kind: ErrorKind) -> (Code, &'static str) {
    match kind {
        ErrorKind::InvalidInput => (Code::Usage, "invalidInput"),
        ErrorKind::Configuration => (Code::Usage, "configuration"),
        ErrorKind::AlreadyBought => (Code::Usage, "alreadyOpen"),
        ErrorKind::Credentials => (Code::Credentials, "credentials"),
        ErrorKind::GenerationFailed => (Code::GenerationFailed, "generationFailed"),
        ErrorKind::Deadline => (Code::Deadline, "deadline"),
        ErrorKind::OutOfCredit => (Code::OutOfCredit, "outOfCredit"),
        ErrorKind::OverLimit => (Code::OutOfCredit, "overLimit"),
        ErrorKind::PriceUnknown => (Code::OutOfCredit, "priceUnknown"),
        ErrorKind::Ambiguous => (Code::Ambiguous, "ambiguous"),
        ErrorKind::RateLimited => (Code::Unreachable, "rateLimited"),
        ErrorKind::Unreachable => (Code::Unreachable, "unreachable"),
        ErrorKind::Certificate => (Code::Unreachable, "certificate"),
        ErrorKind::UnexpectedAnswer => (Code::Unreachable, "unexpectedAnswer"),
        ErrorKind::TooLarge => (Code::Unreachable, "tooLarge"),
        ErrorKind::Cancelled => (Code::Interrupted, "interrupted"),
        ErrorKind::Refused => (Code::Other, "refused"),
        ErrorKind::NotFound => (Code::Other, "notFound"),
        ErrorKind::LinkExpired => (Code::Other, "linkExpired"),
        ErrorKind::InvalidAudio => (Code::Other, "invalidAudio"),
        ErrorKind::ForbiddenAddress => (Code::Other, "forbiddenAddress"),
        ErrorKind::Storage => (Code::Other, "storage"),
        ErrorKind::Ledger => (Code::Other, "ledger"),
        _ => (Code::Other, "other"),
    }
}

/// What was seen of a submit that may have been charged, and when by this machine's clock.
fn seen(evidence: &Evidence) -> String {
    let sent = clock::local(evidence.signed_at.get());
    let mut text = format!("sent at {sent}; {evidence}");
    if let Some(excerpt) = &evidence.excerpt {
        text.push_str(&format!("; it said: {excerpt}"));
    }
    if let Some(id) = &evidence.unconfirmed_id {
        text.push_str(&format!(
            "; its id may be {id}, which stood in its answer and is not confirmed"
        ));
    }
    text
}

/// The causes, a line each. What HTTP clients say between a failure of the transport and its end adds nothing.
fn chain(first: Option<&(dyn StdError + 'static)>) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    let mut next = first;
    while let Some(cause) = next {
        next = cause.source();
        let mut text = cause.to_string();
        if cause.is::<TransportError>() {
            let end = deeper(next).last();
            text = end.map_or(text.clone(), |end| format!("{text}: {end}"));
            next = None;
        }
        // Many libraries repeat their cause in their own text.
        if causes.last().is_none_or(|last| !last.contains(&text)) {
            causes.push(text);
        }
    }
    causes
}

/// An error and its causes, outermost first.
pub(crate) fn deeper<'a>(
    first: Option<&'a (dyn StdError + 'static)>,
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(first, |cause| {
        let cause: &'a (dyn StdError + 'static) = *cause;
        cause.source()
    })
}
