//! The rules about credits that a sandbox can be given, as a function of requests and times.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use bytes::Bytes;
use genrex_proto::{Balance, BalanceRequest, GenerateRequest, Operation, RetrieveRequest};
use genrex_sandbox::{Cause, ChargeTime, Options, Others, Service, What};
use genrex_sign::{ApiSecret, KEY_HEADER, Payload, SIGNATURE_HEADER, UnixMillis};
use http::header::DATE;
use http::{Request, Response};

const START: u64 = 1_717_344_967_000;

/// A service that renders for 10 seconds.
fn service(set: impl FnOnce(&mut Options)) -> Service {
    let mut options = Options::default();
    options.render_time = Duration::from_secs(10);
    set(&mut options);
    Service::new(options, "http://127.0.0.1:2".into(), UnixMillis::new(START)).unwrap()
}

fn at(seconds: u64) -> UnixMillis {
    UnixMillis::new(START + seconds * 1000)
}

fn call(service: &mut Service, path: &str, body: &str, now: UnixMillis) -> Response<Bytes> {
    call_as(service, ("sandbox-key", "sandbox-secret"), path, body, now)
}

fn call_as(
    service: &mut Service,
    (key, secret): (&str, &str),
    path: &str,
    body: &str,
    now: UnixMillis,
) -> Response<Bytes> {
    let payload = Payload::from(body.to_owned());
    let header = ApiSecret::new(secret).unwrap().sign(now, &payload);
    let request = Request::post(path)
        .header(KEY_HEADER, key)
        .header(SIGNATURE_HEADER, header.to_string())
        .body(payload.to_bytes())
        .unwrap();
    service.handle(&request, now)
}

/// The status, and the id if there is one.
fn submit(service: &mut Service, text: &str, seconds: u8, now: UnixMillis) -> (u16, String) {
    let body = format!(r#"{{"duration":{seconds},"text":"{text}"}}"#);
    let answer = call(service, GenerateRequest::PATH, &body, now);
    let json: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    let id = json["id"].as_str().unwrap_or_default().to_owned();
    (answer.status().as_u16(), id)
}

fn used(service: &mut Service, now: UnixMillis) -> u64 {
    let answer = call(service, BalanceRequest::PATH, "{}", now);
    Balance::from_json(answer.body()).unwrap().credits_used
}

#[test]
fn a_price_depends_on_the_duration_and_changes_after_so_many_jobs() {
    let mut service = service(|options| {
        options.price = "8+1/5s".parse().unwrap();
        options.price_change = Some("2:flat:3".parse().unwrap());
    });
    submit(&mut service, "a", 5, at(0));
    assert_eq!(used(&mut service, at(0)), 9);
    submit(&mut service, "b", 60, at(0));
    assert_eq!(used(&mut service, at(0)), 29);
    submit(&mut service, "c", 60, at(0));
    assert_eq!(used(&mut service, at(0)), 32);
}

#[test]
fn a_job_is_charged_when_the_rules_say() {
    // At the submit, shortly before the end, at the end, two seconds after it, and later.
    let times = [0, 9, 10, 12, 60];
    let seen = |charge: ChargeTime| {
        let mut service = service(|options| {
            options.price = "flat:5".parse().unwrap();
            options.charge = charge;
        });
        submit(&mut service, "music", 5, at(0));
        times.map(|seconds| used(&mut service, at(seconds)))
    };
    assert_eq!(seen(ChargeTime::AtSubmit), [5; 5]);
    assert_eq!(seen(ChargeTime::AtCompletion), [0, 0, 5, 5, 5]);
    assert_eq!(seen("completion+2s".parse().unwrap()), [0, 0, 0, 5, 5]);
    assert_eq!(seen("parts:1".parse().unwrap()), [1, 1, 5, 5, 5]);
}

#[test]
fn a_failure_is_given_back_where_the_rules_say() {
    let seen = |charge: &str, refunds: bool| {
        let mut service = service(|options| {
            options.price = "flat:5".parse().unwrap();
            options.charge = charge.parse().unwrap();
            options.refunds_failures = refunds;
        });
        submit(&mut service, "sandbox:fail", 5, at(0));
        [0, 10, 60].map(|seconds| used(&mut service, at(seconds)))
    };
    assert_eq!(seen("submit", false), [5, 5, 5]);
    assert_eq!(seen("submit", true), [5, 0, 0]);
    assert_eq!(seen("parts:1", true), [1, 0, 0]);
    assert_eq!(seen("completion", true), [0, 0, 0]);
    assert_eq!(seen("completion+2s", false), [0, 0, 0]);
}

#[test]
fn what_waits_for_its_charge_cannot_be_spent_twice() {
    let mut service = service(|options| {
        options.quota = 9;
        options.price = "flat:5".parse().unwrap();
        options.charge = "completion+2s".parse().unwrap();
    });
    assert_eq!(submit(&mut service, "a", 5, at(0)).0, 201);
    assert_eq!(submit(&mut service, "b", 5, at(0)).0, 402);
    assert_eq!(submit(&mut service, "b", 5, at(30)).0, 402);
    assert_eq!(used(&mut service, at(30)), 5);
}

#[test]
fn an_answer_that_refuses_may_have_taken_or_charged() {
    let mut service = service(|options| {
        options.price = "flat:5".parse().unwrap();
        options.incidents = ["1:303", "2:429", "3:504+40s", "4:others:-4"]
            .map(|incident| incident.parse().unwrap())
            .to_vec();
    });
    assert_eq!(submit(&mut service, "a", 5, at(0)), (303, String::new()));
    assert_eq!((used(&mut service, at(0)), service.accepted()), (5, 1));
    assert_eq!(submit(&mut service, "b", 5, at(0)).0, 429);
    assert_eq!((used(&mut service, at(0)), service.accepted()), (10, 1));
    assert_eq!(submit(&mut service, "c", 5, at(0)).0, 504);
    assert_eq!(used(&mut service, at(39)), 10);
    assert_eq!((used(&mut service, at(40)), service.accepted()), (15, 2));
    assert_eq!(submit(&mut service, "d", 5, at(40)).0, 201);
    assert_eq!(used(&mut service, at(40)), 16);
    let refused = service.history(at(40)).iter().filter(|happened| {
        matches!(
            happened.what,
            What::Moved {
                cause: Cause::Refusal,
                credits: 5
            }
        )
    });
    assert_eq!(refused.count(), 1);
}

#[test]
fn a_job_that_is_taken_later_is_not_known_before() {
    let mut service = service(|options| options.incidents = vec!["1:504+40s".parse().unwrap()]);
    submit(&mut service, "a", 5, at(0));
    let id = service.jobs().next().unwrap().0.to_owned();
    let mut status = |seconds| {
        let body = format!(r#"{{"queryId":"{id}"}}"#);
        call(&mut service, RetrieveRequest::PATH, &body, at(seconds)).status()
    };
    assert_eq!(
        [status(39), status(40)].map(|status| status.as_u16()),
        [404, 200]
    );
}

#[test]
fn other_clients_do_the_same_however_often_they_are_looked_at() {
    let moves = |looks: &[u64]| {
        let mut service = service(|options| {
            options.others = Some("5/10s".parse::<Others>().unwrap());
            options.price = "flat:100".parse().unwrap();
        });
        submit(&mut service, "music", 5, at(0));
        for look in looks {
            used(&mut service, at(*look));
        }
        let moved = service
            .history(at(1000))
            .iter()
            .filter_map(|happened| match &happened.what {
                What::Moved {
                    cause: Cause::Others,
                    credits,
                } => Some((happened.at, *credits)),
                _ => None,
            });
        moved.collect::<Vec<_>>()
    };
    let once = moves(&[]);
    assert!(once.iter().any(|(_, credits)| *credits < 0));
    assert!(once.iter().any(|(_, credits)| *credits > 0));
    assert!(once.iter().all(|(_, credits)| credits.abs() <= 5));
    assert_eq!(once, moves(&[3, 10, 11, 500]));
}

#[test]
fn its_clock_may_be_another() {
    let mut behind = service(|options| {
        options.clock_offset = -25 * 60 * 60 * 1000;
        options.tolerance = Duration::from_secs(26 * 60 * 60);
    });
    let answer = call(&mut behind, BalanceRequest::PATH, "{}", at(0));
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()[DATE], "Sat, 01 Jun 2024 15:16:07 GMT");
    let mut strict = service(|options| options.clock_offset = 25 * 60 * 60 * 1000);
    let answer = call(&mut strict, BalanceRequest::PATH, "{}", at(0));
    assert_eq!(answer.status(), 401);
}

#[test]
fn another_key_is_the_same_account() {
    let mut service = service(|options| {
        options.other_keys = vec![("second".into(), "its-secret".into())];
    });
    submit(&mut service, "a", 5, at(0));
    let look = |service: &mut Service, secret| {
        call_as(
            service,
            ("second", secret),
            BalanceRequest::PATH,
            "{}",
            at(0),
        )
    };
    let answer = look(&mut service, "its-secret");
    assert_eq!(Balance::from_json(answer.body()).unwrap().credits_used, 5);
    assert_eq!(look(&mut service, "sandbox-secret").status(), 401);
}

#[test]
fn what_happened_is_told_in_its_order() {
    let mut service = service(|options| options.charge = "parts:1".parse().unwrap());
    used(&mut service, at(0));
    used(&mut service, at(0));
    let (_, id) = submit(&mut service, "music", 5, at(1));
    used(&mut service, at(2));
    used(&mut service, at(20));
    let moved = |credits| What::Moved {
        cause: Cause::Job(id.clone()),
        credits,
    };
    let expected = [
        (0, What::Looked { used: 0 }),
        (
            1,
            What::Taken {
                id: id.clone(),
                text: "music".into(),
                seconds: 5,
                credits: 5,
                told: true,
            },
        ),
        (1, moved(1)),
        (2, What::Looked { used: 1 }),
        (11, moved(4)),
        (20, What::Looked { used: 5 }),
    ];
    let history = service.history(at(30)).iter();
    let history: Vec<_> = history
        .map(|happened| ((happened.at - START) / 1000, happened.what.clone()))
        .collect();
    assert_eq!(history, expected);
}
