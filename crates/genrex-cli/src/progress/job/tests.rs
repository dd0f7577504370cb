use std::sync::Mutex;
use std::time::Duration;

use genrex_async::Progress;

use super::*;
use crate::progress::screens::compare;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Reports are read as they are written down: outside of the core nobody makes one.
fn report(json: &str) -> Progress {
    serde_json::from_str(json).unwrap()
}

const POLLING: &str = r#"{"event":"polling","id":"QRY_1"}"#;

fn unanswered(status: &str, silent: u64) -> Progress {
    report(&format!(
        r#"{{"event":"unanswered","id":"QRY_1","kind":"unreachable","status":{status},"silent":{{"secs":{silent},"nanos":0}}}}"#
    ))
}

fn processing() -> Progress {
    report(
        r#"{"event":"polled","id":"QRY_1","status":"Processing","polls":3,"elapsed":{"secs":8,"nanos":0}}"#,
    )
}

fn heard(expected: Option<u64>, reports: &[(u64, Progress)]) -> Mutex<JobView> {
    let mut view = JobView::new("waiting for the service", secs(0), expected.map(secs));
    for (at, report) in reports {
        view.hear(report, secs(*at));
    }
    Mutex::new(view)
}

#[test]
fn the_line_of_a_job_in_each_state() {
    let submitting = report(r#"{"event":"submitting","attempt":1}"#);
    let retrying = report(
        r#"{"event":"retrying","kind":"unreachable","delay":{"secs":1,"nanos":500000000},"attempts":2}"#,
    );
    let downloading = |total: &str| {
        report(&format!(
            r#"{{"event":"downloading","received":3200000,"total":{total}}}"#
        ))
    };
    let hostile = report(
        r#"{"event":"polled","id":"QRY_1","status":"a\u001b]0;owned\u0007z","polls":3,"elapsed":{"secs":8,"nanos":0}}"#,
    );
    for (name, view, at) in [
        ("job-begun", heard(None, &[]), 0),
        ("job-submitting", heard(None, &[(1, submitting)]), 2),
        ("job-retrying", heard(None, &[(1, retrying)]), 2),
        ("job-processing", heard(None, &[(8, processing())]), 32),
        ("job-expected", heard(Some(75), &[(8, processing())]), 3_725),
        ("job-hostile", heard(None, &[(8, hostile)]), 9),
        (
            "job-no-answer",
            heard(Some(75), &[(8, processing()), (28, unanswered("503", 20))]),
            40,
        ),
        (
            "job-unreachable",
            heard(None, &[(8, processing()), (28, unanswered("null", 20))]),
            200,
        ),
        (
            "job-slow-answer",
            heard(None, &[(8, processing()), (10, report(POLLING))]),
            25,
        ),
        (
            "job-downloading",
            heard(None, &[(8, downloading("6400000"))]),
            9,
        ),
        (
            "job-downloading-unknown",
            heard(None, &[(8, downloading("null"))]),
            9,
        ),
    ] {
        compare(name, &view, secs(at));
    }
}

/// A line that says that nobody answers is gone with the first answer, and does not come with every poll.
#[test]
fn a_silence_ends_with_an_answer() {
    let no_answer = |view: &Mutex<JobView>, at| {
        let view = view.lock().unwrap();
        view.short(secs(at)).starts_with("no answer")
    };
    let polled = heard(None, &[(8, processing()), (10, report(POLLING))]);
    assert!(!no_answer(&polled, 14), "a poll may take a few seconds");
    assert!(no_answer(&polled, 15));

    let answered = heard(None, &[(8, unanswered("503", 8)), (10, processing())]);
    assert!(!no_answer(&answered, 19));
    let asked = heard(None, &[(8, unanswered("503", 8)), (10, report(POLLING))]);
    assert!(no_answer(&asked, 11), "nothing has been heard since");
}

#[test]
fn another_line_each_tick_and_the_same_between_two() {
    let view = heard(None, &[]);
    let drawn = |millis| {
        let size = Size {
            columns: 80,
            rows: 24,
        };
        let lines = view.lines(Duration::from_millis(millis), size);
        lines[0].text()
    };
    assert_ne!(drawn(0), drawn(250));
    assert_eq!(drawn(0), drawn(249));
}
