use genrex_ledger::{self as ledger, LocalId};

use crate::{Error, ErrorKind};

/// What the ledger did not let through, as the error of an operation of which nothing was sent.
pub(crate) fn refused(error: ledger::Error, local: Option<LocalId>) -> Error {
    let kind = match error.kind() {
        ledger::ErrorKind::OverLimit => ErrorKind::OverLimit,
        ledger::ErrorKind::PriceUnknown => ErrorKind::PriceUnknown,
        ledger::ErrorKind::BalanceUnknown => ErrorKind::BalanceUnknown,
        ledger::ErrorKind::Taken => ErrorKind::AlreadyBought,
        // What a storage cannot do, of whatever kind, keeps a request from leaving.
        _ => ErrorKind::Ledger,
    };
    let message = match kind {
        ErrorKind::OverLimit => "it would spend more than is allowed; nothing was sent",
        ErrorKind::PriceUnknown => "what it costs is not known yet; nothing was sent",
        ErrorKind::BalanceUnknown => {
            "what may be spent is limited, and nobody looked at the balance; nothing was sent"
        }
        ErrorKind::AlreadyBought => "the same was bought before; nothing was sent",
        _ => "the ledger could not do what was asked; nothing was sent",
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
