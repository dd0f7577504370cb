use std::env;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use genrex_core::ledger::{Ledger, Limits};
use genrex_core::sign::KeyPair;
use genrex_core::{Backoff, BalanceCheck, BaseUrl, Error, Pace, Setup, Timeouts, Transport};

use crate::transport::{ReqwestTransport, Wire};
use crate::{Client, tls};

/// Builds a [`Client`].
///
/// ```
/// use std::time::Duration;
/// use genrex_async::{ApiKey, ApiSecret, BaseUrl, Client, KeyPair, Limits, MemoryLedger, Pace};
///
/// let keys = KeyPair::new(ApiKey::new("my-key")?, ApiSecret::new("my-secret")?);
/// let mut limits = Limits::default();
/// limits.day = Some(200);
///
/// let client = Client::builder()
///     .key_pair(keys)
///     .base_url(BaseUrl::new("http://127.0.0.1:8080")?)
///     .pace(Pace::Fixed(Duration::from_secs(5)))
///     .deadline(Some(Duration::from_secs(300)))
///     .ledger(MemoryLedger::new())
///     .limits(limits)
///     .http(|http| http.no_proxy())
///     .build()?;
/// # Ok::<(), genrex_async::Error>(())
/// ```
#[derive(Default)]
#[must_use = "it does nothing until `build`"]
pub struct ClientBuilder {
    setup: Setup,
    limits: Limits,
    skips_balance_check: bool,
    http: Option<Configure>,
    transport: Option<Arc<dyn Transport>>,
}

type Configure = Box<dyn Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send>;

impl ClientBuilder {
    /// Begins with the key pair and the base URL that the environment names: see
    /// [`Client::from_env`].
    ///
    /// # Errors
    ///
    /// As [`Client::from_env`].
    pub fn from_env() -> Result<Self, Error> {
        Ok(Self {
            setup: Setup::from_variables(|name| env::var_os(name))?,
            ..Self::default()
        })
    }

    /// As whom it calls: required.
    pub fn key_pair(mut self, keys: KeyPair) -> Self {
        self.setup.keys = Some(keys);
        self
    }

    /// Where it calls; the service's own URL unless set.
    pub fn base_url(mut self, base_url: BaseUrl) -> Self {
        self.setup.base_url = base_url;
        self
    }

    /// How often it asks after a running job.
    pub fn pace(mut self, pace: Pace) -> Self {
        self.setup.settings.pace = pace;
        self
    }

    /// How long one operation may take; ten minutes unless set, `None` for ever.
    pub fn deadline(mut self, deadline: Option<Duration>) -> Self {
        self.setup.settings.deadline = deadline;
        self
    }

    /// How retries are spaced. How often there are any is the failure table's.
    pub fn retry(mut self, backoff: Backoff) -> Self {
        self.setup.settings.backoff = backoff;
        self
    }

    /// How long single steps on the wire may take. What is given for connecting here is the most that
    /// [`Client::with_settings`] can give later.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.setup.settings.timeouts = timeouts;
        self
    }

    /// How many calls of the API may be in flight at once, over this client and its clones: 64 unless set. The others
    /// wait in the order in which they came, and are signed when their turn has come. However many jobs are waited for,
    /// they share about so many connections.
    ///
    /// Beside them an eighth more may be in flight for purchases, one at least, so that a paid call never waits for the
    /// answer to a poll; and a quarter, one at least, for downloads to a file or into memory. A stream, and a download
    /// into a writer or a sink of your own, waits for nobody.
    pub fn max_in_flight(mut self, most: usize) -> Self {
        self.setup.max_in_flight = Some(most);
        self
    }

    /// Whether a purchase that a ledger keeps begins with a look at the balance, which is one free call:
    /// yes unless set. Without it no limit can be kept, and no ambiguous submit reconciled.
    pub fn balance_check(mut self, balance_check: bool) -> Self {
        self.skips_balance_check = !balance_check;
        self
    }

    /// What keeps every purchase: it is written down before it leaves, and its outcome before you are
    /// told.
    pub fn ledger(mut self, ledger: impl Ledger + 'static) -> Self {
        self.setup.ledger = Some(Arc::new(ledger));
        self
    }

    /// What may be spent. It needs a ledger, and a look at the balance.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Your own reqwest: a proxy, roots, a client certificate.
    ///
    /// It is applied to each of the HTTP clients that this one holds. What genrex must be sure of comes
    /// after it and cannot be undone: no redirects, no retries, no decompression, no time-out of a whole call but
    /// this builder's own, and for the paid call no kept-alive connections. A `read_timeout` stays: a submit that it
    /// ends may have been charged. Each is built when it is first needed. For plain `http` no roots
    /// are loaded: a proxy for it that itself speaks TLS may be refused.
    pub fn http(
        mut self,
        configure: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder + Send + 'static,
    ) -> Self {
        self.http = Some(Box::new(configure));
        self
    }

    /// What carries the requests in place of a network: for tests, for recording, for injecting faults,
    /// for another HTTP client. No client of the network is built then, and [`http`](Self::http) is not
    /// used.
    pub fn transport(mut self, transport: impl Transport + 'static) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// The client.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Credentials`](crate::ErrorKind) without a key pair.
    /// [`ErrorKind::Configuration`](crate::ErrorKind) for limits that nothing can keep, for nothing that may be
    /// in flight, for TLS that cannot work (no crypto provider, no roots, none compiled in), and for a proxy in the environment
    /// that cannot be used: a SOCKS proxy without the feature `socks`, a malformed URL, a variable that is
    /// not UTF-8.
    pub fn build(mut self) -> Result<Client, Error> {
        self.setup.balance_check = BalanceCheck::new(self.limits, !self.skips_balance_check)?;
        let most = self.setup.in_flight()?;
        let transport = match self.transport {
            Some(transport) => transport,
            None => {
                let base_url = &self.setup.base_url;
                tls::check_base_url(base_url)?;
                let wire = Wire {
                    timeouts: self.setup.settings.timeouts,
                    most: most.get(),
                };
                let configure = |http| match &self.http {
                    Some(configure) => configure(http),
                    None => http,
                };
                // A call to this machine needs no proxy, and one would be shown its signature.
                let transport = match base_url.is_loopback() {
                    true => ReqwestTransport::direct(wire, configure)?,
                    false => ReqwestTransport::through_proxy(wire, configure)?,
                };
                Arc::new(transport.built_for(base_url)?)
            }
        };
        self.setup.client(transport).map(Client::from)
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("setup", &self.setup)
            .field("limits", &self.limits)
            .field("skips_balance_check", &self.skips_balance_check)
            .field("has_http", &self.http.is_some())
            .field("has_transport", &self.transport.is_some())
            .finish()
    }
}
