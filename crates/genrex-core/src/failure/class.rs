use std::fmt;

use genrex_proto::ErrorBody;
use http::StatusCode;
use http::header::CONTENT_ENCODING;
use serde::{Deserialize, Serialize};

use crate::operations::call::exchange::Answer;
use crate::transport::TransportErrorKind;

/// Makes an enum, and the list of all its variants, which cannot forget one.
macro_rules! listed {
    (
        $(#[$about:meta])*
        pub enum $name:ident {
            $($(#[$of:meta])* $variant:ident,)*
        }
    ) => {
        $(#[$about])*
        pub enum $name {
            $($(#[$of])* $variant,)*
        }

        impl $name {
            /// All of them, in the table's order.
            pub const ALL: [Self; [$(Self::$variant),*].len()] = [$(Self::$variant),*];
        }
    };
}

listed! {
/// What was seen of an exchange: a row of the failure table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Class {
    /// A success that could be read.
    Success,
    /// The name was not resolved, or no connection or TLS stood: the request did not leave.
    NeverLeft,
    /// This machine had no file descriptor left for a connection: the request did not leave.
    NoDescriptor,
    /// The server's certificate was refused: the request did not leave.
    Certificate,
    /// An address where a download may not go: the request did not leave.
    ForbiddenAddress,
    /// The caller gave up before the request left.
    Cancelled,
    /// The caller gave up after the request may have left.
    Abandoned,
    /// The connection died, or time ran out, after the request may have left.
    Lost,
    /// A success cut short, empty, compressed unasked, or not the JSON that was expected.
    Unreadable,
    /// A success larger than it may be.
    TooLarge,
    /// 3xx.
    Redirect,
    /// 400, 422 and the definite refusals that HTTP defines beside those named elsewhere.
    Rejected,
    /// 401, 403.
    Unauthorized,
    /// 402, or a refusal whose words speak of credit.
    OutOfCredit,
    /// 404, 410.
    NotFound,
    /// 408, 409, any 5xx, and any status that is no definite refusal: a gateway may say so after the service took the
    /// job.
    Unsettled,
    /// 425, 429.
    Later,
    /// A completed job without a link that may be fetched.
    NoLink,
    /// Audio from elsewhere in the file than asked for, or of another version of it.
    Mismatched,
    /// Not RIFF/WAVE, an HTML page, or less audio than its own header promises.
    NotAudio,
}
}

impl Class {
    /// Whether it is proved that the request did not leave.
    #[must_use]
    pub const fn never_left(self) -> bool {
        match self {
            Self::NeverLeft
            | Self::NoDescriptor
            | Self::Certificate
            | Self::ForbiddenAddress
            | Self::Cancelled => true,
            Self::Success
            | Self::Abandoned
            | Self::Lost
            | Self::Unreadable
            | Self::TooLarge
            | Self::Redirect
            | Self::Rejected
            | Self::Unauthorized
            | Self::OutOfCredit
            | Self::NotFound
            | Self::Unsettled
            | Self::Later
            | Self::NoLink
            | Self::Mismatched
            | Self::NotAudio => false,
        }
    }

    /// Whether it says that the service is in trouble, or cannot be reached.
    pub(crate) const fn is_outage(self) -> bool {
        matches!(self, Self::NeverLeft | Self::Lost | Self::Unsettled)
    }
}

/// The row of a signed call's answer.
pub(crate) fn classify(answer: &Answer) -> Class {
    match answer {
        Answer::Failed(error) => class_of_failure(error.kind()),
        Answer::Cut { head, .. } if head.status.is_success() => Class::Unreadable,
        Answer::TooLarge { head, .. } if head.status.is_success() => Class::TooLarge,
        Answer::Whole { head, .. } if head.status.is_success() => {
            // Whoever compresses unasked may do so to slip a large answer past the cap.
            let encoding = head.headers.get(CONTENT_ENCODING);
            if encoding.is_some_and(|encoding| encoding != "identity") {
                Class::Unreadable
            } else {
                Class::Success
            }
        }
        Answer::Cut { head, .. } | Answer::TooLarge { head, .. } => class_of_status(head.status),
        Answer::Whole { head, body } => match class_of_status(head.status) {
            Class::Rejected if ErrorBody::parse(body).speaks_of_credit() => Class::OutOfCredit,
            Class::Unauthorized
                if head.status != StatusCode::UNAUTHORIZED
                    && ErrorBody::parse(body).speaks_of_credit() =>
            {
                Class::OutOfCredit
            }
            class => class,
        },
    }
}

pub(crate) const fn class_of_failure(kind: TransportErrorKind) -> Class {
    match kind {
        TransportErrorKind::NoDescriptor => Class::NoDescriptor,
        TransportErrorKind::Certificate => Class::Certificate,
        TransportErrorKind::ForbiddenAddress => Class::ForbiddenAddress,
        TransportErrorKind::Cancelled => Class::Cancelled,
        TransportErrorKind::Abandoned => Class::Abandoned,
        TransportErrorKind::Resolve
        | TransportErrorKind::Connect
        | TransportErrorKind::ConnectTimeout
        | TransportErrorKind::Tls
        | TransportErrorKind::Request => Class::NeverLeft,
        TransportErrorKind::Timeout
        | TransportErrorKind::Closed
        | TransportErrorKind::Malformed
        | TransportErrorKind::Other => Class::Lost,
    }
}

/// The refusals are listed, by what HTTP says of them (RFC 9110; 428 and 431 of RFC 6585, 451 of RFC 7725): each says
/// that the request was not carried out. Whatever else comes may have been said by something on the way, after the
/// service took the job. So are 423 and 424, which speak of a file's lock and of another request that failed: a
/// service without files that says them is not understood.
pub(crate) fn class_of_status(status: StatusCode) -> Class {
    match status.as_u16() {
        200..=299 => Class::Success,
        300..=399 => Class::Redirect,
        401 | 403 => Class::Unauthorized,
        402 => Class::OutOfCredit,
        404 | 410 => Class::NotFound,
        425 | 429 => Class::Later,
        400 | 405..=407 | 411..=417 | 421 | 422 | 426 | 428 | 431 | 451 => Class::Rejected,
        // 408, 409, the rest of 4xx, 5xx, and the statuses that HTTP does not define.
        _ => Class::Unsettled,
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Success => "success",
            Self::NeverLeft => "no connection stood",
            Self::NoDescriptor => "this machine had no file descriptor left",
            Self::Certificate => "the server's certificate was refused",
            Self::ForbiddenAddress => "the address is not a public one",
            Self::Cancelled => "cancelled before it was sent",
            Self::Abandoned => "cancelled after it may have left",
            Self::Lost => "no answer came after the request may have left",
            Self::Unreadable => "a success that cannot be read",
            Self::TooLarge => "a success larger than it may be",
            Self::Redirect => "3xx",
            Self::Rejected => "400, 422, another definite refusal",
            Self::Unauthorized => "401, 403",
            Self::OutOfCredit => "402, or a refusal that speaks of credit",
            Self::NotFound => "404, 410",
            Self::Unsettled => "408, 409, 5xx, a status not listed",
            Self::Later => "425, 429",
            Self::NoLink => "completed without a usable link",
            Self::Mismatched => "audio from another place or version",
            Self::NotAudio => "not RIFF/WAVE, a page, less than promised",
        })
    }
}
