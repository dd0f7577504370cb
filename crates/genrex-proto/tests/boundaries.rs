//! Values at the place where one answer becomes another: what a change of one sign or one number would move.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use genrex_proto::{
    Balance, Content, ErrorBody, Escaped, Excerpt, Generation, QueryId, Seconds, Waveform,
    bare_url, redact_urls,
};

#[test]
fn columns_cover_all_values_and_each_is_the_loudest_of_its_part() {
    let wave = Waveform::new([1, 9, 2, 3]);
    for (width, expected) in [
        (0, &[][..]),
        (1, &[9]),
        (2, &[9, 3]),
        (3, &[9, 9, 3]),
        (4, &[1, 9, 2, 3]),
        (8, &[1, 1, 9, 9, 2, 2, 3, 3]),
    ] {
        assert_eq!(wave.columns(width), expected, "{width}");
    }
    assert!(Waveform::default().columns(3).is_empty());
}

#[test]
fn a_block_is_a_ninth_of_the_range() {
    let last_of_each = [14, 28, 42, 56, 71, 85, 99, 113, 127];
    let drawn = |values: &[u8]| Waveform::new(values.iter().copied()).blocks(values.len());
    assert_eq!(drawn(&last_of_each), " ▁▂▃▄▅▆▇█");
    let first_of_each = [0, 15, 29, 43, 57, 72, 86, 100, 114];
    assert_eq!(drawn(&first_of_each), " ▁▂▃▄▅▆▇█");
}

/// A refusal that is as long as it may be is not cut, so that its last word is no user's beginning.
#[test]
fn a_body_is_cut_only_where_it_is_too_long() {
    let link = "https://a.example";
    let body = format!("{}{link}", " ".repeat(Excerpt::LIMIT - link.len()));
    assert_eq!(ErrorBody::parse(body.as_bytes()).messages, [link]);
    let longer = ErrorBody::parse(format!("{body}x").as_bytes());
    assert_eq!(longer.messages, ["https://…"]);
}

#[test]
fn messages_are_joined_and_each_is_cut_at_240_characters() {
    let (whole, long) = ("é".repeat(240), "é".repeat(241));
    let body = format!(r#"{{"message":["{whole}","{long}","no"],"error":"Bad Request"}}"#);
    let shown = ErrorBody::parse(body.as_bytes()).to_string();
    assert_eq!(shown, format!("{whole}; {whole}…; no"));
}

#[test]
fn what_a_page_says_is_its_title() {
    let of = |page: &str| ErrorBody::parse(page.as_bytes()).messages;
    assert_eq!(of("<html><title> A B </title><p>x"), ["A B"]);
    assert_eq!(of("<title></title>"), [""; 0]);
    assert_eq!(of(" <p>x"), ["<p>x"]);
    assert_eq!(of("no <title>A</title>"), ["no <title>A</title>"]);
}

#[test]
fn what_was_used_is_a_difference_and_what_is_left_never_less_than_nothing() {
    let balance = |quota: u64, used: u64| {
        let body = format!(r#"{{"totalCreditQuota":{quota},"creditsUsed":{used}}}"#);
        Balance::from_json(body.as_bytes()).unwrap()
    };
    assert_eq!(balance(10, 7).used_since(&balance(10, 4)), 3);
    assert_eq!(balance(10, 4).used_since(&balance(10, 7)), 0);
    assert_eq!(balance(10, 4).credits_left(), 6);
    assert_eq!(balance(4, 10).credits_left(), 0);
}

#[test]
fn an_id_is_found_wherever_it_stands_whole() {
    let of = |body: &str| QueryId::salvage(body.as_bytes()).map(String::from);
    let id = Some(String::from("QRY_1"));
    assert_eq!(of(r#"{"id":"QRY_1""#), id);
    assert_eq!(of(r#"{"id" : "QRY_1","#), id);
    assert_eq!(of(r#"{"a":1,"id":"QRY_1","#), id);
    assert_eq!(of(r#"{"id":"QRY_1"#), None);
}

#[test]
fn each_way_to_write_a_mark_is_one() {
    for question in [
        "?", "%3f", "%3F", "%253F", "%25253f", "&#63;", "&#x3F;", "\\u003f",
    ] {
        let shown = redact_urls(&format!("https://a.example/1{question}sig=s3cr3t"));
        assert_eq!(
            shown,
            format!("https://a.example/1{question}…"),
            "{question}"
        );
    }
    for at in ["@", "%40", "&#64;", "\\u0040"] {
        let shown = redact_urls(&format!("https://me{at}a.example/1"));
        assert_eq!(shown, format!("https://…{at}a.example/1"), "{at}");
    }
    // What is no mark is shown as it is written.
    for plain in ["%", "%2", "%zz", "&#", "&#;", "&63;", "\\u00", "\\x"] {
        let text = format!("https://a.example/{plain}");
        assert_eq!(redact_urls(&text), text);
    }
}

#[test]
fn a_mark_with_nothing_after_it_hides_nothing() {
    for text in [
        "https://a.example/1?",
        "https://a.example/1#",
        "https://a.example/1?&=;",
    ] {
        assert_eq!(redact_urls(text), text);
    }
    assert_eq!(
        redact_urls("https://a.example/1?a"),
        "https://a.example/1?…"
    );
    assert_eq!(
        redact_urls("https://a.example/1#a"),
        "https://a.example/1#…"
    );
    assert_eq!(redact_urls("1.wav?a=b"), "1.wav?…");
    assert_eq!(redact_urls("really?a"), "really?a");
    assert_eq!(redact_urls("a=b?c"), "a=b?c");
    assert_eq!(
        bare_url("https://me:pw@a.example//x/1?a#b"),
        "https://a.example//x/1"
    );
}

#[test]
fn an_answer_that_cannot_be_read_says_where_and_how_it_began() {
    let body = br#"{"id":5,"status":"Failed"}"#;
    let shown = Generation::from_json(body).unwrap_err().to_string();
    assert!(shown.contains(" at `id`"), "{shown}");
    assert!(
        shown.ends_with(r#"; it began: {"id":5,"status":"Failed"}"#),
        "{shown}"
    );
}

#[test]
fn an_excerpt_says_when_there_is_more() {
    let whole = Excerpt::new(b"https://a.example/1");
    assert_eq!(whole.to_string(), "https://a.example/1");
    assert_eq!(AsRef::<str>::as_ref(&whole), whole.as_str());
    // So much of it is hidden that what is shown is short.
    let long = format!("https://a.example/1?{}", "x".repeat(5_000));
    assert_eq!(
        Excerpt::new(long.as_bytes()).to_string(),
        "https://a.example/1?……"
    );
}

#[test]
fn an_excerpt_that_is_read_back_may_end_in_a_user_if_it_was_cut() {
    for (omitted, expected) in [(0, "https://me"), (1, "https://…"), (2, "https://…")] {
        let written = format!(r#"{{"text":"https://me","omitted":{omitted}}}"#);
        let read: Excerpt = serde_json::from_str(&written).unwrap();
        assert_eq!(read.as_str(), expected);
    }
}

#[test]
fn what_can_be_seen_is_not_escaped() {
    assert!(
        "aÜ音 \u{1f3b5}"
            .chars()
            .all(|character| !Escaped::escapes(character))
    );
    assert!("\n\t\r\u{1b}\u{3164}".chars().all(Escaped::escapes));
}

#[test]
fn a_change_of_what_is_left_has_a_sign_and_an_end() {
    let left = |left| Balance::new(left, 0);
    for (now, earlier, change) in [
        (3, 5, -2),
        (5, 3, 2),
        (4, 4, 0),
        (u64::MAX, 0, i64::MAX),
        (0, u64::MAX, i64::MIN),
    ] {
        assert_eq!(left(now).change_since(&left(earlier)), change);
    }
}

#[test]
fn a_duration_is_the_number_that_it_was_made_of() {
    for seconds in 5..=60 {
        let made = Seconds::new(seconds).unwrap();
        assert_eq!(u32::from(made.get()), seconds);
    }
}

#[test]
fn a_whole_number_of_seconds_is_written_whole_and_another_as_it_is() {
    for (seconds, written) in [(5.0, "5"), (5.5, "5.5"), (-0.25, "-0.25")] {
        let content = serde_json::to_value(Content::new("music", seconds)).unwrap();
        assert_eq!(content["duration"].to_string(), written);
    }
}

#[test]
fn what_a_completed_job_holds_may_be_null_and_is_no_number() {
    let with = |response: &str| {
        let body = format!(r#"{{"id":"QRY_1","status":"Completed","response":{response}}}"#);
        Generation::from_json(body.as_bytes())
    };
    assert!(with("null").unwrap().response.is_empty());
    let refused = with("5").unwrap_err();
    let source = std::error::Error::source(&refused).unwrap().to_string();
    assert!(
        source.contains("an array, an object or null"),
        "{refused}: {source}"
    );
}
