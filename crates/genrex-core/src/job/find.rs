use genrex_ledger::{self as ledger, Account, Alias, Filter, LocalId};
use genrex_proto::QueryId;

use crate::machine::{Keep, Kept};
use crate::session::Session;

/// Finding what the ledger calls a job that is known by its name at the service.
///
/// Two jobs may have one such name, of two accounts for instance: it is looked for among the client's own account's.
#[derive(Debug)]
pub(crate) struct Find {
    id: QueryId,
    alias: Alias,
    account: Option<Account>,
}

impl Find {
    pub(crate) fn new(session: &Session, id: QueryId) -> Self {
        Self {
            id,
            alias: session.alias(),
            account: None,
        }
    }

    /// What the ledger is to be asked next.
    pub(crate) fn ask(&self) -> Keep {
        match &self.account {
            None => Keep::Account(self.alias.clone()),
            Some(account) => {
                let mut filter = Filter::named(self.id.as_str());
                filter.account = Some(account.clone());
                filter.limit = Some(1);
                Keep::Entries(filter)
            }
        }
    }

    /// What it answered; `None` while there is more to ask, `Some(Ok(None))` for a job that it does not keep.
    pub(crate) fn told(
        &mut self,
        answer: Result<Kept, ledger::Error>,
    ) -> Option<Result<Option<LocalId>, ledger::Error>> {
        match (answer, &self.account) {
            (Ok(Kept::Account(account)), None) => {
                // Until a look at the balance has told whose the key is, its jobs are kept under the key.
                self.account = Some(account.unwrap_or_else(|| self.alias.clone().into()));
                None
            }
            (Ok(Kept::Entries(entries)), Some(_)) => {
                Some(Ok(entries.first().map(|entry| entry.id)))
            }
            (Ok(_), _) => {
                let message = "it answered something else than it was asked";
                let error = ledger::Error::new(ledger::ErrorKind::Storage, message);
                Some(Err(error))
            }
            (Err(error), _) => Some(Err(error)),
        }
    }
}
