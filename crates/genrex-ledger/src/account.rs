use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// An account at a service: all that spends the same credits.
///
/// It is the service's origin and the user that the service itself names; a key and a spelling of the URL
/// are only [aliases](Alias) of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Account(String);

impl Account {
    /// The account of the user that `getBalance` names, at an origin such as `https://api.genrex.com`.
    #[must_use]
    pub fn new(origin: &str, user_id: &str) -> Self {
        Self(format!("{}#{user_id}", normal(origin)))
    }

    /// The name in the storage.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Alias> for Account {
    /// The account of a service that names no user: one key, one account.
    fn from(alias: Alias) -> Self {
        Self(alias.0)
    }
}

impl From<String> for Account {
    /// A name that a storage kept.
    fn from(name: String) -> Self {
        Self(name)
    }
}

impl AsRef<str> for Account {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One way to an account: an origin and a key.
///
/// The key itself is not kept: the first 64 bits of its SHA-256 are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Alias(String);

impl Alias {
    /// The alias that a key is, at an origin.
    #[must_use]
    pub fn new(origin: &str, api_key: &str) -> Self {
        let fingerprint = hex::encode(&Sha256::digest(api_key)[..8]);
        Self(format!("{}#{fingerprint}", normal(origin)))
    }

    /// The name in the storage.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Alias {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Spellings of one origin are one: scheme and host in lower case, no default port, and one name for this
/// machine.
fn normal(origin: &str) -> String {
    let lower = origin.trim_end_matches('/').to_ascii_lowercase();
    let Some((scheme, host)) = lower.split_once("://") else {
        return lower;
    };
    let default_port = match scheme {
        "https" => ":443",
        _ => ":80",
    };
    let host = host.strip_suffix(default_port).unwrap_or(host);
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, Some(port)),
        _ => (host, None),
    };
    let name = match name.trim_end_matches('.') {
        "127.0.0.1" | "[::1]" => "localhost",
        other => other,
    };
    match port {
        Some(port) => format!("{scheme}://{name}:{port}"),
        None => format!("{scheme}://{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_an_origin_are_one_account() {
        let account = |origin| Account::new(origin, "a6f4");
        for (one, other) in [
            ("https://api.genrex.com", "HTTPS://API.genrex.com:443/"),
            ("https://api.genrex.com", "https://api.genrex.com."),
            ("http://localhost:8080", "http://127.0.0.1:8080"),
            ("http://localhost:8080", "http://[::1]:8080"),
            ("http://localhost", "http://127.0.0.1:80"),
        ] {
            assert_eq!(account(one), account(other), "{one} {other}");
        }
        for (one, other) in [
            ("https://api.genrex.com", "https://api.genrex.com:8443"),
            ("https://api.genrex.com", "http://api.genrex.com"),
            ("http://127.0.0.1:1", "http://127.0.0.2:1"),
        ] {
            assert_ne!(account(one), account(other), "{one} {other}");
        }
    }

    #[test]
    fn a_key_is_not_kept() {
        let alias = Alias::new("https://api.genrex.com", "4nBmZkU2-VdTNrPqL7e9y");
        assert!(!format!("{alias} {alias:?}").contains("4nBm"));
    }
}
