use std::error::Error as StdError;

use genrex_async::{Error, ErrorKind, Evidence, QueryId};
use genrex_ledger::LocalId;

use crate::clock;

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
        if matches!(self.code, Code::Usage | Code::Unreachable) {
            self.code = Code::Other;
        }
        if self.code == Code::Other && self.kind != "storage" {
            self.hint = None;
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
            AMBIGUOUS.clone_into(&mut failure.message);
            failure.causes.insert(0, seen(evidence));
        }
        failure.hint = next_step(error.kind(), error.local_id());
        failure.query_id = error.query_id().cloned();
        failure
    }
}

/// An error in one line, for where there is no room for more.
pub(crate) fn in_a_line(error: &Error) -> String {
    match error.evidence() {
        Some(evidence) => format!("{AMBIGUOUS}: {}", seen(evidence)),
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

/// What an error means for the credits, and what to type next. What the service refused it need not have charged;
/// only the balance tells.
fn next_step(kind: ErrorKind, job: Option<LocalId>) -> Option<String> {
    let step = credits_step(kind).or_else(|| service_step(kind));
    let Some(job) = job else {
        return step.map(str::to_owned);
    };
    match kind {
        ErrorKind::Ambiguous => Some(format!(
            "Job {job} may have been charged. Run: genrex jobs reconcile {job}"
        )),
        ErrorKind::AlreadyBought => Some(format!(
            "Job {job} is the one. Run: genrex jobs show {job}; --new buys it again"
        )),
        _ => step.map(|step| format!("{step}. What is known of it: genrex jobs show {job}")),
    }
}

/// For what may have cost credits, or may not cost them.
const fn credits_step(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::OutOfCredit => {
            "a refused submit is not charged, unless the balance shows otherwise. What is left: genrex balance"
        }
        ErrorKind::Refused => {
            "change the request; a refused submit is not charged, unless the balance shows otherwise: genrex balance"
        }
        ErrorKind::RateLimited => {
            "run the same command again later; a refused submit is not charged, unless the balance shows otherwise: \
             genrex balance"
        }
        ErrorKind::GenerationFailed => {
            "the service gives no reason; another prompt, or the same again, costs credits again"
        }
        ErrorKind::Ambiguous => {
            "compare with what the balance was before: genrex balance; submitting again buys again"
        }
        ErrorKind::OverLimit => {
            "raise [limits] or --max-credits, or wait until the window has passed. What counts: genrex jobs list"
        }
        ErrorKind::PriceUnknown => {
            "an earlier job shows the price when it is done. Which: genrex jobs recover; then run the same command again"
        }
        ErrorKind::AlreadyBought => "genrex jobs list shows it; --new buys it again",
        _ => return None,
    })
}

const fn service_step(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::Credentials => {
            "check GENREX_API_KEY and GENREX_API_SECRET; to try without keys, add --sandbox"
        }
        ErrorKind::NotFound => "check the id, and that the key is of the account that submitted it",
        ErrorKind::Unreachable => "nothing was charged by this; check the network and try again",
        ErrorKind::Certificate => "nothing was sent; something on the way is not the service",
        ErrorKind::UnexpectedAnswer => {
            "is the base URL right? --verbose --verbose shows each request"
        }
        ErrorKind::Storage => "free the name or the disk, or choose another place with --output",
        ErrorKind::Ledger => {
            "mend what is said above, and run the same command again: the ledger knows what was bought"
        }
        _ => return None,
    })
}

/// What was seen of a submit that may have been charged, and when by this machine's clock.
fn seen(evidence: &Evidence) -> String {
    let sent = clock::local(evidence.signed_at.get());
    let waited = evidence.elapsed.as_secs_f64();
    let mut text = format!("sent at {sent}; after {waited:.1} s, {}", evidence.seen);
    if let Some(status) = evidence.status {
        text.push_str(&format!(", status {status}"));
    }
    if let Some(detail) = &evidence.detail {
        text.push_str(&format!(": {detail}"));
    }
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

fn chain(first: Option<&(dyn StdError + 'static)>) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    for cause in std::iter::successors(first, |cause| {
        let cause: &(dyn StdError + 'static) = *cause;
        cause.source()
    }) {
        let text = cause.to_string();
        // Many libraries repeat their cause in their own text.
        if causes.last().is_none_or(|last| !last.contains(&text)) {
            causes.push(text);
        }
    }
    causes
}
