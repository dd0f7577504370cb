use std::time::Duration;

use genrex_ledger::Refusal;

use super::verdict::Tries::{InARow, Most, ToDeadline, Uncounted};
use super::{Class, Download, Free, Paid};
use crate::ErrorKind;

/// How long after its submit a job may be unknown: the service's own copies may lag.
const GRACE: Duration = Duration::from_secs(30);

/// What a paid submit's answer leads to. Refusals are listed; whatever is neither one of them nor proved not to
/// have left may have been charged.
#[must_use]
pub const fn paid(class: Class) -> Paid {
    match class {
        Class::Success => Paid::Accepted,
        Class::NeverLeft => Paid::NotSent(Most(4), ErrorKind::Unreachable),
        Class::NoDescriptor => Paid::NotSent(Uncounted, ErrorKind::Unreachable),
        Class::Certificate => Paid::NotSent(Most(1), ErrorKind::Certificate),
        Class::ForbiddenAddress => Paid::NotSent(Most(1), ErrorKind::ForbiddenAddress),
        Class::Cancelled => Paid::NotSent(Most(1), ErrorKind::Cancelled),
        Class::Rejected | Class::NotFound => Paid::Refused(Refusal::Rejected, ErrorKind::Refused),
        Class::OutOfCredit => Paid::Refused(Refusal::OutOfCredit, ErrorKind::OutOfCredit),
        Class::Unauthorized => Paid::RefusedSignature,
        Class::Later => Paid::RefusedForNow(Most(5), Refusal::RateLimited, ErrorKind::RateLimited),
        Class::Unreadable => Paid::Salvage,
        Class::Abandoned
        | Class::Lost
        | Class::TooLarge
        | Class::Redirect
        | Class::Unsettled
        | Class::NoLink
        | Class::Mismatched
        | Class::NotAudio => Paid::Ambiguous,
    }
}

/// What the answer to a `retrieve` leads to: of a wait, or of a single question.
#[must_use]
pub const fn retrieve(class: Class) -> Free {
    match class {
        Class::Success => Free::Accepted,
        Class::NeverLeft | Class::Lost | Class::Unsettled => {
            Free::Again(ToDeadline, ErrorKind::Unreachable)
        }
        Class::NoDescriptor => Free::Again(Uncounted, ErrorKind::Unreachable),
        Class::Later => Free::Again(ToDeadline, ErrorKind::RateLimited),
        Class::Unreadable => Free::Again(InARow(5), ErrorKind::UnexpectedAnswer),
        Class::NoLink => Free::Again(InARow(3), ErrorKind::UnexpectedAnswer),
        Class::NotFound => Free::AgainInGrace(GRACE, InARow(3), ErrorKind::NotFound),
        Class::Certificate => Free::Final(ErrorKind::Certificate),
        Class::ForbiddenAddress => Free::Final(ErrorKind::ForbiddenAddress),
        Class::Cancelled | Class::Abandoned => Free::Final(ErrorKind::Cancelled),
        Class::TooLarge => Free::Final(ErrorKind::TooLarge),
        Class::Redirect | Class::Mismatched | Class::NotAudio => {
            Free::Final(ErrorKind::UnexpectedAnswer)
        }
        Class::Rejected | Class::OutOfCredit => Free::Final(ErrorKind::Refused),
        Class::Unauthorized => Free::RefusedSignature,
    }
}

/// What the answer to a `getBalance` leads to.
#[must_use]
pub const fn balance(class: Class) -> Free {
    match class {
        Class::Success => Free::Accepted,
        Class::NeverLeft | Class::Lost | Class::Unsettled => {
            Free::Again(Most(5), ErrorKind::Unreachable)
        }
        Class::NoDescriptor => Free::Again(Uncounted, ErrorKind::Unreachable),
        Class::Later => Free::Again(Most(5), ErrorKind::RateLimited),
        Class::Unreadable => Free::Again(Most(3), ErrorKind::UnexpectedAnswer),
        Class::Certificate => Free::Final(ErrorKind::Certificate),
        Class::ForbiddenAddress => Free::Final(ErrorKind::ForbiddenAddress),
        Class::Cancelled | Class::Abandoned => Free::Final(ErrorKind::Cancelled),
        Class::TooLarge => Free::Final(ErrorKind::TooLarge),
        Class::Redirect | Class::NoLink | Class::Mismatched | Class::NotAudio => {
            Free::Final(ErrorKind::UnexpectedAnswer)
        }
        Class::Rejected | Class::OutOfCredit | Class::NotFound => Free::Final(ErrorKind::Refused),
        Class::Unauthorized => Free::RefusedSignature,
    }
}

/// What a download's answer leads to.
#[must_use]
pub const fn download(class: Class) -> Download {
    match class {
        Class::Success => Download::Accepted,
        Class::NeverLeft | Class::Lost | Class::Unsettled => {
            Download::Again(Most(8), ErrorKind::Unreachable)
        }
        Class::NoDescriptor => Download::Again(Uncounted, ErrorKind::Unreachable),
        Class::Later => Download::Again(Most(8), ErrorKind::RateLimited),
        Class::Unreadable => Download::Again(Most(8), ErrorKind::UnexpectedAnswer),
        Class::Mismatched => Download::FromZero(Most(8), ErrorKind::UnexpectedAnswer),
        Class::Redirect => Download::Follow(5, ErrorKind::UnexpectedAnswer),
        Class::Rejected | Class::Unauthorized | Class::OutOfCredit | Class::NotFound => {
            Download::FreshLink(3, ErrorKind::LinkExpired)
        }
        Class::NotAudio => Download::FreshLink(1, ErrorKind::InvalidAudio),
        Class::Certificate => Download::Final(ErrorKind::Certificate),
        Class::ForbiddenAddress => Download::Final(ErrorKind::ForbiddenAddress),
        Class::Cancelled | Class::Abandoned => Download::Final(ErrorKind::Cancelled),
        Class::TooLarge => Download::Final(ErrorKind::TooLarge),
        Class::NoLink => Download::Final(ErrorKind::UnexpectedAnswer),
    }
}
