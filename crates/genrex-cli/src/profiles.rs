//! The text of `config.toml` and `credentials.toml`.

use std::collections::BTreeMap;
use std::fmt;
use std::mem;

use genrex_async::Limits;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// One profile in `config.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the API is.
    pub base_url: Option<String>,
    /// The API key.
    pub api_key: Option<Wiped>,
}

/// One profile in `credentials.toml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The API secret.
    pub api_secret: Option<Wiped>,
}

/// A text that is wiped when it is dropped.
pub struct Wiped(Zeroizing<String>);

impl Wiped {
    /// The text, to be wiped by whoever takes it.
    #[must_use]
    pub fn take(mut self) -> String {
        mem::take(&mut *self.0)
    }
}

impl fmt::Debug for Wiped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wiped(<redacted>)")
    }
}

impl<'de> Deserialize<'de> for Wiped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Zeroizing::new(text)))
    }
}

/// Where a file stops making sense. It does not repeat what is there, which may be a secret, but for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// The line, from 1.
    pub line: u64,
    /// The name that nobody knows, if that is what is wrong, and the names that can stand there.
    pub unknown: Option<(String, Vec<String>)>,
}

/// Reads `config.toml`: the profile of that name, and what the account may spend.
///
/// # Errors
///
/// [`BadLine`] if it is not TOML, or holds what nobody knows.
pub fn settings(text: &[u8], name: &str) -> Result<(Option<Settings>, Limits), BadLine> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        profile: BTreeMap<String, Settings>,
        #[serde(default)]
        limits: Table,
    }

    let mut file: File = parse(text)?;
    let mut limits = Limits::default();
    (limits.day, limits.month) = (file.limits.day, file.limits.month);
    (limits.total, limits.per_job) = (file.limits.total, file.limits.per_job);
    Ok((file.profile.remove(name), limits))
}

/// The names of the profiles in `config.toml`, as far as it can be read.
#[must_use]
pub fn names(text: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct File {
        #[serde(default)]
        profile: BTreeMap<String, IgnoredAny>,
    }

    parse::<File>(text).map_or_else(|_| Vec::new(), |file| file.profile.into_keys().collect())
}

/// In credits, over all that the ledger holds for the account.
#[derive(Default, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    day: Option<u64>,
    month: Option<u64>,
    total: Option<u64>,
    per_job: Option<u64>,
}

/// Reads `credentials.toml`: the profile of that name.
///
/// # Errors
///
/// [`BadLine`] if it is not TOML, or holds what nobody knows.
pub fn credentials(text: &[u8], name: &str) -> Result<Option<Credentials>, BadLine> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        profile: BTreeMap<String, Credentials>,
    }

    let mut file: File = parse(text)?;
    Ok(file.profile.remove(name))
}

fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, BadLine> {
    let bad_line = |end: usize| {
        let before = text.get(..end).unwrap_or_default();
        let ends = before.iter().filter(|byte| **byte == b'\n').count();
        BadLine {
            line: u64::try_from(ends).unwrap_or(u64::MAX).saturating_add(1),
            unknown: None,
        }
    };
    let whole = str::from_utf8(text).map_err(|error| bad_line(error.valid_up_to()))?;
    toml::from_str(whole).map_err(|error| BadLine {
        unknown: unknown_in(error.message()),
        ..bad_line(error.span().map_or(0, |span| span.start))
    })
}

/// The name that the parser does not know, and those that it expected. Its other messages repeat values, and with them
/// a secret.
fn unknown_in(message: &str) -> Option<(String, Vec<String>)> {
    let names = message.strip_prefix("unknown field ")?;
    let mut names = names.split('`').skip(1).step_by(2).map(str::to_owned);
    let unknown = names.next()?;
    Some((unknown, names.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_of_a_name_is_read_and_no_other() {
        let text =
            b"[profile.a]\napi_key = \"k\"\n[profile.b]\nbase_url = \"u\"\n[limits]\nday = 3\n";
        let (found, limits) = settings(text, "a").unwrap();
        let found = found.unwrap();
        assert_eq!(found.api_key.map(Wiped::take).as_deref(), Some("k"));
        assert_eq!((found.base_url, limits.day), (None, Some(3)));
        assert!(settings(text, "c").unwrap().0.is_none());
    }

    #[test]
    fn a_bad_line_is_named_and_not_repeated() {
        for (text, line) in [
            (&b"[profile.a]\napi_secret = 5\n"[..], 2),
            (b"[profile.a]\n\xff", 2),
            (b"[profile.a]\napi_key = \"k\"\n", 2),
            (b"[limits]\nday = 1\n", 1),
        ] {
            assert_eq!(credentials(text, "a").unwrap_err().line, line);
        }
        let shown = format!(
            "{:?}",
            credentials(b"[profile.a]\napi_secret = \"s3cr3t\"", "a")
        );
        assert!(!shown.contains("s3cr3t"), "{shown}");
    }

    #[test]
    fn an_unknown_name_is_told_with_those_that_are_known() {
        for (text, line, unknown, known) in [
            (
                "[limits]\ndays = 5\n",
                2,
                "days",
                &["day", "month", "total", "per_job"][..],
            ),
            ("[limit]\nday = 5\n", 1, "limit", &["profile", "limits"]),
            (
                "[profile.a]\nkey = \"s3cr3t\"\n",
                2,
                "key",
                &["base_url", "api_key"],
            ),
        ] {
            let found = settings(text.as_bytes(), "a").unwrap_err();
            let known = known.iter().map(|name| (*name).to_owned()).collect();
            let unknown = Some((unknown.to_owned(), known));
            assert_eq!(found, BadLine { line, unknown });
        }
        // What is no name is not repeated.
        for text in ["[limits]\nday = \"s3cr3t\"\n", "[profile.a]\ns3cr3t\n"] {
            assert_eq!(settings(text.as_bytes(), "a").unwrap_err().unknown, None);
        }
    }
}
