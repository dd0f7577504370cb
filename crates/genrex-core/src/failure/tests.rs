use std::fmt::Write as _;

use bytes::Bytes;
use http::header::CONTENT_ENCODING;

use super::*;
use crate::operations::call::exchange::Answer;
use crate::transport::{TransportError, TransportErrorKind};

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

/// An answer that did not come whole still has the status that it began with; only a success can be read or not.
#[test]
fn an_answer_that_is_not_whole_is_classed_by_its_status() {
    for (status, cut, too_large) in [
        (201, Class::Unreadable, Class::TooLarge),
        (307, Class::Redirect, Class::Redirect),
        (400, Class::Rejected, Class::Rejected),
        (429, Class::Later, Class::Later),
        (503, Class::Unsettled, Class::Unsettled),
    ] {
        let (head, body) = (head(status, None), Bytes::new());
        let too_long = Answer::TooLarge {
            head: head.clone(),
            body: body.clone(),
        };
        assert_eq!(classify(&too_long), too_large, "{status}");
        let error = TransportError::new(TransportErrorKind::Closed);
        assert_eq!(
            classify(&Answer::Cut { head, body, error }),
            cut,
            "{status}"
        );
    }
}

/// A refusal that speaks of credit is one for want of credit, but a signature that is refused stays one (401).
#[test]
fn a_refusal_that_speaks_of_credit_is_for_want_of_it() {
    for (status, body, expected) in [
        (400, "insufficient credits", Class::OutOfCredit),
        (400, "no such style", Class::Rejected),
        (422, "insufficient credits", Class::OutOfCredit),
        (403, "insufficient credits", Class::OutOfCredit),
        (403, "no such key", Class::Unauthorized),
        (401, "insufficient credits", Class::Unauthorized),
        (404, "insufficient credits", Class::NotFound),
        (429, "insufficient credits", Class::Later),
        (500, "insufficient credits", Class::Unsettled),
    ] {
        let answer = Answer::Whole {
            head: head(status, None),
            body: Bytes::from(format!(r#"{{"message":"{body}"}}"#)),
        };
        assert_eq!(classify(&answer), expected, "{status} {body}");
    }
}

/// Nobody asked for a compressed answer; one that is said to be none is as any other.
#[test]
fn a_success_that_is_compressed_cannot_be_read() {
    for (encoding, expected) in [
        (None, Class::Success),
        (Some("identity"), Class::Success),
        (Some("gzip"), Class::Unreadable),
    ] {
        let head = head(200, encoding);
        let body = Bytes::new();
        assert_eq!(classify(&Answer::Whole { head, body }), expected);
    }
}

fn head(status: u16, encoding: Option<&str>) -> Box<http::response::Parts> {
    let mut head = http::Response::builder().status(status);
    if let Some(encoding) = encoding {
        head = head.header(CONTENT_ENCODING, encoding);
    }
    Box::new(head.body(()).unwrap().into_parts().0)
}
