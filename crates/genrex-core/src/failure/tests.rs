use std::fmt::Write as _;

use super::*;

/// The page for people is this table: when it differs, the page is printed to be taken over.
#[test]
fn the_documented_table_is_this_one() {
    let mut table = String::from(
        "| what was seen | generateMusic (paid) | retrieve | getBalance | download |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    for class in Class::ALL {
        let (paid, retrieve, balance, download) = (
            paid(class),
            retrieve(class),
            balance(class),
            download(class),
        );
        writeln!(
            table,
            "| {class} | {paid} | {retrieve} | {balance} | {download} |"
        )
        .unwrap();
    }
    let page = include_str!("../../../../docs/failures.md");
    assert!(
        page.contains(&table),
        "docs/failures.md should hold:\n\n{table}"
    );
}

/// The one rule that must never be edited away: what may have left is not sent again.
#[test]
fn a_paid_call_is_sent_again_only_after_a_proof_or_a_refusal() {
    for class in Class::ALL {
        let is_safe = match paid(class) {
            Paid::NotSent(..) => class.never_left(),
            Paid::RefusedForNow(..) => class == Class::Later,
            Paid::RefusedSignature => class == Class::Unauthorized,
            Paid::Accepted | Paid::Refused(..) | Paid::Salvage | Paid::Ambiguous => true,
        };
        assert!(is_safe, "{class:?}");
    }
}

/// And what is not proved to be uncharged is never said to be.
#[test]
fn what_may_have_been_charged_is_ambiguous() {
    let definite = [
        Class::Success,
        Class::Rejected,
        Class::NotFound,
        Class::OutOfCredit,
        Class::Unauthorized,
        Class::Later,
    ];
    for class in Class::ALL {
        let is_ambiguous = matches!(paid(class), Paid::Ambiguous | Paid::Salvage);
        let is_known = class.never_left() || definite.contains(&class);
        assert_eq!(is_ambiguous, !is_known, "{class:?}");
    }
}

/// Refusals are listed. What is not listed may have been said by anything on the way.
#[test]
fn a_status_that_is_not_listed_refuses_nothing() {
    let refusals = [
        400, 401, 402, 403, 404, 405, 406, 407, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422,
        425, 426, 428, 429, 431, 451,
    ];
    for status in 100..=999 {
        let class = class_of_status(http::StatusCode::from_u16(status).unwrap());
        let is_refused = match paid(class) {
            Paid::Refused(..) | Paid::RefusedForNow(..) | Paid::RefusedSignature => true,
            Paid::Accepted | Paid::NotSent(..) | Paid::Salvage | Paid::Ambiguous => false,
        };
        assert_eq!(is_refused, refusals.contains(&status), "{status}");
        let is_accepted = paid(class) == Paid::Accepted;
        assert_eq!(is_accepted, (200..300).contains(&status), "{status}");
    }
}
