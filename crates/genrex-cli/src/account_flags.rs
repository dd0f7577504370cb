//! Which flags reach an account, so that every command that is printed works as it is printed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use genrex_async::BaseUrl;
use genrex_ledger::{Account, Entry, Ledger};

use crate::args::Global;
use crate::command_error::CommandError;
use crate::config::{self, Config};
use crate::connect::quoted;
use crate::typed;

/// The accounts that this machine's settings reach, and how.
#[derive(Debug)]
pub(crate) struct AccountFlags {
    /// The account of this very command, as far as that is known without asking the service.
    own: Option<Account>,
    /// The best way first.
    ways: Vec<(Account, String)>,
    /// At which origins on this machine something listens: found out when it is asked.
    listening: RefCell<BTreeMap<String, bool>>,
}

impl AccountFlags {
    /// Reads the settings and what the ledger knows of their keys; nothing is asked of a service. Settings that cannot
    /// be read reach nothing.
    pub(crate) async fn read(global: &Global, ledger: &dyn Ledger) -> Result<Self, CommandError> {
        let mut ways = Vec::new();
        let own = account_of(Config::read(global), ledger).await?;
        let plain = account_of(Config::of(None, None), ledger).await?;
        if let Some(account) = plain {
            ways.push((account, String::new()));
        }
        if let Some(account) = own.clone() {
            ways.push((account, typed::flags().to_owned()));
        }
        for name in config::profiles() {
            if let Some(account) = account_of(Config::of(Some(&name), None), ledger).await? {
                ways.push((account, format!(" --profile {}", quoted(&name))));
            }
        }
        Ok(Self {
            own,
            ways,
            listening: RefCell::default(),
        })
    }

    /// The account of this very command.
    pub(crate) const fn own(&self) -> Option<&Account> {
        self.own.as_ref()
    }

    /// What to put behind a command that is about a job of this account: flags with a space before each, or nothing.
    pub(crate) fn of(&self, account: &Account) -> String {
        match self.way(account) {
            Some(flags) => flags.to_owned(),
            None => format!(" --base-url {}", quoted(account.origin())),
        }
    }

    /// The refusal of a command whose job is on another account than the command: with the one that is right.
    pub(crate) fn is_elsewhere(&self, entry: &Entry, doing: &str) -> CommandError {
        let (job, account) = (entry.id, &entry.account);
        let message = format!("job {job} is on another account: {account}");
        let flags = self.of(account);
        let key = match self.way(account) {
            Some(_) => "",
            None => "with the key of that account: ",
        };
        CommandError::usage(message).hint(format!("{key}genrex {doing}{flags}"))
    }

    /// Whether a job is of a service on this machine that is not running, or in whose place the settings find another:
    /// most likely a sandbox that was there once. What it held ended with it.
    pub(crate) fn is_of_past_sandbox(&self, entry: &Entry) -> bool {
        let origin = entry.account.origin();
        if !BaseUrl::new(origin).is_ok_and(|url| url.is_loopback()) {
            return false;
        }
        let ways = self.ways.iter().map(|(account, _)| account);
        let mut there = ways.filter(|account| account.origin() == origin).peekable();
        let is_another = there.peek().is_some() && !there.any(|account| *account == entry.account);
        is_another || !self.is_listening(origin)
    }

    /// Whether something listens at an origin on this machine, as far as was seen when it was first asked for.
    fn is_listening(&self, origin: &str) -> bool {
        let mut listening = self.listening.borrow_mut();
        match listening.get(origin) {
            Some(known) => *known,
            None => *listening
                .entry(origin.to_owned())
                .or_insert(is_listening(origin)),
        }
    }

    fn way(&self, account: &Account) -> Option<&str> {
        let mut ways = self.ways.iter();
        let way = ways.find(|(reached, _)| reached == account);
        way.map(|(_, flags)| flags.as_str())
    }
}

async fn account_of(
    config: Result<Config, CommandError>,
    ledger: &dyn Ledger,
) -> Result<Option<Account>, CommandError> {
    let alias = config.ok().and_then(|config| config.alias());
    let Some(alias) = alias else { return Ok(None) };
    let known = ledger.account(&alias).await?;
    Ok(Some(known.unwrap_or_else(|| Account::from(alias))))
}

/// Whether something listens at an origin on this machine. Nothing is sent.
fn is_listening(origin: &str) -> bool {
    const SHORT: Duration = Duration::from_millis(500);
    let host = origin.rsplit('/').next().unwrap_or_default();
    let places = host.to_socket_addrs().into_iter().flatten();
    places
        .filter(|place| place.ip().is_loopback())
        .any(|place| TcpStream::connect_timeout(&place, SHORT).is_ok())
}
