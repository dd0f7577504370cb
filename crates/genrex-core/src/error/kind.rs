use std::fmt;

use serde::{Deserialize, Serialize};

/// The kinds of [`Error`](crate::Error).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
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
    /// The job is not over yet, so there is nothing to download.
    NotCompleted,
    /// The time that the caller gave is over; a job that was accepted goes on.
    Deadline,
    /// The submit may have been charged: see [`Error::evidence`](crate::Error::evidence). It was not sent again.
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
    /// The ledger could not do what was asked. Nothing was sent.
    Ledger,
    /// It would spend more than the limits allow. Nothing was sent.
    OverLimit,
    /// A limit is in force, and what earlier jobs cost was not settled in time. Nothing was sent.
    PriceUnknown,
    /// What may be spent is limited, and the client does not look at the balance: see
    /// [`BalanceCheck`](crate::BalanceCheck). Nothing was sent.
    BalanceUnknown,
    /// The very same was bought before: see [`Error::local_id`](crate::Error::local_id). Nothing was sent.
    AlreadyBought,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InvalidInput => "invalid input",
            Self::Configuration => "invalid configuration",
            Self::Credentials => "credentials refused",
            Self::OutOfCredit => "out of credit",
            Self::Refused => "refused",
            Self::NotFound => "not found",
            Self::RateLimited => "rate limited",
            Self::GenerationFailed => "generation failed",
            Self::NotCompleted => "not completed",
            Self::Deadline => "deadline passed",
            Self::Ambiguous => "ambiguous",
            Self::Unreachable => "unreachable",
            Self::Certificate => "certificate refused",
            Self::UnexpectedAnswer => "unexpected answer",
            Self::TooLarge => "too large",
            Self::LinkExpired => "link expired",
            Self::InvalidAudio => "invalid audio",
            Self::ForbiddenAddress => "forbidden address",
            Self::Storage => "storage failed",
            Self::Cancelled => "cancelled",
            Self::Ledger => "ledger failed",
            Self::OverLimit => "over the limit",
            Self::PriceUnknown => "price unknown",
            Self::BalanceUnknown => "balance unknown",
            Self::AlreadyBought => "already bought",
        })
    }
}
