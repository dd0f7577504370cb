//! Nothing that a server says makes a reader panic, and what is written is read back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use genrex_proto::{
    AssetContent, AssetMetadata, AssetResponse, Balance, Content, ErrorBody, Escaped, Excerpt,
    GenerateRequest, Generation, Prompt, QueryId, RetrieveRequest, Seconds, Status, Timestamp,
    Waveform,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z_]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// `Default_Ignorable_Code_Point` of Unicode 17.0, as its file `DerivedCoreProperties.txt` has it, and the line and
/// paragraph separators.
const INVISIBLE: [(char, char); 18] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{2029}'),
    ('\u{202a}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fff8}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
];

fn is_invisible(character: char) -> bool {
    INVISIBLE
        .iter()
        .any(|(first, last)| (*first..=*last).contains(&character))
}

fn invisible() -> impl Strategy<Value = char> {
    let ranges = INVISIBLE.map(|(first, last)| prop::char::range(first, last).boxed());
    prop::strategy::Union::new(ranges)
}

#[test]
fn every_invisible_character_is_escaped() {
    let missed: Vec<char> = INVISIBLE
        .into_iter()
        .flat_map(|(first, last)| first..=last)
        .filter(|character| !Escaped::escapes(*character))
        .collect();
    assert_eq!(missed, [] as [char; 0]);
}

fn query_ids() -> impl Strategy<Value = QueryId> {
    "QRY_[A-Za-z0-9]{1,30}".prop_map(|id| QueryId::new(id).unwrap())
}

fn statuses() -> impl Strategy<Value = Status> {
    prop_oneof![
        Just(Status::Processing),
        Just(Status::Completed),
        Just(Status::Failed),
        "[A-Z][a-z]{0,10}".prop_map(Status::from),
    ]
}

fn timestamps() -> impl Strategy<Value = Option<Timestamp>> {
    prop::option::of(
        "20[0-9]{2}-0[1-9]-[12][0-9]T[01][0-9]:[0-5][0-9]:00\\.[0-9]{3}Z".prop_map(Timestamp::from),
    )
}

fn asset_responses() -> impl Strategy<Value = AssetResponse> {
    let content =
        prop::option::of("https://[a-z]{1,9}\\.example/[a-z0-9]{1,9}\\.wav").prop_map(|url| {
            let mut content = AssetContent::default();
            content.url = url;
            content
        });
    let metadata = prop::option::of(prop::collection::vec(0..=127_u8, 0..20)).prop_map(|values| {
        let mut metadata = AssetMetadata::default();
        metadata.volume_visualize = values.map(Waveform::new);
        metadata
    });
    (
        prop::option::of("RSP_[a-z]{4}"),
        prop::collection::vec(content, 0..3),
        prop::collection::vec(metadata, 0..3),
        timestamps(),
    )
        .prop_map(|(id, content, metadata, created_at)| {
            let mut response = AssetResponse::default();
            response.id = id;
            response.content = content;
            response.metadata = metadata;
            response.created_at = created_at;
            response
        })
}

fn generations() -> impl Strategy<Value = Generation> {
    (
        query_ids(),
        statuses(),
        prop::option::of(("\\PC{1,40}", 5.0..60.0_f64)),
        prop::collection::vec(asset_responses(), 0..3),
        timestamps(),
        json_value(),
        prop::collection::btree_map("x[A-Z][a-z]{1,6}", json_value(), 0..3),
    )
        .prop_map(
            |(id, status, content, response, updated_at, metadata, extra)| {
                let mut generation = Generation::new(id, status);
                generation.content = content.map(|(text, duration)| {
                    let mut content = Content::default();
                    content.text = Some(text);
                    content.duration = Some(duration.round());
                    content
                });
                generation.response = response;
                generation.updated_at = updated_at;
                generation.metadata = metadata;
                generation.extra = extra.into_iter().collect();
                generation
            },
        )
}

/// The quick start's form of an answer: a single asset is an object.
fn in_the_other_dialect(mut answer: Value) -> Value {
    for response in answer["response"].as_array_mut().into_iter().flatten() {
        if let Some([one]) = response["content"].as_array().map(Vec::as_slice) {
            response["content"] = one.clone();
        }
    }
    answer
}

proptest! {
    #[test]
    fn a_generation_is_read_back_in_both_dialects(generation in generations()) {
        let reference = serde_json::to_value(generation.with_links()).unwrap();
        let quick_start = in_the_other_dialect(reference.clone());
        for answer in [reference, quick_start] {
            let read = Generation::from_json(answer.to_string().as_bytes());
            prop_assert_eq!(read.ok(), Some(generation.clone()));
        }
    }

    #[test]
    fn a_balance_is_read_back_in_both_dialects(
        quota in any::<u64>(), used in any::<u64>(), limit in prop::option::of(any::<u64>()),
    ) {
        let mut balance = Balance::new(quota, used);
        balance.max_duration_seconds = limit;
        let reference = serde_json::to_value(&balance).unwrap();
        let quick_start = json!({"creditQuota": quota, "usedCredit": used, "durationLimit": limit});
        for answer in [reference, quick_start] {
            let read = Balance::from_json(answer.to_string().as_bytes());
            prop_assert_eq!(read.ok(), Some(balance.clone()));
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Generation::from_json(&bytes);
        let _ = Balance::from_json(&bytes);
        let _ = ErrorBody::parse(&bytes).to_string();
        let _ = QueryId::salvage(&bytes);
        let _ = Excerpt::new(&bytes).to_string();
    }

    #[test]
    fn no_json_makes_a_reader_panic(
        mut answer in json_value(), id in query_ids(), status in json_value(), response in json_value(),
    ) {
        if let Value::Object(fields) = &mut answer {
            fields.insert("id".into(), id.as_str().into());
            fields.insert("status".into(), status);
            fields.insert("response".into(), response);
        }
        let bytes = answer.to_string();
        if let Ok(read) = Generation::from_json(bytes.as_bytes()) {
            let _ = read.assets().count();
        }
        let _ = Balance::from_json(bytes.as_bytes());
        let _ = ErrorBody::parse(bytes.as_bytes()).to_string();
    }

    #[test]
    fn only_a_whole_id_of_this_answer_is_salvaged(
        generation in generations(), cut in any::<prop::sample::Index>(),
        lie in "\\PC{0,4}\"id\":\"QRY_lie\"\\PC{0,4}",
    ) {
        let mut generation = generation;
        generation.response.clear();
        generation.extra.clear();
        generation.metadata = Value::Null;
        generation.content.get_or_insert_default().text = Some(lie);
        let whole = serde_json::to_vec(&generation).unwrap();
        let cut = &whole[..cut.index(whole.len() + 1)];
        match QueryId::salvage(cut) {
            Some(id) => prop_assert_eq!(id, generation.id),
            None => {
                let up_to_its_end = "{_id_:__".len() + generation.id.as_str().len();
                prop_assert!(cut.len() < up_to_its_end);
            }
        }
    }

    #[test]
    fn requests_serialise_to_what_they_hold(text in "\\PC{1,250}", seconds in 5_u32..=60, id in query_ids()) {
        let request = GenerateRequest::new(Prompt::new(text.clone()).unwrap(), Seconds::new(seconds).unwrap());
        let sent: Value = serde_json::from_slice(&request.to_json()).unwrap();
        prop_assert_eq!(sent, json!({"duration": seconds, "text": text}));
        let sent: Value = serde_json::from_slice(&RetrieveRequest::new(id.clone()).to_json()).unwrap();
        prop_assert_eq!(sent, json!({"queryId": id.as_str()}));
    }

    #[test]
    fn nothing_escaped_can_act(text in prop::collection::vec(prop_oneof![any::<char>(), invisible()], 0..40)) {
        let text = String::from_iter(text);
        let shown = Escaped(&text).to_string();
        prop_assert!(!shown.chars().any(char::is_control));
        prop_assert!(!shown.chars().any(is_invisible), "{}", shown);
        prop_assert_eq!(Escaped(&shown).to_string(), shown.clone(), "it is escaped once");
    }

    #[test]
    fn a_drawing_has_its_width_and_its_peak(
        values in prop::collection::vec(0..=127_u8, 1..1100), width in 1_usize..200,
    ) {
        let waveform = Waveform::new(values.iter().copied());
        let columns = waveform.columns(width);
        prop_assert_eq!(columns.len(), width);
        prop_assert_eq!(columns.iter().max(), values.iter().max().filter(|_| width <= values.len())
            .or(columns.iter().max()));
        prop_assert_eq!(waveform.blocks(width).chars().count(), width);
    }
}
