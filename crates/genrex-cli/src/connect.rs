use std::time::Duration;

use genrex_async::reqwest::Certificate;
use genrex_async::{ApiKey, ApiSecret, BaseUrl, Client, KeyPair, Pace};
use genrex_ledger::{Account, Limits};
use genrex_sandbox::{Options, Sandbox};

use crate::args::Global;
use crate::books::Books;
use crate::config::Config;
use crate::failure::Failure;
use crate::output::Output;

/// A client, and the sandbox in this process if it is to talk to one.
pub(crate) struct Connection {
    pub(crate) client: Client,
    account: Account,
    limits: Limits,
    /// Stopped when this is dropped.
    _sandbox: Option<Sandbox>,
    command: Command,
}

/// What the resume command of a job has to repeat.
struct Command {
    is_sandbox: bool,
    flags: String,
}

impl Connection {
    pub(crate) async fn open(
        global: &Global,
        timeout: Duration,
        poll_interval: Option<Duration>,
    ) -> Result<Self, Failure> {
        let (sandbox, base_url, keys, limits) = if global.sandbox {
            let sandbox = Sandbox::start(Options::default())
                .await
                .map_err(|error| Failure::other("the sandbox cannot be started").because(&error))?;
            let key = ApiKey::new(sandbox.options().api_key.as_str());
            let secret = ApiSecret::new(sandbox.options().api_secret.as_str());
            let refused =
                |error| Failure::credentials("the sandbox's keys are refused").because(&error);
            let keys = KeyPair::new(key.map_err(refused)?, secret.map_err(refused)?);
            let base_url = BaseUrl::new(sandbox.url())?;
            (Some(sandbox), base_url, keys, Limits::default())
        } else {
            let mut config = Config::read(global)?;
            let keys = KeyPair::new(config.take_key()?, config.take_secret()?);
            (None, config.base_url, keys, config.limits)
        };
        let is_loopback = base_url.is_loopback();
        let account = Account::new(base_url.as_str(), keys.key().as_str());
        let client = Client::builder()
            .key_pair(keys)
            .base_url(base_url)
            .deadline(Some(timeout))
            .pace(poll_interval.map_or(Pace::Growing, Pace::Fixed))
            // A machine without a certificate store can still call; this machine itself needs no proxy.
            .http(move |http| {
                let http = http.tls_certs_merge(roots());
                if is_loopback { http.no_proxy() } else { http }
            })
            .build()?;
        Ok(Self {
            client,
            account,
            limits,
            command: Command {
                is_sandbox: sandbox.is_some(),
                flags: flags(global),
            },
            _sandbox: sandbox,
        })
    }

    /// The books of this account; none for a sandbox that ends with this process.
    pub(crate) fn books(&self, wanted: bool, output: &Output) -> Result<Books, Failure> {
        if wanted && !self.command.is_sandbox {
            Books::open(self.account.clone(), self.limits, output)
        } else {
            Ok(Books::none(self.account.clone()))
        }
    }

    /// The books that a batch cannot do without.
    pub(crate) fn books_of_batch(&self, output: &Output) -> Result<Books, Failure> {
        if self.command.is_sandbox {
            Books::temporary(self.account.clone())
        } else {
            self.books(true, output)
        }
    }

    /// A limit that is set is not to be passed by leaving the ledger away.
    pub(crate) fn refuse_limits_without_ledger(&self) -> Result<(), Failure> {
        if self.limits.is_none() {
            return Ok(());
        }
        let message =
            "[limits] are set in config.toml, and only the ledger can keep them; nothing was sent";
        Err(Failure::usage(message).hint("leave --no-ledger away, or take the limits out"))
    }

    /// The command that takes a job up again; a job of a sandbox in this process ends with it.
    pub(crate) fn resume(&self, id: &genrex_async::QueryId) -> Option<String> {
        let Command { is_sandbox, flags } = &self.command;
        (!is_sandbox).then(|| format!("genrex wait {id}{flags}"))
    }
}

/// Mozilla's roots.
fn roots() -> impl Iterator<Item = Certificate> {
    webpki_root_certs::TLS_SERVER_ROOT_CERTS
        .iter()
        .filter_map(|root| Certificate::from_der(root).ok())
}

/// A word as a shell takes it whole.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+=,".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn flags(global: &Global) -> String {
    let profile = global
        .profile
        .as_ref()
        .map(|name| format!(" --profile {}", quoted(name)));
    let base_url = global
        .base_url
        .as_ref()
        .map(|url| format!(" --base-url {}", quoted(url.as_str())));
    [profile, base_url].into_iter().flatten().collect()
}
