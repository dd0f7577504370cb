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
