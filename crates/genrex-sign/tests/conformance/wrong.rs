//! Verifiers with one defect each, and the rule that each breaks.

mod body;
mod header;
mod mac;
mod panics;
mod rare;
mod time;
mod window;

use genrex_sign::conformance::Rule;

use crate::naive::{TOLERANCE_MS, fields, input, is_canonical, is_lower_hex, mac, verify};

/// Its name, the verifier, and the rule that it breaks.
pub(crate) type Wrong = (&'static str, fn(&str, &str, &[u8], u64) -> bool, Rule);

/// Each has to be found by a fixed case.
pub(crate) const ALL: [&[Wrong]; 6] = [
    mac::WRONG,
    body::WRONG,
    time::WRONG,
    header::WRONG,
    window::WRONG,
    panics::WRONG,
];

/// Each shows its defect for inputs that no fixed case has, and has to be found by a generated one.
pub(crate) use rare::WRONG as RARE;

/// The right one, with the tolerance of the tests.
fn right(secret: &str, header: &str, body: &[u8], now: u64) -> bool {
    verify(secret, header, body, now, u128::from(TOLERANCE_MS))
}

/// The time of a header that is right in all but, perhaps, the window.
fn signed_time(secret: &str, header: &str, body: &[u8]) -> Option<u64> {
    let (t, v) = fields(header)?;
    let signed = is_canonical(t) && is_lower_hex(v) && v == mac(secret, &input(t, body));
    if signed { t.parse().ok() } else { None }
}
