//! No secret of a presigned link is shown or written, unless it is asked for.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::error::Error as _;

use genrex_proto::{
    AssetContent, AssetMetadata, AssetResponse, Balance, Content, ErrorBody, Excerpt, Generation,
    QueryId, Status, redact_urls,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// No part of a secret may be shown; this one is in each.
const SECRET: &str = "s3cr3t";

#[test]
fn where_a_link_leads_is_shown_and_nothing_more() {
    for (text, shown) in REDACTED {
        assert_eq!(redact_urls(text), *shown);
    }
}

/// A text, and what is shown of it.
const REDACTED: &[(&str, &str)] = &[
    // Plain ones.
    ("https://a.example/1.wav", "https://a.example/1.wav"),
    (
        "https://a.example/1.wav?X-Amz-Signature=s3cr3t",
        "https://a.example/1.wav?…",
    ),
    (
        "https://a.example/1.wav?s3cr3t",
        "https://a.example/1.wav?…",
    ),
    (
        "https://a.example/1.wav#s3cr3t",
        "https://a.example/1.wav#…",
    ),
    (
        "https://s3cr3t@a.example/1.wav",
        "https://…@a.example/1.wav",
    ),
    ("https://me:s3cr3t@x@a.example", "https://…@a.example"),
    (
        "HTTPS://a.example/1.wav?a=s3cr3t",
        "HTTPS://a.example/1.wav?…",
    ),
    ("gs://s3cr3t@bucket/1.wav?s3cr3t", "gs://…@bucket/1.wav?…"),
    (
        "//me:s3cr3t@a.example/1.wav?s3cr3t",
        "//…@a.example/1.wav?…",
    ),
    ("Cannot GET /1.wav?a=s3cr3t", "Cannot GET /1.wav?…"),
    // What looks like a part of one.
    ("https://a.example/a@b/1.wav", "https://a.example/a@b/1.wav"),
    (
        "Is it at https://a.example/?",
        "Is it at https://a.example/?",
    ),
    (
        "Why?Because. Issue #12, me@a.example",
        "Why?Because. Issue #12, me@a.example",
    ),
    // Several, and one in another.
    (
        "https://a.example/1?s3cr3t or https://me:s3cr3t@b.example/2#s3cr3t.",
        "https://a.example/1?… or https://…@b.example/2#…",
    ),
    (
        "https://a.example/1,https://s3cr3t@b.example/2?s3cr3t,https://c.example",
        "https://a.example/1,https://…@b.example/2?…",
    ),
    (
        "https://a.example/?to=https://b.example/2?a=s3cr3t",
        "https://a.example/?…",
    ),
    // Encoded.
    (
        "https%3A%2F%2Fme%3As3cr3t%40a.example%2F1.wav%3Fa%3Ds3cr3t",
        "https%3A%2F%2F…%40a.example%2F1.wav%3F…",
    ),
    (
        "https%253a%252f%252fa.example%252f1.wav%253fa%253ds3cr3t",
        "https%253a%252f%252fa.example%252f1.wav%253f…",
    ),
    (
        "https://p.example/get/https%3A%2F%2Fa.example%2F1.wav%3Fa%3Ds3cr3t",
        "https://p.example/get/https%3A%2F%2Fa.example%2F1.wav%3F…",
    ),
    // In pages and in JSON.
    (
        "<Error><Resource>https://a.example/1.wav?a=s3cr3t&amp;b=2</Resource></Error>",
        "<Error><Resource>https://a.example/1.wav?…</Resource></Error>",
    ),
    (
        "<a href=\"https://a.example/1.wav?a=it's&b=s3cr3t\">gone</a>",
        "<a href=\"https://a.example/1.wav?…\">gone</a>",
    ),
    (
        "https:&#x2F;&#x2F;s3cr3t&#64;a.example&#x2F;1.wav?a&#x3D;s3cr3t",
        "https:&#x2F;&#x2F;…&#64;a.example&#x2F;1.wav?…",
    ),
    (
        r#"{"url":"https:\/\/s3cr3t@a.example\/1.wav\u003fa\u003ds3cr3t","b":1}"#,
        r#"{"url":"https:\/\/…@a.example\/1.wav\u003f…","b":1}"#,
    ),
    (
        r#"expected a map, found "https://a.example/1.wav?a=\"b\"&c=s3cr3t", it says"#,
        r#"expected a map, found "https://a.example/1.wav?…", it says"#,
    ),
    (
        r"https:\\s3cr3t@a.example\1.wav",
        r"https:\\…@a.example\1.wav",
    ),
];

/// An answer with a secret in every place that can hold a text.
fn full_of_secrets() -> Generation {
    let link = format!("https://me:{SECRET}@a.example/1.wav?a={SECRET}#{SECRET}");
    let field = || {
        let value = json!([{ "mirror": link }]);
        [("xMirrors".to_owned(), value)].into_iter().collect()
    };
    let mut content = AssetContent::new(format!("https://a.example/1.wav?a=it is&b={SECRET}"));
    content.extra = field();
    let mut metadata = AssetMetadata::default();
    metadata.extra = field();
    let mut response = AssetResponse::new(vec![content, AssetContent::new(link.as_str())]);
    response.metadata = vec![metadata];
    response.extra = field();
    response.id = Some(link.clone());
    let mut asked = Content::new(link.as_str(), 10.0);
    asked.extra = field();
    let status = Status::Other(link.clone());
    let mut generation = Generation::new(QueryId::new("QRY_1").unwrap(), status);
    generation.content = Some(asked);
    generation.metadata = json!({ "at": link });
    generation.response = vec![response];
    generation.extra = field();
    generation
}

#[test]
fn what_is_shown_of_an_answer_holds_no_secret() {
    let generation = full_of_secrets();
    let content = generation.content.as_ref().unwrap();
    let response = &generation.response[0];
    for shown in [
        format!("{generation:?}"),
        format!("{generation:#?}"),
        format!("{:?}", generation.with_links()),
        format!("{content:?}"),
        format!("{response:?}"),
        format!("{:?}", response.content),
        format!("{:?}", response.metadata),
        format!("{:?}", generation.assets().collect::<Vec<_>>()),
    ] {
        assert!(!shown.contains(SECRET), "{shown}");
        assert!(shown.contains("a.example/1.wav"), "{shown}");
    }
    let mut balance = Balance::new(2, 1);
    balance.extra = generation.extra.clone();
    assert!(!format!("{balance:?}").contains(SECRET));
}

#[test]
fn debug_is_the_json_that_was_read() {
    let mut generation = Generation::new(QueryId::new("QRY_1").unwrap(), Status::Completed);
    generation.response = vec![AssetResponse::new(vec![AssetContent::new(
        "https://a.example/1.wav?a=b",
    )])];
    generation.user_id = Some("\u{202e}".into());
    assert_eq!(
        format!("{generation:?}"),
        "Generation {\"id\":\"QRY_1\",\"metadata\":null,\"response\":[{\"content\":\
         [{\"url\":\"https://a.example/1.wav\"}],\"metadata\":[]}],\"status\":\"Completed\",\
         \"userId\":\"\\u{202e}\"}"
    );
    assert_eq!(
        format!("{:#?}", AssetContent::new("https://a.example/1.wav?a=b")),
        "AssetContent {\n  \"url\": \"https://a.example/1.wav\"\n}"
    );
}

#[test]
fn a_link_is_serialised_whole_only_where_that_is_asked_for() {
    let mut generation = full_of_secrets();
    let whole = serde_json::to_string(&generation.with_links()).unwrap();
    let read = Generation::from_json(whole.as_bytes()).unwrap();
    assert!(read == generation);

    // A prompt is the caller's, and repeated as it is; an id with a link in it is no link.
    generation.content.as_mut().unwrap().text = None;
    generation.response[0].id = None;
    generation.status = Status::Completed;
    let written = serde_json::to_string(&generation).unwrap();
    assert!(!written.contains(SECRET), "{written}");
    let read = Generation::from_json(written.as_bytes()).unwrap();
    let urls: Vec<_> = read.assets().map(|asset| asset.url).collect();
    assert_eq!(urls, ["https://a.example/1.wav"; 2]);
}

/// A URL that is serialised without its secrets is a URL still, and the same place.
#[test]
fn a_bare_link_leads_to_the_same_place() {
    for (url, bare) in [
        (
            "https://a.example/a%3Fb%40.wav?s3cr3t",
            "https://a.example/a%3Fb%40.wav",
        ),
        ("https://a.example#s3cr3t", "https://a.example"),
        ("https://a.example?s3cr3t@b//c@d", "https://a.example"),
        (
            "https://me:s3cr3t@x@a.example:8/a@b",
            "https://a.example:8/a@b",
        ),
        ("https:////s3cr3t@a.example/b", "https://a.example/b"),
        ("/a.wav?to=https://s3cr3t@a.example/b", "/a.wav"),
        (
            "https%3A%2F%2Fa.example%2F1%3Fs3cr3t",
            "https%3A%2F%2Fa.example%2F1%3F…",
        ),
        ("", ""),
    ] {
        let written = serde_json::to_value(AssetContent::new(url)).unwrap();
        assert_eq!(written, json!({ "url": bare }));
    }
}

#[test]
fn an_answer_that_cannot_be_read_is_told_without_its_secrets() {
    for body in [
        r#"{"id":"QRY_1","response":"https://me:s3cr3t@a.example/1.wav?a=s3cr3t"}"#,
        r#"{"id":"QRY_1","response":"https://a.example/1.wav?a=\"b\"&c=s3cr3t"}"#,
        r#"{"id":"QRY_1","response":["https:\/\/s3cr3t@a.example\/1.wav?a=s3cr3t"]}"#,
        "<html><title>https://a.example/1.wav?a=s3cr3t</title><a href='https://a.example/1.wav?a=s3cr3t'>",
        r#"{"id":"QRY_1","https://me:s3cr3t@a.example/1.wav?a=s3cr3t":tru}"#,
        "HTTPS://a.example/1.wav#s3cr3t",
        "https%3A%2F%2Fa.example%2F1.wav%3Fa%3Ds3cr3t",
    ] {
        let error = Generation::from_json(body.as_bytes()).unwrap_err();
        let cause = error.source().unwrap();
        let excerpt = Excerpt::new(body.as_bytes());
        let refusal = ErrorBody::parse(body.as_bytes());
        for shown in [
            format!("{error:?} {error}"),
            format!("{cause:?} {cause}"),
            format!("{excerpt:?} {excerpt} {}", excerpt.as_str()),
            format!("{refusal:?} {refusal} {:?}", refusal.messages),
        ] {
            assert!(!shown.contains(SECRET), "{shown}");
        }
        assert!(excerpt.as_str().contains("1.wav"), "{excerpt}");
    }
}

#[test]
fn a_refusal_is_told_without_its_secrets() {
    let body =
        br#"{"message":["no https://a.example/1?s3cr3t","b"],"error":"https://s3cr3t@a.example"}"#;
    let refusal = ErrorBody::parse(body);
    assert_eq!(refusal.messages, ["no https://a.example/1?…", "b"]);
    assert_eq!(refusal.error.as_deref(), Some("https://…@a.example"));
}

/// A body is cut at 4 KiB, and the cut may fall between a password and its `@`.
#[test]
fn a_cut_hides_no_mark() {
    for (before, after) in [
        ("https://me:s3cr3t", "@a.example"),
        ("https://a.example?s3cr3t", ""),
    ] {
        let mut body = vec![b' '; Excerpt::LIMIT - before.len()];
        body.extend(before.bytes());
        body.extend(after.bytes());
        body.push(b' ');
        let excerpt = Excerpt::new(&body);
        assert!(!excerpt.as_str().contains(SECRET), "{}", excerpt.as_str());
        let refusal = ErrorBody::parse(&body);
        assert!(!refusal.to_string().contains(SECRET), "{refusal}");
    }
}

/// A URL with a secret in each part that can hold one.
fn links() -> impl Strategy<Value = String> {
    let user = prop::option::of("[a-z]{0,3}:s3cr3t[!$&'()*+,;=:@a-z]{0,5}@");
    let query = prop::option::of("\\?[a-z&=/?:@'(),;%$]{0,8}s3cr3t[a-z&=/?:@'(),;%$#]{0,8}");
    let fragment = prop::option::of("#[a-z]{0,3}s3cr3t[a-z?/]{0,3}");
    ("[a-zA-Z]{2,6}", user, "[a-z/.@,%-]{0,12}", query, fragment).prop_map(
        |(scheme, user, path, query, fragment)| {
            let [user, query, fragment] = [user, query, fragment].map(Option::unwrap_or_default);
            format!("{scheme}://{user}a.example/{path}{query}{fragment}")
        },
    )
}

fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'.' => '.'.to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

proptest! {
    #[test]
    fn no_text_shows_a_secret(
        links in prop::collection::vec((links(), 0..5_u8), 1..4), between in "[ \"<>\n]", around in "[^/?#@:%&\\\\]{0,9}",
    ) {
        let written = links.iter().map(|(link, form)| match form {
            0 => percent_encoded(link),
            1 => percent_encoded(&percent_encoded(link)),
            2 => link.replace('/', "\\/"),
            3 => link.replace('&', "&amp;").replace('\'', "&#39;").replace('/', "&#x2F;"),
            _ => link.clone(),
        });
        let text = format!("{around}{}{between}{around}", written.collect::<Vec<_>>().join(&between));
        let shown = redact_urls(&text);
        prop_assert!(!shown.contains(SECRET), "{} {}", text, shown);
        prop_assert_eq!(redact_urls(&shown), shown.clone());
        prop_assert!(!Excerpt::new(text.as_bytes()).as_str().contains(SECRET));
    }

    #[test]
    fn a_text_without_a_url_is_shown_as_it_is(text in "[^/\\\\?&%]{0,60}") {
        prop_assert_eq!(redact_urls(&text), text);
    }

    #[test]
    fn no_text_makes_it_panic_or_is_redacted_twice(text in "[\\\\a-f0-9u%&#x;:/?@ \"é]{0,60}") {
        let shown = redact_urls(&text);
        prop_assert_eq!(redact_urls(&shown), shown);
        serde_json::to_value(AssetContent::new(text)).unwrap();
    }

    #[test]
    fn an_asset_is_shown_and_serialised_without_its_secrets(link in links()) {
        let mut generation = Generation::new(QueryId::new("QRY_1").unwrap(), Status::Completed);
        generation.response = vec![AssetResponse::new(vec![AssetContent::new(link.as_str())])];
        generation.extra.insert("xLink".into(), Value::from(link.as_str()));
        let written = serde_json::to_string(&generation).unwrap();
        prop_assert!(!written.contains(SECRET), "{}", written);
        let shown = format!("{generation:?} {:?}", generation.assets().next());
        prop_assert!(!shown.contains(SECRET), "{}", shown);
        let whole = serde_json::to_vec(&generation.with_links()).unwrap();
        prop_assert_eq!(Generation::from_json(&whole).ok(), Some(generation));
    }
}
