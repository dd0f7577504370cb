use genrex_sign::Payload;
use serde_json::json;

use super::*;
use crate::job::LOOKS;
use crate::options::ChargeTime;

const HOUR: u64 = 3_600_000;

/// A service that renders for an hour and holds so many jobs, and the last one's id.
fn holding(jobs: usize) -> (Service, String) {
    let options = Options {
        render_time: Duration::from_millis(HOUR),
        quota: u64::MAX,
        charge: ChargeTime::InParts(1),
        ..Options::default()
    };
    let now = UnixMillis::new(0);
    let mut service = Service::new(options, String::from("http://127.0.0.1:2"), now).unwrap();
    for job in 0..jobs {
        let body = json!({"duration": 5, "text": job.to_string()});
        let answer = service.generate(&body, now).whole();
        assert_eq!(answer.status(), StatusCode::CREATED);
    }
    let last = service.jobs.keys().next().unwrap().clone();
    (service, last)
}

/// How often something of a job is looked at.
fn looks(work: impl FnOnce()) -> usize {
    LOOKS.set(0);
    work();
    LOOKS.get()
}

fn call(service: &mut Service, path: &str, body: &Value, now: u64) {
    let (payload, now) = (Payload::from(body.to_string()), UnixMillis::new(now));
    let header = service.keys[0].1.sign(now, &payload);
    let request = Request::post(path)
        .header(KEY_HEADER, "sandbox-key")
        .header(SIGNATURE_HEADER, header.to_string())
        .body(payload.to_bytes())
        .unwrap();
    let answer = service.handle(&request, now);
    assert!(answer.status().is_success(), "{:?}", answer.body());
}

/// How often jobs are looked at by each request, with so many held.
fn looks_of_requests(jobs: usize) -> [usize; 4] {
    let (mut service, id) = holding(jobs);
    let (submit, retrieve) = (
        json!({"duration": 5, "text": "music"}),
        json!({"queryId": id}),
    );
    [
        looks(|| call(&mut service, GenerateRequest::PATH, &submit, 1)),
        looks(|| call(&mut service, RetrieveRequest::PATH, &retrieve, 2)),
        looks(|| call(&mut service, BalanceRequest::PATH, &json!({}), 3)),
        looks(|| {
            service.history(UnixMillis::new(4));
        }),
    ]
}

#[test]
fn a_request_looks_at_as_many_jobs_however_many_there_are() {
    let few = looks_of_requests(1);
    assert!(few.iter().all(|looks| (1..10).contains(looks)), "{few:?}");
    assert_eq!(looks_of_requests(10_000), few);
}

#[test]
fn what_is_due_is_looked_at_once() {
    const JOBS: usize = 1_000;
    let (mut service, _) = holding(JOBS);
    let mut at = |now| {
        looks(|| {
            service.credits_used(UnixMillis::new(now));
        })
    };
    // And once what is due next, if there is any.
    assert_eq!(at(HOUR - 1), 1);
    assert_eq!(at(HOUR), JOBS);
    assert_eq!(at(2 * HOUR), 0);
}
