use genrex_ledger::{self as ledger, LocalId};

use crate::{Error, ErrorKind};

/// What the ledger did not let through, as the error of an operation of which nothing was sent.
pub(crate) fn refused(error: ledger::Error, local: Option<LocalId>) -> Error {
    let (kind, message) = match error.kind() {
        ledger::ErrorKind::OverLimit => (
            ErrorKind::OverLimit,
            "it would spend more than is allowed; nothing was sent",
        ),
        ledger::ErrorKind::PriceUnknown => (
            ErrorKind::PriceUnknown,
            "what it costs is not known yet; nothing was sent",
        ),
        ledger::ErrorKind::BalanceUnknown => (
            ErrorKind::BalanceUnknown,
            "what may be spent is limited, and nobody looked at the balance; nothing was sent",
        ),
        ledger::ErrorKind::Taken => (
            ErrorKind::AlreadyBought,
            "the same was bought before; nothing was sent",
        ),
        ledger::ErrorKind::Storage
        | ledger::ErrorKind::Full
        | ledger::ErrorKind::Denied
        | ledger::ErrorKind::Damaged
        | ledger::ErrorKind::Busy
        | ledger::ErrorKind::Newer
        | ledger::ErrorKind::Unreadable
        | ledger::ErrorKind::NotFound
        | ledger::ErrorKind::Transition
        // A kind that this version does not know keeps a request from leaving too.
        | _ => (
            ErrorKind::Ledger,
            "the ledger could not do what was asked; nothing was sent",
        ),
    };
    let about = local.or(error.job());
    let settled_at = error.settled_at();
    let failure = Error::new(kind, message)
        .with_settled_at(settled_at)
        .with_source(error);
    match about {
        Some(local) => failure.with_local_id(local),
        None => failure,
    }
}
