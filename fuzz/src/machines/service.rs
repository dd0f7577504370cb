use std::time::Duration;

use bytes::Bytes;
use genrex_core::TransportErrorKind as Kind;
use http::Uri;

use super::script::Script;

/// What a request is answered with.
#[derive(Debug)]
pub(super) enum Answer {
    Fails(Kind),
    Comes {
        status: u16,
        headers: Vec<(&'static str, String)>,
        chunks: Vec<Bytes>,
        breaks: Option<Kind>,
    },
}

const KINDS: [Kind; 13] = [
    Kind::Closed,
    Kind::Connect,
    Kind::Resolve,
    Kind::ConnectTimeout,
    Kind::Tls,
    Kind::Certificate,
    Kind::ForbiddenAddress,
    Kind::Cancelled,
    Kind::Abandoned,
    Kind::Request,
    Kind::Timeout,
    Kind::Malformed,
    Kind::Other,
];

const STATUSES: [u16; 32] = [
    429, 503, 401, 403, 400, 404, 408, 409, 425, 402, 410, 422, 500, 502, 504, 529, 303, 302, 307,
    200, 202, 204, 206, 299, 416, 405, 423, 424, 451, 499, 600, 999,
];

/// What is wrong with an answer that a service might give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    Cut,
    Pieces,
    Garbage,
    Long,
    Compressed,
    Empty,
}

const FLAWS: [Flaw; 12] = [
    Flaw::None,
    Flaw::None,
    Flaw::None,
    Flaw::None,
    Flaw::None,
    Flaw::Cut,
    Flaw::Cut,
    Flaw::Pieces,
    Flaw::Garbage,
    Flaw::Long,
    Flaw::Compressed,
    Flaw::Empty,
];

/// A failure of the wire, a refusal, or, most often, `honest` with some flaw. `seconds` is the service's time.
pub(super) fn answer(
    script: &mut Script,
    seconds: i64,
    honest: impl FnOnce(&mut Script) -> (u16, Vec<(&'static str, String)>, Vec<u8>),
) -> Answer {
    if script.is_over() {
        return Answer::Fails(Kind::Closed);
    }
    match script.byte() % 8 {
        6 => Answer::Fails(script.of(&KINDS)),
        7 => refusal(script, seconds),
        _ => {
            let (status, mut headers, body) = honest(script);
            headers.extend(date(script, seconds));
            flawed(script, status, headers, body)
        }
    }
}

fn refusal(script: &mut Script, seconds: i64) -> Answer {
    const BODIES: [&str; 6] = [
        "",
        r#"{"message":"not enough credits left"}"#,
        r#"{"id":"QRY_9","status":"Processing"}"#,
        "<html>",
        r#"{"error":{"message":"later"}}"#,
        "{",
    ];
    const RETRY_AFTER: [Option<&str>; 6] = [
        None,
        Some("0"),
        Some("7"),
        Some("300"),
        Some("99999999999999999999"),
        Some("Sun, 06 Nov 1994 08:49:37 GMT"),
    ];
    let status = script.of(&STATUSES);
    let mut headers = Vec::from_iter(date(script, seconds));
    let asked = script.of(&RETRY_AFTER);
    headers.extend(asked.map(|asked| ("retry-after", asked.to_owned())));
    headers.push(("location", script.of(&LINKS).to_owned()));
    let body = script.of(&BODIES);
    flawed(script, status, headers, body.into())
}

fn flawed(
    script: &mut Script,
    status: u16,
    mut headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
) -> Answer {
    const SIZES: [usize; 4] = [1, 7, 20, 1_000];
    let body = Bytes::from(body);
    let flaw = script.of(&FLAWS);
    let mut breaks = None;
    let chunks = match flaw {
        Flaw::None => vec![body],
        Flaw::Cut => {
            let end = usize::from(script.byte()) * (body.len() + 1) / 256;
            breaks = Some(script.of(&KINDS));
            vec![body.slice(..end)]
        }
        Flaw::Pieces => {
            let size = script.of(&SIZES).max(body.len() / 64);
            let starts = (0..body.len()).step_by(size);
            let piece = |start| body.slice(start..body.len().min(start + size));
            let mut pieces: Vec<Bytes> = starts.map(piece).collect();
            pieces.insert(0, Bytes::new());
            pieces
        }
        // Storage that says of a part where it belongs gives that part.
        Flaw::Garbage if status == 206 => vec![body],
        Flaw::Garbage => vec![Bytes::from_static(b"{\"id\": \xff"), body],
        Flaw::Long => vec![body, Bytes::from_static(&[b' '; 1 << 20])],
        Flaw::Compressed => {
            headers.push(("content-encoding", String::from("gzip")));
            vec![body]
        }
        Flaw::Empty => Vec::new(),
    };
    Answer::Comes {
        status,
        headers,
        chunks,
        breaks,
    }
}

fn date(script: &mut Script, seconds: i64) -> Option<(&'static str, String)> {
    const OFF: [Option<i64>; 12] = [
        None,
        Some(0),
        Some(0),
        Some(1),
        Some(-2),
        Some(3_600),
        Some(-3_600),
        Some(82_800),
        Some(-82_800),
        Some(172_800),
        Some(-1_700_000_000),
        Some(200_000_000_000),
    ];
    let at = seconds.saturating_add(script.of(&OFF)?);
    let at = jiff::Timestamp::from_second(at).ok()?;
    let text = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    Some(("date", text))
}

/// The job's answer, of this id or, now and then, about another.
pub(super) fn job(script: &mut Script, id: &str) -> (u16, Vec<(&'static str, String)>, Vec<u8>) {
    let link = script.of(&LINKS);
    let body = match script.byte() % 8 {
        0..=2 => format!(r#"{{"id":"{id}","status":"Processing"}}"#),
        3 | 4 => format!(
            r#"{{"id":"{id}","status":"Completed","response":[{{"content":[{{"url":"{link}"}}]}}]}}"#
        ),
        5 => format!(r#"{{"id":"{id}","status":"Failed"}}"#),
        6 => format!(r#"{{"id":"{id}","status":"Completed","response":[]}}"#),
        _ => String::from(r#"{"id":"QRY_another","status":"Completed"}"#),
    };
    (200, Vec::new(), body.into())
}

pub(super) const LINKS: [&str; 10] = [
    "https://a.example/1.wav?sig=1",
    "https://a.example/1.wav?sig=2",
    "https://a.example/2.wav",
    "https://b.example/1.wav",
    "/2.wav",
    "//b.example/1.wav",
    "http://a.example/1.wav",
    "https://127.0.0.1/1.wav",
    "https://u:p@a.example/1.wav",
    "\\",
];

/// The file at a place, in one of its versions: no two are alike, nor a part of one another.
pub(super) fn file(place: &Uri, version: u8) -> Vec<u8> {
    let host = place.host().unwrap_or_default();
    let mark = host.bytes().chain(place.path().bytes());
    let mark = mark.fold(version, |mark, byte| mark.wrapping_mul(31) ^ byte);
    let samples = vec![mark; 2_000 + 16 * usize::from(version)];
    let size = |bytes: usize| u32::try_from(bytes).expect("it is small").to_le_bytes();
    [
        b"RIFF",
        &size(36 + samples.len())[..],
        b"WAVEfmt ",
        &size(16),
        &[1, 0, 1, 0, 0, 125, 0, 0, 0, 250, 0, 0, 2, 0, 16, 0],
        b"data",
        &size(samples.len()),
        &samples,
    ]
    .concat()
}

/// What storage answers: its strong validators name a version at a place, and what it says of a part is true. Whether
/// it gives any, and which version or part it has now, is as it happens.
pub(super) fn storage(
    script: &mut Script,
    place: &Uri,
    start: Option<usize>,
) -> (u16, Vec<(&'static str, String)>, Vec<u8>) {
    let version = script.of(&[0_u8, 0, 0, 1]);
    let whole = file(place, version);
    let mut headers = Vec::new();
    match script.byte() % 6 {
        0..=3 => headers.push(("etag", format!("\"v{version}\""))),
        4 => headers.push(("etag", String::from("W/\"v\""))),
        _ => {}
    }
    // Whether it goes on where it was asked to, elsewhere, or from the start.
    let start = start.map(|start| match script.byte() % 8 {
        0..=4 => start,
        5 => start / 2,
        6 => start.saturating_add(1),
        _ => 0,
    });
    match start.filter(|start| (1..whole.len()).contains(start)) {
        Some(start) => {
            let last = whole.len() - 1;
            let total = match script.byte() % 4 {
                3 => String::from("*"),
                _ => whole.len().to_string(),
            };
            headers.push(("content-range", format!("bytes {start}-{last}/{total}")));
            (206, headers, whole[start..].to_vec())
        }
        None => {
            if !script.once_in(4) {
                headers.push(("content-length", whole.len().to_string()));
            }
            (200, headers, whole)
        }
    }
}

/// How much later than asked a wait ends.
pub(super) fn oversleeps(script: &mut Script) -> Duration {
    if script.once_in(6) {
        script.delay()
    } else {
        Duration::ZERO
    }
}
