//! Every answer that the two public sources document, and what is met beside them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use genrex_proto::{
    Balance, BalanceRequest, Charge, ErrorBody, ErrorKind, Escaped, Excerpt, GenerateRequest,
    Generation, Operation, Prompt, QueryId, RetrieveRequest, Seconds, Status,
};

const URL: &str = "https://octaimusic.s3.amazonaws.com/audio/1717326321.3117287_32k.wav";

fn generation(json: &str) -> Generation {
    Generation::from_json(json.as_bytes()).unwrap()
}

#[test]
fn generate_and_its_body() {
    let accepted = generation(include_str!("fixtures/generate.json"));
    assert_eq!(accepted.id.as_str(), "QRY_WRXzIXyidD8x9xIEZZ4GppXh");
    assert_eq!(accepted.status, Status::Processing);
    let content = accepted.content.as_ref().unwrap();
    assert_eq!(content.text.as_deref(), Some("music"));
    assert_eq!(content.duration, Some(30.0));
    assert_eq!(
        accepted.created_at.unwrap().as_str(),
        "2024-06-02T16:16:07.386Z"
    );
    assert!(accepted.extra.is_empty());

    let request = GenerateRequest::new(
        Prompt::new("intense EDM").unwrap(),
        Seconds::new(10).unwrap(),
    );
    assert_eq!(
        request.to_json(),
        br#"{"duration":10,"text":"intense EDM"}"#
    );
    let request = RetrieveRequest::new(accepted.id);
    assert_eq!(
        request.to_json(),
        br#"{"queryId":"QRY_WRXzIXyidD8x9xIEZZ4GppXh"}"#
    );
}

#[test]
fn retrieve_in_both_dialects() {
    let reference = generation(include_str!("fixtures/retrieve-completed-reference.json"));
    let quick_start = generation(include_str!("fixtures/retrieve-completed-quick-start.json"));
    assert_eq!(reference, quick_start);
    let assets: Vec<_> = reference.assets().collect();
    assert_eq!(assets.len(), 1);
    assert_eq!(assets[0].url, URL);
    assert_eq!(assets[0].waveform.unwrap().values(), [67, 76, 77, 73]);
    for (json, status) in [
        (
            include_str!("fixtures/retrieve-processing.json"),
            Status::Processing,
        ),
        (
            include_str!("fixtures/retrieve-failed.json"),
            Status::Failed,
        ),
    ] {
        let running = generation(json);
        assert_eq!(running.status, status);
        assert_eq!(running.assets().count(), 0);
    }
}

/// What is written is the reference's form, with nothing lost.
#[test]
fn an_answer_is_written_in_the_reference_form() {
    let reference = include_str!("fixtures/retrieve-completed-reference.json");
    let quick_start = generation(include_str!("fixtures/retrieve-completed-quick-start.json"));
    let expected: serde_json::Value = serde_json::from_str(reference).unwrap();
    let mut written = serde_json::to_value(&quick_start).unwrap();
    // JSON has one kind of number; serde_json tells 30 from 30.0.
    assert_eq!(written["content"]["duration"].as_f64(), Some(30.0));
    written["content"]["duration"] = 30.into();
    assert_eq!(written, expected);
}

#[test]
fn balance_in_both_dialects_and_mixed() {
    let quick_start =
        Balance::from_json(include_bytes!("fixtures/balance-quick-start.json")).unwrap();
    assert_eq!(quick_start.total_credit_quota, 54);
    assert_eq!(quick_start.max_duration_seconds, Some(60));
    let reference = Balance::from_json(include_bytes!("fixtures/balance-reference.json")).unwrap();
    assert_eq!(reference.total_credit_quota, 95);
    assert_eq!(reference.credits_left(), 95);

    let mixed = Balance::from_json(
        br#"{"durationLimit":30,"totalCreditQuota":10,"usedCredit":12,"tier":"gold"}"#,
    )
    .unwrap();
    assert_eq!(mixed.credits_left(), 0);
    assert_eq!(mixed.max_duration_seconds, Some(30));
    assert_eq!(mixed.extra["tier"], "gold");

    let floats = Balance::from_json(br#"{"creditQuota":54.0,"usedCredit":4}"#).unwrap();
    assert_eq!(floats.credits_left(), 50);
    let half = Balance::from_json(br#"{"creditQuota":54.5,"usedCredit":4}"#).unwrap_err();
    assert_eq!(half.path(), Some("creditQuota"));
    let negative = Balance::from_json(br#"{"creditQuota":-1,"usedCredit":4}"#).unwrap_err();
    assert_eq!(negative.path(), Some("creditQuota"));
    for status in ["null", "3", "{}"] {
        let odd = generation(&format!(r#"{{"id":"QRY_1","status":{status}}}"#));
        assert_eq!(odd.status, Status::Other(String::new()));
    }

    let both = br#"{"creditQuota":1,"totalCreditQuota":2,"usedCredit":0,"creditsUsed":1}"#;
    assert_eq!(Balance::from_json(both).unwrap().credits_left(), 1);

    let error = Balance::from_json(br#"{"creditQuota":1}"#).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnreadableAnswer);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("`creditsUsed` nor `usedCredit`"), "{cause}");
}

#[test]
fn what_a_client_can_do_without_never_stops_it() {
    let odd = generation(
        r#"{"id":"QRY_1","status":"Queued","createdAt":1717,"content":"music","metadata":{"a":1},
            "response":[{"metadata":null,"content":[{"url":"https://a.example/1.wav"},{"mirror":true},
            {"url":"https://a.example/2.wav"}],"extra":1},{"content":{"url":null}}],"eta":12}"#,
    );
    assert_eq!(odd.status, Status::Other("Queued".into()));
    assert_eq!(odd.created_at, None);
    assert_eq!(odd.extra["eta"], 12);
    let urls: Vec<_> = odd.assets().map(|asset| asset.url).collect();
    assert_eq!(urls, ["https://a.example/1.wav", "https://a.example/2.wav"]);
}

#[test]
fn what_a_client_needs_is_named_with_its_path() {
    for (json, path) in [
        ("{}", None),
        (r#"{"id":7}"#, Some("id")),
        (r#"{"id":"../../etc/passwd"}"#, Some("id")),
        (
            r#"{"id":"QRY_1","response":[{},{"content":["a"]}]}"#,
            Some("response[1].content[0]"),
        ),
        ("<html>", None),
        (r#"{"id":"QRY_1"} trailing"#, None),
    ] {
        let error = Generation::from_json(json.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnreadableAnswer, "{json}");
        assert_eq!(error.path(), path, "{json}");
        assert_eq!(error.excerpt().unwrap().as_str(), json);
    }
}

#[test]
fn error_bodies_of_every_shape() {
    for (body, shown, credit) in [
        (
            r#"{"statusCode":400,"message":"text must be shorter","error":"Bad Request"}"#,
            "text must be shorter",
            false,
        ),
        (
            r#"{"statusCode":400,"message":["a is bad","b is bad"],"error":"Bad Request"}"#,
            "a is bad; b is bad",
            false,
        ),
        (
            r#"{"statusCode":401,"error":"Unauthorized"}"#,
            "Unauthorized",
            false,
        ),
        (
            r#"{"message":"Not enough credits"}"#,
            "Not enough credits",
            true,
        ),
        (
            r#"{"detail":"Insufficient Funds"}"#,
            "Insufficient Funds",
            true,
        ),
        ("upstream timed out\n", "upstream timed out", false),
        (
            "<html><head><title>502 Bad Gateway</title></head><body>…",
            "502 Bad Gateway",
            false,
        ),
        ("", "no reason given", false),
        ("[1,2]", "[1,2]", false),
        ("\u{1b}]0;owned\u{7}", r"\u{1b}]0;owned\u{7}", false),
    ] {
        let error = ErrorBody::parse(body.as_bytes());
        assert_eq!(error.to_string(), shown, "{body}");
        assert_eq!(error.speaks_of_credit(), credit, "{body}");
    }
}

#[test]
fn inputs_that_every_reading_refuses_are_refused() {
    assert_eq!(Prompt::new("").unwrap_err().kind(), ErrorKind::EmptyPrompt);
    Prompt::new("é".repeat(250)).unwrap();
    // 250 code points, 500 UTF-16 units: one reading takes it.
    Prompt::new("🎵".repeat(250)).unwrap();
    assert_eq!(
        Prompt::new("é".repeat(251)).unwrap_err().kind(),
        ErrorKind::LongPrompt { characters: 251 }
    );
    for (given, taken) in [
        (0, false),
        (4, false),
        (5, true),
        (60, true),
        (61, false),
        (300, false),
    ] {
        assert_eq!(Seconds::new(given).is_ok(), taken, "{given}");
    }
    for id in [
        "QRY_WRXzIXyidD8x9xIEZZ4GppXh",
        "a",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    ] {
        assert!(QueryId::new(id).is_ok(), "{id}");
    }
    for id in [
        "", ".", "..", "-rf", "a/b", "a\\b", "a b", "a\n", "é", "CON", "nul.wav", "com1",
    ] {
        assert!(QueryId::new(id).is_err(), "{id}");
    }
    QueryId::new("x".repeat(129)).unwrap_err();
}

/// Reads through the trait: both the operation's place and its answer.
fn operation<O: Operation>(
    request: &O,
    answer: &str,
) -> (&'static str, &'static str, Charge, String, O::Answer) {
    let body = String::from_utf8(request.to_json()).unwrap();
    let answer = O::read(answer.as_bytes()).unwrap();
    (O::NAME, O::PATH, O::CHARGE, body, answer)
}

#[test]
fn the_operations_are_as_documented() {
    let id = QueryId::new("QRY_1").unwrap();
    let job = r#"{"id":"QRY_1","status":"Failed"}"#;
    let expected = Generation::new(id.clone(), Status::Failed);
    let generate = GenerateRequest::new(Prompt::new("é").unwrap(), Seconds::MIN);
    assert_eq!(
        operation(&generate, job),
        (
            "generateMusic",
            "/v1/text2music/generateMusic",
            Charge::Paid,
            r#"{"duration":5,"text":"é"}"#.to_owned(),
            expected.clone()
        )
    );
    assert_eq!(
        operation(&RetrieveRequest::new(id), job),
        (
            "retrieve",
            "/v1/text2music/retrieve",
            Charge::Free,
            r#"{"queryId":"QRY_1"}"#.to_owned(),
            expected
        )
    );
    assert_eq!(
        operation(&BalanceRequest, r#"{"creditQuota":3,"usedCredit":1}"#),
        (
            "getBalance",
            "/v1/text2music/getBalance",
            Charge::Free,
            "{}".to_owned(),
            Balance::new(3, 1)
        )
    );
}

#[test]
fn an_excerpt_is_bounded_and_cannot_act() {
    let excerpt = Excerpt::new(&vec![b'x'; 1 << 20]);
    assert_eq!(excerpt.as_str().len(), Excerpt::LIMIT);
    assert!(excerpt.to_string().ends_with('…'));
    assert_eq!(Excerpt::new(b"").to_string(), "(nothing)");
    let trick = "a\u{0}b\u{7f}c\u{9b}d\u{200b}e\u{202e}f\u{2066}g\u{feff}h\r\n\ti";
    assert_eq!(
        Escaped(trick).to_string(),
        r"a\u{0}b\u{7f}c\u{9b}d\u{200b}e\u{202e}f\u{2066}g\u{feff}h\r\n\ti"
    );
}
