use std::sync::Arc;
use std::time::Duration;

use genrex_core::ledger::{Filter, Ledger as _, Limits, MemoryLedger, Past};
use genrex_core::proto::Status;
use genrex_core::testing::{Reply, ScriptedTransport};
use genrex_core::{ErrorKind, Pace, Progress, TransportErrorKind as Kind, block_on};

use crate::support::{
    ACCEPTED, FAILED, LINKLESS, PROCESSING, client, is_submit, job, ready, request, seconds_sent,
    settings, watched,
};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Processing until the virtual clock reads `at`, completed from then on.
fn ready_at(at: Duration) -> ScriptedTransport {
    ScriptedTransport::answering(move |sent| match sent.at < at {
        _ if is_submit(sent) => Reply::json(201, ACCEPTED),
        true => Reply::json(200, PROCESSING),
        false => ready(),
    })
}

#[test]
fn an_hour_at_a_fixed_pace() {
    let wire = ready_at(secs(3600));
    let client = client(&wire).with_settings(settings(Pace::Fixed(secs(5)), None));
    let track = block_on(client.generate(&request())).unwrap();
    let expected: Vec<f64> = std::iter::once(0.0)
        .chain((1..=720).map(|poll| f64::from(poll) * 5.0))
        .collect();
    assert_eq!(seconds_sent(&wire), expected);
    assert_eq!((track.polls(), track.elapsed()), (720, secs(3600)));
}

#[test]
fn the_growing_pace_finds_the_references_example_in_15_polls() {
    let wire = ready_at(secs(61));
    let client = client(&wire).with_settings(settings(Pace::Growing, None));
    let track = block_on(client.generate(&request())).unwrap();
    let sent: Vec<f64> = seconds_sent(&wire)
        .iter()
        .map(|at| (at * 1000.0).round() / 1000.0)
        .collect();
    assert_eq!(
        sent,
        [
            0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.4, 17.28, 20.736, 24.883, 29.86, 35.832,
            42.998, 51.598, 61.598
        ]
    );
    assert_eq!(track.polls(), 15);
}

const BALANCE: &str = r#"{"userId":"u1","totalCreditQuota":100,"creditsUsed":0,"updatedAt":"2026-06-03T10:00:00.000Z"}"#;

/// That the service was still at work on it when it was asked tells what the look before that shows.
#[test]
fn the_ledger_is_told_once_that_a_job_is_being_made() {
    for (at, expected) in [
        (
            9,
            &["sent", "sent", "accepted", "accepted", "completed"][..],
        ),
        (0, &["sent", "sent", "accepted", "completed"]),
    ] {
        let wire = ScriptedTransport::answering(move |sent| match sent.at < secs(at) {
            _ if is_submit(sent) => Reply::json(201, ACCEPTED),
            _ if sent.request.uri().path().ends_with("/getBalance") => Reply::json(200, BALANCE),
            true => Reply::json(200, PROCESSING),
            false => ready(),
        });
        let ledger = MemoryLedger::new();
        let client = client(&wire).with_ledger(Arc::new(ledger.clone()), Limits::default());
        block_on(client.generate(&request())).unwrap();
        let jobs = block_on(ledger.entries(&Filter::default())).unwrap();
        let steps = block_on(ledger.history(jobs[0].id)).unwrap();
        let states: Vec<&str> = steps[1..].iter().map(|past| past.state.as_str()).collect();
        assert_eq!(states, expected);
        let is_told = |past: &Past| past.detail.as_deref() == Some("the service is at work on it");
        assert_eq!(is_told(&steps[4]), at > 0);
    }
}

#[test]
fn an_earlier_runs_job_is_looked_at_at_once() {
    let wire = ScriptedTransport::new([ready()]);
    block_on(client(&wire).wait(&job())).unwrap();
    assert_eq!(wire.elapsed(), Duration::ZERO);
}

#[test]
fn the_deadline_covers_requests_and_sleeps_and_its_error_says_how_far_it_came() {
    // Each poll takes 3 s to answer.
    let wire = ScriptedTransport::answering(|_| Reply::json(200, PROCESSING).after(secs(3)));
    let client = client(&wire).with_settings(settings(Pace::Fixed(secs(5)), Some(secs(21))));
    let error = block_on(client.wait(&job())).unwrap_err();
    // The poll at 24 s would be too late: a last one is sent a second before the end, and given that.
    assert_eq!(seconds_sent(&wire), [0.0, 8.0, 16.0, 20.0]);
    assert_eq!(wire.elapsed(), secs(21));
    assert_eq!(error.kind(), ErrorKind::Deadline);
    assert!(error.is_resumable() && !error.may_have_been_charged());
    assert_eq!(error.query_id().unwrap().as_str(), "QRY_1");
    let waited = error.waited().unwrap();
    assert_eq!(
        (waited.elapsed, waited.limit, waited.polls),
        (secs(21), Some(secs(21)), 4)
    );
    assert_eq!(waited.last_status, Some(Status::Processing));
    assert!(
        std::error::Error::source(&error).is_some(),
        "the poll that got no answer"
    );
    assert!(!error.to_string().contains("submit a new"), "{error}");
}

#[test]
fn a_deadline_shorter_than_the_pace_still_gets_a_last_look() {
    let wire = ready_at(secs(0));
    let client = client(&wire).with_settings(settings(Pace::Fixed(secs(60)), Some(secs(10))));
    block_on(client.generate(&request())).unwrap();
    assert_eq!(seconds_sent(&wire), [0.0, 9.0]);
}

#[test]
fn an_unknown_status_goes_on_and_is_reported_once() {
    let queued = || Reply::json(200, r#"{"id":"QRY_1","status":"Queued"}"#);
    let processing = || Reply::json(200, PROCESSING);
    let wire = ScriptedTransport::new([processing(), queued(), queued(), processing(), ready()]);
    let (client, reports) = watched(&client(&wire));
    block_on(client.wait(&job())).unwrap();
    let reports = reports.lock().unwrap();
    let warnings: Vec<_> = reports
        .iter()
        .filter_map(|report| match report {
            Progress::UnknownStatus { status, .. } => Some(status.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(warnings, ["Queued"]);
}

#[test]
fn what_ends_a_wait_and_after_how_many_answers() {
    let other_job = r#"{"id":"QRY_2","status":"Processing"}"#;
    for (status, body, kind, answers) in [
        (200, FAILED, ErrorKind::GenerationFailed, 1),
        (200, LINKLESS, ErrorKind::UnexpectedAnswer, 3),
        (200, other_job, ErrorKind::UnexpectedAnswer, 5),
        (200, "<html>", ErrorKind::UnexpectedAnswer, 5),
        (200, "", ErrorKind::UnexpectedAnswer, 5),
        (302, "", ErrorKind::UnexpectedAnswer, 1),
        (400, "", ErrorKind::Refused, 1),
        (401, "", ErrorKind::Credentials, 1),
        (403, "", ErrorKind::Credentials, 1),
        (404, "", ErrorKind::NotFound, 3),
    ] {
        let wire = ScriptedTransport::answering(move |_| Reply::json(status, body));
        let error = block_on(client(&wire).wait(&job())).unwrap_err();
        assert_eq!(error.kind(), kind, "{status} {body}");
        assert_eq!(wire.sent().len(), answers, "{status} {body}");
        assert_eq!(error.query_id().unwrap().as_str(), "QRY_1");
    }
}

#[test]
fn a_link_that_leads_inside_is_not_a_track() {
    let wire = ScriptedTransport::answering(|_| {
        crate::support::completed("https://169.254.169.254/latest")
    });
    let error = block_on(client(&wire).wait(&job())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedAnswer);
    assert!(error.to_string().contains("private address"), "{error}");
}

#[test]
fn a_job_just_submitted_may_be_unknown_for_30_seconds() {
    let wire = ScriptedTransport::answering(|sent| match sent.at < secs(31) {
        _ if is_submit(sent) => Reply::json(201, ACCEPTED),
        true => Reply::json(404, ""),
        false => ready(),
    });
    let client = client(&wire).with_settings(settings(Pace::Fixed(secs(4)), None));
    block_on(client.generate(&request())).unwrap();
    // That a job is unknown is no outage: it is asked after at the pace, however often.
    let asked = [0.0, 4.0, 8.0, 12.0, 16.0, 20.0, 24.0, 28.0, 32.0];
    assert_eq!(seconds_sent(&wire), asked);

    let wire = ScriptedTransport::answering(|sent| match is_submit(sent) {
        true => Reply::json(201, ACCEPTED),
        false => Reply::json(404, ""),
    });
    let client = crate::support::client(&wire).with_settings(settings(Pace::Fixed(secs(10)), None));
    let error = block_on(client.generate(&request())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(seconds_sent(&wire), [0.0, 10.0, 20.0, 30.0, 40.0, 50.0]);
}

#[test]
fn five_failures_in_a_row_open_the_breaker_and_one_success_closes_it() {
    // Down for two minutes.
    let wire = ScriptedTransport::answering(|sent| match sent.at.as_secs() {
        0..120 => Reply::fails(Kind::Connect),
        120..150 => Reply::json(200, PROCESSING),
        _ => ready(),
    });
    let client = client(&wire).with_settings(settings(Pace::Fixed(secs(5)), None));
    block_on(client.wait(&job())).unwrap();
    assert_eq!(
        seconds_sent(&wire),
        [
            0.0, 5.0, 10.0, 15.0, 20.0, 50.0, 80.0, 110.0, 140.0, 145.0, 150.0
        ]
    );
}

#[test]
fn a_service_that_stays_in_trouble_is_asked_to_the_deadline_without_a_retry_budget() {
    for reply in [
        || Reply::json(503, ""),
        || Reply::json(429, ""),
        || Reply::fails(Kind::Timeout),
    ] {
        let wire = ScriptedTransport::answering(move |_| reply());
        let client = client(&wire).with_settings(settings(Pace::Fixed(secs(1)), Some(secs(3600))));
        let error = block_on(client.wait(&job())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Deadline);
        assert!(wire.elapsed() <= secs(3600));
        assert!(wire.sent().len() > 110, "{}", wire.sent().len());
        assert!(std::error::Error::source(&error).is_some());
    }
}

#[test]
fn a_poll_waits_as_long_as_asked() {
    let wire = ScriptedTransport::new([
        Reply::json(503, "").header("retry-after", "33"),
        Reply::json(429, "").header("retry-after", "44"),
        ready(),
    ]);
    block_on(client(&wire).wait(&job())).unwrap();
    assert_eq!(seconds_sent(&wire), [0.0, 33.0, 77.0]);
}

#[test]
fn a_cancelled_wait_keeps_the_id() {
    let wire = ready_at(secs(3600)).cancelled_at(secs(100));
    let error = block_on(client(&wire).generate(&request())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert!(error.is_resumable());
    assert_eq!(wire.elapsed(), secs(100));
}

/// Nor does a last look come sooner than the service asked.
#[test]
fn a_last_look_waits_as_long_as_asked() {
    for (asked, expected) in [
        ("3", &[0.0, 9.0][..]),
        ("9", &[0.0, 9.0]),
        ("10", &[0.0]),
        ("100", &[0.0]),
    ] {
        let wire =
            ScriptedTransport::answering(|_| Reply::json(503, "").header("retry-after", asked));
        let client = client(&wire).with_settings(settings(Pace::Fixed(secs(60)), Some(secs(10))));
        let error = block_on(client.wait(&job())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Deadline);
        assert_eq!(seconds_sent(&wire), expected, "{asked}");
    }
}

#[test]
fn a_deadline_of_a_second_still_gets_a_look() {
    let wire = ready_at(secs(0));
    let client = client(&wire).with_settings(settings(Pace::Fixed(secs(5)), Some(secs(1))));
    block_on(client.generate(&request())).unwrap();
    assert_eq!(seconds_sent(&wire), [0.0, 0.5]);
}

#[test]
fn an_open_breaker_still_allows_a_last_look() {
    let wire = ScriptedTransport::answering(|_| Reply::fails(Kind::Connect));
    let client = client(&wire).with_settings(settings(Pace::Fixed(secs(1)), Some(secs(20))));
    assert_eq!(
        block_on(client.wait(&job())).unwrap_err().kind(),
        ErrorKind::Deadline
    );
    assert_eq!(seconds_sent(&wire), [0.0, 1.0, 2.0, 3.0, 4.0, 19.0]);
}

#[test]
fn a_pace_of_nothing_is_no_busy_loop() {
    let wire = ready_at(secs(1));
    let client = client(&wire).with_settings(settings(Pace::Fixed(Duration::ZERO), None));
    block_on(client.wait(&job())).unwrap();
    assert_eq!(wire.sent().len(), 101);
}

/// A service that is down while a job is polled shows, with what was seen and for how long; the wait goes on.
#[test]
fn each_poll_without_an_answer_is_told_with_how_long_there_was_none() {
    let wire = ScriptedTransport::answering(|sent| match sent.at.as_secs() {
        0..10 | 25..30 => Reply::json(200, PROCESSING),
        10..20 => Reply::json(503, ""),
        20..25 => Reply::fails(Kind::Connect),
        _ => ready(),
    });
    let client = client(&wire).with_settings(settings(Pace::Fixed(secs(5)), None));
    let (client, reports) = watched(&client);
    block_on(client.wait(&job())).unwrap();
    let reports = reports.lock().unwrap();
    let asked = reports
        .iter()
        .filter(|report| matches!(report, Progress::Polling { .. }));
    assert_eq!(asked.count(), 7);
    let silent: Vec<_> = reports
        .iter()
        .filter_map(|report| match report {
            Progress::Unanswered {
                kind,
                status,
                silent,
                ..
            } => Some((*kind, *status, silent.as_secs())),
            _ => None,
        })
        .collect();
    assert_eq!(
        silent,
        [
            (ErrorKind::Unreachable, Some(503), 5),
            (ErrorKind::Unreachable, Some(503), 10),
            (ErrorKind::Unreachable, None, 15),
        ]
    );
}

/// The last look comes when half of what is left is over, where that is less than two seconds.
#[test]
fn an_open_breaker_allows_a_last_look_in_the_last_second() {
    let wire = ScriptedTransport::answering(|_| Reply::fails(Kind::Connect));
    let pace = Pace::Fixed(Duration::from_millis(100));
    let client = client(&wire).with_settings(settings(pace, Some(secs(1))));
    block_on(client.wait(&job())).unwrap_err();
    assert_eq!(seconds_sent(&wire), [0.0, 0.1, 0.2, 0.3, 0.4, 0.75]);
}

/// A pause that the service asked for holds back a first poll too: the caller may give up in it, or have no more time.
#[test]
fn a_wait_that_is_held_back_ends_with_the_deadline_or_its_caller() {
    for (cancelled_at, deadline, kind) in [
        (Some(secs(100)), 400, ErrorKind::Cancelled),
        (None, 200, ErrorKind::Deadline),
    ] {
        let wire =
            ScriptedTransport::answering(|_| Reply::json(429, "").header("retry-after", "300"));
        let wire = match cancelled_at {
            Some(at) => wire.cancelled_at(at),
            None => wire,
        };
        let client = client(&wire);
        let brief = client.with_settings(settings(Pace::Growing, Some(secs(10))));
        block_on(brief.balance()).unwrap_err();
        let client = client.with_settings(settings(Pace::Growing, Some(secs(deadline))));
        let error = block_on(client.wait(&job())).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert_eq!(error.query_id().unwrap().as_str(), "QRY_1");
        assert_eq!(error.waited().unwrap().polls, 0);
        assert_eq!(wire.sent().len(), 1, "no poll has left");
        let says_so = error.to_string().starts_with("the job is not over after");
        assert_eq!(says_so, kind == ErrorKind::Deadline, "{error}");
    }
}
