use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use crate::conformance::case::Request;
use crate::conformance::{Case, Rule};

/// Another body than was signed.
pub(super) fn bodies() -> Vec<Case> {
    let request = Request::published();
    let case = |name: String| request.case(Rule::BodySigned, name).mismatch();
    let mut cases = Vec::new();
    for index in 0..request.body.len() {
        let (mut body, bit) = (request.body.clone(), index % 7);
        body[index] ^= 1 << bit;
        cases.push(case(format!("bit {bit} of the body's byte {index} flipped")).with_body(body));
    }
    let body = request.body.as_slice();
    let others: [(&str, Vec<u8>); 11] = [
        ("an empty body instead", Vec::new()),
        ("the body without its first byte", body[1..].to_vec()),
        (
            "the body without its last byte",
            body[..body.len() - 1].to_vec(),
        ),
        ("the body twice", body.repeat(2)),
        ("a space after the body", [body, b" "].concat()),
        ("a line feed after the body", [body, b"\n"].concat()),
        ("a NUL byte after the body", [body, b"\0"].concat()),
        ("a space before the body", [b" ", body].concat()),
        ("the body backwards", body.iter().rev().copied().collect()),
        ("the body in upper case", body.to_ascii_uppercase()),
        (
            "a higher duration",
            br#"{"duration":60,"text":"music"}"#.to_vec(),
        ),
    ];
    cases.extend(others.map(|(name, body)| case(name.into()).with_body(body)));

    let empty = request
        .with_body("")
        .case(Rule::BodySigned, "a body where none was signed");
    cases.push(empty.with_body("x").mismatch());
    cases
}

/// Another time than was signed, which is the verifier's own.
pub(super) fn times() -> Vec<Case> {
    let request = Request::published();
    let (t, mac) = (request.t, request.mac());
    let flipped = [0, 1, 2, 3, 7, 10, 16, 20, 31, 32, 33, 40, 52, 63]
        .map(|bit| (format!("bit {bit} of the time flipped"), t ^ (1 << bit)));
    let others = [
        ("the time one later", t + 1),
        ("the time one earlier", t - 1),
        ("the time without its last digit", t / 10),
        ("the time with one more digit", t * 10),
        ("the time 0 instead", 0),
        ("the greatest time instead", u64::MAX),
    ]
    .map(|(name, t)| (name.to_string(), t));
    flipped
        .into_iter()
        .chain(others)
        .map(|(name, t)| {
            let case = request.case(Rule::TimeSigned, name).mismatch();
            case.with_header(format!("t={t},v={mac}")).at(t)
        })
        .collect()
}

/// Another secret than was signed with.
pub(super) fn secrets() -> Vec<Case> {
    let request = Request::published();
    let secret = request.secret.clone();
    let mut others = Vec::new();
    for index in 0..secret.len() {
        let mut bytes = secret.clone().into_bytes();
        // The lowest bit: every character stays visible, since `!` and `~` are not among them.
        bytes[index] ^= 1;
        let other = String::from_utf8_lossy(&bytes).into_owned();
        others.push((
            format!("the lowest bit of the secret's character {index} flipped"),
            other,
        ));
    }
    let named = [
        (
            "the secret without its last character",
            secret[..secret.len() - 1].to_string(),
        ),
        (
            "the secret without its first character",
            secret[1..].to_string(),
        ),
        ("the secret with one more character", format!("{secret}0")),
        ("the secret twice", secret.repeat(2)),
        ("the secret in lower case", secret.to_ascii_lowercase()),
        ("the secret in upper case", secret.to_ascii_uppercase()),
        (
            "the API key instead of the secret",
            "4nBmZkU2-VdTNrPqL7e9y".to_string(),
        ),
    ];
    others.extend(named.map(|(name, secret)| (name.to_string(), secret)));
    let case = |(name, secret)| {
        request
            .case(Rule::SecretKeyed, name)
            .with_secret(secret)
            .mismatch()
    };
    let mut cases: Vec<Case> = others.into_iter().map(case).collect();
    // HMAC hashes a key that is longer than its block of 64 bytes.
    for length in [63, 64, 65, 512] {
        let long = "k".repeat(length);
        let name = format!("the last of {length} characters of the secret changed");
        let case = request
            .clone()
            .with_secret(long.as_str())
            .case(Rule::SecretKeyed, name);
        cases.push(case.with_secret(format!("{}K", &long[1..])).mismatch());
    }
    cases
}

/// Another MAC than the right one, of the right length.
pub(super) fn macs() -> Vec<Case> {
    let request = Request::published();
    let right = hex::decode(request.mac()).unwrap_or_default();
    let mut others = Vec::new();
    for bit in 0..8 * right.len() {
        let mut mac = right.clone();
        mac[bit / 8] ^= 1 << (bit % 8);
        let name = format!("bit {} of the MAC's byte {} flipped", bit % 8, bit / 8);
        others.push((name, hex::encode(mac)));
    }
    let (mut swapped, mut turned) = (right.clone(), right.clone());
    swapped.swap(0, 1);
    turned.reverse();
    let body = request.body.as_slice();
    let input = [b"1717574785354.", body].concat();
    let keyed = [request.secret.as_bytes(), input.as_slice()].concat();
    let named = [
        ("a MAC of zeros", "0".repeat(64)),
        ("a MAC of ones", "f".repeat(64)),
        (
            "the MAC with its first two bytes swapped",
            hex::encode(swapped),
        ),
        ("the MAC backwards", hex::encode(turned)),
        (
            "the MAC under another secret",
            request.clone().with_secret("another").mac(),
        ),
        (
            "the MAC under the empty secret",
            request.clone().with_secret("").mac(),
        ),
        (
            "SHA-256 of what is signed, without a key",
            hex::encode(Sha256::digest(&input)),
        ),
        (
            "SHA-256 of the secret and what is signed",
            hex::encode(Sha256::digest(&keyed)),
        ),
        ("HMAC with key and message exchanged", {
            let key = String::from_utf8_lossy(&input).into_owned();
            request
                .clone()
                .with_secret(key)
                .mac_of(request.secret.as_bytes())
        }),
        ("the MAC of the MAC", request.mac_of(&right)),
    ];
    others.extend(named.map(|(name, mac)| (name.to_string(), mac)));
    others
        .into_iter()
        .map(|(name, mac)| with_mac(&request, Rule::MacCompared, name, &mac).mismatch())
        .collect()
}

/// The right HMAC, of another message than `<unix ms>.<body>`.
pub(super) fn inputs() -> Vec<Case> {
    let request = Request::published();
    let (t, body) = (request.t.to_string(), request.body.as_slice());
    let t = t.as_bytes();
    let messages: [(&str, Vec<u8>); 20] = [
        ("time and body without a dot", [t, body].concat()),
        ("the body alone", body.to_vec()),
        ("the time alone", t.to_vec()),
        ("the time and a dot", [t, b"."].concat()),
        ("a dot and the body", [b".", body].concat()),
        ("body, dot, time", [body, b".", t].concat()),
        ("two dots", [t, b"..", body].concat()),
        ("a colon for the dot", [t, b":", body].concat()),
        ("a comma for the dot", [t, b",", body].concat()),
        ("a line feed for the dot", [t, b"\n", body].concat()),
        ("a NUL byte for the dot", [t, b"\0", body].concat()),
        ("a space after the dot", [t, b". ", body].concat()),
        ("a dot after the body", [t, b".", body, b"."].concat()),
        (
            "a line feed after the body",
            [t, b".", body, b"\n"].concat(),
        ),
        ("the time in seconds", [b"1717574785.", body].concat()),
        (
            "the time as 8 bytes",
            [&request.t.to_be_bytes(), b".".as_slice(), body].concat(),
        ),
        ("`t=` before the time", [b"t=", t, b".", body].concat()),
        (
            "the path before the body",
            [t, b"./v1/text2music/generateMusic.", body].concat(),
        ),
        (
            "the API key before the body",
            [t, b".4nBmZkU2-VdTNrPqL7e9y.", body].concat(),
        ),
        ("nothing", Vec::new()),
    ];
    messages
        .into_iter()
        .map(|(name, message)| {
            let (name, mac) = (
                format!("the MAC of another message: {name}"),
                request.mac_of(&message),
            );
            with_mac(&request, Rule::DotSigned, name, &mac).mismatch()
        })
        .chain([moved_dot(&request), sent_dot(&request)])
        .collect()
}

/// `12.3x` and `1.23x` have the same digits: only the dot tells them apart.
fn moved_dot(request: &Request) -> Case {
    let t = request.t / 10;
    let body = [b"4", request.body.as_slice()].concat();
    let case = request
        .case(Rule::DotSigned, "the time's last digit moved to the body")
        .mismatch();
    case.with_header(format!("t={t},v={}", request.mac()))
        .with_body(body)
        .at(t)
}

/// Without a dot of its own, the MAC is that of the body with the dot in it.
fn sent_dot(request: &Request) -> Case {
    let case = request.case(Rule::DotSigned, "a dot put before the body");
    case.mismatch()
        .with_body([b".", request.body.as_slice()].concat())
}

/// The right MAC, with digits missing or added.
pub(super) fn lengths() -> Vec<Case> {
    let request = Request::published();
    let mac = request.mac();
    let cut = [0, 1, 2, 3, 4, 8, 16, 31, 32, 33, 40, 62, 63].map(|digits| {
        (
            format!("the first {digits} digits of the MAC"),
            mac[..digits].to_string(),
        )
    });
    let others = [
        ("the last 32 digits of the MAC", mac[32..].to_string()),
        ("one digit after the MAC", format!("{mac}0")),
        ("two digits after the MAC", format!("{mac}00")),
        ("two digits before the MAC", format!("00{mac}")),
        ("the MAC twice", mac.repeat(2)),
        ("ten thousand digits", "c".repeat(10_000)),
    ]
    .map(|(name, mac)| (name.to_string(), mac));
    cut.into_iter()
        .chain(others)
        .map(|(name, mac)| with_mac(&request, Rule::MacLength, name, &mac).malformed())
        .collect()
}

/// A body that a decoder takes for the one that was signed.
pub(super) fn raw_bodies() -> Vec<Case> {
    let pairs: [(&str, &[u8], &[u8]); 13] = [
        (
            "the replacement character signed, the byte FF sent",
            "\u{fffd}".as_bytes(),
            b"\xff",
        ),
        (
            "the byte FF signed, the replacement character sent",
            b"\xff",
            "\u{fffd}".as_bytes(),
        ),
        ("the byte FF signed, the byte FE sent", b"\xff", b"\xfe"),
        ("a question mark signed, the byte FF sent", b"?", b"\xff"),
        ("nothing signed, the byte FF sent", b"", b"\xff"),
        ("Latin-1 sent for UTF-8", "é".as_bytes(), b"\xe9"),
        (
            "a combining accent sent for one character",
            "é".as_bytes(),
            "e\u{301}".as_bytes(),
        ),
        ("another byte after a NUL byte", b"{}\0a", b"{}\0b"),
        ("a byte order mark added", b"{}", b"\xef\xbb\xbf{}"),
        ("a byte order mark removed", b"\xef\xbb\xbf{}", b"{}"),
        (
            "JSON with another white space",
            br#"{"duration":10,"text":"music"}"#,
            br#"{"duration": 10, "text": "music"}"#,
        ),
        (
            "JSON in another order of keys",
            br#"{"duration":10,"text":"music"}"#,
            br#"{"text":"music","duration":10}"#,
        ),
        (
            "an escape sent for its character",
            "{\"text\":\"é\"}".as_bytes(),
            br#"{"text":"\u00e9"}"#,
        ),
    ];
    pairs
        .into_iter()
        .map(|(name, signed, sent)| {
            let request = Request::published().with_body(signed);
            let name = format!("another body: {name}");
            request.case(Rule::RawBody, name).with_body(sent).mismatch()
        })
        .collect()
}

fn with_mac(request: &Request, rule: Rule, name: String, mac: &str) -> Case {
    request
        .case(rule, name)
        .with_header(format!("t={},v={mac}", request.t))
}
