use std::str::from_utf8;

use genrex_sign::conformance::Rule;

use super::{Wrong, right};
use crate::naive::{fields, is_canonical, is_lower_hex, is_near};

pub(super) const WRONG: &[Wrong] = &[
    ("ignores the body", ignores_the_body, Rule::BodySigned),
    (
        "trims the body",
        |s, h, b, n| right(s, h, b.trim_ascii(), n),
        Rule::BodySigned,
    ),
    ("ends the body at NUL", ends_at_nul, Rule::BodySigned),
    ("writes the JSON again", writes_json_again, Rule::BodySigned),
    (
        "refuses a body of more than 64 KiB",
        |s, h, b, n| b.len() <= 1 << 16 && right(s, h, b, n),
        Rule::Honest,
    ),
    (
        "decodes the body with replacement",
        decodes_lossily,
        Rule::RawBody,
    ),
    (
        "also decodes the body with replacement",
        |s, h, b, n| decodes_lossily(s, h, b, n) || right(s, h, b, n),
        Rule::RawBody,
    ),
    (
        "refuses a body that is no UTF-8",
        |s, h, b, n| from_utf8(b).is_ok() && right(s, h, b, n),
        Rule::RawBody,
    ),
    (
        "takes a body that is no UTF-8 for none",
        |s, h, b, n| right(s, h, from_utf8(b).unwrap_or("").as_bytes(), n),
        Rule::RawBody,
    ),
    (
        "decodes the body as Latin-1",
        |s, h, b, n| {
            right(
                s,
                h,
                b.iter()
                    .map(|&byte| char::from(byte))
                    .collect::<String>()
                    .as_bytes(),
                n,
            )
        },
        Rule::RawBody,
    ),
    (
        "drops a byte order mark",
        |s, h, b, n| right(s, h, b.strip_prefix(b"\xef\xbb\xbf").unwrap_or(b), n),
        Rule::RawBody,
    ),
    ("takes CRLF for LF", takes_crlf_for_lf, Rule::RawBody),
];

/// It has nothing to compare the MAC with, and looks at its form.
fn ignores_the_body(_secret: &str, header: &str, _body: &[u8], now: u64) -> bool {
    fields(header).is_some_and(|(t, v)| {
        is_canonical(t) && is_lower_hex(v) && t.parse().is_ok_and(|t| is_near(t, now))
    })
}

fn ends_at_nul(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    let text = body.split(|&byte| byte == 0).next().unwrap_or_default();
    right(secret, header, text, now)
}

fn writes_json_again(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    match serde_json::from_slice::<serde_json::Value>(body) {
        Ok(value) => right(secret, header, value.to_string().as_bytes(), now),
        Err(_) => right(secret, header, body, now),
    }
}

fn decodes_lossily(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    right(
        secret,
        header,
        String::from_utf8_lossy(body).as_bytes(),
        now,
    )
}

fn takes_crlf_for_lf(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    let lines: Vec<&[u8]> = body
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .collect();
    right(secret, header, &lines.join(&b'\n'), now)
}
