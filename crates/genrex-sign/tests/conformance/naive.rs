//! A right verifier that shares nothing with this crate but the primitive, and the parts from which the
//! wrong ones are made.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

pub(crate) const TOLERANCE_MS: u64 = 300_000;

/// The right one.
pub(crate) fn verify(
    secret: &str,
    header: &str,
    body: &[u8],
    now_ms: u64,
    tolerance_ms: u128,
) -> bool {
    let Some((t, v)) = fields(header) else {
        return false;
    };
    is_canonical(t)
        && t.parse()
            .is_ok_and(|t: u64| u128::from(t.abs_diff(now_ms)) <= tolerance_ms)
        && is_lower_hex(v)
        && v == mac(secret, &input(t, body))
}

/// `t` and `v` of a header that has them in this order, and neither a comma nor anything else.
pub(crate) fn fields(header: &str) -> Option<(&str, &str)> {
    let parts: Vec<&str> = header.split(',').collect();
    let [first, second] = parts.as_slice() else {
        return None;
    };
    Some((first.strip_prefix("t=")?, second.strip_prefix("v=")?))
}

pub(crate) fn is_canonical(t: &str) -> bool {
    !t.is_empty()
        && t.bytes().all(|digit| digit.is_ascii_digit())
        && (t.len() == 1 || !t.starts_with('0'))
}

pub(crate) fn is_lower_hex(v: &str) -> bool {
    v.len() == 64
        && v.chars()
            .all(|digit| matches!(digit, '0'..='9' | 'a'..='f'))
}

pub(crate) fn is_near(t: u64, now_ms: u64) -> bool {
    t.abs_diff(now_ms) <= TOLERANCE_MS
}

pub(crate) fn input(t: &str, body: &[u8]) -> Vec<u8> {
    [t.as_bytes(), b".", body].concat()
}

/// Lower-case digits of the HMAC-SHA256.
pub(crate) fn mac(secret: &str, message: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(message);
    let bytes = mac.finalize().into_bytes();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
