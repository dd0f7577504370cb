use genrex_sign::conformance::Rule;
use sha2::{Digest as _, Sha256};

use super::{Wrong, right};
use crate::naive::{fields, input, is_lower_hex, mac};

pub(super) const WRONG: &[Wrong] = &[
    ("accepts everything", |_, _, _, _| true, Rule::BodySigned),
    ("refuses everything", |_, _, _, _| false, Rule::Honest),
    ("has another secret too", another_secret, Rule::SecretKeyed),
    (
        "ignores the end of the secret",
        ignores_the_end,
        Rule::SecretKeyed,
    ),
    ("cuts the secret to a block", cuts_the_secret, Rule::Honest),
    ("tries times 1 ms away", tries_times, Rule::TimeSigned),
    (
        "compares 8 digits",
        |s, h, b, n| compares(s, h, b, n, 0, 8),
        Rule::MacCompared,
    ),
    (
        "compares 62 digits",
        |s, h, b, n| compares(s, h, b, n, 0, 62),
        Rule::MacCompared,
    ),
    (
        "compares the last half",
        |s, h, b, n| compares(s, h, b, n, 32, 64),
        Rule::MacCompared,
    ),
    ("compares sums", compares_sums, Rule::MacCompared),
    ("ignores one bit", ignores_one_bit, Rule::MacCompared),
    ("accepts a plain hash", accepts_a_hash, Rule::MacCompared),
    (
        "accepts a truncated MAC",
        accepts_truncated,
        Rule::MacLength,
    ),
    (
        "accepts an empty MAC",
        |s, h, b, n| h.ends_with(",v=") || right(s, h, b, n),
        Rule::MacLength,
    ),
    (
        "accepts digits after the MAC",
        accepts_longer,
        Rule::MacLength,
    ),
    (
        "needs no dot",
        |s, h, b, n| separates(s, h, b, n, &[""]),
        Rule::DotSigned,
    ),
    (
        "takes other separators",
        |s, h, b, n| separates(s, h, b, n, &[":", "\n"]),
        Rule::DotSigned,
    ),
    (
        "reads digits of either case",
        reads_either_case,
        Rule::MacSpelling,
    ),
    ("reads `+6` as `06`", reads_signs, Rule::MacSpelling),
    (
        "reads `0x`",
        |s, h, b, n| right(s, &h.replace("v=0x", "v="), b, n),
        Rule::MacSpelling,
    ),
    (
        "drops NUL after the MAC",
        |s, h, b, n| right(s, h.trim_end_matches('\0'), b, n),
        Rule::MacSpelling,
    ),
];

fn another_secret(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    right(secret, header, body, now) || right("7Xd9PfMlkanB5ZTuj0qQG", header, body, now)
}

fn ignores_the_end(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    let start = &secret[..secret.len() - 1];
    ('!'..='~').any(|end| right(&format!("{start}{end}"), header, body, now))
}

fn cuts_the_secret(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    right(&secret[..secret.len().min(64)], header, body, now)
}

fn tries_times(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    let Some((t, v)) = fields(header) else {
        return false;
    };
    let Ok(t) = t.parse::<u64>() else {
        return false;
    };
    [t, t.wrapping_sub(1), t.wrapping_add(1)]
        .iter()
        .any(|other| {
            let same_text = header == format!("t={t},v={v}");
            same_text && right(secret, &format!("t={other},v={v}"), body, now)
        })
}

fn compares(secret: &str, header: &str, body: &[u8], now: u64, from: usize, to: usize) -> bool {
    let Some((t, v)) = fields(header) else {
        return false;
    };
    let whole = mac(secret, &input(t, body));
    is_lower_hex(v)
        && v[from..to] == whole[from..to]
        && right(secret, &format!("t={t},v={whole}"), body, now)
}

fn compares_sums(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    let sum = |digits: &str| digits.bytes().map(u64::from).sum::<u64>();
    matches_by(secret, header, body, now, |v, whole| sum(v) == sum(whole))
}

fn ignores_one_bit(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    let masked = |digits: &str| {
        let mut bytes = hex::decode(digits).unwrap();
        bytes[17] |= 1 << 3;
        bytes
    };
    matches_by(secret, header, body, now, |v, whole| {
        masked(v) == masked(whole)
    })
}

fn accepts_a_hash(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    let Some((t, v)) = fields(header) else {
        return false;
    };
    let is_hash = v == hex::encode(Sha256::digest(input(t, body)));
    is_hash || right(secret, header, body, now)
}

/// Right but for how 64 digits are compared with the right ones.
fn matches_by(
    secret: &str,
    header: &str,
    body: &[u8],
    now: u64,
    same: impl Fn(&str, &str) -> bool,
) -> bool {
    let Some((t, v)) = fields(header) else {
        return false;
    };
    let whole = mac(secret, &input(t, body));
    is_lower_hex(v) && same(v, &whole) && right(secret, &format!("t={t},v={whole}"), body, now)
}

fn accepts_truncated(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    let Some((t, v)) = fields(header) else {
        return false;
    };
    let whole = mac(secret, &input(t, body));
    v.len() >= 16 && whole.starts_with(v) && right(secret, &format!("t={t},v={whole}"), body, now)
}

fn accepts_longer(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    match fields(header) {
        Some((t, v))
            if v.len() > 64 && v.is_ascii() && v.bytes().all(|digit| digit.is_ascii_hexdigit()) =>
        {
            right(secret, &format!("t={t},v={}", &v[..64]), body, now)
        }
        _ => right(secret, header, body, now),
    }
}

fn separates(secret: &str, header: &str, body: &[u8], now: u64, others: &[&str]) -> bool {
    let Some((t, v)) = fields(header) else {
        return false;
    };
    let also = others
        .iter()
        .any(|dot| v == mac(secret, &[t.as_bytes(), dot.as_bytes(), body].concat()));
    also || right(secret, header, body, now)
}

fn reads_either_case(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    fields(header).is_some_and(|(t, v)| {
        right(
            secret,
            &format!("t={t},v={}", v.to_ascii_lowercase()),
            body,
            now,
        )
    })
}

fn reads_signs(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    let Some((t, v)) = fields(header) else {
        return false;
    };
    let is_lower =
        v.is_ascii() && v.len() == 64 && !v.bytes().any(|digit| digit.is_ascii_uppercase());
    let bytes = (0..v.len() / 2)
        .map(|at| is_lower.then(|| u8::from_str_radix(&v[2 * at..2 * at + 2], 16).ok())?)
        .collect::<Option<Vec<u8>>>();
    bytes.is_some_and(|bytes| {
        right(
            secret,
            &format!("t={t},v={}", hex::encode(bytes)),
            body,
            now,
        )
    })
}
