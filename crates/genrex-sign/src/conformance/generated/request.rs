use alloc::format;
use alloc::vec::Vec;

use proptest::prelude::*;

use crate::conformance::case::Request;

/// Honest requests.
pub(super) fn requests() -> impl Strategy<Value = Request> {
    (secrets(), times(), bodies()).prop_map(|(secret, t, body)| Request { secret, t, body })
}

/// 1 to 80 visible ASCII characters, on both sides of HMAC's block of 64 bytes.
fn secrets() -> impl Strategy<Value = alloc::string::String> {
    "[!-~]{1,80}"
}

/// In milliseconds: this century's, and the whole range of `u64` with its ends.
pub(super) fn times() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 1_577_836_800_000..4_102_444_800_000_u64,
        1 => any::<u64>(),
        1 => prop_oneof![Just(0), Just(9), Just(10), Just(u64::MAX)],
    ]
}

/// The three calls' own shapes with text of every script, and arbitrary bytes.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (5_u32..=60, "\\PC{1,60}").prop_map(|(duration, text)| {
            let text = text.replace(['"', '\\'], "'");
            format!("{{\"duration\":{duration},\"text\":\"{text}\"}}").into_bytes()
        }),
        "[A-Za-z0-9]{24}".prop_map(|id| format!("{{\"queryId\":\"QRY_{id}\"}}").into_bytes()),
        Just(b"{}".to_vec()),
        prop::collection::vec(any::<u8>(), 0..200),
    ]
}
