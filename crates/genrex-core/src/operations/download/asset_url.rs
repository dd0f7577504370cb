use std::fmt;

use genrex_proto::bare_url;
use http::Uri;
use iri_string::types::{UriAbsoluteStr, UriReferenceStr};

use crate::base_url::{address_of, is_loopback};
use crate::{AddressPolicy, Error, ErrorKind};

/// A URL that an asset may be fetched from.
///
/// `https` (`http` too when the API itself is on this machine), no user, and no address where
/// [`AddressPolicy`] does not allow it. A name's addresses are checked by the transport, when it has
/// resolved them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct AssetUrl(Uri);

impl AssetUrl {
    pub(crate) fn new(url: &str, policy: AddressPolicy) -> Result<Self, Error> {
        let without_fragment = url.split('#').next().unwrap_or_default();
        let uri: Uri = without_fragment
            .parse()
            .map_err(|error| refused("it is not a URL").with_source(error))?;
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| refused("it names no host"))?;
        match (uri.scheme_str(), policy) {
            (Some("https"), _) | (Some("http"), AddressPolicy::Any) => {}
            _ => return Err(refused("its scheme is not https")),
        }
        if uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'))
        {
            return Err(refused("it holds a user name"));
        }
        let allowed = match address_of(host) {
            Some(address) => policy.allows(address),
            // `2130706433`, `0x7f.1` and `127.1` are addresses to some and names to others.
            None if ends_in_a_number(host) => false,
            None => policy == AddressPolicy::Any || !is_loopback(host),
        };
        if !allowed {
            return Err(refused("it leads to a private address"));
        }
        Ok(Self(uri))
    }

    /// Where a redirect from here leads, by RFC 3986.
    pub(crate) fn redirected(&self, location: &str, policy: AddressPolicy) -> Result<Self, Error> {
        let base = self.0.to_string();
        let base = UriAbsoluteStr::new(&base)
            .map_err(|error| refused("it cannot be redirected from").with_source(error))?;
        let target = UriReferenceStr::new(location)
            .map_err(|error| refused("it redirects to what is no URL").with_source(error))?;
        Self::new(&target.resolve_against(base).to_string(), policy)
    }

    /// Whether both lead to one path at one origin; what is behind the `?` may differ.
    pub(crate) fn is_same_place(&self, other: &Self) -> bool {
        self.0.scheme() == other.0.scheme()
            && self.0.authority() == other.0.authority()
            && self.0.path() == other.0.path()
    }

    pub(crate) const fn uri(&self) -> &Uri {
        &self.0
    }
}

impl fmt::Debug for AssetUrl {
    /// Without the query, which is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = bare_url(&self.0.to_string());
        f.debug_tuple("AssetUrl").field(&bare).finish()
    }
}

/// Whether the URL standard would read a host as an IPv4 address in another spelling.
fn ends_in_a_number(host: &str) -> bool {
    let last = host
        .trim_end_matches('.')
        .rsplit('.')
        .next()
        .unwrap_or_default();
    let digits = last.bytes().all(|byte| byte.is_ascii_digit());
    digits || last.to_ascii_lowercase().starts_with("0x")
}

fn refused(why: &str) -> Error {
    Error::new(
        ErrorKind::UnexpectedAnswer,
        format!("the link to the audio is refused: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_inside_are_refused() {
        let public = AddressPolicy::PublicOnly;
        for url in [
            "https://a.example/1.wav?X-Sig=1",
            "https://8.8.8.8/x",
            "https://a.example/1#frag",
        ] {
            assert!(AssetUrl::new(url, public).is_ok(), "{url}");
        }
        for url in [
            "http://a.example/1.wav",
            "https://127.0.0.1/1",
            "https://[::1]/1",
            "https://localhost/1",
            "https://u:p@a.example/1",
            "file:///etc/passwd",
            "https:///x",
            "ftp://a.example/",
            "/1.wav",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://127.1/",
            "https://127.0.0.1./",
            "https://0xa9fea9fe/",
            "https://localhost./",
            "https://169.254.169.254/latest",
            "https://[::ffff:10.0.0.1]/",
        ] {
            assert!(AssetUrl::new(url, public).is_err(), "{url}");
        }
        AssetUrl::new("http://127.0.0.1:9/1.wav", AddressPolicy::Any).unwrap();
    }

    #[test]
    fn debug_shows_no_query() {
        let url = AssetUrl::new(
            "https://a.example/1.wav?X-Sig=s3cr3t",
            AddressPolicy::PublicOnly,
        );
        let shown = format!("{url:?}");
        assert_eq!(shown, "Ok(AssetUrl(\"https://a.example/1.wav\"))");
    }

    #[test]
    fn redirects_are_resolved_and_checked() {
        let from = AssetUrl::new(
            "https://a.example/music/1.wav?s=1",
            AddressPolicy::PublicOnly,
        )
        .unwrap();
        for (location, target) in [
            ("https://b.example/2.wav", "https://b.example/2.wav"),
            ("//b.example/2.wav", "https://b.example/2.wav"),
            ("/2.wav", "https://a.example/2.wav"),
            ("2.wav?s=2", "https://a.example/music/2.wav?s=2"),
            ("../2.wav", "https://a.example/2.wav"),
        ] {
            let hop = from
                .redirected(location, AddressPolicy::PublicOnly)
                .unwrap();
            assert_eq!(hop.uri().to_string(), target, "{location}");
        }
        for location in [
            "http://b.example/2.wav",
            "https://10.0.0.1/",
            "javascript:alert(1)",
            "http://[",
            "\u{0}",
        ] {
            assert!(
                from.redirected(location, AddressPolicy::PublicOnly)
                    .is_err(),
                "{location}"
            );
        }
    }
}
