use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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

    /// The service's origin, such as `https://api.genrex.com`.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.0.split_once('#').map_or(&self.0, |(origin, _)| origin)
    }

    /// The user that the service names, or what is kept of the key where it names none.
    #[must_use]
    pub fn user_id(&self) -> &str {
        self.0.split_once('#').map_or("", |(_, user)| user)
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

impl From<String> for Alias {
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

/// Spellings of one origin are one: scheme and host in lower case, an address in its shortest form, no dot at the
/// end, no default port, and one name for this machine.
fn normal(origin: &str) -> String {
    let lower = origin.trim().trim_end_matches('/').to_ascii_lowercase();
    let Some((scheme, place)) = lower.split_once("://") else {
        return lower;
    };
    let (host, port) = split_port(place);
    let host = normal_host(host);
    match port.filter(|port| *port != default_port(scheme)) {
        Some(port) => format!("{scheme}://{host}:{port}"),
        None => format!("{scheme}://{host}"),
    }
}

fn default_port(scheme: &str) -> u16 {
    if scheme == "https" { 443 } else { 80 }
}

/// The host, and its port if one is told: `host`, `host:`, `host:8080`, `[::1]:8080`. What is no port stays with
/// the host.
fn split_port(place: &str) -> (&str, Option<u16>) {
    let Some((host, port)) = place.rsplit_once(':') else {
        return (place, None);
    };
    let is_host = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
    match port.parse() {
        Ok(port) if is_host && is_number => (host, Some(port)),
        Err(_) if is_host && port.is_empty() => (host, None),
        Ok(_) | Err(_) => (place, None),
    }
}

fn normal_host(host: &str) -> String {
    let name = host.trim_end_matches('.');
    let literal = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let address = literal
        .unwrap_or(name)
        .parse()
        .map(|address: IpAddr| address.to_canonical());
    match address {
        Ok(IpAddr::V4(Ipv4Addr::LOCALHOST) | IpAddr::V6(Ipv6Addr::LOCALHOST)) => {
            String::from("localhost")
        }
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        Ok(IpAddr::V4(address)) => address.to_string(),
        Err(_) => String::from(name),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn account(origin: &str) -> Account {
        Account::new(origin, "a6f4")
    }

    #[test]
    fn spellings_of_an_origin_are_one_account() {
        let same: [&[&str]; 6] = [
            &[
                "https://api.genrex.com",
                "HTTPS://API.genrex.com:443/",
                "https://api.genrex.com.",
                "https://api.genrex.com.:443",
                "https://api.genrex.com:0443",
                "https://api.genrex.com:",
                "https://api.genrex.com.:/",
                " https://api.genrex.com ",
            ],
            &[
                "https://api.genrex.com:8443",
                "https://API.GENREX.COM.:08443//",
            ],
            &[
                "http://localhost:8080",
                "http://127.0.0.1:8080",
                "http://[::1]:8080",
                "http://localhost:08080",
                "http://LOCALHOST.:8080",
                "http://[0:0:0:0:0:0:0:1]:8080",
                "http://[0000::0001]:08080",
                "http://[::ffff:127.0.0.1]:8080",
                "http://127.0.0.1.:8080",
            ],
            &[
                "http://localhost",
                "http://127.0.0.1:80",
                "http://[::1]:",
                "http://[::1]:080",
            ],
            &[
                "https://localhost",
                "https://[::1]:443",
                "https://127.0.0.1:",
            ],
            &[
                "https://[2001:db8::a]",
                "https://[2001:DB8:0:0:0:0:0:A]",
                "https://[2001:0db8::000a]:443",
            ],
        ];
        for (index, spellings) in same.iter().enumerate() {
            for spelling in *spellings {
                assert_eq!(account(spelling), account(spellings[0]), "{spelling}");
            }
            for others in &same[..index] {
                assert_ne!(account(others[0]), account(spellings[0]));
            }
        }
    }

    #[test]
    fn other_origins_are_other_accounts() {
        for (one, other) in [
            ("https://api.genrex.com", "https://api.genrex.com:8443"),
            ("https://api.genrex.com", "http://api.genrex.com"),
            ("http://127.0.0.1:1", "http://127.0.0.2:1"),
            ("http://localhost:1", "http://localhost:2"),
            ("http://localhost:1", "https://localhost:1"),
            ("http://host:1", "http://host:65537"),
            ("http://host:1", "http://host:+1"),
            ("http://[::1]:1", "http://[::2]:1"),
            // What is no port is not left out.
            ("http://host:+80", "http://host"),
            ("http://host:x", "http://host"),
            ("http://[::1:80", "http://[::1"),
        ] {
            assert_ne!(account(one), account(other), "{one} {other}");
        }
        let normal = "https://api.genrex.com#a6f4";
        assert_eq!(account("HTTPS://API.genrex.com.:0443/").as_str(), normal);
    }

    fn hosts() -> impl Strategy<Value = Vec<String>> {
        let name = "[a-z][a-z0-9-]{0,9}(\\.[a-z]{2,5}){0,2}".prop_map(|name| vec![name]);
        let loopback = Just(vec![
            String::from("localhost"),
            String::from("127.0.0.1"),
            String::from("[::1]"),
            String::from("[0:0:0:0:0:0:0:1]"),
            String::from("[::ffff:7f00:1]"),
        ]);
        let v4 = any::<u32>().prop_map(|bits| {
            let address = Ipv4Addr::from(bits);
            vec![
                address.to_string(),
                format!("[{}]", address.to_ipv6_mapped()),
            ]
        });
        let v6 = any::<u128>().prop_map(|bits| {
            let address = Ipv6Addr::from(bits);
            let groups = address.segments();
            let whole = |width| {
                let groups = groups.map(|group| format!("{group:0width$x}"));
                format!("[{}]", groups.join(":"))
            };
            vec![format!("[{address}]"), whole(4), whole(1)]
        });
        prop_oneof![name, loopback, v4, v6]
    }

    proptest! {
        #[test]
        fn any_respelling_is_the_same_account(
            is_secure in any::<bool>(),
            hosts in hosts(),
            which in any::<prop::sample::Index>(),
            port in prop_oneof![Just(None), Just(Some(443)), Just(Some(80)), any::<u16>().prop_map(Some)],
            (is_upper, dots, zeros, slashes) in (any::<bool>(), 0..2_usize, 0..4_usize, 0..3_usize),
            is_told in any::<bool>(),
        ) {
            let scheme = if is_secure { "https" } else { "http" };
            let default = default_port(scheme);
            let told = |port: u16| format!(":{port}");
            let plain = format!("{scheme}://{}{}", hosts[0], port.map(told).unwrap_or_default());
            let port = match port {
                None if is_told => format!(":{}{default}", "0".repeat(zeros)),
                None if zeros > 2 => String::from(":"),
                None => String::new(),
                Some(port) if port == default && is_told => String::new(),
                Some(port) => format!(":{}{port}", "0".repeat(zeros)),
            };
            let other = which.get(&hosts);
            let dots = if other.starts_with('[') { 0 } else { dots };
            let spelled = format!("{scheme}://{other}{}{port}{}", ".".repeat(dots), "/".repeat(slashes));
            let spelled = if is_upper { spelled.to_ascii_uppercase() } else { spelled };
            prop_assert_eq!(account(&spelled), account(&plain), "{} {}", spelled, plain);
            prop_assert_eq!(Alias::new(&spelled, "key"), Alias::new(&plain, "key"));
            // What is normal is its own spelling.
            prop_assert_eq!(normal(&normal(&spelled)), normal(&plain));
        }
    }

    #[test]
    fn a_name_says_what_it_is_made_of() {
        for (account, name, origin, user) in [
            (
                account("HTTPS://API.genrex.com:443/"),
                "https://api.genrex.com#a6f4",
                "https://api.genrex.com",
                "a6f4",
            ),
            (
                Account::new("http://[::1]:8080", "a#6"),
                "http://localhost:8080#a#6",
                "http://localhost:8080",
                "a#6",
            ),
            (Account::from(String::from("old")), "old", "old", ""),
        ] {
            assert_eq!((account.as_str(), account.as_ref()), (name, name));
            assert_eq!(account.to_string(), name);
            assert_eq!((account.origin(), account.user_id()), (origin, user));
        }
        let alias = Alias::new("https://api.genrex.com", "key");
        let name = "https://api.genrex.com#2c70e12b7a0646f9";
        assert_eq!((alias.as_str(), alias.as_ref()), (name, name));
        assert_eq!(alias.to_string(), name);
        assert_eq!(Account::from(alias).as_str(), name);
    }

    #[test]
    fn a_key_is_not_kept() {
        let alias = Alias::new("https://api.genrex.com", "4nBmZkU2-VdTNrPqL7e9y");
        assert!(!format!("{alias} {alias:?}").contains("4nBm"));
    }
}
