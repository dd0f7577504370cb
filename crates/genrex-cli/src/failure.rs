use std::error::Error as StdError;

use genrex_async::{Error, ErrorKind, QueryId};

use crate::connect::Connection;

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
pub(crate) struct Failure {
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

impl Failure {
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

    pub(crate) fn because(mut self, cause: &(dyn StdError + 'static)) -> Self {
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

    /// Why a purchase did not come to a job.
    pub(crate) async fn of_purchase(error: Error, connection: &Connection) -> Self {
        if error.kind() == ErrorKind::Cancelled {
            let message = "interrupted; nothing was bought";
            return Self::new(Code::Interrupted, "interrupted", message);
        }
        let is_bought = error.kind() == ErrorKind::AlreadyBought;
        let job = error.local_id().filter(|_| is_bought);
        let failure = Self::from(error);
        let (Some(job), Some(ledger)) = (job, connection.client.ledger()) else {
            return failure;
        };
        match ledger.entry(job).await {
            Ok(Some(entry)) => match &entry.query_id {
                Some(id) => failure.resumable(id, connection.resume(id)),
                None => failure.hint(format!(
                    "genrex jobs show {job} says what is known; --new buys it again"
                )),
            },
            Ok(None) | Err(_) => failure,
        }
    }

    /// Says how the job is taken up again; `None` where it cannot be.
    pub(crate) fn resumable(mut self, id: &QueryId, command: Option<String>) -> Self {
        self.query_id = Some(id.clone());
        self.resume = command;
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (code, kind, hint) = describe(&error);
        let mut failure = Self::new(code, kind, error.to_string());
        failure.causes = chain(error.source());
        failure.hint = hint.map(str::to_owned);
        failure.query_id = error.query_id().cloned();
        if let (ErrorKind::Ambiguous, Some(job)) = (error.kind(), error.local_id()) {
            failure.hint = Some(format!(
                "job {job} may have been charged. Run: genrex jobs reconcile {job}"
            ));
        }
        failure
    }
}

/// An error's exit code, its stable name, and what to do next.
fn describe(error: &Error) -> (Code, &'static str, Option<&'static str>) {
    match error.kind() {
        ErrorKind::InvalidInput => (Code::Usage, "invalidInput", None),
        ErrorKind::Configuration => (Code::Usage, "configuration", None),
        ErrorKind::Credentials => (
            Code::Credentials,
            "credentials",
            Some("check GENREX_API_KEY and GENREX_API_SECRET; to try without keys, add --sandbox"),
        ),
        ErrorKind::OutOfCredit => (
            Code::OutOfCredit,
            "outOfCredit",
            Some("nothing was charged; `genrex balance` shows what is left"),
        ),
        ErrorKind::Refused => (
            Code::Other,
            "refused",
            Some("nothing was charged; change the request"),
        ),
        ErrorKind::NotFound => (
            Code::Other,
            "notFound",
            Some("check the id, and that the key is of the account that submitted it"),
        ),
        ErrorKind::RateLimited => (
            Code::Unreachable,
            "rateLimited",
            Some("try again later; `genrex balance` shows whether the refusal was charged"),
        ),
        ErrorKind::GenerationFailed => (
            Code::GenerationFailed,
            "generationFailed",
            Some(
                "the service gives no reason; another prompt, or the same again, costs credits again",
            ),
        ),
        ErrorKind::Deadline => (Code::Deadline, "deadline", None),
        ErrorKind::Ambiguous => (
            Code::Ambiguous,
            "ambiguous",
            Some("compare `genrex balance` with what it was; submitting again buys again"),
        ),
        ErrorKind::Unreachable => (
            Code::Unreachable,
            "unreachable",
            Some("nothing was charged by this; check the network and try again"),
        ),
        ErrorKind::Certificate => (
            Code::Unreachable,
            "certificate",
            Some("nothing was sent; something on the way is not the service"),
        ),
        ErrorKind::UnexpectedAnswer => (
            Code::Unreachable,
            "unexpectedAnswer",
            Some("is the base URL right? --verbose --verbose shows each request"),
        ),
        ErrorKind::TooLarge => (Code::Unreachable, "tooLarge", None),
        ErrorKind::LinkExpired => (Code::Other, "linkExpired", None),
        ErrorKind::InvalidAudio => (Code::Other, "invalidAudio", None),
        ErrorKind::ForbiddenAddress => (Code::Other, "forbiddenAddress", None),
        ErrorKind::Storage => (
            Code::Other,
            "storage",
            Some("free the name or the disk, or choose another place with --output"),
        ),
        ErrorKind::Cancelled => (Code::Interrupted, "interrupted", None),
        ErrorKind::Ledger => (
            Code::Other,
            "ledger",
            Some(
                "mend what is said above, or give another path by GENREX_LEDGER; --no-ledger buys without one",
            ),
        ),
        ErrorKind::OverLimit => (
            Code::OutOfCredit,
            "overLimit",
            Some("raise [limits] or --max-credits, or wait until the window has passed"),
        ),
        ErrorKind::PriceUnknown => (
            Code::OutOfCredit,
            "priceUnknown",
            Some("wait until the earlier job is done: its charge shows the price"),
        ),
        ErrorKind::AlreadyBought => (Code::Usage, "alreadyOpen", Some("--new buys it again")),
        _ => (Code::Other, "other", None),
    }
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
