use genrex_sign::conformance::Rule;

use super::{Wrong, right, signed_time};
use crate::naive::is_near;

pub(crate) const WRONG: &[Wrong] = &[
    (
        "refuses `q` in an id",
        |s, h, b, n| {
            !(b.starts_with(b"{\"queryId\":\"QRY_") && b[16..].contains(&b'q')) && right(s, h, b, n)
        },
        Rule::Honest,
    ),
    (
        "refuses the byte FA",
        |s, h, b, n| (!b.contains(&0xfa) || b.len() == 256) && right(s, h, b, n),
        Rule::RawBody,
    ),
    ("drops a byte of 80 to DF", drops_a_byte, Rule::BodySigned),
    (
        "drops an apostrophe before the time",
        |s, h, b, n| right(s, &h.replace("t='", "t="), b, n),
        Rule::TimeSpelling,
    ),
    (
        "refuses a time 10 to 60 s old",
        |s, h, b, n| {
            signed_time(s, h, b)
                .is_some_and(|t| is_near(t, n) && !(10_000..60_000).contains(&n.saturating_sub(t)))
        },
        Rule::WindowPast,
    ),
    (
        "refuses a time 10 to 60 s ahead",
        |s, h, b, n| {
            signed_time(s, h, b)
                .is_some_and(|t| is_near(t, n) && !(10_000..60_000).contains(&t.saturating_sub(n)))
        },
        Rule::WindowFuture,
    ),
    (
        "panics at `#`",
        |s, h, b, n| !panics_at('#', h) && right(s, h, b, n),
        Rule::NoPanic,
    ),
];

fn drops_a_byte(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    let without = |at: usize| [&body[..at], &body[at + 1..]].concat();
    let dropped = |at: &usize| (0x80..=0xdf).contains(&body[*at]);
    right(secret, header, body, now)
        || (0..body.len())
            .filter(dropped)
            .any(|at| right(secret, header, &without(at), now))
}

fn panics_at(character: char, header: &str) -> bool {
    assert!(!header.contains(character), "{character} is no digit");
    false
}
