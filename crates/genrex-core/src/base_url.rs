use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use genrex_proto::Operation;

use crate::{AddressPolicy, Error, ErrorKind};

/// Where the API is: scheme, host, port and perhaps a path before the calls' own.
///
/// `https`, or `http` for this machine alone (`localhost`, `127.0.0.0/8`, `[::1]`); no user, query or
/// fragment. Signed requests go to it and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    url: String,
    loopback: bool,
}

impl BaseUrl {
    /// The service's own: `https://api.genrex.com`.
    pub const PRODUCTION: &'static str = "https://api.genrex.com";

    /// Checks a URL.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`], saying what is wrong with it.
    pub fn new(url: &str) -> Result<Self, Error> {
        let uri: http::Uri = url
            .parse()
            .map_err(|error| refused("it is not a URL").with_source(error))?;
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| refused("it names no host; write https://HOST"))?;
        let loopback = is_loopback(host);
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if loopback => {}
            Some("http") => {
                return Err(refused(
                    "plain http is for this machine only (localhost, 127.0.0.1, [::1]); use https",
                ));
            }
            _ => return Err(refused("its scheme is neither https nor http")),
        }
        if uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'))
        {
            return Err(refused(
                "it holds a user name; credentials go in the environment",
            ));
        }
        if url.contains(['?', '#']) {
            return Err(refused("it has a query or a fragment"));
        }
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            loopback,
        })
    }

    /// The URL, without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Whether the API is on this machine.
    #[must_use]
    pub const fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Where its assets may be fetched from.
    #[must_use]
    pub const fn address_policy(&self) -> AddressPolicy {
        if self.loopback {
            AddressPolicy::Any
        } else {
            AddressPolicy::PublicOnly
        }
    }

    /// The whole URL of a call.
    pub(crate) fn of<O: Operation>(&self) -> String {
        format!("{}{}", self.url, O::PATH)
    }

    /// Scheme, host and port, as they were written: without a path.
    #[must_use]
    pub fn origin(&self) -> String {
        let after_scheme = self.url.find("://").map_or(0, |at| at + 3);
        let path = self.url[after_scheme..].find('/');
        let end = path.map_or(self.url.len(), |at| after_scheme + at);
        self.url[..end].to_owned()
    }
}

impl Default for BaseUrl {
    /// [`BaseUrl::PRODUCTION`].
    fn default() -> Self {
        Self {
            url: Self::PRODUCTION.to_owned(),
            loopback: false,
        }
    }
}

impl FromStr for BaseUrl {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        Self::new(url)
    }
}

impl TryFrom<&str> for BaseUrl {
    type Error = Error;

    fn try_from(url: &str) -> Result<Self, Error> {
        Self::new(url)
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = Error;

    fn try_from(url: String) -> Result<Self, Error> {
        Self::new(&url)
    }
}

impl AsRef<str> for BaseUrl {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

/// Whether a URL's host, with its brackets if it has any, is this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    host.trim_end_matches('.').eq_ignore_ascii_case("localhost")
        || address_of(host).is_some_and(|ip| ip.is_loopback())
}

/// The address that a URL's host is, where it is one and no name.
pub(crate) fn address_of(host: &str) -> Option<IpAddr> {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    bare.unwrap_or(host).parse().ok()
}

fn refused(why: &str) -> Error {
    Error::new(
        ErrorKind::Configuration,
        format!("the base URL is refused: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_leak_a_signature_is_refused() {
        for url in [
            "https://api.genrex.com",
            "https://api.genrex.com:8443/",
            "https://gateway.example/genrex",
            "http://127.0.0.1:9",
            "http://localhost:9",
            "http://[::1]:9",
        ] {
            assert!(BaseUrl::new(url).is_ok(), "{url}");
        }
        for url in [
            "",
            "api.genrex.com",
            "http://api.genrex.com",
            "http://127.0.0.1.evil.example",
            "ftp://localhost",
            "https://user:pass@api.genrex.com",
            "https://user@api.genrex.com",
            "https://api.genrex.com/?a=1",
            "https://api.genrex.com#f",
            "https://",
            "http://localhost.evil.example",
            "http://0.0.0.0:9",
        ] {
            let kind = BaseUrl::new(url).unwrap_err().kind();
            assert_eq!(kind, ErrorKind::Configuration, "{url}");
        }
        let base = BaseUrl::new("https://gateway.example/genrex/").unwrap();
        assert_eq!(
            base.of::<genrex_proto::BalanceRequest>(),
            "https://gateway.example/genrex/v1/text2music/getBalance"
        );
        assert_eq!(
            BaseUrl::default(),
            BaseUrl::new(BaseUrl::PRODUCTION).unwrap()
        );
        let converted = BaseUrl::try_from("https://gateway.example/genrex/").unwrap();
        assert_eq!((&converted, converted.as_ref()), (&base, base.as_str()));
    }
}
