use std::ffi::OsString;
use std::fmt;

use crate::{Error, ErrorKind};

/// The proxy that the environment names for `https`, read in the same way by both clients.
///
/// `HTTPS_PROXY` goes before `ALL_PROXY`, and of each the spelling in capitals before the other; an empty one names
/// no proxy. `HTTP_PROXY` is for plain `http`, which is spoken to this machine alone and never through a proxy.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnvironmentProxy {
    /// The variable that names it.
    pub variable: &'static str,
    /// Its URL; it may hold a password.
    pub url: String,
    /// What `NO_PROXY` holds: the hosts that are reached without it, separated by commas.
    pub exempt: String,
}

impl EnvironmentProxy {
    /// Reads the variables; `lookup` is `std::env::var_os` and the like. `socks` says whether the HTTP client can
    /// use a SOCKS proxy.
    ///
    /// A proxy that cannot be used is an error: requests must not go another way than the user has asked for.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`], naming the variable, if it is not UTF-8, holds what is no URL of a proxy, or
    /// names a SOCKS proxy that cannot be used. It does not repeat what the variable holds.
    pub fn from_variables<V: Into<OsString>>(
        lookup: impl Fn(&str) -> Option<V>,
        socks: bool,
    ) -> Result<Option<Self>, Error> {
        let first = |names: [&'static str; 2]| -> Result<Option<(&'static str, String)>, Error> {
            let mut found = None;
            for name in names {
                if let Some(value) = lookup(name) {
                    let value = value.into().into_string();
                    let value = value.map_err(|_| refused(name, "it is not UTF-8"))?;
                    found = found.or(Some((name, value)));
                }
            }
            Ok(found)
        };
        let https = first(["HTTPS_PROXY", "https_proxy"])?;
        let all = first(["ALL_PROXY", "all_proxy"])?;
        let exempt = first(["NO_PROXY", "no_proxy"])?;
        // Not used, and yet a sign that the environment is not what its user believes.
        first(["HTTP_PROXY", "http_proxy"])?;
        let is_named = |(_, url): &(&str, String)| !url.is_empty();
        let Some((variable, url)) = https.filter(is_named).or(all.filter(is_named)) else {
            return Ok(None);
        };
        check(variable, &url, socks)?;
        Ok(Some(Self {
            variable,
            url,
            exempt: exempt.map_or_else(String::new, |(_, exempt)| exempt),
        }))
    }
}

impl fmt::Debug for EnvironmentProxy {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvironmentProxy")
            .field("variable", &self.variable)
            .field("exempt", &self.exempt)
            .finish_non_exhaustive()
    }
}

fn check(variable: &str, url: &str, socks: bool) -> Result<(), Error> {
    let no_url = || refused(variable, "it is not the URL of a proxy");
    let uri: http::Uri = url.parse().map_err(|_| no_url())?;
    if uri.host().is_none_or(str::is_empty) {
        return Err(no_url());
    }
    match uri.scheme_str() {
        None | Some("http" | "https") => Ok(()),
        Some("socks4" | "socks4a" | "socks5" | "socks5h") if socks => Ok(()),
        Some(scheme) if scheme.starts_with("socks") => Err(refused(
            variable,
            "it names a SOCKS proxy, which needs the feature `socks`; HTTPS_PROXY goes before ALL_PROXY",
        )),
        Some(_) => Err(no_url()),
    }
}

fn refused(variable: &str, why: &str) -> Error {
    let message = format!("the proxy in {variable} cannot be used: {why}");
    Error::new(ErrorKind::Configuration, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)], socks: bool) -> Result<Option<EnvironmentProxy>, Error> {
        let lookup = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        EnvironmentProxy::from_variables(lookup, socks)
    }

    #[test]
    fn the_variable_for_https_goes_first_and_an_empty_one_names_none() {
        type Variables = &'static [(&'static str, &'static str)];
        let cases: [(Variables, Option<&str>); 8] = [
            (&[], None),
            (&[("HTTPS_PROXY", "")], None),
            (&[("HTTP_PROXY", "http://a:1")], None),
            (&[("https_proxy", "http://a:1")], Some("https_proxy")),
            (&[("ALL_PROXY", "a:1")], Some("ALL_PROXY")),
            (
                &[("HTTPS_PROXY", "http://a:1"), ("ALL_PROXY", "socks5://b:1")],
                Some("HTTPS_PROXY"),
            ),
            (
                &[("HTTPS_PROXY", ""), ("all_proxy", "http://b:1")],
                Some("all_proxy"),
            ),
            (
                &[("HTTPS_PROXY", "http://a:1"), ("https_proxy", "nonsense !")],
                Some("HTTPS_PROXY"),
            ),
        ];
        for (variables, expected) in cases {
            let proxy = read(variables, false).unwrap();
            assert_eq!(proxy.map(|proxy| proxy.variable), expected, "{variables:?}");
        }
        let proxy = read(
            &[("ALL_PROXY", "http://u:pw@a:1"), ("NO_PROXY", "b,c")],
            false,
        );
        let proxy = proxy.unwrap().unwrap();
        assert_eq!(proxy.exempt, "b,c");
        assert!(!format!("{proxy:?}").contains("pw"));
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_refused_by_name_and_not_repeated() {
        for (name, value) in [
            ("ALL_PROXY", "socks5://secret:1"),
            ("all_proxy", "socks5h://secret:1"),
            ("HTTPS_PROXY", "not a secret url"),
            ("https_proxy", "ftp://secret:1"),
            ("HTTPS_PROXY", "http://secret:port"),
        ] {
            let error = read(&[(name, value)], false).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{value}");
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(name) && !shown.contains("secret"), "{shown}");
        }
        assert!(
            read(&[("ALL_PROXY", "socks5://a:1")], true)
                .unwrap()
                .is_some()
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_not_utf_8_is_refused_by_name() {
        use std::os::unix::ffi::OsStringExt as _;

        for name in [
            "HTTPS_PROXY",
            "https_proxy",
            "ALL_PROXY",
            "HTTP_PROXY",
            "NO_PROXY",
        ] {
            let lookup =
                |asked: &str| (asked == name).then(|| OsString::from_vec(b"http://\xff".to_vec()));
            let error = EnvironmentProxy::from_variables(lookup, true).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
