//! The sandbox as a function of requests and times.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use bytes::Bytes;
use genrex_proto::{
    Balance, BalanceRequest, ErrorBody, GenerateRequest, Generation, Operation, RetrieveRequest,
    Status,
};
use genrex_sandbox::{ChargeTime, Dialect, Options, Service};
use genrex_sign::{ApiSecret, KEY_HEADER, Payload, SIGNATURE_HEADER, UnixMillis};
use http::{Request, Response, StatusCode};
use proptest::prelude::*;
use serde_json::Value;

const START: u64 = 1_717_344_967_386;

fn service(options: Options) -> Service {
    Service::new(options, "http://127.0.0.1:2".into(), UnixMillis::new(START)).unwrap()
}

fn at(millis: u64) -> UnixMillis {
    UnixMillis::new(START + millis)
}

fn signed(path: &str, body: impl Into<String>, t: UnixMillis) -> Request<Bytes> {
    let payload = Payload::from(body.into());
    let header = ApiSecret::new("sandbox-secret").unwrap().sign(t, &payload);
    Request::post(path)
        .header(KEY_HEADER, "sandbox-key")
        .header(SIGNATURE_HEADER, header.to_string())
        .body(payload.to_bytes())
        .unwrap()
}

fn call(service: &mut Service, path: &str, body: &str, now: UnixMillis) -> Response<Bytes> {
    service.handle(&signed(path, body, now), now)
}

fn submit(service: &mut Service, body: &str, now: UnixMillis) -> Generation {
    let answer = call(service, GenerateRequest::PATH, body, now);
    assert_eq!(answer.status(), StatusCode::CREATED, "{:?}", answer.body());
    Generation::from_json(answer.body()).unwrap()
}

fn retrieve(service: &mut Service, id: &str, now: UnixMillis) -> Generation {
    let answer = call(
        service,
        RetrieveRequest::PATH,
        &format!(r#"{{"queryId":"{id}"}}"#),
        now,
    );
    Generation::from_json(answer.body()).unwrap()
}

fn balance(service: &mut Service, now: UnixMillis) -> Balance {
    let answer = call(service, BalanceRequest::PATH, "{}", now);
    Balance::from_json(answer.body()).unwrap()
}

fn get(
    service: &mut Service,
    url: &str,
    headers: &[(&str, &str)],
    now: UnixMillis,
) -> Response<Bytes> {
    let request = headers
        .iter()
        .fold(Request::get(url), |request, (name, value)| {
            request.header(*name, *value)
        });
    service.handle_storage(&request.body(Bytes::new()).unwrap(), now)
}

const MUSIC: &str = r#"{"duration":10,"text":"music"}"#;

#[test]
fn a_job_renders_for_its_time_and_is_then_there_in_both_dialects() {
    for dialect in [Dialect::QuickStart, Dialect::Reference] {
        let mut options = Options::default();
        options.dialect = dialect;
        options.render_time = Duration::from_secs(61);
        let mut service = service(options);
        let job = submit(&mut service, MUSIC, at(0));
        assert_eq!(job.status, Status::Processing);
        let early = retrieve(&mut service, job.id.as_str(), at(60_999));
        assert_eq!(
            (early.status.clone(), early.assets().count()),
            (Status::Processing, 0)
        );
        let done = retrieve(&mut service, job.id.as_str(), at(61_000));
        assert_eq!(done.status, Status::Completed);
        let asset = done.assets().next().unwrap();
        assert_eq!(asset.waveform.unwrap().values().len(), 1000);

        let raw = call(
            &mut service,
            RetrieveRequest::PATH,
            &format!(r#"{{"queryId":"{}"}}"#, job.id),
            at(61_000),
        );
        let raw: Value = serde_json::from_slice(raw.body()).unwrap();
        let content = &raw["response"][0]["content"];
        match dialect {
            Dialect::QuickStart => assert!(content["url"].is_string()),
            Dialect::Reference => assert!(content[0]["url"].is_string()),
        }
        let names = balance_names(&mut service);
        assert_eq!(
            names.contains(&"creditQuota".to_owned()),
            dialect == Dialect::QuickStart
        );
    }
}

fn balance_names(service: &mut Service) -> Vec<String> {
    let raw = call(service, BalanceRequest::PATH, "{}", at(0));
    let raw: Value = serde_json::from_slice(raw.body()).unwrap();
    raw.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn only_an_honest_signature_within_the_window_is_answered() {
    let mut service = service(Options::default());
    for (off, status) in [
        (0, 200),
        (300_000, 200),
        (-300_000, 200),
        (300_001, 401),
        (-300_001, 401),
    ] {
        let t = UnixMillis::new((START + 1_000_000).saturating_add_signed(off));
        let answer = service.handle(&signed(BalanceRequest::PATH, "{}", t), at(1_000_000));
        assert_eq!(answer.status(), status, "{off}");
        assert!(answer.headers().contains_key("date"));
    }
    let mut tampered = signed(GenerateRequest::PATH, MUSIC, at(0));
    *tampered.body_mut() = Bytes::from_static(br#"{"duration":60,"text":"music"}"#);
    assert_eq!(service.handle(&tampered, at(0)).status(), 401);
    let mut unsigned = signed(GenerateRequest::PATH, MUSIC, at(0));
    unsigned.headers_mut().remove(SIGNATURE_HEADER);
    assert_eq!(service.handle(&unsigned, at(0)).status(), 401);
    let mut stranger = signed(GenerateRequest::PATH, MUSIC, at(0));
    stranger
        .headers_mut()
        .insert(KEY_HEADER, "another".parse().unwrap());
    assert_eq!(service.handle(&stranger, at(0)).status(), 401);
    assert_eq!((service.accepted(), service.credits_used(at(0))), (0, 0));
}

/// Node and Python write the same request in other bytes; both are right.
#[test]
fn a_body_is_verified_as_it_came() {
    let mut service = service(Options::default());
    for body in [
        r#"{"duration":10,"text":"été"}"#,
        r#"{"duration": 10, "text": "\u00e9t\u00e9"}"#,
        r#"{"text":"été","duration":10}"#,
    ] {
        let job = submit(&mut service, body, at(0));
        assert_eq!(job.content.unwrap().text.as_deref(), Some("été"));
    }
}

#[test]
fn what_is_wrong_with_a_request_is_said_and_costs_nothing() {
    let mut service = service(Options::default());
    for (body, status, said) in [
        (
            "{}",
            400,
            "duration must be an integer number; text must be a string",
        ),
        (
            r#"{"duration":4,"text":"a"}"#,
            400,
            "duration must not be less than 5",
        ),
        (
            r#"{"duration":61,"text":"a"}"#,
            400,
            "duration must not be greater than 60",
        ),
        (
            r#"{"duration":10.5,"text":"a"}"#,
            400,
            "duration must be an integer number",
        ),
        (
            r#"{"duration":10,"text":""}"#,
            400,
            "text should not be empty",
        ),
        ("{", 400, "the body is not JSON"),
        ("", 400, "the body is not JSON"),
    ] {
        let answer = call(&mut service, GenerateRequest::PATH, body, at(0));
        assert_eq!(answer.status(), status, "{body}");
        assert_eq!(ErrorBody::parse(answer.body()).to_string(), said, "{body}");
    }
    let long = format!(r#"{{"duration":10,"text":"{}"}}"#, "é".repeat(251));
    assert_eq!(
        call(&mut service, GenerateRequest::PATH, &long, at(0)).status(),
        400
    );
    let unknown = call(
        &mut service,
        RetrieveRequest::PATH,
        r#"{"queryId":"QRY_x"}"#,
        at(0),
    );
    assert_eq!(unknown.status(), 404);
    let mut wrong_method = signed(BalanceRequest::PATH, "{}", at(0));
    *wrong_method.method_mut() = http::Method::GET;
    assert_eq!(service.handle(&wrong_method, at(0)).status(), 404);
    let elsewhere = Request::post("/v2").body(Bytes::new()).unwrap();
    assert_eq!(service.handle(&elsewhere, at(0)).status(), 404);
    assert_eq!(service.credits_used(at(0)), 0);
}

#[test]
fn credits_are_spent_when_they_are_said_to_be() {
    for (charge, used) in [
        (ChargeTime::AtSubmit, [10, 10, 20]),
        (ChargeTime::AtCompletion, [0, 10, 10]),
    ] {
        let mut options = Options::default();
        options.charge = charge;
        options.quota = 25;
        let mut service = service(options);
        submit(&mut service, MUSIC, at(0));
        assert_eq!(balance(&mut service, at(1_000)).credits_used, used[0]);
        let settled = balance(&mut service, at(2_000));
        assert_eq!(settled.credits_used, used[1]);
        assert_eq!(settled.total_credit_quota, 25);
        submit(
            &mut service,
            r#"{"duration":10,"text":"sandbox:fail now"}"#,
            at(3_000),
        );
        // What is promised cannot be promised again.
        let broke = call(&mut service, GenerateRequest::PATH, MUSIC, at(3_001));
        assert_eq!(broke.status(), 402);
        assert!(ErrorBody::parse(broke.body()).speaks_of_credit());
        assert_eq!(balance(&mut service, at(9_000)).credits_used, used[2]);
    }
}

#[test]
fn a_prompt_can_ask_to_fail() {
    let mut service = service(Options::default());
    let job = submit(
        &mut service,
        r#"{"duration":10,"text":"sandbox:fail"}"#,
        at(0),
    );
    let failed = retrieve(&mut service, job.id.as_str(), at(2_000));
    assert_eq!(
        (failed.status.clone(), failed.assets().count()),
        (Status::Failed, 0)
    );
}

#[test]
fn the_same_seed_and_requests_make_the_same_ids_and_music() {
    let run = |seed| {
        let mut options = Options::default();
        options.seed = seed;
        let mut service = service(options);
        let job = submit(&mut service, MUSIC, at(0));
        let done = retrieve(&mut service, job.id.as_str(), at(2_000));
        let url = done.assets().next().unwrap().url.to_owned();
        (job.id, get(&mut service, &url, &[], at(2_000)).into_body())
    };
    assert!(run(1) == run(1));
    assert_ne!(run(1).0, run(2).0);
    assert_ne!(run(1).1, run(2).1);
}

fn completed(service: &mut Service) -> (String, Bytes, String) {
    let job = submit(service, r#"{"duration":5,"text":"music"}"#, at(0));
    let done = retrieve(service, job.id.as_str(), at(2_000));
    let url = done.assets().next().unwrap().url.to_owned();
    let whole = get(service, &url, &[], at(2_000));
    assert_eq!(whole.status(), 200);
    let etag = whole.headers()["etag"].to_str().unwrap().to_owned();
    (url, whole.into_body(), etag)
}

#[test]
fn a_link_works_for_its_time_and_only_as_it_was_made() {
    let mut service = service(Options::default());
    let (url, _, _) = completed(&mut service);
    assert!(url.starts_with("http://127.0.0.1:2/audio/RSP_"), "{url}");
    assert_eq!(
        get(&mut service, &url, &[], at(2_000 + 900_000)).status(),
        200
    );
    assert_eq!(
        get(&mut service, &url, &[], at(2_001 + 900_000)).status(),
        403
    );
    let (path, query) = url.split_once('?').unwrap();
    for forged in [
        path.to_owned(),
        format!("{path}?{}", query.replace("Expires=1", "Expires=2")),
        format!("{}?{query}", path.replace("_32k", "_33k")),
        format!("{}?{query}", path.replace("RSP_", "RSP_x")),
    ] {
        let status = get(&mut service, &forged, &[], at(2_000)).status();
        assert!(status == 403 || status == 404, "{forged} {status}");
    }
}

#[test]
fn ranges_count_only_for_this_very_version() {
    let mut service = service(Options::default());
    let (url, whole, etag) = completed(&mut service);
    let length = whole.len();
    for (headers, status, body) in [
        (vec![("range", "bytes=100-199")], 206, &whole[100..200]),
        (vec![("range", "bytes=100-")], 206, &whole[100..]),
        (vec![("range", "bytes=-100")], 206, &whole[length - 100..]),
        (
            vec![("range", "bytes=100-"), ("if-range", etag.as_str())],
            206,
            &whole[100..],
        ),
        (
            vec![("range", "bytes=100-"), ("if-range", "\"other\"")],
            200,
            &whole[..],
        ),
        (vec![("range", "lines=1-2")], 200, &whole[..]),
        (vec![("range", "bytes=0-1,5-6")], 200, &whole[..]),
        (vec![("if-none-match", etag.as_str())], 304, &[][..]),
    ] {
        let answer = get(&mut service, &url, &headers, at(2_000));
        assert_eq!(answer.status(), status, "{headers:?}");
        assert!(answer.body() == body, "{headers:?}");
        assert_eq!(answer.headers()["etag"], etag.as_str());
    }
    let part = get(&mut service, &url, &[("range", "bytes=100-199")], at(2_000));
    assert_eq!(
        part.headers()["content-range"],
        format!("bytes 100-199/{length}").as_str()
    );
    let past = get(
        &mut service,
        &url,
        &[("range", "bytes=99999999-")],
        at(2_000),
    );
    assert_eq!(past.status(), 416);
    assert_eq!(
        past.headers()["content-range"],
        format!("bytes */{length}").as_str()
    );
}

proptest! {
    #[test]
    fn no_request_makes_it_panic_or_pay(
        path in prop_oneof!["/[a-z0-9/]{0,30}", "/v1/text2music/(generateMusic|retrieve|getBalance)", "/audio/RSP_[a-z]{2}/[0-9.]{1,25}_32k\\.wav"],
        body in prop::collection::vec(any::<u8>(), 0..80),
        signature in "\\PC{0,20}",
        range in "[a-z0-9=,-]{0,12}",
    ) {
        let mut service = service(Options::default());
        let mut request = Request::post(path).body(Bytes::from(body)).unwrap();
        for (name, value) in [(SIGNATURE_HEADER, signature), (KEY_HEADER, "sandbox-key".into()), ("range", range)] {
            if let Ok(value) = value.parse() {
                request.headers_mut().insert(name, value);
            }
        }
        let refused = service.handle(&request, at(0));
        prop_assert!(refused.status().is_client_error());
        prop_assert!(service.handle_storage(&request, at(0)).status().is_client_error());
        prop_assert_eq!(service.accepted(), 0);
    }
}

/// Whoever sees a link, and a link is no secret, must not hold a signature of a call; nor the other way round.
#[test]
fn a_links_signature_and_a_calls_are_not_good_as_each_other() {
    let mut service = service(Options::default());
    let (url, _, _) = completed(&mut service);
    let now = at(2_000);
    let (path, query) = url
        .strip_prefix("http://127.0.0.1:2")
        .unwrap()
        .split_once('?')
        .unwrap();
    let (expires, signature) = query
        .strip_prefix("Expires=")
        .unwrap()
        .split_once("&Signature=")
        .unwrap();

    let call = Request::post(BalanceRequest::PATH)
        .header(KEY_HEADER, "sandbox-key")
        .header(SIGNATURE_HEADER, format!("t={expires},v={signature}"))
        .body(Bytes::from(path.to_owned()))
        .unwrap();
    let near = UnixMillis::new(expires.parse::<u64>().unwrap() - 1);
    assert_eq!(
        service.handle(&call, near).status(),
        StatusCode::UNAUTHORIZED
    );

    let payload = Payload::from(path.to_owned());
    let secret = ApiSecret::new("sandbox-secret").unwrap();
    let header = secret.sign(near, &payload);
    let forged = format!("{path}?Expires={near}&Signature={}", header.signature());
    let answer = get(&mut service, &forged, &[], now);
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
}
