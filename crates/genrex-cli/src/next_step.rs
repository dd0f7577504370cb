//! What an error means for the credits, and what to type next. `docs/errors.md` has all of them, and a test types each
//! command that is named.

mod limit;

use std::error::Error as _;

use genrex_async::{Error, ErrorKind};
use genrex_ledger::LocalId;

use self::limit::limit_step;
use crate::ledger;
use crate::typed;

/// For people: first the credits, then the way on. What the service refused it need not have charged; only the balance
/// tells.
///
/// A command ends with the text, a comma, a semicolon or a full stop.
pub(crate) fn next_step(error: &Error) -> Option<String> {
    let kind = error.kind();
    if kind == ErrorKind::OverLimit {
        return Some(limit_step(error));
    }
    let step = ledger_step(error)
        .or_else(|| clock_step(error))
        .or_else(|| deadline_step(error))
        .or_else(|| credits_step(kind))
        .or_else(|| service_step(kind));
    let Some(job) = error.local_id() else {
        return step.map(with_flags);
    };
    job_step(kind, job).or_else(|| {
        let step = with_flags(step?);
        Some(format!(
            "{step}. What is known of it: genrex jobs show {job}"
        ))
    })
}

/// Where the job's number is in the way on.
fn job_step(kind: ErrorKind, job: LocalId) -> Option<String> {
    Some(match kind {
        ErrorKind::Ambiguous => format!(
            "Job {job} may have been charged. Run: genrex jobs reconcile {job}{}",
            typed::flags()
        ),
        ErrorKind::AlreadyBought => format!(
            "nothing was sent; --new buys it again. Job {job} is the one that was bought: genrex jobs show {job}"
        ),
        _ => return None,
    })
}

/// A question is put to the same account, and help is about the same command.
fn with_flags(step: &str) -> String {
    const BALANCE: &str = "genrex balance";
    const HELP: &str = "genrex --help";
    let balance = format!("{BALANCE}{}", typed::flags());
    step.replace(BALANCE, &balance)
        .replace(HELP, &typed::help())
}

/// What the ledger needs, if it is what failed.
fn ledger_step(error: &Error) -> Option<&'static str> {
    let cause = error.source()?.downcast_ref::<genrex_ledger::Error>()?;
    (error.kind() == ErrorKind::Ledger).then(|| ledger::remedy(cause.kind()))
}

fn clock_step(error: &Error) -> Option<&'static str> {
    error.clock_offset_millis()?;
    Some(
        "a refused request is not charged, unless the balance shows otherwise. The key and the secret may be right: set \
         this machine's clock, and run the same command again; this tries it for nothing: genrex balance",
    )
}

/// Time that is over before a job was bought costs nothing.
fn deadline_step(error: &Error) -> Option<&'static str> {
    (error.kind() == ErrorKind::Deadline).then(|| match error.query_id() {
        Some(_) => "the job is paid for, and goes on at the service",
        None => {
            "nothing was charged by this. Run the same command again, or with a longer --timeout"
        }
    })
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
            "the service gives no reason. Another prompt, or the same again, costs credits again. What it cost, the balance \
             shows: genrex balance"
        }
        ErrorKind::Ambiguous => {
            "submitting again buys again. Compare with what the balance was before: genrex balance"
        }
        ErrorKind::PriceUnknown => {
            "nothing was sent. An earlier job shows the price when it is done: then run the same command again. What is \
             open: genrex jobs recover"
        }
        ErrorKind::BalanceUnknown => {
            "nothing was sent. Leave --no-balance-check away, or take the limits out"
        }
        ErrorKind::AlreadyBought => {
            "nothing was sent; --new buys it again. What was bought: genrex jobs list"
        }
        _ => return None,
    })
}

const fn service_step(kind: ErrorKind) -> Option<&'static str> {
    Some(match kind {
        ErrorKind::InvalidInput | ErrorKind::Configuration => {
            "nothing was sent. What the command takes: genrex --help"
        }
        ErrorKind::Credentials => {
            "a refused request is not charged, unless the balance shows otherwise. Check GENREX_API_KEY and \
             GENREX_API_SECRET, or the profile; this tries them for nothing: genrex balance"
        }
        ErrorKind::NotFound => {
            "asking costs nothing. Check the id, and that the key is of the account that submitted it. What was bought \
             from here: genrex jobs list"
        }
        ErrorKind::Unreachable => {
            "nothing was charged by this. Check the network, and run the same command again; this tries the service for \
             nothing: genrex balance"
        }
        ErrorKind::Certificate => {
            "nothing was sent. Something on the way is not the service: check the base URL, the proxy and the network"
        }
        ErrorKind::UnexpectedAnswer | ErrorKind::TooLarge => {
            "nothing was charged by asking. Is the base URL right? This shows each request: genrex balance -vv"
        }
        ErrorKind::LinkExpired | ErrorKind::InvalidAudio | ErrorKind::ForbiddenAddress => {
            "the job is paid for, and stays at the service; asking for its audio again costs nothing"
        }
        ErrorKind::Storage => {
            "the job is paid for, and stays at the service. Free the name or the disk, or choose another place with \
             --output"
        }
        _ => return None,
    })
}
