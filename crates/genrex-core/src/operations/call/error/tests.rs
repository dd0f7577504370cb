use bytes::Bytes;
use http::response::Parts;

use super::*;
use crate::failure::{Free, Paid, retrieve};
use crate::transport::TransportErrorKind;

const HOUR: i64 = 3_600_000;

fn head(status: u16, location: Option<&str>) -> Box<Parts> {
    let mut head = http::Response::builder().status(status);
    if let Some(location) = location {
        head = head.header(LOCATION, location);
    }
    Box::new(head.body(()).unwrap().into_parts().0)
}

fn whole(status: u16) -> Answer {
    Answer::Whole {
        head: head(status, None),
        body: Bytes::new(),
    }
}

fn lost(kind: TransportErrorKind) -> Answer {
    Answer::Failed(TransportError::new(kind))
}

/// After three tries, seen as this class.
fn failure(class: Class, kind: ErrorKind, answer: Answer) -> CallError<Free> {
    CallError {
        class,
        verdict: Some(retrieve(class)),
        attempts: 3,
        answer: Some(answer),
        ..CallError::unsent(kind, None)
    }
}

fn said(failure: CallError<Free>) -> String {
    failure.into_error().to_string()
}

#[test]
fn each_answer_is_said_in_its_own_words() {
    use ErrorKind as Kind;
    for (class, kind, status, expected) in [
        (
            Class::Unauthorized,
            Kind::Credentials,
            401,
            "the service refused the signature",
        ),
        (
            Class::OutOfCredit,
            Kind::OutOfCredit,
            402,
            "the account has not enough credit",
        ),
        (
            Class::NotFound,
            Kind::NotFound,
            404,
            "the service does not know the job",
        ),
        (
            Class::Later,
            Kind::RateLimited,
            429,
            "the service asked to slow down after 3 tries",
        ),
        (
            Class::Rejected,
            Kind::Refused,
            400,
            "the service refused the request",
        ),
        (
            Class::TooLarge,
            Kind::TooLarge,
            200,
            "the answer is larger than 1 MiB",
        ),
        (
            Class::Unsettled,
            Kind::Unreachable,
            503,
            "the service is in trouble after 3 tries",
        ),
        (
            Class::Unreadable,
            Kind::UnexpectedAnswer,
            200,
            "the service's answer could not be read after 3 tries",
        ),
    ] {
        assert_eq!(said(failure(class, kind, whole(status))), expected);
    }
}

#[test]
fn each_failure_of_the_wire_is_said_in_its_own_words() {
    use ErrorKind as Kind;
    use TransportErrorKind as Wire;
    let cut = Answer::Cut {
        head: head(503, None),
        body: Bytes::new(),
        error: TransportError::new(Wire::Closed),
    };
    let silent = "no answer came from the service after 3 tries";
    for (class, kind, answer, expected) in [
        (
            Class::Certificate,
            Kind::Certificate,
            lost(Wire::Certificate),
            "the service's certificate was refused",
        ),
        (
            Class::Cancelled,
            Kind::Cancelled,
            lost(Wire::Cancelled),
            "cancelled",
        ),
        (
            Class::NeverLeft,
            Kind::Unreachable,
            lost(Wire::Connect),
            "the service could not be reached after 3 tries",
        ),
        (Class::Lost, Kind::Unreachable, lost(Wire::Closed), silent),
        (Class::Unsettled, Kind::Unreachable, cut, silent),
    ] {
        assert_eq!(said(failure(class, kind, answer)), expected);
    }
    assert_eq!(
        said(CallError::unsent(Kind::Deadline, None)),
        "the time given was over before a request could be sent"
    );
}

/// Where it leads is told without its query, which may hold a secret of a gateway's.
#[test]
fn a_redirect_is_said_with_where_it_leads() {
    for (to, kind, expected) in [
        (
            Some("https://a.example/1?k=s3cr3t"),
            ErrorKind::UnexpectedAnswer,
            "the service answered with a redirect, which is never followed, to https://a.example/1",
        ),
        (
            None,
            ErrorKind::Ambiguous,
            "the service answered with a redirect to nowhere",
        ),
    ] {
        let answer = Answer::Whole {
            head: head(307, to),
            body: Bytes::new(),
        };
        assert_eq!(said(failure(Class::Redirect, kind, answer)), expected);
    }
}

#[test]
fn tries_are_counted_from_the_second() {
    for (attempts, expected) in [
        (1, "the service is in trouble"),
        (2, "the service is in trouble after 2 tries"),
    ] {
        let mut failure = failure(Class::Unsettled, ErrorKind::Unreachable, whole(503));
        failure.attempts = attempts;
        assert_eq!(said(failure), expected);
    }
}

#[test]
fn how_far_the_clock_is_off_is_said_in_hours_and_from_a_day_and_a_half_in_days() {
    for (offset, expected) in [
        (25 * HOUR, "25 hours behind"),
        (-25 * HOUR, "25 hours ahead of"),
        (25 * HOUR + HOUR / 2 - 1, "25 hours behind"),
        (25 * HOUR + HOUR / 2, "26 hours behind"),
        (35 * HOUR, "35 hours behind"),
        (36 * HOUR, "2 days behind"),
        (-59 * HOUR, "2 days ahead of"),
        (60 * HOUR, "3 days behind"),
    ] {
        let mut failure = failure(Class::Unauthorized, ErrorKind::Credentials, whole(401));
        failure.clock_offset = Some(offset);
        assert_eq!(
            said(failure),
            format!(
                "the service refused the signature: this machine's clock is {expected} the service's"
            )
        );
    }
}

#[test]
fn a_time_out_is_one_of_the_wire() {
    for (kind, expected) in [
        (TransportErrorKind::Timeout, true),
        (TransportErrorKind::ConnectTimeout, true),
        (TransportErrorKind::Closed, false),
    ] {
        let failure = failure(Class::Lost, ErrorKind::Unreachable, lost(kind));
        assert_eq!(failure.timed_out(), expected, "{kind:?}");
    }
    let answered = failure(Class::Unsettled, ErrorKind::Unreachable, whole(504));
    assert!(!answered.timed_out());
    assert!(!CallError::<Paid>::unsent(ErrorKind::Cancelled, None).timed_out());
}
