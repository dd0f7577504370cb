//! The crate agrees with every case of the vectors for other languages.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::HashSet;
use std::time::Duration;

use genrex_sign::{ApiSecret, ErrorKind, Payload, UnixMillis, Verifier};
use serde_json::Value;

const VECTORS: &str = include_str!("../vectors/signatures.json");

fn cases(list: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(VECTORS).unwrap();
    let cases = document[list].as_array().unwrap();
    assert!(!cases.is_empty(), "{list}");
    cases.clone()
}

fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap()
}

fn body(case: &Value) -> Vec<u8> {
    hex::decode(text(case, "bodyHex")).unwrap()
}

fn time(case: &Value, name: &str) -> UnixMillis {
    UnixMillis::new(case[name].as_u64().unwrap())
}

/// The reason of the crate's refusal, as the vectors write it.
fn refusal(case: &Value) -> Option<&'static str> {
    let tolerance = Duration::from_millis(case["toleranceMs"].as_u64().unwrap());
    let secret = ApiSecret::new(text(case, "secret")).unwrap();
    let now = time(case, "nowMs");
    let verdict = Verifier::new(tolerance).verify(&secret, text(case, "header"), &body(case), now);
    verdict.err().map(|error| match error.kind() {
        ErrorKind::MalformedHeader => "malformed-header",
        ErrorKind::Mismatch => "mismatch",
        ErrorKind::Expired => "expired",
        ErrorKind::FromTheFuture => "from-the-future",
        other => panic!("{other:?} for {case}"),
    })
}

#[test]
fn every_case_of_signing_gives_its_header() {
    for case in cases("sign") {
        let secret = ApiSecret::new(text(&case, "secret")).unwrap();
        let header = secret.sign(time(&case, "timeMs"), &Payload::from(body(&case)));
        assert_eq!(header.to_string(), text(&case, "header"), "{case}");
    }
}

#[test]
fn the_published_vector_is_the_first() {
    let case = &cases("sign")[0];
    assert_eq!(text(case, "secret"), "7Xd9PfMlkanB5ZTuj0qQG");
    assert_eq!(time(case, "timeMs").get(), 1_717_574_785_354);
    assert_eq!(body(case), br#"{"duration":10,"text":"music"}"#);
    assert_eq!(
        text(case, "header"),
        "t=1717574785354,v=c3eaaf9b064283cd3558b1a8e759a0ed5f1d5d805992ce0b02c937f4e2e6cf90"
    );
}

#[test]
fn every_case_to_accept_is_accepted() {
    for case in cases("accept") {
        assert_eq!(refusal(&case), None, "{case}");
    }
}

#[test]
fn every_case_to_refuse_is_refused_for_its_reason() {
    for case in cases("refuse") {
        assert_eq!(refusal(&case), Some(text(&case, "reason")), "{case}");
    }
}

#[test]
fn the_vectors_hold_every_reason_and_bodies_that_are_no_utf_8() {
    let refuse = cases("refuse");
    let reasons: HashSet<&str> = refuse.iter().map(|case| text(case, "reason")).collect();
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    let raw = |case: &&Value| std::str::from_utf8(&body(case)).is_err();
    for list in ["sign", "accept", "refuse"] {
        assert!(cases(list).iter().filter(raw).count() > 0, "{list}");
    }
    assert!(cases("sign").len() + cases("accept").len() + refuse.len() >= 150);
}
