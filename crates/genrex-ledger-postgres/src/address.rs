//! Where a ledger is: a URL as libpq reads it, of which the password is never shown.

mod typed;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use genrex_ledger::{Error, ErrorKind};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use self::typed::Typed;
use crate::password::{self, Server};
use crate::tls::{Roots, Trust};

/// Where PostgreSQL is found, and as whom, read from `postgres://USER@HOST:PORT/DATABASE?sslmode=…`.
///
/// `sslmode` is libpq's: `disable`, `prefer` (the default), `require`, `verify-ca`, `verify-full`, and with it
/// `sslrootcert`, a file of certificates or `system`. The password is taken from the URL, from `PGPASSWORD`, or
/// from the file that `PGPASSFILE` names (`~/.pgpass` without it), in this order. It is never shown: `Debug` and
/// `Display` tell the rest.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub(crate) config: Config,
    pub(crate) trust: Trust,
    shown: String,
    typed: Option<Typed>,
}

impl Address {
    /// Reads a URL, and finds the password with what the environment names.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Denied`] for a file of passwords that others may read, and [`ErrorKind::Unreadable`] for
    /// anything that is not understood. Neither repeats the URL.
    pub fn new(url: &str) -> Result<Self, Error> {
        Self::read(url, &|name| std::env::var_os(name))
    }

    /// What leads here again when it is typed: unlike `Display` with all that was said of encryption. The password is
    /// left out.
    #[must_use]
    pub fn to_url(&self) -> String {
        let typed = self.typed.as_ref();
        typed.map_or_else(|| self.shown.clone(), Typed::url)
    }

    /// The same for another role.
    #[must_use]
    pub fn to_url_as(&self, role: &str) -> String {
        let typed = self.typed.as_ref();
        typed.map_or_else(|| self.shown.clone(), |typed| typed.url_as(role))
    }

    pub(crate) fn read(
        url: &str,
        environment: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Error> {
        let (plain, own) = split(url)?;
        // What the parser says of it may be a part of a password.
        let mut config: Config = plain.parse().map_err(|_| unreadable(NO_ADDRESS))?;
        if config.get_hosts().is_empty() {
            config.host("localhost");
        }
        let is_local = config.get_hosts().iter().all(is_socket);
        let trust = own.trust(environment)?;
        // As libpq has it: what goes through a socket of this machine is not encrypted.
        config.ssl_mode(match trust {
            Trust::Off => SslMode::Disable,
            _ if is_local => SslMode::Disable,
            Trust::Prefer => SslMode::Prefer,
            Trust::Any | Trust::Chain(_) | Trust::Full(_) => SslMode::Require,
        });
        if config.get_application_name().is_none() {
            config.application_name("genrex");
        }
        let shown = shown(&config);
        if config.get_password().is_none()
            && let Some(found) = password::find(&server(&config), environment)?
        {
            config.password(found);
        }
        Ok(Self {
            config,
            trust,
            shown,
            typed: Typed::of(url),
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address")
            .field("shown", &self.shown)
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}

const NO_ADDRESS: &str = "the ledger's address cannot be read: it has the form postgres://USER@HOST:PORT/DATABASE, where \
     each @ : and % of a name or a password is written as % and two digits";

fn unreadable(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Unreadable, message)
}

/// What is not PostgreSQL's own to read.
#[derive(Debug, Default)]
struct Own {
    mode: Option<String>,
    roots: Option<String>,
}

/// A URL without what is read here, and that.
fn split(url: &str) -> Result<(String, Own), Error> {
    // What comes before the host may hold any character, as the parser has it.
    let host = url.find('@').unwrap_or(0);
    let end = url[host..]
        .find('?')
        .map_or(url.len(), |query| host + query);
    let (front, query) = (&url[..end], url.get(end + 1..).unwrap_or_default());
    let mut own = Own::default();
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", value)) => own.mode = Some(decoded(value)?),
            Some(("sslrootcert", value)) => own.roots = Some(decoded(value)?),
            _ => rest.push(pair),
        }
    }
    let plain = match rest.as_slice() {
        [] => front.to_owned(),
        rest => format!("{front}?{}", rest.join("&")),
    };
    Ok((plain, own))
}

fn decoded(value: &str) -> Result<String, Error> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, after @ ..] = rest {
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let (high, low) = digit(*high)
                    .zip(digit(*low))
                    .ok_or_else(|| unreadable(NO_ADDRESS))?;
                bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
                rest = after;
            }
            (b'%', _) => return Err(unreadable(NO_ADDRESS)),
            (byte, after) => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| unreadable(NO_ADDRESS))
}

impl Own {
    fn trust(self, environment: &dyn Fn(&str) -> Option<OsString>) -> Result<Trust, Error> {
        let named = self.roots.map(|roots| match roots.as_str() {
            "system" => Roots::System,
            _ => Roots::File(PathBuf::from(roots)),
        });
        let usual = || {
            let home = environment("HOME").map(PathBuf::from).unwrap_or_default();
            Roots::File(home.join(".postgresql/root.crt"))
        };
        Ok(match self.mode.as_deref() {
            Some("disable") => Trust::Off,
            None | Some("allow" | "prefer") => Trust::Prefer,
            // As libpq has it: certificates that are named are held against.
            Some("require") => named.map_or(Trust::Any, Trust::Chain),
            Some("verify-ca") => Trust::Chain(named.unwrap_or_else(usual)),
            Some("verify-full") => Trust::Full(named.unwrap_or_else(usual)),
            Some(_) => {
                return Err(unreadable(
                    "the ledger's sslmode is none of disable, prefer, require, verify-ca and verify-full",
                ));
            }
        })
    }
}

const fn is_socket(host: &Host) -> bool {
    match host {
        Host::Tcp(_) => false,
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn server(config: &Config) -> Server {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        #[cfg(unix)]
        Some(Host::Unix(_)) => String::from("localhost"),
        None => String::from("localhost"),
    };
    let user = config.get_user().unwrap_or_default().to_owned();
    Server {
        host,
        port: config.get_ports().first().copied().unwrap_or(5432),
        database: config.get_dbname().unwrap_or(&user).to_owned(),
        user,
    }
}

fn shown(config: &Config) -> String {
    let user = config
        .get_user()
        .map_or_else(String::new, |user| format!("{user}@"));
    let ports = config.get_ports();
    let hosts = config.get_hosts().iter().enumerate().map(|(at, host)| {
        let name = match host {
            Host::Tcp(name) => name.clone(),
            #[cfg(unix)]
            Host::Unix(path) => path.display().to_string(),
        };
        match ports.get(at).or(ports.first()) {
            Some(port) => format!("{name}:{port}"),
            None => name,
        }
    });
    let hosts = hosts.collect::<Vec<_>>().join(",");
    let database = config.get_dbname().unwrap_or_default();
    format!("postgres://{user}{hosts}/{database}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "correct-horse";

    fn read(url: &str) -> Result<Address, Error> {
        Address::read(url, &|_| None)
    }

    #[test]
    fn a_password_is_never_shown() {
        let urls = [
            format!("postgres://studio:{SECRET}@db.example:5433/genrex?sslmode=require"),
            format!("postgresql://studio@db.example:5433/genrex?password={SECRET}&sslmode=require"),
        ];
        let odd = read("postgres://studio:a/?b=c@db/genrex?sslmode=disable").unwrap();
        assert_eq!(odd.config.get_password(), Some(b"a/?b=c".as_slice()));
        assert_eq!(odd.trust, Trust::Off);
        for url in urls {
            let address = read(&url).unwrap();
            assert_eq!(
                address.config.get_password(),
                Some(SECRET.as_bytes()),
                "{url}"
            );
            let told = format!("{address} {address:?} {address:#?}");
            assert!(!told.contains(SECRET), "{told}");
            assert_eq!(
                address.to_string(),
                "postgres://studio@db.example:5433/genrex"
            );
        }
    }

    /// Each leads to the same server, the same database and the same trust, as the same role or as another.
    #[test]
    fn what_is_typed_again_leads_to_the_same_place() {
        let (user, mode) = ("studio", "sslmode=verify-full&sslrootcert=%2Fca.pem");
        for (url, again) in [
            (
                format!("postgres://{user}:{SECRET}@db.example:5433/genrex?{mode}"),
                format!("postgres://{user}@db.example:5433/genrex?{mode}"),
            ),
            (
                format!("postgresql://db/genrex?p%61ssword={SECRET}&user={user}&{mode}"),
                format!("postgresql://db/genrex?user={user}&{mode}"),
            ),
            (
                format!("postgres://a%40b:x/?{SECRET}@%2Frun%2Fpostgresql/genrex"),
                String::from("postgres://a%40b@%2Frun%2Fpostgresql/genrex"),
            ),
            (
                format!("postgres://u@a,b:2/d?target_session_attrs=read-write&password={SECRET}"),
                String::from("postgres://u@a,b:2/d?target_session_attrs=read-write"),
            ),
            (String::from("postgres://db"), String::from("postgres://db")),
        ] {
            let address = read(&url).unwrap();
            assert_eq!(address.to_url(), again);
            let mut same = read(&again).unwrap();
            assert_eq!(
                (same.trust.clone(), same.to_string()),
                (address.trust.clone(), address.to_string())
            );
            let buyer = address.to_url_as("the buyer");
            assert!(!buyer.contains(SECRET), "{buyer}");
            same.config.user("the buyer");
            let read_again = read(&buyer).unwrap();
            assert_eq!(
                (read_again.config, read_again.trust),
                (same.config, same.trust)
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_repeated() {
        for url in [
            format!("postgres://studio@db:{SECRET}/genrex"),
            format!("postgres://studio@db/genrex?{SECRET}=1"),
            format!("postgres://studio@db/genrex?sslmode={SECRET}"),
            format!("postgres://studio@db/genrex?sslrootcert=%zz{SECRET}"),
        ] {
            let error = read(&url).unwrap_err();
            let source = std::error::Error::source(&error).map(ToString::to_string);
            let told = format!("{error} {error:?} {source:?}");
            assert!(!told.contains(SECRET), "{told}");
            assert_eq!(error.kind(), ErrorKind::Unreadable, "{url}");
        }
    }

    #[test]
    fn sslmode_is_as_libpq_has_it() {
        let home = |name: &str| (name == "HOME").then(|| OsString::from("/home/u"));
        let trust = |query: &str| {
            let url = format!("postgres://u@db/d?{query}");
            let address = Address::read(&url, &home).unwrap();
            (address.trust.clone(), address.config.get_ssl_mode())
        };
        let file = |path: &str| Roots::File(PathBuf::from(path));
        let usual = || file("/home/u/.postgresql/root.crt");
        for (query, expected, mode) in [
            ("", Trust::Prefer, SslMode::Prefer),
            ("sslmode=disable", Trust::Off, SslMode::Disable),
            ("sslmode=prefer", Trust::Prefer, SslMode::Prefer),
            ("sslmode=require", Trust::Any, SslMode::Require),
            (
                "sslmode=require&sslrootcert=%2Fca.pem",
                Trust::Chain(file("/ca.pem")),
                SslMode::Require,
            ),
            ("sslmode=verify-ca", Trust::Chain(usual()), SslMode::Require),
            (
                "sslmode=verify-full&sslrootcert=system&connect_timeout=5",
                Trust::Full(Roots::System),
                SslMode::Require,
            ),
            (
                "sslmode=verify-full",
                Trust::Full(usual()),
                SslMode::Require,
            ),
        ] {
            assert_eq!(trust(query), (expected, mode), "{query}");
        }
        let socket = read("postgres://u@%2Frun%2Fpostgresql/d?sslmode=require").unwrap();
        assert_eq!(socket.config.get_ssl_mode(), SslMode::Disable);
    }

    #[test]
    fn the_password_of_the_url_beats_the_environment_s() {
        let environment = |name: &str| (name == "PGPASSWORD").then(|| OsString::from("of-env"));
        let of = |url: &str| {
            let address = Address::read(url, &environment).unwrap();
            address.config.get_password().map(<[u8]>::to_vec)
        };
        assert_eq!(of("postgres://u:of-url@db/d"), Some(b"of-url".to_vec()));
        assert_eq!(of("postgres://u@db/d"), Some(b"of-env".to_vec()));
    }
}
