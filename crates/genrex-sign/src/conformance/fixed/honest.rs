use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::conformance::case::Request;
use crate::conformance::{Case, Rule};

/// Requests as clients send them, and the ends of every range.
pub(super) fn requests() -> Vec<Case> {
    let request = Request::published();
    let mut cases = Vec::from([request.case(Rule::Honest, "the published vector")]);
    let bodies: [(&str, &[u8]); 9] = [
        ("the balance's body", b"{}"),
        (
            "the retrieve's body",
            br#"{"queryId":"QRY_WRXzIXyidD8x9xIEZZ4GppXh"}"#,
        ),
        ("an empty body", b""),
        ("a body of one byte", b"x"),
        ("a body that starts with a dot", b".5"),
        ("a body that starts with digits", b"1717574785354"),
        ("a body that looks like a header", b"t=1,v=2"),
        ("a body of 4096 bytes", &[b'x'; 4096]),
        ("a body of 65537 bytes", &[b'x'; 65_537]),
    ];
    for (name, body) in bodies {
        cases.push(request.clone().with_body(body).case(Rule::Honest, name));
    }
    // With `1717574785354.` before it, each ends around the end of a block of SHA-256 or its padding.
    for length in [
        40, 41, 42, 43, 48, 49, 50, 51, 104, 105, 106, 112, 113, 114, 115,
    ] {
        let name = format!("a body of {length} bytes");
        let signed = request.clone().with_body("b".repeat(length));
        cases.push(signed.case(Rule::Honest, name));
    }
    cases.extend(secrets(&request));
    cases.extend(times(&request));
    cases
}

fn secrets(request: &Request) -> impl Iterator<Item = Case> {
    let of_length = [1, 63, 64, 65, 131, 512].map(|length| {
        (
            format!("a secret of {length} characters"),
            "k".repeat(length),
        )
    });
    let visible: String = ('!'..='~').collect();
    let of_form = [
        ("a secret of every visible ASCII character", visible),
        ("a secret that reads as hex", "00ff00ff00ff00ff".into()),
        ("a secret that reads as base64", "c2VjcmV0".into()),
        ("a secret that reads as a percent code", "%41%42".into()),
    ]
    .map(|(name, secret)| (name.into(), secret));
    of_length.into_iter().chain(of_form).map(|(name, secret)| {
        let signed = request.clone().with_secret(secret);
        signed.case(Rule::Honest, name)
    })
}

fn times(request: &Request) -> impl Iterator<Item = Case> {
    [
        0,
        1,
        9,
        10,
        1_717_574_785,
        (1 << 31) - 1,
        1 << 31,
        (1 << 32) - 1,
        1 << 32,
        999_999_999_999,
        4_102_444_800_000,
        (1 << 53) - 1,
        (1 << 53) + 1,
        i64::MAX.unsigned_abs(),
        1 << 63,
        u64::MAX,
    ]
    .into_iter()
    .map(|t| {
        let name = format!("signed at {t}");
        request.clone().at(t).case(Rule::Honest, name)
    })
}

/// Bodies that a verifier changes if it decodes, trims or writes them again.
pub(super) fn raw_bodies() -> Vec<Case> {
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    let case = |name: &str, body: &[u8]| {
        let signed = Request::published().with_body(body);
        signed.case(Rule::RawBody, format!("honest body: {name}"))
    };
    BYTES
        .iter()
        .chain(JSON)
        .map(|(name, body)| case(name, body))
        .chain([case("every byte", &every_byte)])
        .collect()
}

/// Bytes that are no UTF-8, and characters that decoders treat in a way of their own.
const BYTES: &[(&str, &[u8])] = &[
    ("the byte FF", b"\xff"),
    (
        "the byte FF in JSON",
        b"{\"duration\":10,\"text\":\"\xff\"}",
    ),
    ("UTF-8 cut in a character", b"{\"text\":\"\xc3"),
    ("a UTF-8 continuation byte alone", b"\x80"),
    ("an overlong UTF-8 form", b"\xc0\x80"),
    ("a surrogate in UTF-8", b"\xed\xa0\x80"),
    ("Latin-1", b"{\"text\":\"caf\xe9\"}"),
    ("UTF-16", b"\xff\xfe{\0}\0"),
    ("NUL bytes alone", b"\0\0"),
    ("a NUL byte in JSON", b"{\"text\":\"a\0b\"}"),
    ("a byte order mark", b"\xef\xbb\xbf{}"),
    (
        "the replacement character",
        "{\"text\":\"\u{fffd}\"}".as_bytes(),
    ),
];

/// The same JSON in the ways in which it can be written.
const JSON: &[(&str, &[u8])] = &[
    ("a line feed at the end", b"{}\n"),
    ("a carriage return and a line feed at the end", b"{}\r\n"),
    ("a space at either end", b" {} "),
    (
        "JSON over several lines",
        b"{\n  \"duration\": 10,\n  \"text\": \"music\"\n}",
    ),
    (
        "JSON with spaces, as Python writes it",
        br#"{"duration": 10, "text": "music"}"#,
    ),
    (
        "JSON in another order of keys",
        br#"{"text":"music","duration":10}"#,
    ),
    (
        "JSON with a key twice",
        br#"{"duration":5,"duration":10,"text":"music"}"#,
    ),
    (
        "JSON with a number of another form",
        br#"{"duration":1e1,"text":"music"}"#,
    ),
    (
        "JSON with text outside ASCII",
        "{\"duration\":10,\"text\":\"Ménage ✨ 音楽\"}".as_bytes(),
    ),
    (
        "JSON with escapes outside ASCII",
        br#"{"duration":10,"text":"M\u00e9nage \u2728"}"#,
    ),
    (
        "JSON with an escaped slash",
        br#"{"duration":10,"text":"a\/b"}"#,
    ),
    (
        "a letter with a combining accent",
        "{\"text\":\"e\u{301}\"}".as_bytes(),
    ),
    ("text that is no JSON", b"duration=10&text=music"),
];
