//! The failure table: what each failure leads to, as data and one function.
//!
//! [`TABLE`] has a row for each [`Class`] of what can be seen of an exchange, and a column for each
//! [`Call`]. Nothing else in genrex decides what a status or a broken connection means.

use std::fmt;

use genrex_proto::{Endpoint, ErrorBody};
use http::StatusCode;
use http::header::CONTENT_ENCODING;

use crate::ErrorKind;
use crate::exchange::Seen;
use crate::transport::TransportErrorKind;

/// What was asked for: a column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    /// A paid, signed `generateMusic`.
    Generate,
    /// A free, signed `retrieve`.
    Retrieve,
    /// A free, signed `getBalance`.
    Balance,
    /// An unsigned `GET` of audio.
    Download,
}

impl From<Endpoint> for Call {
    fn from(endpoint: Endpoint) -> Self {
        match endpoint {
            Endpoint::Generate => Self::Generate,
            Endpoint::Retrieve => Self::Retrieve,
            Endpoint::Balance => Self::Balance,
        }
    }
}

/// What was seen of an exchange: a row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// A success that could be read.
    Success,
    /// The name was not resolved, or no connection or TLS stood: the request did not leave.
    NeverLeft,
    /// The server's certificate was refused: the request did not leave.
    Certificate,
    /// An address where a download may not go: the request did not leave.
    ForbiddenAddress,
    /// The caller gave up before the request left.
    Cancelled,
    /// The connection died, or time ran out, after the request may have left.
    Lost,
    /// A success cut short, empty, compressed unasked, or not the JSON that was expected.
    Unreadable,
    /// A success larger than it may be.
    TooLarge,
    /// 3xx.
    Redirect,
    /// 400, 422 and the definite refusals not named elsewhere.
    Rejected,
    /// 401, 403.
    Unauthorized,
    /// 402, or a refusal whose words speak of credit.
    OutOfCredit,
    /// 404, 410.
    NotFound,
    /// 408, 409, any 5xx: a gateway may say so after the service took the job.
    Unsettled,
    /// 425, 429.
    Later,
    /// Audio from elsewhere in the file than asked for, or of another version of it.
    Mismatched,
    /// Not RIFF/WAVE, an HTML page, or less audio than its own header promises.
    NotAudio,
}

/// What a failure leads to: a cell of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// It is no failure.
    Accept,
    /// Over; the error's kind.
    Final(ErrorKind),
    /// Try again, up to so many tries in all; then the error's kind.
    Retry(u32, ErrorKind),
    /// Try again until the deadline; the kind is for a caller that has none.
    RetryToDeadline(ErrorKind),
    /// Correct the clock if the answer's `Date` is 2 s or more off, and send once more; else over.
    CorrectClock(ErrorKind),
    /// It may have been charged: over, and never sent again.
    Ambiguous,
    /// A whole id in what came means that the job was accepted; else [`Self::Ambiguous`].
    Salvage,
    /// Go where it points, at most so many times.
    Follow(u32),
    /// Ask for a fresh link, at most so many times; then the error's kind.
    FreshLink(u32, ErrorKind),
    /// Forget what was received and start again from zero; counts as a try.
    StartOver,
    /// Cannot happen to this call.
    Impossible,
}

/// One row: what a class leads to for each call.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// What was seen.
    pub class: Class,
    /// What it leads to for a paid submit.
    pub generate: Verdict,
    /// What it leads to for a poll.
    pub retrieve: Verdict,
    /// What it leads to for a balance.
    pub balance: Verdict,
    /// What it leads to for a download.
    pub download: Verdict,
}

/// The table.
pub const TABLE: [Row; 17] = {
    use Class as C;
    use ErrorKind as K;
    use Verdict::{
        Accept, Ambiguous, CorrectClock, Final, Follow, FreshLink, Impossible, Retry,
        RetryToDeadline, Salvage, StartOver,
    };
    const fn row(class: Class, [generate, retrieve, balance, download]: [Verdict; 4]) -> Row {
        Row {
            class,
            generate,
            retrieve,
            balance,
            download,
        }
    }
    /// The same for every call.
    const fn same(class: Class, verdict: Verdict) -> Row {
        row(class, [verdict; 4])
    }
    const UNREACHABLE: Verdict = RetryToDeadline(K::Unreachable);
    const NONSENSE: Verdict = Final(K::UnexpectedAnswer);
    const EXPIRED: Verdict = FreshLink(3, K::LinkExpired);
    [
        same(C::Success, Accept),
        row(
            C::NeverLeft,
            [
                Retry(4, K::Unreachable),
                UNREACHABLE,
                Retry(5, K::Unreachable),
                Retry(8, K::Unreachable),
            ],
        ),
        same(C::Certificate, Final(K::Certificate)),
        same(C::ForbiddenAddress, Final(K::ForbiddenAddress)),
        same(C::Cancelled, Final(K::Cancelled)),
        row(
            C::Lost,
            [
                Ambiguous,
                UNREACHABLE,
                Retry(5, K::Unreachable),
                Retry(8, K::Unreachable),
            ],
        ),
        row(
            C::Unreadable,
            [
                Salvage,
                Retry(5, K::UnexpectedAnswer),
                Retry(3, K::UnexpectedAnswer),
                Retry(8, K::UnexpectedAnswer),
            ],
        ),
        row(
            C::TooLarge,
            [
                Ambiguous,
                Final(K::TooLarge),
                Final(K::TooLarge),
                Final(K::TooLarge),
            ],
        ),
        row(C::Redirect, [NONSENSE, NONSENSE, NONSENSE, Follow(5)]),
        row(
            C::Rejected,
            [
                Final(K::Refused),
                Final(K::Refused),
                Final(K::Refused),
                EXPIRED,
            ],
        ),
        row(
            C::Unauthorized,
            [
                CorrectClock(K::Credentials),
                CorrectClock(K::Credentials),
                CorrectClock(K::Credentials),
                EXPIRED,
            ],
        ),
        row(
            C::OutOfCredit,
            [
                Final(K::OutOfCredit),
                Final(K::Refused),
                Final(K::Refused),
                EXPIRED,
            ],
        ),
        row(
            C::NotFound,
            [
                Final(K::Refused),
                Retry(3, K::NotFound),
                Final(K::Refused),
                EXPIRED,
            ],
        ),
        row(
            C::Unsettled,
            [
                Ambiguous,
                UNREACHABLE,
                Retry(5, K::Unreachable),
                Retry(8, K::Unreachable),
            ],
        ),
        row(
            C::Later,
            [
                Retry(5, K::RateLimited),
                RetryToDeadline(K::RateLimited),
                Retry(5, K::RateLimited),
                Retry(8, K::RateLimited),
            ],
        ),
        row(
            C::Mismatched,
            [Impossible, Impossible, Impossible, StartOver],
        ),
        row(
            C::NotAudio,
            [
                Impossible,
                Impossible,
                Impossible,
                FreshLink(1, K::InvalidAudio),
            ],
        ),
    ]
};

/// What `seen` leads to for `call`.
pub(crate) fn judge(call: Call, seen: &Seen) -> (Class, Verdict) {
    let class = classify(call, seen);
    (class, verdict(call, class))
}

/// The cell of the table.
#[must_use]
pub fn verdict(call: Call, class: Class) -> Verdict {
    TABLE
        .iter()
        .find(|row| row.class == class)
        .map_or(Verdict::Impossible, |row| match call {
            Call::Generate => row.generate,
            Call::Retrieve => row.retrieve,
            Call::Balance => row.balance,
            Call::Download => row.download,
        })
}

fn classify(call: Call, seen: &Seen) -> Class {
    match seen {
        Seen::Failed(error) => class_of_failure(error.kind()),
        Seen::Cut { head, .. } if head.status.is_success() => Class::Unreadable,
        Seen::TooLarge { head } if head.status.is_success() => Class::TooLarge,
        Seen::Answered { head, .. } if head.status.is_success() => {
            // Whoever compresses unasked may do so to slip a large answer past the cap.
            let compressed = head
                .headers
                .get(CONTENT_ENCODING)
                .is_some_and(|encoding| encoding != "identity");
            if compressed {
                Class::Unreadable
            } else {
                Class::Success
            }
        }
        Seen::Cut { head, .. } | Seen::TooLarge { head } => class_of_status(head.status),
        Seen::Answered { head, body } => {
            let class = class_of_status(head.status);
            let may_speak = matches!(class, Class::Rejected | Class::Unauthorized)
                && head.status != StatusCode::UNAUTHORIZED
                && call != Call::Download;
            if may_speak && ErrorBody::parse(body).speaks_of_credit() {
                Class::OutOfCredit
            } else {
                class
            }
        }
    }
}

pub(crate) fn class_of_failure(kind: TransportErrorKind) -> Class {
    match kind {
        TransportErrorKind::Certificate => Class::Certificate,
        TransportErrorKind::ForbiddenAddress => Class::ForbiddenAddress,
        TransportErrorKind::Cancelled => Class::Cancelled,
        _ if kind.may_have_left() => Class::Lost,
        _ => Class::NeverLeft,
    }
}

pub(crate) fn class_of_status(status: StatusCode) -> Class {
    match status.as_u16() {
        200..=299 => Class::Success,
        300..=399 => Class::Redirect,
        401 | 403 => Class::Unauthorized,
        402 => Class::OutOfCredit,
        404 | 410 => Class::NotFound,
        408 | 409 => Class::Unsettled,
        425 | 429 => Class::Later,
        400..=499 => Class::Rejected,
        // 5xx, and the statuses that HTTP does not define.
        _ => Class::Unsettled,
    }
}

impl Class {
    /// Whether it is proved that the request did not leave.
    #[must_use]
    pub const fn never_left(self) -> bool {
        matches!(
            self,
            Self::NeverLeft | Self::Certificate | Self::ForbiddenAddress | Self::Cancelled
        )
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Success => "success",
            Self::NeverLeft => "no connection stood",
            Self::Certificate => "the server's certificate was refused",
            Self::ForbiddenAddress => "the address is not a public one",
            Self::Cancelled => "cancelled before it was sent",
            Self::Lost => "no answer came after the request may have left",
            Self::Unreadable => "a success that cannot be read",
            Self::TooLarge => "a success larger than it may be",
            Self::Redirect => "3xx",
            Self::Rejected => "400, 422, another definite 4xx",
            Self::Unauthorized => "401, 403",
            Self::OutOfCredit => "402, or a refusal that speaks of credit",
            Self::NotFound => "404, 410",
            Self::Unsettled => "408, 409, 5xx",
            Self::Later => "425, 429",
            Self::Mismatched => "audio from another place or version",
            Self::NotAudio => "not RIFF/WAVE, a page, less than promised",
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accepted"),
            Self::Final(kind) => write!(f, "final: {kind:?}"),
            Self::Retry(tries, kind) => write!(f, "{tries} tries, then {kind:?}"),
            Self::RetryToDeadline(_) => f.write_str("retried to the deadline"),
            Self::CorrectClock(kind) => {
                write!(f, "clock corrected and sent once more, else {kind:?}")
            }
            Self::Ambiguous => f.write_str("**Ambiguous, never resent**"),
            Self::Salvage => {
                f.write_str("a whole id is salvaged, else **Ambiguous, never resent**")
            }
            Self::Follow(hops) => write!(f, "followed, {hops} hops, each checked"),
            Self::FreshLink(1, kind) => write!(f, "a fresh link, once, then {kind:?}"),
            Self::FreshLink(links, kind) => write!(f, "a fresh link, {links} times, then {kind:?}"),
            Self::StartOver => f.write_str("started again from zero"),
            Self::Impossible => f.write_str("–"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page for people is this table: when it differs, the page is printed to be taken over.
    #[test]
    fn the_documented_table_is_this_one() {
        let mut table = String::from(
            "| what was seen | generateMusic (paid) | retrieve | getBalance | download |\n\
             | --- | --- | --- | --- | --- |\n",
        );
        for row in TABLE {
            use std::fmt::Write as _;
            let Row {
                class,
                generate,
                retrieve,
                balance,
                download,
            } = row;
            writeln!(
                table,
                "| {class} | {generate} | {retrieve} | {balance} | {download} |"
            )
            .unwrap();
        }
        let page = include_str!("../../../docs/failures.md");
        assert!(
            page.contains(&table),
            "docs/failures.md should hold:\n\n{table}"
        );
    }

    #[test]
    fn every_class_has_one_row() {
        for (index, row) in TABLE.iter().enumerate() {
            assert!(
                TABLE[..index].iter().all(|other| other.class != row.class),
                "{:?}",
                row.class
            );
        }
    }

    /// The one rule that must never be edited away: what may have left is not sent again.
    #[test]
    fn a_paid_call_is_retried_only_after_a_proof_or_a_refusal() {
        for row in TABLE {
            let resends = matches!(
                row.generate,
                Verdict::Retry(..)
                    | Verdict::RetryToDeadline(_)
                    | Verdict::Follow(_)
                    | Verdict::CorrectClock(_)
            );
            let safe =
                row.class.never_left() || matches!(row.class, Class::Later | Class::Unauthorized);
            assert!(!resends || safe, "{:?}", row.class);
        }
    }
}
