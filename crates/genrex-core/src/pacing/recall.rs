use genrex_ledger::{self as ledger, Account, Alias, Credits};

use crate::machine::{Keep, Kept};
use crate::session::Session;

/// Asking the ledger how long the account's jobs took.
#[derive(Debug)]
pub(crate) struct Recall {
    alias: Alias,
    account: Option<Account>,
}

impl Recall {
    pub(crate) fn new(session: &Session) -> Self {
        Self {
            alias: session.alias(),
            account: None,
        }
    }

    /// What the ledger is to be asked next.
    pub(crate) fn ask(&self) -> Keep {
        match &self.account {
            None => Keep::Account(self.alias.clone()),
            Some(account) => Keep::Credits(account.clone()),
        }
    }

    /// What it answered; `None` while there is more to ask. What it cannot tell is learned anew.
    pub(crate) fn told(&mut self, answer: Result<Kept, ledger::Error>) -> Option<Box<Credits>> {
        match (answer, &self.account) {
            (Ok(Kept::Account(account)), None) => {
                self.account = Some(account.unwrap_or_else(|| self.alias.clone().into()));
                None
            }
            (Ok(Kept::Credits(credits)), _) => Some(credits),
            (Ok(_) | Err(_), _) => Some(Box::default()),
        }
    }
}
