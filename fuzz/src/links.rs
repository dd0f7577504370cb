use genrex_core::AddressPolicy;
use genrex_core::testing::parsers;
use http::Uri;
use url::{Host, Url};

/// A link to audio and the redirects from it, a line each: what is followed means the same to a URL parser of another
/// hand, leads nowhere inside, and is where that parser would have gone.
pub fn links(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let mut lines = text.split('\n');
    let start = lines.next().unwrap_or_default();
    let locations: Vec<&str> = lines.take(8).collect();
    for policy in [AddressPolicy::PublicOnly, AddressPolicy::Any] {
        let Ok(at) = parsers::asset_url(start, policy) else {
            continue;
        };
        assert_same(&at, start.split('#').next().unwrap_or_default(), policy);
        let mut at = at.to_string();
        for location in &locations {
            let Ok(target) = parsers::redirected(&at, location, policy) else {
                continue;
            };
            assert_allowed(&target, policy);
            let joined = Url::parse(&at).and_then(|from| from.join(location));
            if let Ok(joined) = joined {
                // Dots in the path that it is resolved against are taken away before by one and after by the other,
                // and the other keeps a segment like `c:` where dots lead out of it, as if it were a drive.
                if has_dots(&at) || has_dots(location) || has_drive(&joined) {
                    assert_leads(&target, &joined);
                } else {
                    assert_same(&target, joined.as_str(), policy);
                }
            }
            at = target.to_string();
        }
    }
}

fn has_dots(text: &str) -> bool {
    text.contains("/.") || text.to_ascii_lowercase().contains("%2e")
}

fn has_drive(url: &Url) -> bool {
    let mut segments = url.path().split('/');
    segments.any(|segment| segment.len() == 2 && segment.ends_with([':', '|']))
}

/// A link that may be followed is the one that the other parser reads.
fn assert_same(uri: &Uri, text: &str, policy: AddressPolicy) {
    assert_allowed(uri, policy);
    let Ok(url) = Url::parse(text) else { return };
    let other = assert_leads(uri, &url);
    assert_eq!(other.path(), url.path(), "{text:?} became {uri}");
    let query = |url: &Url| url.query().unwrap_or_default().to_owned();
    assert_eq!(query(&other), query(&url), "{text:?} became {uri}");
}

/// It leads to the same host and port; returns it as the other parser reads it.
fn assert_leads(uri: &Uri, url: &Url) -> Url {
    let other =
        Url::parse(&uri.to_string()).expect("what it reads in one spelling it reads in all");
    let place = |url: &Url| {
        let host = url.host().map(|host| host.to_owned());
        (url.scheme().to_owned(), host, url.port_or_known_default())
    };
    assert_eq!(place(&other), place(url), "{url} became {uri}");
    other
}

/// Neither the host as it is written nor as the other parser reads it is inside.
fn assert_allowed(uri: &Uri, policy: AddressPolicy) {
    let text = uri.to_string();
    assert!(!text.contains('#'), "{text} has a fragment");
    // What the other cannot read, it does not call; what else reads it takes the host as it is written.
    let Ok(url) = Url::parse(&text) else { return };
    let is_public = policy == AddressPolicy::PublicOnly;
    match url.scheme() {
        "https" => {}
        "http" => assert!(!is_public, "{text} is plain http"),
        other => panic!("{text} has the scheme {other}"),
    }
    assert_eq!((url.username(), url.password()), ("", None), "{text}");
    let is_inside = match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.') == "localhost",
        Some(Host::Ipv4(address)) => !policy.allows(address.into()),
        Some(Host::Ipv6(address)) => !policy.allows(address.into()),
        None => true,
    };
    assert!(!is_public || !is_inside, "{text} leads to {url}");
}
