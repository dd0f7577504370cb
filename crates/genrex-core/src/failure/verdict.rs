use std::fmt;
use std::time::Duration;

use genrex_ledger::Refusal;
use genrex_proto::Charge;

use crate::ErrorKind;

/// How often something is tried in all, the first time included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tries {
    /// So often, whatever the tries met.
    Most(u32),
    /// So often with the same failure and no success between.
    InARow(u32),
    /// Until the caller's deadline.
    ToDeadline,
    /// Until the caller's deadline, and none of them counts: nothing was asked of the other side.
    Uncounted,
}

/// What a paid submit's answer leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Paid {
    /// The service took it.
    Accepted,
    /// It did not leave, so it may be tried again; then the error's kind.
    NotSent(Tries, ErrorKind),
    /// The service refused it for good; then the error's kind.
    Refused(Refusal, ErrorKind),
    /// The service refused it for now: it may be tried again; then the error's kind.
    RefusedForNow(Tries, Refusal, ErrorKind),
    /// The service refused the signature: if the answer's `Date` shows that the clock is off, it is corrected and
    /// the request sent once more.
    RefusedSignature,
    /// A whole id in what came means that the job was accepted; else as [`Self::Ambiguous`].
    Salvage,
    /// It may have been charged: over, and never sent again.
    Ambiguous,
}

/// What a free call's answer leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Free {
    /// It is no failure.
    Accepted,
    /// Over; the error's kind.
    Final(ErrorKind),
    /// Again; then the error's kind.
    Again(Tries, ErrorKind),
    /// Again for so long after the submit, while the service's own copies may lag; after that so many tries.
    AgainInGrace(Duration, Tries, ErrorKind),
    /// As [`Paid::RefusedSignature`].
    RefusedSignature,
}

/// What a download's answer leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Download {
    /// It is no failure.
    Accepted,
    /// Over; the error's kind.
    Final(ErrorKind),
    /// Again from where it broke off; then the error's kind.
    Again(Tries, ErrorKind),
    /// Again from zero; then the error's kind.
    FromZero(Tries, ErrorKind),
    /// Go where it points, at most so many times; then the error's kind.
    Follow(u32, ErrorKind),
    /// Ask the service for a fresh link, at most so many times; then the error's kind.
    FreshLink(u32, ErrorKind),
}

/// What a column can say: it is of paid calls, or of free ones.
pub(crate) trait Column: Copy + Into<Next> + fmt::Debug {
    const CHARGE: Charge;
}

impl Column for Paid {
    const CHARGE: Charge = Charge::Paid;
}

impl Column for Free {
    const CHARGE: Charge = Charge::Free;
}

/// The verdicts of all columns as one, so that one interpreter serves them: [`Counters::judge`](super::Counters).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    Accept,
    Over(ErrorKind),
    Again(Tries, ErrorKind),
    AgainInGrace(Duration, Tries, ErrorKind),
    FromZero(Tries, ErrorKind),
    Redirect(u32, ErrorKind),
    FreshLink(u32, ErrorKind),
    CorrectClock,
}

impl From<Paid> for Next {
    fn from(verdict: Paid) -> Self {
        match verdict {
            Paid::Accepted => Self::Accept,
            Paid::NotSent(tries, kind) => Self::Again(tries, kind),
            Paid::Refused(_, kind) => Self::Over(kind),
            Paid::RefusedForNow(tries, _, kind) => Self::Again(tries, kind),
            Paid::RefusedSignature => Self::CorrectClock,
            Paid::Salvage | Paid::Ambiguous => Self::Over(ErrorKind::Ambiguous),
        }
    }
}

impl From<Free> for Next {
    fn from(verdict: Free) -> Self {
        match verdict {
            Free::Accepted => Self::Accept,
            Free::Final(kind) => Self::Over(kind),
            Free::Again(tries, kind) => Self::Again(tries, kind),
            Free::AgainInGrace(grace, tries, kind) => Self::AgainInGrace(grace, tries, kind),
            Free::RefusedSignature => Self::CorrectClock,
        }
    }
}

impl From<Download> for Next {
    fn from(verdict: Download) -> Self {
        match verdict {
            Download::Accepted => Self::Accept,
            Download::Final(kind) => Self::Over(kind),
            Download::Again(tries, kind) => Self::Again(tries, kind),
            Download::FromZero(tries, kind) => Self::FromZero(tries, kind),
            Download::Follow(hops, kind) => Self::Redirect(hops, kind),
            Download::FreshLink(links, kind) => Self::FreshLink(links, kind),
        }
    }
}

impl Next {
    /// The kind of the error that it ends in.
    pub(crate) const fn kind(self) -> ErrorKind {
        match self {
            Self::Over(kind)
            | Self::Again(_, kind)
            | Self::AgainInGrace(_, _, kind)
            | Self::FromZero(_, kind)
            | Self::Redirect(_, kind)
            | Self::FreshLink(_, kind) => kind,
            Self::CorrectClock => ErrorKind::Credentials,
            Self::Accept => ErrorKind::UnexpectedAnswer,
        }
    }
}

impl fmt::Display for Tries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Most(tries) => write!(f, "{tries} tries"),
            Self::InARow(tries) => write!(f, "{tries} tries in a row"),
            Self::ToDeadline => f.write_str("tries to the deadline"),
            Self::Uncounted => f.write_str("waited out to the deadline"),
        }
    }
}

impl fmt::Display for Paid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::NotSent(Tries::Most(1), kind) => write!(f, "NotSent: {kind:?}"),
            Self::NotSent(tries, kind) => write!(f, "{tries}, then NotSent: {kind:?}"),
            Self::Refused(refusal, _) => write!(f, "Refused: {refusal:?}"),
            Self::RefusedForNow(tries, refusal, _) => {
                write!(f, "{tries}, then Refused: {refusal:?}")
            }
            Self::RefusedSignature => {
                f.write_str("clock corrected and sent once more, else Refused: Credentials")
            }
            Self::Salvage => {
                f.write_str("a whole id is salvaged, else **Ambiguous, never resent**")
            }
            Self::Ambiguous => f.write_str("**Ambiguous, never resent**"),
        }
    }
}

impl fmt::Display for Free {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::Final(kind) => write!(f, "final: {kind:?}"),
            Self::Again(Tries::ToDeadline, _) => f.write_str("retried to the deadline"),
            Self::Again(tries, kind) => write!(f, "{tries}, then {kind:?}"),
            Self::AgainInGrace(grace, tries, kind) => {
                let seconds = grace.as_secs();
                write!(
                    f,
                    "retried within {seconds} s of the submit; later {tries}, then {kind:?}"
                )
            }
            Self::RefusedSignature => {
                f.write_str("clock corrected and sent once more, else Credentials")
            }
        }
    }
}

impl fmt::Display for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted => f.write_str("accepted"),
            Self::Final(kind) => write!(f, "final: {kind:?}"),
            Self::Again(Tries::Uncounted, kind) => {
                write!(f, "{}, then {kind:?}", Tries::Uncounted)
            }
            Self::Again(tries, kind) => write!(f, "resumed, {tries}, then {kind:?}"),
            Self::FromZero(tries, kind) => write!(f, "from zero, {tries}, then {kind:?}"),
            Self::Follow(hops, _) => write!(f, "followed, {hops} hops, each checked"),
            Self::FreshLink(1, kind) => write!(f, "a fresh link, once, then {kind:?}"),
            Self::FreshLink(links, kind) => write!(f, "a fresh link, {links} times, then {kind:?}"),
        }
    }
}
