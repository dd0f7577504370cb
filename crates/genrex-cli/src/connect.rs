use std::sync::Arc;
use std::time::Duration;

use genrex_async::core::proto::Escaped;
use genrex_async::reqwest::Certificate;
use genrex_async::{ApiKey, ApiSecret, BaseUrl, Client, ClientBuilder, KeyPair, Limits, Pace};
use genrex_ledger::{Alias, MemoryLedger};
use genrex_sandbox::{Options, Sandbox};

use crate::args::{Delivery, Global};
use crate::command_error::CommandError;
use crate::config::Config;
use crate::ledger;
use crate::metrics;
use crate::stop::Stop;

/// A client, and the sandbox in this process if it is to talk to one.
pub(crate) struct Connection {
    pub(crate) client: Client,
    /// Where the ledger is that purchases are kept in; `None` if none is, or only for as long as the process lives.
    pub(crate) ledger_place: Option<String>,
    /// Whether other machines may use that ledger.
    pub(crate) is_ledger_shared: bool,
    /// What the account may spend.
    pub(crate) limits: Limits,
    /// What the ledger knows the key by.
    pub(crate) alias: Alias,
    /// Ends what the client is doing.
    pub(crate) stop: Stop,
    /// Stopped when this is dropped.
    _sandbox: Option<Sandbox>,
    command: Command,
}

/// How a command goes about its calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallOptions {
    pub(crate) timeout: Duration,
    pub(crate) poll_interval: Option<Duration>,
    /// Whether purchases, and what becomes of them, are kept.
    pub(crate) keeps: bool,
    /// Whether the balance is looked at before each purchase that is kept.
    pub(crate) balance_check: bool,
}

impl CallOptions {
    /// One question, of which nothing is kept.
    pub(crate) const QUESTION: Self = Self {
        timeout: Duration::from_secs(30),
        poll_interval: None,
        keeps: false,
        balance_check: true,
    };

    /// Questions about what the ledger keeps.
    pub(crate) const KEPT_QUESTION: Self = Self {
        keeps: true,
        ..Self::QUESTION
    };
}

impl From<&Delivery> for CallOptions {
    fn from(delivery: &Delivery) -> Self {
        Self {
            timeout: delivery.timeout,
            poll_interval: delivery.poll_interval,
            keeps: !delivery.no_ledger,
            balance_check: true,
        }
    }
}

/// What the resume command of a job has to repeat.
struct Command {
    is_sandbox: bool,
    flags: String,
}

/// Where a command calls, and as whom.
struct Target {
    sandbox: Option<Sandbox>,
    base_url: BaseUrl,
    keys: KeyPair,
    limits: Limits,
}

impl Connection {
    pub(crate) async fn open(global: &Global, options: CallOptions) -> Result<Self, CommandError> {
        let target = Target::of(global).await?;
        let alias = Alias::new(&target.base_url.origin(), target.keys.key().as_str());
        let mut builder = builder(target.base_url, target.keys)
            .deadline(Some(options.timeout))
            .balance_check(options.balance_check)
            .pace(options.poll_interval.map_or(Pace::default(), Pace::Fixed));
        let (mut ledger_place, mut is_ledger_shared) = (None, false);
        if options.keeps {
            // A sandbox in this process ends with it, and so does what was bought there.
            builder = match target.sandbox {
                Some(_) => builder.ledger(metrics::around(Arc::new(MemoryLedger::new()))),
                None => {
                    let opened = ledger::open_within(options.timeout).await?;
                    ledger_place = Some(opened.place().to_string());
                    is_ledger_shared = opened.place().file().is_none();
                    metrics::limits(&target.limits);
                    builder.ledger(metrics::around(opened.into_ledger()))
                }
            };
            builder = builder.limits(target.limits);
        }
        let stop = Stop::default();
        let client = builder.build()?;
        let client = client.with_transport(stop.around(Arc::clone(client.transport())));
        Ok(Self {
            client,
            ledger_place,
            is_ledger_shared,
            limits: target.limits,
            alias,
            stop,
            command: Command {
                is_sandbox: target.sandbox.is_some(),
                flags: flags(global),
            },
            _sandbox: target.sandbox,
        })
    }

    /// A limit that is set is not to be passed by leaving the ledger away.
    pub(crate) fn refuse_limits_without_ledger(global: &Global) -> Result<(), CommandError> {
        if global.sandbox || Config::read(global)?.limits.is_none() {
            return Ok(());
        }
        let message =
            "[limits] are set in config.toml, and only the ledger can keep them; nothing was sent";
        Err(CommandError::usage(message).hint("leave --no-ledger away, or take the limits out"))
    }

    /// A limit is kept by looks at the balance.
    pub(crate) fn refuse_limits_without_looks(global: &Global) -> Result<(), CommandError> {
        if global.sandbox || Config::read(global)?.limits.is_none() {
            return Ok(());
        }
        let message = "[limits] are set in config.toml, and only looks at the balance can keep them; nothing was sent";
        Err(CommandError::usage(message)
            .hint("leave --no-balance-check away, or take the limits out"))
    }

    /// The command that takes jobs up again; a job of a sandbox in this process ends with it.
    pub(crate) fn resume(&self, ids: &[&str]) -> Option<String> {
        let Command { is_sandbox, flags } = &self.command;
        (!is_sandbox).then(|| format!("genrex wait {}{flags}", ids.join(" ")))
    }
}

impl Target {
    async fn of(global: &Global) -> Result<Self, CommandError> {
        if !global.sandbox {
            let mut config = Config::read(global)?;
            return Ok(Self {
                sandbox: None,
                keys: KeyPair::new(config.take_key()?, config.take_secret()?),
                base_url: config.base_url,
                limits: config.limits,
            });
        }
        let mut options = Options::default();
        // Other ids each time, so that the same command makes another file.
        options.seed = fastrand::u64(..);
        let sandbox = Sandbox::start(options).await.map_err(|error| {
            CommandError::other("the sandbox cannot be started").with_source(&error)
        })?;
        let refused =
            |error| CommandError::credentials("the sandbox's keys are refused").with_source(&error);
        let key = ApiKey::new(sandbox.options().api_key.as_str()).map_err(refused)?;
        let secret = ApiSecret::new(sandbox.options().api_secret.as_str()).map_err(refused)?;
        Ok(Self {
            base_url: BaseUrl::new(sandbox.url())?,
            keys: KeyPair::new(key, secret),
            limits: Limits::default(),
            sandbox: Some(sandbox),
        })
    }
}

/// What an account has left, by one free call as whoever has these keys.
pub(crate) async fn ask_balance(base_url: BaseUrl, keys: KeyPair) -> Result<u64, CommandError> {
    let client = builder(base_url, keys)
        .deadline(Some(CallOptions::QUESTION.timeout))
        .build()?;
    Ok(client.balance().await?.credits_left())
}

fn builder(base_url: BaseUrl, keys: KeyPair) -> ClientBuilder {
    let is_loopback = base_url.is_loopback();
    Client::builder()
        .key_pair(keys)
        .base_url(base_url)
        // A machine without a certificate store can still call; this machine itself needs no proxy.
        .http(move |http| {
            let http = http.tls_certs_merge(roots());
            if is_loopback { http.no_proxy() } else { http }
        })
}

/// Mozilla's roots.
pub(crate) fn roots() -> impl Iterator<Item = Certificate> {
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
    // What is not shown as it is would be another word when it is typed.
    if word.chars().any(Escaped::escapes) {
        let bytes = word.bytes().map(|byte| match byte {
            _ if plain(byte) => char::from(byte).to_string(),
            _ => format!("\\x{byte:02x}"),
        });
        return format!("$'{}'", bytes.collect::<String>());
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// What was typed, as a shell takes it.
pub(crate) fn same_command() -> String {
    let words = std::env::args_os().skip(1);
    let words = words.map(|word| quoted(&word.to_string_lossy()));
    std::iter::once(String::from("genrex"))
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The flags that make another command call where this one does: each with a space before it.
pub(crate) fn flags(global: &Global) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_shell_takes_a_quoted_word_whole() {
        for word in [
            "plain",
            "two words",
            "it's",
            "",
            "$HOME",
            "a\u{1b}]0;b\u{7}",
            "é\u{202e}'\n",
        ] {
            let quoted = quoted(word);
            assert!(!quoted.chars().any(Escaped::escapes), "{quoted}");
            let mut shell = std::process::Command::new("bash");
            let shown = shell.arg("-c").arg(format!("printf %s {quoted}")).output();
            assert_eq!(shown.unwrap().stdout, word.as_bytes(), "{quoted}");
        }
    }
}
