//! What reads what a service says and is not public: for a fuzzer. It is no interface.

use std::time::Duration;

use http::HeaderMap;

/// How long an answer asks to wait, at most 300 s.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    crate::operations::call::retry_after::retry_after(headers)
}
