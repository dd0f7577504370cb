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

#[test]
fn every_class_is_listed_once() {
    for (index, class) in Class::ALL.iter().enumerate() {
        assert!(!Class::ALL[..index].contains(class), "{class:?}");
    }
}

/// The one rule that must never be edited away: what may have left is not sent again.
#[test]
fn a_paid_call_is_sent_again_only_after_a_proof_or_a_refusal() {
    for class in Class::ALL {
        let is_safe = match paid(class) {
            Paid::NotSent(..) => class.never_left(),
            Paid::RefusedForNow(..) => class == Class::Later,
            Paid::RefusedSignature => class == Class::Unauthorized,
            Paid::Accepted | Paid::Refused(_) | Paid::Salvage | Paid::Ambiguous => true,
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

#[test]
fn the_whole_space_of_statuses_has_a_class() {
    for status in 100..=999 {
        let class = class_of_status(http::StatusCode::from_u16(status).unwrap());
        let is_definite = matches!(
            class,
            Class::Success
                | Class::Redirect
                | Class::Rejected
                | Class::Unauthorized
                | Class::OutOfCredit
                | Class::NotFound
                | Class::Later
        );
        assert_eq!(
            is_definite,
            (200..500).contains(&status) && ![408, 409].contains(&status)
        );
    }
}
