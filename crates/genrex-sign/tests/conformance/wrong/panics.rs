use genrex_sign::conformance::Rule;

use super::{Wrong, right, signed_time};
use crate::naive::{TOLERANCE_MS, fields, is_canonical};

pub(super) const WRONG: &[Wrong] = &[
    (
        "a body that is no UTF-8",
        |s, h, b, n| right(s, h, std::str::from_utf8(b).unwrap().as_bytes(), n),
        Rule::NoPanic,
    ),
    (
        "an empty body",
        |s, h, b, n| b[0] < u8::MAX && right(s, h, b, n),
        Rule::NoPanic,
    ),
    (
        "an empty header",
        |s, h, b, n| h.as_bytes()[0] == b't' && right(s, h, b, n),
        Rule::NoPanic,
    ),
    (
        "a header without a comma",
        |s, h, b, n| !h.split_once(',').unwrap().0.is_empty() && right(s, h, b, n),
        Rule::NoPanic,
    ),
    (
        "a short MAC",
        |s, h, b, n| fields(h).is_some_and(|(_, v)| v.as_bytes()[63] != b'!') && right(s, h, b, n),
        Rule::NoPanic,
    ),
    ("an odd number of digits", odd_number, Rule::NoPanic),
    (
        "digits that are none",
        |s, h, b, n| {
            fields(h).is_none_or(|(_, v)| v.len() != 64 || !hex::decode(v).unwrap().is_empty())
                && right(s, h, b, n)
        },
        Rule::NoPanic,
    ),
    (
        "a pair of digits cut in a character",
        cut_in_a_character,
        Rule::NoPanic,
    ),
    (
        "a time that is no number",
        |s, h, b, n| {
            fields(h).is_none_or(|(t, _)| t.parse::<f64>().unwrap() >= -2.0) && right(s, h, b, n)
        },
        Rule::NoPanic,
    ),
    (
        "a time of more than 64 bits",
        more_than_64_bits,
        Rule::NoPanic,
    ),
    (
        "a time in the future",
        |s, h, b, n| {
            signed_time(s, h, b).is_some_and(|t| n.checked_sub(t).unwrap() <= TOLERANCE_MS)
        },
        Rule::NoPanic,
    ),
    (
        "the greatest time",
        |s, h, b, n| {
            signed_time(s, h, b).is_some_and(|t| t.checked_add(TOLERANCE_MS).unwrap() > 0)
                && right(s, h, b, n)
        },
        Rule::NoPanic,
    ),
    (
        "the first time",
        |s, h, b, n| n.checked_sub(TOLERANCE_MS).unwrap() < u64::MAX && right(s, h, b, n),
        Rule::NoPanic,
    ),
    ("fixed offsets in the header", fixed_offsets, Rule::NoPanic),
];

fn odd_number(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    let is_odd = |v: &str| v.len() % 2 == 1 && v.bytes().all(|digit| digit.is_ascii_hexdigit());
    assert!(
        !fields(header).is_some_and(|(_, v)| is_odd(v)),
        "an odd number of digits"
    );
    right(secret, header, body, now)
}

fn more_than_64_bits(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    if let Some((t, _)) = fields(header).filter(|(t, _)| is_canonical(t)) {
        t.parse::<u64>().unwrap();
    }
    right(secret, header, body, now)
}

fn fixed_offsets(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    let is_long = header.len() >= 18;
    (!is_long || !header[15..18].is_empty()) && right(secret, header, body, now)
}

fn cut_in_a_character(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    if let Some((_, v)) = fields(header).filter(|(_, v)| v.len() == 64) {
        for at in (0..64).step_by(2) {
            if u8::from_str_radix(&v[at..at + 2], 16).is_err() {
                return false;
            }
        }
    }
    right(secret, header, body, now)
}
