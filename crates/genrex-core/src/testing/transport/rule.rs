use std::fmt;

/// What the contract of [`Transport`](crate::Transport) asks for, in the order in which it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// `now` never goes back, moves while time passes, and tells the time of day in milliseconds since 1970.
    Clock,
    /// `sleep` lasts at least as long as it was asked to.
    Sleep,
    /// A request is sent as it was given: method, target, headers once each, body, and nothing added that
    /// would change its meaning or its answer.
    Request,
    /// A final answer is `Ok`, whatever its status; 1xx answers before it are skipped.
    Status,
    /// An answer's headers and body are passed on as they came, and belong to the request that was sent.
    Answer,
    /// A compressed body is passed on as it came.
    Compressed,
    /// `gx-*` headers reach no origin but the request's own.
    Credentials,
    /// No redirect is followed.
    Redirect,
    /// One `send` is one attempt.
    OneAttempt,
    /// The kind of an error says that nothing left only where nothing did, and says so where that is plain.
    MayHaveLeft,
    /// A body that broke off never ends like a whole one.
    BodyEnd,
    /// A request on [`Route::Paid`](crate::Route::Paid) goes over a connection that carried no other.
    PaidConnection,
    /// A request on [`Route::Asset`](crate::Route::Asset) reaches only addresses that its policy allows.
    Addresses,
    /// `idle_timeout` ends a wait for the head, or for the next bytes of a body, and nothing else.
    IdleTimeout,
    /// `total_timeout` ends an exchange, its body too.
    TotalTimeout,
    /// An exchange ends when its future or its body is dropped.
    GivenUp,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clock => "`now` never goes back, and is in the right units",
            Self::Sleep => "`sleep` lasts at least as long as it was asked to",
            Self::Request => "a request is sent as it was given",
            Self::Status => "a final answer is `Ok`, whatever its status",
            Self::Answer => "an answer is passed on as it came",
            Self::Compressed => "a compressed body is passed on as it came",
            Self::Credentials => "`gx-*` headers reach no other origin",
            Self::Redirect => "no redirect is followed",
            Self::OneAttempt => "one `send` is one attempt",
            Self::MayHaveLeft => "the kind of an error says whether the request may have left",
            Self::BodyEnd => "a body that broke off never ends like a whole one",
            Self::PaidConnection => "a paid request goes over a connection of its own",
            Self::Addresses => "an asset is fetched only from an address that is allowed",
            Self::IdleTimeout => "`idle_timeout` ends a wait for the head or for more of the body",
            Self::TotalTimeout => "`total_timeout` ends an exchange, its body too",
            Self::GivenUp => "an exchange ends when its future or its body is dropped",
        })
    }
}

/// A rule that a transport broke, and what shows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("broken rule: {rule}; {detail}")]
pub struct Finding {
    rule: Rule,
    detail: String,
}

impl Finding {
    pub(super) fn new(rule: Rule, detail: impl Into<String>) -> Self {
        Self {
            rule,
            detail: detail.into(),
        }
    }

    /// The rule that was broken.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        self.rule
    }

    /// What the server did and what the transport made of it, in words.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

/// Requires that `kept` is true.
pub(super) fn require(
    kept: bool,
    rule: Rule,
    detail: impl FnOnce() -> String,
) -> Result<(), Finding> {
    if kept {
        Ok(())
    } else {
        Err(Finding::new(rule, detail()))
    }
}
