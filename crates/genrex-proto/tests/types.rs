//! What a Rust program expects of these types: conversions, checks when deserialised, traits.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::str::FromStr;
use std::time::Duration;

use genrex_proto::{
    Asset, AssetContent, AssetMetadata, AssetResponse, Balance, BalanceRequest, Charge, Content,
    Error, ErrorBody, ErrorKind, Excerpt, GenerateRequest, Generation, Operation, Prompt, QueryId,
    RetrieveRequest, Seconds, Status, Timestamp, Waveform, WithLinks,
};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

fn reads<T: DeserializeOwned>(value: Value) -> bool {
    serde_json::from_value::<T>(value).is_ok()
}

#[test]
fn what_is_deserialised_is_checked_as_what_is_made() {
    for (text, taken) in [
        ("a".to_owned(), true),
        (String::new(), false),
        ("🎵".repeat(250), true),
        ("🎵".repeat(251), false),
    ] {
        assert_eq!(Prompt::new(text.as_str()).is_ok(), taken);
        assert_eq!(reads::<Prompt>(json!(text)), taken);
        let request = json!({"duration": 5, "text": text});
        assert_eq!(reads::<GenerateRequest>(request), taken);
    }
    for (seconds, taken) in [(4, false), (5, true), (60, true), (61, false), (261, false)] {
        assert_eq!(Seconds::new(seconds).is_ok(), taken);
        assert_eq!(reads::<Seconds>(json!(seconds)), taken);
        let request = json!({"duration": seconds, "text": "a"});
        assert_eq!(reads::<GenerateRequest>(request), taken);
    }
    for odd in [json!("10"), json!(10.5), json!(-10), json!(null)] {
        assert!(!reads::<Seconds>(odd.clone()), "{odd}");
    }
    for (id, taken) in [("QRY_1", true), ("../QRY_1", false), ("", false)] {
        assert_eq!(reads::<QueryId>(json!(id)), taken, "{id}");
        assert_eq!(
            reads::<RetrieveRequest>(json!({ "queryId": id })),
            taken,
            "{id}"
        );
    }
    let refused = serde_json::from_value::<Prompt>(json!("")).unwrap_err();
    assert_eq!(refused.to_string(), ErrorKind::EmptyPrompt.to_string());
}

/// All the ways to make a checked text agree, and lead back to it.
fn converts<T>(text: &str, read: Result<T, Error>)
where
    T: for<'a> TryFrom<&'a str, Error = Error> + TryFrom<String, Error = Error>,
    T: FromStr<Err = Error> + AsRef<str> + Display + Into<String> + Clone + PartialEq + Debug,
{
    let kind = |made: Result<T, Error>| made.map_err(|error| error.kind());
    let read = kind(read);
    assert_eq!(kind(T::try_from(text)), read);
    assert_eq!(kind(T::try_from(text.to_owned())), read);
    assert_eq!(kind(text.parse()), read);
    if let Ok(made) = read {
        assert_eq!((made.as_ref(), made.to_string().as_str()), (text, text));
        assert_eq!(made.into(), text);
    }
}

#[test]
fn texts_convert() {
    for text in ["QRY_1", "a b", "", "🎵"] {
        converts(text, Prompt::new(text));
        converts(text, QueryId::new(text));
    }
    assert_eq!(
        format!("[{:>7}]", QueryId::new("QRY_1").unwrap()),
        "[  QRY_1]"
    );
    for name in ["Processing", "Completed", "Failed", "Queued"] {
        let status = Status::from(name);
        assert_eq!((status.as_ref(), status.to_string().as_str()), (name, name));
        assert_eq!(Ok(&status), name.parse().as_ref());
        assert_eq!(status, Status::from(name.to_owned()));
    }
    let time = Timestamp::from("2024-06-02T11:05:21.826Z");
    assert_eq!(time.as_ref(), "2024-06-02T11:05:21.826Z");
    assert_eq!(time.to_string(), time.as_ref());
    // What a server wrote is shown, and steers no terminal.
    let shown = [
        Status::from("\u{1b}[2J").to_string(),
        Timestamp::from("\u{1b}[2J").to_string(),
    ];
    for shown in shown {
        assert!(
            shown.ends_with("[2J") && !shown.contains('\u{1b}'),
            "{shown}"
        );
    }
    assert_eq!(Ok(&time), time.as_ref().parse().as_ref());
}

#[test]
fn seconds_convert() {
    let ten = Seconds::new(10).unwrap();
    for text in ["10", "10s", "10 s", &ten.to_string()] {
        assert_eq!(text.parse::<Seconds>().unwrap(), ten, "{text}");
    }
    for text in ["", "s", "ten", "-10", "10.0", "10 min"] {
        let error = text.parse::<Seconds>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidSeconds, "{text}");
    }
    let error = "61".parse::<Seconds>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SecondsOutOfRange { given: 61 });
    assert_eq!(Seconds::try_from(10).unwrap(), ten);
    assert_eq!(u32::from(ten), 10);
    assert_eq!(Duration::from(ten), Duration::from_secs(10));
}

#[test]
fn the_balance_request_is_an_empty_object() {
    assert_eq!(BalanceRequest.to_json(), b"{}");
    assert_eq!(serde_json::to_string(&BalanceRequest).unwrap(), "{}");
    assert!(reads::<BalanceRequest>(json!({})));
    assert!(!reads::<BalanceRequest>(json!(null)));
}

#[test]
fn a_balance_says_whose_it_is_and_when_it_changed() {
    let json = include_bytes!("fixtures/balance-quick-start.json");
    let balance = Balance::from_json(json).unwrap();
    let user = "a6f434b6-a475-40b1-81e3-3ce9868945ff";
    assert_eq!(balance.user_id.as_deref(), Some(user));
    let [created, updated] = [&balance.created_at, &balance.updated_at].map(|time| {
        let time = time.as_ref();
        time.map(Timestamp::as_str)
    });
    assert_eq!(created, Some("2024-06-01T16:47:17.054Z"));
    assert_eq!(updated, Some("2024-06-03T03:26:42.735Z"));
    assert_eq!((balance.total_credit_quota, balance.credits_used), (54, 0));
}

/// A user's test can build an answer without writing JSON.
#[test]
fn answers_can_be_built() {
    let url = "https://a.example/1.wav";
    let mut done = Generation::new(QueryId::new("QRY_1").unwrap(), Status::Completed);
    done.content = Some(Content::new("music", 30.0));
    let mut response = AssetResponse::new(vec![AssetContent::new(url)]);
    response.metadata = vec![AssetMetadata::new([1, 200].into_iter().collect())];
    done.response.push(response);
    let asset = done.assets().next().unwrap();
    assert_eq!(
        (asset.url, asset.waveform.unwrap().as_ref()),
        (url, &[1, 127][..])
    );
    assert_eq!(done.content.unwrap().duration, Some(30.0));
    assert!(Waveform::default().values().is_empty());
    assert_eq!(Balance::new(3, 1).credits_left(), 2);
}

/// These hold or do not compile.
#[test]
fn types_have_the_traits_that_programs_need() {
    fn value<T: Send + Sync + Unpin + Debug + Clone + 'static>() {}
    fn key<T: Eq + Hash>() {}
    fn ordered<T: Ord>() {}
    fn both_ways<T: Serialize + DeserializeOwned>() {}
    fn error<T: std::error::Error + Send + Sync + 'static>() {}
    fn kind<T: Copy + Display + Eq + Hash>() {}
    fn operation<T: Operation + Send + Sync>() {}
    macro_rules! each {
        ($check:ident: $($type:ty),+) => { $($check::<$type>();)+ };
    }
    each!(value: Asset<'static>, AssetContent, AssetMetadata, AssetResponse, Balance, BalanceRequest);
    each!(value: Charge, Content, ErrorBody, ErrorKind, Excerpt, GenerateRequest, Generation, Prompt);
    each!(value: QueryId, RetrieveRequest, Seconds, Status, Timestamp, Waveform, WithLinks<'static>);
    each!(key: Balance, BalanceRequest, Charge, ErrorBody, Excerpt, GenerateRequest, Prompt, QueryId);
    each!(key: RetrieveRequest, Seconds, Status, Timestamp, Waveform);
    each!(ordered: Prompt, QueryId, Seconds);
    each!(both_ways: AssetContent, AssetMetadata, AssetResponse, Balance, BalanceRequest, Content);
    each!(both_ways: GenerateRequest, Generation, Prompt, QueryId, RetrieveRequest, Seconds, Status);
    each!(both_ways: Timestamp, Waveform);
    each!(operation: BalanceRequest, GenerateRequest, RetrieveRequest);
    error::<Error>();
    kind::<ErrorKind>();
    let shorter = Seconds::MIN;
    assert_eq!(
        BTreeSet::from([Seconds::MAX, shorter]).first(),
        Some(&shorter)
    );
}

fn round_trips<T: Serialize + DeserializeOwned + PartialEq + Debug>(
    value: &T,
) -> Result<Value, TestCaseError> {
    let json = serde_json::to_vec(value).unwrap();
    let read: T = serde_json::from_slice(&json).unwrap();
    prop_assert_eq!(&read, value);
    Ok(serde_json::from_slice(&json).unwrap())
}

proptest! {
    #[test]
    fn what_is_serialised_is_read_back(
        text in "\\PC{1,250}", seconds in 5_u32..=60, id in "[A-Za-z0-9_][A-Za-z0-9_.-]{3,127}",
        name in any::<String>(), loudness in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let prompt = Prompt::new(text.clone()).unwrap();
        prop_assert_eq!(round_trips(&prompt)?, json!(text));
        let duration = Seconds::new(seconds).unwrap();
        prop_assert_eq!(round_trips(&duration)?, json!(seconds));
        let request = GenerateRequest::new(prompt, duration);
        round_trips(&request)?;
        prop_assert_eq!(serde_json::to_vec(&request).unwrap(), request.to_json());
        prop_assume!(QueryId::new(id.as_str()).is_ok());
        let id = QueryId::new(id).unwrap();
        prop_assert_eq!(round_trips(&id)?, json!(id.as_str()));
        let request = RetrieveRequest::new(id);
        round_trips(&request)?;
        prop_assert_eq!(serde_json::to_vec(&request).unwrap(), request.to_json());
        prop_assert_eq!(round_trips(&Status::from(name.as_str()))?, json!(name));
        prop_assert_eq!(round_trips(&Timestamp::from(name.as_str()))?, json!(name));
        let waveform = Waveform::new(loudness);
        prop_assert_eq!(round_trips(&waveform)?, json!(waveform.values()));
    }

    #[test]
    fn a_balance_is_read_back_whole(
        quota in any::<u64>(), used in any::<u64>(), user in prop::option::of("\\PC{0,9}"),
        time in prop::option::of("\\PC{0,9}"), tier in "\\PC{0,9}",
    ) {
        let mut balance = Balance::new(quota, used);
        balance.user_id = user;
        balance.updated_at = time.clone().map(Timestamp::from);
        balance.created_at = time.map(Timestamp::from);
        balance.extra.insert("tier".into(), tier.into());
        round_trips(&balance)?;
        prop_assert_eq!(balance.credits_left(), quota.saturating_sub(used));
    }

    /// Cut anywhere, mixed with anything: an id is found only with its closing quote.
    #[test]
    fn an_id_that_is_not_whole_is_not_salvaged(
        id in "QRY_[A-Za-z0-9]{1,30}", cut in any::<prop::sample::Index>(), space in "[ \n]{0,2}",
    ) {
        let whole = format!("{{{space}\"id\"{space}:{space}\"{id}\"");
        let cut = cut.index(whole.len());
        prop_assert_eq!(QueryId::salvage(&whole.as_bytes()[..cut]), None);
        prop_assert_eq!(QueryId::salvage(whole.as_bytes()), QueryId::new(id.as_str()).ok());
        let page = format!("<html>{} gone</html>", &whole[..cut]);
        prop_assert_eq!(QueryId::salvage(page.as_bytes()), None);
    }
}

#[test]
fn what_only_looks_like_an_id_is_not_salvaged() {
    for answer in [
        r#"{"id":"QRY_1"#,
        r#"{"id":"QRY_1,"status":"Processing"}"#,
        r#"{"id":"QRY_1\",\"status\":"Processing"}"#,
        r#"{"id":"RSP_1"}"#,
        r#"{"queryId":"QRY_1"}"#,
        r#"{"text":"\"id\":\"QRY_1\""}"#,
        r#"{"the \"id":"QRY_1"}"#,
        r#"{"id":{"id":7}}"#,
    ] {
        assert_eq!(QueryId::salvage(answer.as_bytes()), None, "{answer}");
    }
    let second = br#"{"id":"QRY_1 {"id":"QRY_2"}"#;
    assert_eq!(QueryId::salvage(second).unwrap().as_str(), "QRY_2");
}

#[test]
fn what_wraps_a_text_gives_it_back() {
    for name in ["Processing", "Completed", "Failed", "Else", ""] {
        assert_eq!(String::from(Status::from(name)), name);
    }
    assert_eq!(String::from(Timestamp::from("today")), "today");
    let seconds = Seconds::try_from("10").unwrap();
    assert_eq!(
        (seconds, seconds.to_string().parse().ok()),
        (Seconds::new(10).unwrap(), Some(seconds))
    );
    let charge = <GenerateRequest as Operation>::CHARGE;
    assert_eq!(
        (charge.to_string().as_str(), charge.as_ref()),
        ("paid", "paid")
    );
    assert_eq!(format!("{:>5}", Charge::Free), " free");
}
