use genrex_sign::conformance::Rule;

use super::{Wrong, right};
use crate::naive::{fields, input, is_canonical, is_lower_hex, is_near, mac};

pub(super) const WRONG: &[Wrong] = &[
    (
        "reads a plus",
        |s, h, b, n| {
            reads_number(s, h, b, n, |t| {
                t.strip_prefix('+').unwrap_or(t).parse().ok()
            })
        },
        Rule::TimeSpelling,
    ),
    (
        "reads a number, signs the number",
        |s, h, b, n| reads_number(s, h, b, n, |t| t.parse().ok()),
        Rule::TimeSpelling,
    ),
    (
        "reads a number, signs the text",
        |s, h, b, n| reads_text(s, h, b, n, |t| t.parse().ok()),
        Rule::TimeSpelling,
    ),
    (
        "reads leading zeros, signs the number",
        |s, h, b, n| reads_number(s, h, b, n, of_digits),
        Rule::TimeSpelling,
    ),
    (
        "reads leading zeros, signs the text",
        |s, h, b, n| reads_text(s, h, b, n, of_digits),
        Rule::TimeSpelling,
    ),
    (
        "trims the time, signs the number",
        |s, h, b, n| reads_number(s, h, b, n, |t| of_canonical(t.trim())),
        Rule::TimeSpelling,
    ),
    (
        "trims the time, signs the text",
        |s, h, b, n| reads_text(s, h, b, n, |t| of_canonical(t.trim())),
        Rule::TimeSpelling,
    ),
    (
        "reads as far as there are digits",
        |s, h, b, n| reads_text(s, h, b, n, of_first_digits),
        Rule::TimeSpelling,
    ),
    (
        "reads floating point",
        |s, h, b, n| reads_text(s, h, b, n, of_float),
        Rule::TimeSpelling,
    ),
    (
        "reads hexadecimal",
        |s, h, b, n| reads_number(s, h, b, n, of_hex),
        Rule::TimeSpelling,
    ),
    (
        "reads underscores",
        |s, h, b, n| reads_number(s, h, b, n, |t| of_canonical(&t.replace('_', ""))),
        Rule::TimeSpelling,
    ),
    (
        "reads digits of every script",
        |s, h, b, n| reads_number(s, h, b, n, |t| of_canonical(&t.replace('１', "1"))),
        Rule::TimeSpelling,
    ),
    (
        "wraps at 64 bits",
        |s, h, b, n| reads_text(s, h, b, n, of_wrapped),
        Rule::TimeSpelling,
    ),
    (
        "stops at the greatest time",
        |s, h, b, n| reads_text(s, h, b, n, of_saturated),
        Rule::TimeSpelling,
    ),
    (
        "reads -1 as the greatest time",
        |s, h, b, n| reads_text(s, h, b, n, of_signed),
        Rule::TimeSpelling,
    ),
    (
        "takes no digits for 0",
        |s, h, b, n| {
            reads_text(s, h, b, n, |t| {
                if t.is_empty() {
                    Some(0)
                } else {
                    of_canonical(t)
                }
            })
        },
        Rule::TimeSpelling,
    ),
    (
        "knows only times of 63 bits",
        |s, h, b, n| right(s, h, b, n) && of_time(h) <= i64::MAX.unsigned_abs(),
        Rule::Honest,
    ),
];

/// Right but for how the time is read; the MAC is that of the number.
fn reads_number(
    secret: &str,
    header: &str,
    body: &[u8],
    now: u64,
    read: impl Fn(&str) -> Option<u64>,
) -> bool {
    fields(header).is_some_and(|(t, v)| {
        read(t).is_some_and(|t| right(secret, &format!("t={t},v={v}"), body, now))
    })
}

/// Right but for how the time is read; the MAC is that of the text as it came.
fn reads_text(
    secret: &str,
    header: &str,
    body: &[u8],
    now: u64,
    read: impl Fn(&str) -> Option<u64>,
) -> bool {
    fields(header).is_some_and(|(t, v)| {
        is_lower_hex(v)
            && v == mac(secret, &input(t, body))
            && read(t).is_some_and(|t| is_near(t, now))
    })
}

fn of_time(header: &str) -> u64 {
    fields(header)
        .and_then(|(t, _)| of_canonical(t))
        .unwrap_or_default()
}

fn of_canonical(t: &str) -> Option<u64> {
    if is_canonical(t) {
        t.parse().ok()
    } else {
        None
    }
}

fn of_digits(t: &str) -> Option<u64> {
    let are_digits = t.bytes().all(|byte| byte.is_ascii_digit());
    if are_digits { t.parse().ok() } else { None }
}

fn of_first_digits(t: &str) -> Option<u64> {
    let end = t
        .find(|digit: char| !digit.is_ascii_digit())
        .unwrap_or(t.len());
    of_canonical(&t[..end])
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the defect"
)]
fn of_float(t: &str) -> Option<u64> {
    t.parse::<f64>().ok().map(|t| t as u64)
}

fn of_hex(t: &str) -> Option<u64> {
    match t.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => of_canonical(t),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the defect")]
fn of_wrapped(t: &str) -> Option<u64> {
    if is_canonical(t) {
        t.parse::<u128>().ok().map(|t| t as u64)
    } else {
        None
    }
}

fn of_saturated(t: &str) -> Option<u64> {
    is_canonical(t).then(|| t.parse().unwrap_or(u64::MAX))
}

#[expect(clippy::cast_sign_loss, reason = "the defect")]
fn of_signed(t: &str) -> Option<u64> {
    match t.parse::<i64>() {
        Ok(negative) if t.starts_with('-') => Some(negative as u64),
        _ => of_canonical(t),
    }
}
