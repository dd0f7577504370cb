use genrex_sign::conformance::Rule;

use super::{Wrong, right, signed_time};
use crate::naive::{TOLERANCE_MS, is_near};

pub(super) const WRONG: &[Wrong] = &[
    (
        "has no window",
        |s, h, b, _| signed_time(s, h, b).is_some(),
        Rule::WindowPast,
    ),
    (
        "does not limit the past",
        |s, h, b, n| near(s, h, b, |t| t <= n || is_near(t, n)),
        Rule::WindowPast,
    ),
    (
        "does not limit the future",
        |s, h, b, n| near(s, h, b, |t| t >= n || is_near(t, n)),
        Rule::WindowFuture,
    ),
    (
        "excludes the edge in the past",
        |s, h, b, n| {
            near(s, h, b, |t| {
                is_near(t, n) && n.checked_sub(t) != Some(TOLERANCE_MS)
            })
        },
        Rule::WindowPast,
    ),
    (
        "excludes the edge in the future",
        |s, h, b, n| {
            near(s, h, b, |t| {
                is_near(t, n) && t.checked_sub(n) != Some(TOLERANCE_MS)
            })
        },
        Rule::WindowFuture,
    ),
    (
        "allows 1 ms more in the past",
        |s, h, b, n| {
            near(s, h, b, |t| {
                is_near(t, n) || n.checked_sub(t) == Some(TOLERANCE_MS + 1)
            })
        },
        Rule::WindowPast,
    ),
    (
        "allows 1 ms more in the future",
        |s, h, b, n| {
            near(s, h, b, |t| {
                is_near(t, n) || t.checked_sub(n) == Some(TOLERANCE_MS + 1)
            })
        },
        Rule::WindowFuture,
    ),
    (
        "allows no future",
        |s, h, b, n| near(s, h, b, |t| t <= n && is_near(t, n)),
        Rule::WindowFuture,
    ),
    (
        "allows no past",
        |s, h, b, n| near(s, h, b, |t| t >= n && is_near(t, n)),
        Rule::WindowPast,
    ),
    (
        "compares whole seconds",
        |s, h, b, n| near(s, h, b, |t| (t / 1000).abs_diff(n / 1000) <= 300),
        Rule::WindowPast,
    ),
    (
        "rounds the age down to seconds",
        |s, h, b, n| near(s, h, b, |t| t.abs_diff(n) / 1000 <= 300),
        Rule::WindowPast,
    ),
    (
        "takes the tolerance for seconds",
        |s, h, b, n| near(s, h, b, |t| t.abs_diff(n) / 1000 <= TOLERANCE_MS),
        Rule::WindowPast,
    ),
    (
        "takes milliseconds for seconds",
        |s, h, b, n| near(s, h, b, |t| t.abs_diff(n) <= 300),
        Rule::WindowPast,
    ),
    (
        "takes the times for seconds",
        |s, h, b, n| near(s, h, b, |t| is_near(t, n / 1000)),
        Rule::Honest,
    ),
    (
        "also takes a time in seconds",
        |s, h, b, n| {
            near(s, h, b, |t| {
                is_near(t, n) || is_near(t.saturating_mul(1000), n)
            })
        },
        Rule::WindowPast,
    ),
    (
        "also takes a time in microseconds",
        |s, h, b, n| near(s, h, b, |t| is_near(t, n) || is_near(t / 1000, n)),
        Rule::WindowFuture,
    ),
    (
        "keeps 32 bits of the age",
        |s, h, b, n| near(s, h, b, |t| t.abs_diff(n) % (1 << 32) <= TOLERANCE_MS),
        Rule::WindowPast,
    ),
    (
        "keeps the sign of the age in 64 bits",
        |s, h, b, n| {
            near(s, h, b, |t| {
                n.wrapping_sub(t).cast_signed() <= 300_000 && t.saturating_sub(n) <= TOLERANCE_MS
            })
        },
        Rule::WindowPast,
    ),
    (
        "is right only in this century",
        |s, h, b, n| right(s, h, b, n) && n > 946_684_800_000,
        Rule::Honest,
    ),
];

/// Right but for the window, which is `is_near`.
fn near(secret: &str, header: &str, body: &[u8], is_near: impl Fn(u64) -> bool) -> bool {
    signed_time(secret, header, body).is_some_and(is_near)
}
