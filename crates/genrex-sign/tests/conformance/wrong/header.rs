use genrex_sign::conformance::Rule;

use super::{Wrong, right};
use crate::naive::{is_canonical, is_near};

pub(super) const WRONG: &[Wrong] = &[
    (
        "takes a missing `v` for right",
        needs_no_mac,
        Rule::MissingField,
    ),
    (
        "takes a missing `t` for now",
        |s, h, b, n| right(s, h, b, n) || right(s, &format!("t={n},{h}"), b, n),
        Rule::MissingField,
    ),
    (
        "accepts an empty header",
        |s, h, b, n| h.is_empty() || right(s, h, b, n),
        Rule::MissingField,
    ),
    (
        "needs no name before the MAC",
        |s, h, b, n| right(s, h, b, n) || right(s, &h.replacen(',', ",v=", 1), b, n),
        Rule::MissingField,
    ),
    (
        "accepts other fields",
        accepts_other_fields,
        Rule::ExtraField,
    ),
    (
        "accepts a trailing comma",
        |s, h, b, n| right(s, h.strip_suffix(',').unwrap_or(h), b, n),
        Rule::ExtraField,
    ),
    (
        "accepts a leading comma",
        |s, h, b, n| right(s, h.strip_prefix(',').unwrap_or(h), b, n),
        Rule::ExtraField,
    ),
    (
        "drops empty fields",
        |s, h, b, n| right(s, &h.replace(",,", ","), b, n),
        Rule::ExtraField,
    ),
    (
        "takes the first of each field",
        |s, h, b, n| right(s, &one_of_each(h, false), b, n),
        Rule::RepeatedField,
    ),
    (
        "takes the last of each field",
        |s, h, b, n| right(s, &one_of_each(h, true), b, n),
        Rule::RepeatedField,
    ),
    (
        "takes the last `t`",
        |s, h, b, n| right(s, &h[h.rfind("t=").unwrap_or(0)..], b, n),
        Rule::ExtraField,
    ),
    (
        "accepts any of several `v`",
        any_of_several,
        Rule::RepeatedField,
    ),
    (
        "accepts another order",
        accepts_another_order,
        Rule::FieldOrder,
    ),
    (
        "trims the header",
        |s, h, b, n| right(s, h.trim(), b, n),
        Rule::WhiteSpace,
    ),
    (
        "trims the end of the header",
        |s, h, b, n| right(s, h.trim_end_matches('\n'), b, n),
        Rule::WhiteSpace,
    ),
    ("trims each field", trims_each_field, Rule::WhiteSpace),
    (
        "accepts names in upper case",
        |s, h, b, n| right(s, &h.replace("T=", "t=").replace("V=", "v="), b, n),
        Rule::HeaderForm,
    ),
    (
        "accepts `;` for the comma",
        |s, h, b, n| right(s, &h.replace(';', ","), b, n),
        Rule::HeaderForm,
    ),
    (
        "accepts the header's name",
        |s, h, b, n| right(s, h.trim_start_matches("gx-signature: "), b, n),
        Rule::HeaderForm,
    ),
    (
        "accepts quotes around the header",
        |s, h, b, n| right(s, h.trim_matches('"'), b, n),
        Rule::HeaderForm,
    ),
];

fn needs_no_mac(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    match header.strip_prefix("t=") {
        Some(t) if is_canonical(t) => t.parse().is_ok_and(|t| is_near(t, now)),
        _ => right(secret, header, body, now),
    }
}

fn accepts_other_fields(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    let fields = header
        .split(',')
        .filter(|field| field.starts_with("t=") || field.starts_with("v="));
    right(secret, &fields.collect::<Vec<_>>().join(","), body, now)
}

/// The header with one of each field in their order; with another field, as it came.
fn one_of_each(header: &str, is_last: bool) -> String {
    let fields: Vec<&str> = header.split(',').collect();
    let of = |name: &str| {
        let mut named = fields.iter().filter(|field| field.starts_with(name));
        if is_last {
            named.next_back()
        } else {
            named.next()
        }
    };
    let is_known = fields
        .iter()
        .all(|field| field.starts_with("t=") || field.starts_with("v="));
    match (of("t="), of("v=")) {
        (Some(t), Some(v)) if is_known && header.starts_with("t=") => format!("{t},{v}"),
        _ => header.to_owned(),
    }
}

fn any_of_several(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    let mut fields = header.split(",v=");
    let t = fields.next().unwrap_or_default();
    fields.any(|v| right(secret, &format!("{t},v={v}"), body, now))
}

fn accepts_another_order(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    match header.split_once(',') {
        Some((v, t)) if v.starts_with("v=") => right(secret, &format!("{t},{v}"), body, now),
        _ => right(secret, header, body, now),
    }
}

fn trims_each_field(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    let fields: Vec<&str> = header.split(',').map(str::trim_start).collect();
    right(secret, &fields.join(","), body, now)
}
