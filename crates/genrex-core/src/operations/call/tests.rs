use bytes::Bytes;
use genrex_proto::{Prompt, QueryId, Seconds};
use http::header::{CONTENT_LENGTH, DATE, HeaderName};

use super::*;
use crate::BaseUrl;
use crate::testing::keys;
use crate::transport::{TransportError, TransportErrorKind};

/// When the published vector was signed.
const WALL: u64 = 1_717_574_785_354;
/// The same, as the service says it.
const DATED: &str = "Wed, 05 Jun 2024 08:06:25 GMT";
const HOUR_LATER: &str = "Wed, 05 Jun 2024 09:06:25 GMT";
const TWO_DAYS_LATER: &str = "Fri, 07 Jun 2024 08:06:25 GMT";
const ACCEPTED: &str = r#"{"id":"QRY_1","status":"Processing"}"#;

fn at(millis: u64) -> Now {
    Now {
        moment: Moment::new(Duration::from_millis(millis)),
        wall: UnixMillis::new(WALL + millis),
    }
}

fn session() -> Arc<Session> {
    Arc::new(Session::new(BaseUrl::default(), keys(), 7).unwrap())
}

fn terms(deadline: Option<u64>) -> Terms {
    Terms::free(
        deadline.map(|millis| at(millis).moment),
        Settings::default(),
    )
}

fn paid(session: &Arc<Session>, deadline: Option<u64>) -> SignedCall<GenerateRequest> {
    let request = GenerateRequest::new(Prompt::new("music").unwrap(), Seconds::new(10).unwrap());
    SignedCall::new(Arc::clone(session), &request, terms(deadline))
}

fn free(session: &Arc<Session>, deadline: Option<u64>) -> SignedCall<RetrieveRequest> {
    let request = RetrieveRequest::new(QueryId::new("QRY_1").unwrap());
    SignedCall::new(Arc::clone(session), &request, terms(deadline))
}

fn head(status: u16, headers: &[(HeaderName, &str)]) -> Outcome {
    let mut head = http::Response::builder().status(status);
    for (name, value) in headers {
        head = head.header(name, *value);
    }
    Outcome::Head(Box::new(head.body(()).unwrap().into_parts().0))
}

fn lost(kind: TransportErrorKind) -> Outcome {
    Outcome::SendFailed(TransportError::new(kind))
}

/// The next step that is no report, with a slot for who asks for one.
fn step<O: Call>(call: &mut SignedCall<O>, now: Now) -> Step<Called<O>> {
    loop {
        match call.next(now) {
            Step::Report(_) => {}
            Step::Slot(..) => call.receive(now, Outcome::Slot),
            step => return step,
        }
    }
}

/// The next step is a request.
fn sent<O: Call>(call: &mut SignedCall<O>, now: Now) -> Outgoing {
    match step(call, now) {
        Step::Send(outgoing) => *outgoing,
        _ => panic!("nothing is sent"),
    }
}

/// The next step is to end so.
fn failed<O: Call>(call: &mut SignedCall<O>, now: Now) -> CallError<O::Verdict> {
    match step(call, now) {
        Step::Done(Err(failure)) => *failure,
        _ => panic!("it goes on"),
    }
}

/// It is sent, and refused in this way.
fn refused<O: Call>(call: &mut SignedCall<O>, status: u16, date: &str) {
    sent(call, at(0));
    call.receive(at(0), head(status, &[(DATE, date)]));
    call.receive(at(0), Outcome::End);
}

#[test]
fn each_attempt_says_how_often_it_was_sent_before() {
    let mut call = paid(&session(), None);
    for before in 0..3 {
        let now = at(u64::from(before) * 60_000);
        assert_eq!(call.attempt(), before + 1);
        assert_eq!(sent(&mut call, now).resend_count, before);
        call.receive(now, lost(TransportErrorKind::Connect));
    }
}

#[test]
fn no_request_leaves_at_the_deadline_and_no_sleep_ends_there() {
    for (deadline, is_late) in [(1_000, true), (1_001, false)] {
        let mut call = free(&session(), Some(deadline));
        match step(&mut call, at(1_000)) {
            Step::Send(_) => assert!(!is_late),
            Step::Done(Err(failure)) => {
                assert!(is_late);
                assert_eq!(failure.kind, ErrorKind::Deadline);
            }
            _ => panic!("it waits"),
        }
        let session = session();
        session.pause(at(1_000).moment);
        let mut call = free(&session, Some(deadline));
        match step(&mut call, at(400)) {
            Step::Sleep(pause) => {
                assert!(!is_late);
                assert_eq!(pause, Duration::from_millis(600));
                sent(&mut call, at(1_000));
            }
            Step::Done(Err(failure)) => {
                assert!(is_late);
                assert_eq!(failure.kind, ErrorKind::Deadline);
            }
            _ => panic!("it does not wait"),
        }
    }
}

/// What the last attempt came to is what is told of one for which no time was left.
#[test]
fn a_deadline_in_the_pause_tells_of_the_attempt_before() {
    let session = session();
    let mut call = free(&session, Some(20_000));
    refused(&mut call, 503, DATED);
    session.pause(at(30_000).moment);
    let failure = failed(&mut call, at(1_000));
    assert_eq!(failure.kind, ErrorKind::Unreachable);
    assert_eq!(failure.answer.and_then(|answer| answer.status()), Some(503));
}

/// A connection of a paid call is its own; that of a free one is used again where its answer was read to the end.
#[test]
fn a_paid_calls_success_ends_where_its_length_says() {
    fn ends<O: Call>(mut call: SignedCall<O>, status: u16, length: usize) -> bool {
        sent(&mut call, at(0));
        let length = length.to_string();
        call.receive(at(0), head(status, &[(CONTENT_LENGTH, &length)]));
        call.receive(at(0), Outcome::Chunk(Bytes::from(ACCEPTED)));
        matches!(step(&mut call, at(0)), Step::Done(_))
    }
    let whole = ACCEPTED.len();
    assert!(ends(paid(&session(), None), 201, whole));
    assert!(!ends(paid(&session(), None), 201, whole + 1));
    assert!(!ends(paid(&session(), None), 400, whole));
    assert!(!ends(free(&session(), None), 200, whole));
}

#[test]
fn an_attempt_that_was_signed_before_another_call_corrected_the_clock_is_made_once_more() {
    let session = session();
    let (mut first, mut second) = (paid(&session, None), free(&session, None));
    sent(&mut first, at(0));
    sent(&mut second, at(0));
    for told in [head(401, &[(DATE, HOUR_LATER)]), Outcome::End] {
        first.receive(at(0), told);
    }
    assert!(matches!(
        first.next(at(0)),
        Step::Report(Progress::ClockCorrected { .. })
    ));
    for told in [head(401, &[(DATE, HOUR_LATER)]), Outcome::End] {
        second.receive(at(0), told);
    }
    // It has not corrected anything itself, and says nothing.
    assert!(matches!(second.next(at(0)), Step::Slot(..)));
    second.receive(at(0), Outcome::Slot);
    let Step::Send(outgoing) = second.next(at(0)) else {
        panic!("it is not sent again");
    };
    assert_eq!(outgoing.resend_count, 1);
    for told in [head(401, &[(DATE, HOUR_LATER)]), Outcome::End] {
        second.receive(at(0), told);
    }
    assert_eq!(failed(&mut second, at(0)).kind, ErrorKind::Credentials);
}

/// The clock is named only where it is why a signature was refused.
#[test]
fn a_clock_that_is_further_off_than_a_day_is_told_of_a_refused_signature() {
    let two_days = 2 * 24 * 3600 * 1000;
    for (status, date, expected) in [
        (401, TWO_DAYS_LATER, true),
        (403, TWO_DAYS_LATER, true),
        (401, DATED, false),
        (400, TWO_DAYS_LATER, false),
        (404, TWO_DAYS_LATER, false),
    ] {
        let mut call = paid(&session(), None);
        refused(&mut call, status, date);
        let offset = failed(&mut call, at(0)).clock_offset;
        let is_told = offset.is_some_and(|offset| offset.abs_diff(two_days) < 1000);
        assert_eq!(
            (offset.is_some(), is_told),
            (expected, expected),
            "{status}"
        );
    }
}

/// A success after a failure gives back what the failure took of the client's budget.
#[test]
fn a_retry_that_succeeds_costs_nothing() {
    let session = session();
    // A budget is of a hundred retries.
    for round in 0..300 {
        let mut call = free(&session, None);
        let (began, later) = (at(round * 100_000), at(round * 100_000 + 50_000));
        sent(&mut call, began);
        call.receive(began, head(503, &[]));
        call.receive(began, Outcome::End);
        sent(&mut call, later);
        for told in [
            head(200, &[]),
            Outcome::Chunk(Bytes::from(ACCEPTED)),
            Outcome::End,
        ] {
            call.receive(later, told);
        }
        assert!(
            matches!(step(&mut call, later), Step::Done(Ok(_))),
            "{round}"
        );
    }
}

/// What timed out costs twice as much.
#[test]
fn a_time_out_costs_more_of_the_budget_than_another_failure() {
    for (kind, tries) in [
        (TransportErrorKind::Connect, 100),
        (TransportErrorKind::ConnectTimeout, 50),
    ] {
        let session = session();
        let retries = (0..200).filter(|round| {
            let mut call = free(&session, None);
            let began = at(round * 100_000);
            sent(&mut call, began);
            call.receive(began, lost(kind));
            matches!(step(&mut call, began), Step::Sleep(_))
        });
        assert_eq!(retries.count(), tries, "{kind:?}");
    }
}
