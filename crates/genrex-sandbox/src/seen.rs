//! Requests as a person is to see them: without what is secret in them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use genrex_sign::{KEY_HEADER, SIGNATURE_HEADER};
use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use http::request::Parts;

/// A request that the sandbox has answered. It holds no secret: not the key, no signature, and no query, which is
/// what signs a link to audio.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its headers in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// Whether its signature is good, and what is wrong with it if not; `None` where none is looked at.
    pub signature: Option<Result<(), String>>,
    /// The status of the answer.
    pub status: u16,
    /// How long the answer took.
    pub took: Duration,
}

/// Who is told of each request.
#[derive(Clone)]
pub(crate) struct Watcher(pub(crate) Arc<dyn Fn(&Seen) + Send + Sync>);

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}

impl Seen {
    pub(crate) fn of(head: &Parts) -> Self {
        let headers = head.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.to_string(), without_secrets(name.as_str(), &value))
        });
        Self {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            headers: headers.collect(),
            signature: None,
            status: 0,
            took: Duration::ZERO,
        }
    }
}

const REDACTED: &str = "(redacted)";

/// Of a signature the time is shown: it is what is wrong with most of them.
fn without_secrets(name: &str, value: &str) -> String {
    let secret = [
        KEY_HEADER,
        AUTHORIZATION.as_str(),
        COOKIE.as_str(),
        PROXY_AUTHORIZATION.as_str(),
    ];
    if name.eq_ignore_ascii_case(SIGNATURE_HEADER) {
        let time = value.split(',').find(|part| {
            part.strip_prefix("t=")
                .is_some_and(|time| time.bytes().all(|byte| byte.is_ascii_digit()))
        });
        return match time {
            Some(time) => format!("{time},v={REDACTED}"),
            None => REDACTED.to_owned(),
        };
    }
    if secret
        .iter()
        .any(|secret| name.eq_ignore_ascii_case(secret))
    {
        return REDACTED.to_owned();
    }
    value.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_seen_without_its_secrets() {
        let request = http::Request::post("http://127.0.0.1/a/b?signature=hidden")
            .header(KEY_HEADER, "hidden")
            .header(SIGNATURE_HEADER, "t=123,v=hidden")
            .header("authorization", "hidden")
            .header("x-more", "seen")
            .body(())
            .unwrap();
        let seen = Seen::of(&request.into_parts().0);
        assert!(!format!("{seen:?}").contains("hidden"), "{seen:?}");
        assert_eq!((seen.method.as_str(), seen.path.as_str()), ("POST", "/a/b"));
        let values: Vec<&str> = seen
            .headers
            .iter()
            .map(|(_, value)| value.as_str())
            .collect();
        assert_eq!(
            values,
            ["(redacted)", "t=123,v=(redacted)", "(redacted)", "seen"]
        );
        for odd in ["v=hidden,t=1", "t=hidden,v=1", "hidden", ""] {
            assert!(
                !without_secrets(SIGNATURE_HEADER, odd).contains("hidden"),
                "{odd}"
            );
        }
    }
}
