use std::time::Duration;

use genrex_core::BaseUrl;
use genrex_core::testing::parsers;
use http::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};
use url::{Host, Url};

/// Where the API is: what is accepted means the same to a URL parser of another hand, the one that reqwest uses.
pub fn base_url(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let Ok(base) = BaseUrl::new(text) else { return };
    let again = BaseUrl::new(base.as_str()).expect("what is kept is a base URL");
    assert_eq!(again, base);
    // What the other cannot read, nobody calls.
    let Ok(url) = Url::parse(&format!("{base}/v1/generateMusic")) else {
        return;
    };
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.') == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => {}
        "http" => assert!(is_loopback, "{text} is plain http to {url}"),
        other => panic!("{text} has the scheme {other}"),
    }
    assert!(!base.is_loopback() || is_loopback, "{text} leads to {url}");
    assert_eq!((url.username(), url.password()), ("", None), "{text}");
    assert_eq!((url.query(), url.fragment()), (None, None), "{text}");
}

/// `Retry-After`, as seconds or as a date against the answer's own: at most 300 s.
pub fn retry_after(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == b'\n');
    let mut headers = HeaderMap::new();
    for name in [RETRY_AFTER, DATE] {
        let value = parts.next().map(HeaderValue::from_bytes);
        if let Some(Ok(value)) = value {
            headers.insert(name, value);
        }
    }
    let asked = parsers::retry_after(&headers);
    assert!(asked.is_none_or(|asked| asked <= Duration::from_secs(300)));
    assert!(asked.is_none() || headers.contains_key(RETRY_AFTER));
}

/// The header `Date`: a moment that is written is read back, and what is read is what a parser of another hand reads.
pub fn date(data: &[u8]) {
    let read = |text: &[u8]| {
        let value = HeaderValue::from_bytes(text).ok()?;
        parsers::date(&HeaderMap::from_iter([(DATE, value)]))
    };
    if let Some(seconds) = read(data) {
        assert!((0..=END_OF_9999).contains(&seconds), "{seconds}");
        if let Some(written) = written(seconds) {
            assert_eq!(read(written.as_bytes()), Some(seconds));
        }
        let text = str::from_utf8(data).expect("a date is ASCII");
        // A leap second is two moments to some.
        if let (Ok(other), false) = (jiff::fmt::rfc2822::parse(text), text.contains(":60")) {
            assert_eq!(other.timestamp().as_second(), seconds, "{text}");
        }
    }
    if let Some(eight) = data.first_chunk() {
        let seconds = i64::from_le_bytes(*eight).rem_euclid(END_OF_9999);
        if let Some(written) = written(seconds) {
            assert_eq!(read(written.as_bytes()), Some(seconds));
        }
    }
}

/// In seconds since the Unix epoch; a year is four digits in a header.
const END_OF_9999: i64 = 253_402_300_799;

/// As a header has it; the other parser's own range ends a day earlier.
fn written(seconds: i64) -> Option<String> {
    let at = jiff::Timestamp::from_second(seconds).ok()?;
    Some(at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}
