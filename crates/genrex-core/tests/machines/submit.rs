use std::time::Duration;

use genrex_core::failure::Class;
use genrex_core::ledger::{Ledger as _, Limits, LocalId};
use genrex_core::testing::{Reply, ScriptedTransport};
use genrex_core::{ErrorKind, Progress, Route, Submission, TransportErrorKind as Kind, block_on};

use crate::support::{
    ACCEPTED, balance, client, is_submit, kept, ready, request, seconds_sent, watched,
};

const DATE: &str = "Wed, 05 Jun 2024 08:06:25 GMT"; // the virtual clock's beginning

/// What the outcome is called, and the kind of its error.
fn outcome(submission: Submission) -> (&'static str, Option<ErrorKind>) {
    match submission {
        Submission::Accepted(_) => ("accepted", None),
        Submission::Refused(error) => ("refused", Some(error.kind())),
        Submission::NotSent(error) => ("not sent", Some(error.kind())),
        Submission::Ambiguous(error) => {
            assert!(error.evidence().is_some() && error.may_have_been_charged());
            ("ambiguous", Some(error.kind()))
        }
    }
}

/// What a submit meets, what it comes to, and how often it is sent.
fn comes_to(name: &str, reply: impl Fn() -> Reply + Send + 'static, expected: Expected) {
    let (kind_of_end, kind, tries) = expected;
    let wire = ScriptedTransport::answering(move |_| reply());
    let submission = block_on(client(&wire).submit(&request()));
    assert_eq!(outcome(submission), (kind_of_end, kind), "{name}");
    let sent = wire.sent();
    assert_eq!(
        sent.iter().filter(|sent| is_submit(sent)).count(),
        tries,
        "{name}"
    );
    assert!(
        sent.iter().all(|sent| sent.options.route == Route::Paid),
        "{name}"
    );
}

type Expected = (&'static str, Option<ErrorKind>, usize);

const AMBIGUOUS: Expected = ("ambiguous", Some(ErrorKind::Ambiguous), 1);
const REJECTED: Expected = ("refused", Some(ErrorKind::Refused), 1);
const LATER: Expected = ("refused", Some(ErrorKind::RateLimited), 5);
const UNAUTHORIZED: Expected = ("refused", Some(ErrorKind::Credentials), 1);
const OUT_OF_CREDIT: Expected = ("refused", Some(ErrorKind::OutOfCredit), 1);
const UNREACHABLE: Expected = ("not sent", Some(ErrorKind::Unreachable), 4);

#[test]
fn each_status_has_its_outcome_and_its_tries() {
    for (statuses, expected) in [
        (
            &[400, 404, 405, 406, 407, 410, 411, 412, 413, 414, 415][..],
            REJECTED,
        ),
        (&[416, 417, 421, 422, 426, 428, 431, 451], REJECTED),
        (&[401, 403], UNAUTHORIZED),
        (&[402], OUT_OF_CREDIT),
        (&[425, 429], LATER),
        (&[300, 301, 303, 307, 399], AMBIGUOUS),
        (
            &[408, 409, 418, 419, 420, 423, 424, 444, 450, 498, 499],
            AMBIGUOUS,
        ),
        (&[500, 502, 503, 504, 529, 599, 600, 999], AMBIGUOUS),
    ] {
        for status in statuses.iter().copied() {
            let reply = move || Reply::json(status, r#"{"message":"no"}"#);
            comes_to(&status.to_string(), reply, expected);
        }
    }
    let credit = || Reply::json(403, r#"{"message":"Insufficient credits"}"#);
    comes_to("credit", credit, OUT_OF_CREDIT);
}

#[test]
fn each_failure_of_the_wire_has_its_outcome_and_its_tries() {
    for (kinds, expected) in [
        (
            &[
                Kind::Resolve,
                Kind::Connect,
                Kind::ConnectTimeout,
                Kind::Tls,
            ][..],
            UNREACHABLE,
        ),
        (
            &[Kind::Certificate],
            ("not sent", Some(ErrorKind::Certificate), 1),
        ),
        (
            &[Kind::Cancelled],
            ("not sent", Some(ErrorKind::Cancelled), 1),
        ),
        (
            &[Kind::Timeout, Kind::Closed, Kind::Malformed, Kind::Other],
            AMBIGUOUS,
        ),
    ] {
        for kind in kinds.iter().copied() {
            comes_to(&format!("{kind:?}"), move || Reply::fails(kind), expected);
        }
    }
}

#[test]
fn each_answer_that_is_no_job_has_its_outcome_and_its_tries() {
    let accepted = ("accepted", None, 1);
    comes_to("accepted", || Reply::json(201, ACCEPTED), accepted);
    let cut = || Reply::json(201, r#"{"id":"QRY_1"#).then_breaks(Kind::Closed);
    comes_to("cut", cut, AMBIGUOUS);
    comes_to("empty", || Reply::json(200, ""), AMBIGUOUS);
    comes_to("a page", || Reply::new(200, "<html>"), AMBIGUOUS);
    let compressed = || Reply::json(201, &b"\x1f\x8b\x08"[..]).header("content-encoding", "gzip");
    comes_to("compressed", compressed, AMBIGUOUS);
    let large = || Reply::json(200, vec![b' '; (1 << 20) + 1]);
    comes_to("large", large, AMBIGUOUS);
    let redirect = || Reply::new(307, "").header("location", "https://elsewhere.example/?k=1");
    comes_to("redirect", redirect, AMBIGUOUS);
}

#[test]
fn a_paid_call_has_a_minute_and_is_not_cut_short_by_the_deadline() {
    let wire = ScriptedTransport::new([Reply::json(201, ACCEPTED).after(Duration::from_secs(59))]);
    let client = client(&wire);
    let mut settings = *client.settings();
    settings.deadline = Some(Duration::from_secs(5));
    let submission = block_on(client.with_settings(settings).submit(&request()));
    assert_eq!(outcome(submission).0, "accepted");

    let wire = ScriptedTransport::new([Reply::json(201, ACCEPTED).after(Duration::from_secs(60))]);
    let submission = block_on(crate::support::client(&wire).submit(&request()));
    assert_eq!(outcome(submission).0, "ambiguous");
    assert_eq!(wire.elapsed(), Duration::from_secs(60));
}

#[test]
fn a_refusal_after_a_failed_connection_does_not_become_unsent() {
    let wire = ScriptedTransport::new([
        Reply::fails(Kind::Connect),
        Reply::json(429, ""),
        Reply::fails(Kind::Closed),
    ]);
    let submission = block_on(client(&wire).submit(&request()));
    assert_eq!(outcome(submission).0, "ambiguous");
}

#[test]
fn a_whole_id_in_a_broken_success_is_salvaged_and_asked_after() {
    let broken = || Reply::json(201, r#"{"id":"QRY_1","status":"Proc"#).then_breaks(Kind::Closed);
    for (known, expected) in [(200, "accepted"), (400, "accepted"), (404, "ambiguous")] {
        let wire = ScriptedTransport::answering(move |sent| match is_submit(sent) {
            true => broken(),
            false => Reply::json(known, if known == 200 { ACCEPTED } else { "" }),
        });
        match block_on(client(&wire).submit(&request())) {
            Submission::Accepted(job) => {
                assert_eq!((job.id().as_str(), expected), ("QRY_1", "accepted"));
            }
            Submission::Ambiguous(error) => {
                let evidence = error.evidence().unwrap();
                assert_eq!(evidence.unconfirmed_id.as_ref().unwrap().as_str(), "QRY_1");
                assert_eq!((evidence.seen, expected), (Class::Unreadable, "ambiguous"));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(wire.sent().iter().filter(|sent| is_submit(sent)).count(), 1);
    }
}

#[test]
fn an_hours_skew_is_learned_from_one_refusal_and_kept() {
    let hour = Duration::from_secs(3600);
    for fast in [true, false] {
        let off = i64::try_from(hour.as_millis()).unwrap() * if fast { 1 } else { -1 };
        let wire = ScriptedTransport::new([
            Reply::json(401, r#"{"message":"signature expired"}"#).header("date", DATE),
            Reply::json(201, ACCEPTED),
            ready(),
        ])
        .with_clock_off_by(off);
        let (client, reports) = watched(&client(&wire));
        block_on(client.generate(&request())).unwrap();
        let t: Vec<i64> = wire
            .sent()
            .iter()
            .map(|sent| sent.header("gx-signature")[2..15].parse().unwrap())
            .collect();
        let truth = 1_717_574_785_354;
        assert_eq!(t[0], truth + off);
        assert!(
            (t[1] - truth).abs() < 1000 && (t[2] - truth - 5000).abs() < 1000,
            "{t:?}"
        );
        let corrected = reports.lock().unwrap().iter().any(|report| {
            matches!(report, Progress::ClockCorrected { offset_millis, .. } if (offset_millis + off).abs() < 1000)
        });
        assert!(corrected);
    }
}

#[test]
fn a_refusal_that_is_not_about_the_clock_is_final_and_one_correction_is_all() {
    let refusal = || Reply::json(401, "").header("date", DATE);
    for (off, submits) in [(0, 1), (1_400, 1), (3_600_000, 2), (90_000_000, 1)] {
        let wire = ScriptedTransport::new([refusal(), refusal()]).with_clock_off_by(off);
        let submission = block_on(client(&wire).submit(&request()));
        assert_eq!(
            outcome(submission),
            ("refused", Some(ErrorKind::Credentials))
        );
        assert_eq!(wire.sent().len(), submits, "{off}");
    }
}

#[test]
fn later_means_the_whole_account_waits_as_long_as_asked() {
    let wire = ScriptedTransport::new([
        Reply::json(429, "").header("retry-after", "42"),
        Reply::json(201, ACCEPTED),
        Reply::json(429, "").header("retry-after", "7200"),
        Reply::json(200, r#"{"creditQuota":1,"usedCredit":0}"#),
    ]);
    let client = client(&wire);
    block_on(client.submit(&request())).into_result().unwrap();
    assert_eq!(seconds_sent(&wire), [0.0, 42.0]);

    // A refused poll holds back the balance of a clone.
    let mut once = *client.settings();
    once.deadline = Some(Duration::from_secs(10));
    let job = crate::support::job();
    block_on(client.with_settings(once).wait(&job)).unwrap_err();
    block_on(client.clone().balance()).unwrap();
    assert_eq!(seconds_sent(&wire), [0.0, 42.0, 42.0, 342.0]);
}

#[test]
fn retries_jitter_within_their_ceilings_and_each_has_a_signature_of_its_own() {
    let wire = ScriptedTransport::answering(|_| Reply::fails(Kind::Connect));
    block_on(client(&wire).balance()).unwrap_err();
    let sent = wire.sent();
    let pauses: Vec<_> = wire
        .slept()
        .iter()
        .map(|(_, pause)| pause.as_secs_f64())
        .collect();
    assert_eq!(pauses.len(), 4);
    for (pause, ceiling) in pauses.iter().zip([0.5, 1.0, 2.0, 4.0]) {
        assert!(*pause <= ceiling, "{pauses:?}");
    }
    let mut signatures: Vec<_> = sent
        .iter()
        .map(|sent| sent.header("gx-signature"))
        .collect();
    signatures.dedup();
    assert_eq!(signatures.len(), sent.len());
}

#[test]
fn a_service_in_trouble_empties_the_retry_budget() {
    let wire = ScriptedTransport::answering(|_| Reply::json(500, ""));
    let client = client(&wire);
    let tries: Vec<_> = (0..30)
        .map(|_| {
            let before = wire.sent().len();
            block_on(client.balance()).unwrap_err();
            wire.sent().len() - before
        })
        .collect();
    // 500 tokens: 25 calls of four retries at 5 each, then none.
    assert!(tries[..25].iter().all(|tries| *tries == 5), "{tries:?}");
    assert!(tries[25..].iter().all(|tries| *tries == 1), "{tries:?}");
}

fn causes(error: &dyn std::error::Error) -> Vec<String> {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes
}

/// Each error says one thing, and what the service said is its cause.
#[test]
fn what_the_service_answered_is_the_cause_of_an_error() {
    for status in [
        300, 307, 400, 401, 402, 403, 404, 408, 409, 418, 422, 429, 451, 500, 503, 600,
    ] {
        let reply = move || Reply::json(status, r#"{"message":"no such luck"}"#);
        let wire = ScriptedTransport::answering(move |_| reply());
        let client = client(&wire);
        let errors = [
            block_on(client.submit(&request()))
                .into_result()
                .unwrap_err(),
            block_on(client.balance()).unwrap_err(),
            block_on(client.retrieve(crate::support::job().id())).unwrap_err(),
        ];
        for error in errors {
            let full = error.in_full();
            assert_eq!(full.matches("no such luck").count(), 1, "{full}");
            assert!(full.contains(&status.to_string()), "{full}");
            assert!(!error.to_string().contains("no such luck"), "{error}");
            assert!(
                causes(&error)
                    .iter()
                    .any(|cause| cause.starts_with("no such luck")),
                "{full}"
            );
        }
    }
    for broken in [false, true] {
        let wire = ScriptedTransport::answering(move |_| match broken {
            true => Reply::json(503, "no").then_breaks(Kind::Closed),
            false => Reply::json(200, vec![b' '; (1 << 20) + 1]),
        });
        let error = block_on(client(&wire).balance()).unwrap_err();
        let causes = causes(&error);
        assert!(causes[0].starts_with("an answer of status"), "{causes:?}");
    }
}

/// And it is what the ledger keeps of a refusal.
#[test]
fn the_ledger_keeps_the_words_of_a_refusal() {
    let wire = ScriptedTransport::answering(|sent| match is_submit(sent) {
        true => Reply::json(400, r#"{"message":"no such luck"}"#),
        false => balance(0),
    });
    let (client, ledger) = kept(&wire, Limits::default());
    let _ = block_on(client.submit(&request()));
    let entry = block_on(ledger.entry(LocalId(1))).unwrap().unwrap();
    let detail = entry.detail.unwrap();
    assert!(
        detail.ends_with("no such luck (400 Bad Request)"),
        "{detail}"
    );
}

/// A service whose `Date` runs away draws the clock along for a day, and no call along with it.
#[test]
fn corrections_end_within_a_day_and_so_do_the_resends() {
    let day = 24 * 3600 * 1000;
    let wire = ScriptedTransport::answering(|sent| {
        let t: u64 = sent.header("gx-signature")[2..15].parse().unwrap();
        let date =
            std::time::UNIX_EPOCH + Duration::from_millis(t) + Duration::from_secs(23 * 3600);
        Reply::json(401, "").header("date", &httpdate::fmt_http_date(date))
    });
    let client = client(&wire);
    for call in 0..10 {
        let before = wire.sent().len();
        let submission = block_on(client.submit(&request()));
        assert_eq!(
            outcome(submission),
            ("refused", Some(ErrorKind::Credentials))
        );
        let sends = wire.sent().len() - before;
        assert_eq!(sends, if call == 0 { 2 } else { 1 }, "call {call}");
    }
    let wall = 1_717_574_785_354_u64;
    for sent in wire.sent() {
        let t: u64 = sent.header("gx-signature")[2..15].parse().unwrap();
        assert!(t.abs_diff(wall) <= day, "{t}");
    }
}

#[test]
fn a_salvaged_id_may_be_unknown_for_30_seconds() {
    let wire = ScriptedTransport::answering(|sent| match sent.at.as_secs() {
        _ if is_submit(sent) => {
            Reply::json(201, r#"{"id":"QRY_1","status":"Proc"#).then_breaks(Kind::Closed)
        }
        0..20 => Reply::json(404, ""),
        _ => Reply::json(200, ACCEPTED),
    });
    let (client, reports) = watched(&client(&wire));
    let submission = block_on(client.submit(&request()));
    assert_eq!(outcome(submission).0, "accepted");
    let reports = reports.lock().unwrap();
    let salvaged = |report: &Progress| matches!(report, Progress::Salvaged { id, .. } if id.as_str() == "QRY_1");
    assert!(
        reports.iter().any(salvaged),
        "the id is told before it is confirmed"
    );
}

/// It is not asked after: a service that says so much is not believed. But it is not lost either.
#[test]
fn an_id_in_an_answer_that_is_too_large_is_told() {
    let long = format!(r#"{{"id":"QRY_1","pad":"{}"}}"#, " ".repeat(1 << 20));
    for size in [1_000, 2 << 20] {
        let reply = Reply::json(201, long.clone()).in_chunks(size);
        let wire = ScriptedTransport::new([reply]);
        let error = block_on(client(&wire).submit(&request()))
            .into_result()
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ambiguous);
        let evidence = error.evidence().unwrap();
        assert_eq!(evidence.seen, Class::TooLarge);
        assert_eq!(evidence.unconfirmed_id.as_ref().unwrap().as_str(), "QRY_1");
    }
}
