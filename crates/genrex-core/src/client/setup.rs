use std::ffi::OsString;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use genrex_ledger::Ledger;
use genrex_sign::{ApiKey, ApiSecret, KeyPair};

use crate::{BalanceCheck, BaseUrl, Client, Error, ErrorKind, Settings, Transport};

/// What a client is built of, beside its transport: where it calls, as whom, how, and what keeps its purchases.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct Setup {
    /// As whom: required.
    pub keys: Option<KeyPair>,
    /// Where: the service's own URL unless set.
    pub base_url: BaseUrl,
    /// How.
    pub settings: Settings,
    /// What keeps its purchases.
    pub ledger: Option<Arc<dyn Ledger>>,
    /// How many calls may be in flight at once: [`Client::MAX_IN_FLIGHT`] unless set. More about it at
    /// [`Client::with_max_in_flight`].
    pub max_in_flight: Option<usize>,
    /// Whether each purchase begins with a look at the balance, and what may be spent; limits need a ledger.
    pub balance_check: BalanceCheck,
}

impl Setup {
    /// The variable that holds the API key.
    pub const KEY_VARIABLE: &'static str = "GENREX_API_KEY";
    /// The variable that holds the API secret.
    pub const SECRET_VARIABLE: &'static str = "GENREX_API_SECRET";
    /// The variable that holds the base URL, where it is another than the service's own.
    pub const BASE_URL_VARIABLE: &'static str = "GENREX_BASE_URL";

    /// Takes the key pair and the base URL from variables; `lookup` is `std::env::var_os` and the like.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Credentials`] if a variable is missing or holds what is no credential,
    /// [`ErrorKind::Configuration`] if the base URL is refused; what is not UTF-8 is neither. Each names the
    /// variable, and none repeats what it holds.
    pub fn from_variables<V: Into<OsString>>(
        lookup: impl Fn(&str) -> Option<V>,
    ) -> Result<Self, Error> {
        let lookup = |name: &str, kind| {
            let not_utf_8 = |_| Error::new(kind, format!("{name} is refused: it is not UTF-8"));
            lookup(name)
                .map(|value| value.into().into_string().map_err(not_utf_8))
                .transpose()
        };
        let required = |name: &str| {
            lookup(name, ErrorKind::Credentials)?.ok_or_else(|| {
                Error::new(
                    ErrorKind::Credentials,
                    format!("{name} is not set; GenreX gives out keys on request"),
                )
            })
        };
        let refused = |name: &str, error: genrex_sign::Error| {
            Error::new(ErrorKind::Credentials, format!("{name} is refused")).with_source(error)
        };
        let key = ApiKey::new(required(Self::KEY_VARIABLE)?)
            .map_err(|error| refused(Self::KEY_VARIABLE, error))?;
        let secret = ApiSecret::new(required(Self::SECRET_VARIABLE)?)
            .map_err(|error| refused(Self::SECRET_VARIABLE, error))?;
        let base_url = match lookup(Self::BASE_URL_VARIABLE, ErrorKind::Configuration)? {
            Some(url) if !url.is_empty() => BaseUrl::new(&url)?,
            _ => BaseUrl::default(),
        };
        Ok(Self {
            keys: Some(KeyPair::new(key, secret)),
            base_url,
            ..Self::default()
        })
    }

    /// How many calls may be in flight at once.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] for none.
    pub fn in_flight(&self) -> Result<NonZeroUsize, Error> {
        let most = self.max_in_flight.map(NonZeroUsize::new);
        most.unwrap_or(Some(Client::MAX_IN_FLIGHT)).ok_or_else(|| {
            let message = "where nothing may be in flight nothing is sent; allow one at least";
            Error::new(ErrorKind::Configuration, message)
        })
    }

    /// The client, over a transport.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Credentials`] without a key pair, [`ErrorKind::Configuration`] for limits without a ledger, which
    /// nothing can keep, and for nothing that may be in flight.
    pub fn client(self, transport: impl Transport + 'static) -> Result<Client, Error> {
        let most = self.in_flight()?;
        let keys = self.keys.ok_or_else(|| {
            Error::new(
                ErrorKind::Credentials,
                "a client needs a key pair; give it one by `key_pair`",
            )
        })?;
        let client = Client::new(transport, self.base_url, keys, self.settings)?;
        let client = client.with_max_in_flight(most);
        match self.ledger {
            Some(ledger) => Ok(client.with_ledger(ledger, self.balance_check)),
            None if self.balance_check.limits().is_none() => Ok(client),
            None => Err(Error::new(
                ErrorKind::Configuration,
                "limits can only be kept by a ledger; give it one by `ledger`",
            )),
        }
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setup")
            .field("keys", &self.keys)
            .field("base_url", &self.base_url)
            .field("settings", &self.settings)
            .field("has_ledger", &self.ledger.is_some())
            .field("max_in_flight", &self.max_in_flight)
            .field("balance_check", &self.balance_check)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_required_checked_and_not_repeated() {
        let vars = |key: &'static str, secret: &'static str, url: &'static str| {
            move |name: &str| {
                let value = match name {
                    Setup::KEY_VARIABLE => key,
                    Setup::SECRET_VARIABLE => secret,
                    Setup::BASE_URL_VARIABLE => url,
                    _ => "",
                };
                Some(value.to_owned()).filter(|value| value != "unset")
            }
        };
        let setup = Setup::from_variables(vars("k", "s", "http://127.0.0.1:9")).unwrap();
        assert_eq!(setup.base_url.as_str(), "http://127.0.0.1:9");
        let setup = Setup::from_variables(vars("k", "s", "")).unwrap();
        assert_eq!(setup.base_url.as_str(), BaseUrl::PRODUCTION);
        for (key, secret, url, kind, names) in [
            (
                "unset",
                "s",
                "unset",
                ErrorKind::Credentials,
                "GENREX_API_KEY",
            ),
            (
                "k",
                "unset",
                "unset",
                ErrorKind::Credentials,
                "GENREX_API_SECRET",
            ),
            (
                "k",
                "se cret\n",
                "unset",
                ErrorKind::Credentials,
                "GENREX_API_SECRET",
            ),
            (
                "k",
                "s",
                "http://genrex.example",
                ErrorKind::Configuration,
                "https",
            ),
        ] {
            let error = Setup::from_variables(vars(key, secret, url)).unwrap_err();
            assert_eq!(error.kind(), kind);
            let shown = format!("{error} {error:?}");
            assert!(
                shown.contains(names) && !shown.contains("se cret"),
                "{shown}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_not_utf_8_is_not_missing() {
        use std::os::unix::ffi::OsStringExt as _;

        for (name, kind) in [
            (Setup::KEY_VARIABLE, ErrorKind::Credentials),
            (Setup::SECRET_VARIABLE, ErrorKind::Credentials),
            (Setup::BASE_URL_VARIABLE, ErrorKind::Configuration),
        ] {
            let lookup = |asked: &str| match asked == name {
                true => Some(OsString::from_vec(b"k\xff".to_vec())),
                false => Some(OsString::from("k")).filter(|_| asked != Setup::BASE_URL_VARIABLE),
            };
            let error = Setup::from_variables(lookup).unwrap_err();
            assert_eq!(error.kind(), kind);
            let shown = error.to_string();
            assert!(shown.contains(name) && shown.contains("UTF-8"), "{shown}");
        }
    }
}
