use std::sync::Arc;

use genrex_async::Client;
use genrex_async::core::bought_elsewhere;
use genrex_ledger::{self as ledger, Account, Entry, Filter, Ledger, LocalId};

use crate::command_error::CommandError;
use crate::commands::batch::rows::Row;

/// What the ledger holds of a batch.
pub(crate) struct Kept {
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) account: Account,
    /// The batch's name there.
    pub(crate) batch: String,
}

impl Kept {
    /// Rows are bought of one account.
    pub(crate) fn of(
        client: &Client,
        account: Account,
        batch: String,
    ) -> Result<Self, CommandError> {
        let ledger = client.ledger().cloned();
        Ok(Self {
            ledger: ledger.ok_or_else(|| CommandError::other("a batch needs a ledger"))?,
            account,
            batch,
        })
    }

    pub(crate) fn row(&self, row: &Row) -> ledger::Row {
        ledger::Row::new(self.batch.clone(), row.name.clone())
    }

    /// The newest job of the account, in whatever batch.
    pub(crate) async fn newest_of_all(&self) -> Result<Option<LocalId>, CommandError> {
        let mut filter = Filter::of(self.account.clone());
        filter.limit = Some(1);
        let newest = self.ledger.entries(&filter).await?.into_iter().next();
        // Numbers of jobs begin at one.
        Ok(Some(newest.map_or(LocalId(0), |entry| entry.id)))
    }

    /// The newest job of a row, if it has one.
    pub(crate) async fn newest(&self, row: &Row) -> Result<Option<Entry>, CommandError> {
        let mut filter = Filter::of(self.account.clone());
        filter.row = Some(self.row(row));
        filter.limit = Some(1);
        Ok(self.ledger.entries(&filter).await?.into_iter().next())
    }

    /// The job by which another batch has bought a row, where that was later than the row's newest job here: what was
    /// there before stood in nobody's way.
    pub(crate) async fn bought_elsewhere(
        &self,
        row: &Row,
        newest: Option<&Entry>,
    ) -> Result<Option<Entry>, CommandError> {
        let mut jobs = bought_elsewhere(self.account.clone(), &row.name);
        jobs.limit = Some(1);
        let last = self.ledger.entries(&jobs).await?.into_iter().next();
        Ok(last.filter(|job| {
            job.batch.as_ref() != Some(&self.batch)
                && newest.is_none_or(|newest| job.id > newest.id)
        }))
    }
}
