use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Account, Alias, Credits, Entry, Error, Event, Intent, LocalId, Look, Row, State};

/// What a storage of the ledger must do; the suite `testing::conformance` holds one to these words.
///
/// **Lasting.** When a call that writes returns `Ok`, what it wrote survives the end of the process and the
/// loss of power. When it returns `Err`, nothing was written, or nothing that counts: an intent that may have
/// been written is found again as one that was never sent.
///
/// **One at a time.** Each call is one transaction of which nobody sees half. Two that intend at once cannot
/// both pass one limit.
///
/// **Repeatable.** An answer may be lost, so every call may be repeated: the same intent (by its key) returns
/// the same job as it is now, and an event that has happened, or that says nothing new, changes nothing.
///
/// **Owned.** A job in flight belongs to whoever intended it. No other touches it while its process lives and
/// has not [released](Self::release) it; after that, whoever calls [`recover`](Self::recover) first finds it,
/// and nobody else does. Until then it stays as it is. Whoever drops its ledger has ended.
///
/// **Carried.** A job that the service has taken is waited for and downloaded by one process at a time: by whoever
/// intended it while its process lives, and after that, or once that one has [released](Self::release) it, by
/// whoever [claims](Self::claim) it first. Once it is downloaded it is nobody's: whoever has not got its file may claim
/// it. A storage that one machine has to itself may let everyone, since doing it
/// twice costs no credits.
///
/// **Dropped.** A future may be dropped at any time, and what it was to do is done or not. Of an
/// [`intend`](Self::intend) whose future was dropped nobody knows the job, so the storage ends it as one that was not
/// sent, or releases it, soon and by itself.
///
/// **Without rules.** What may be bought, what counts and what follows is decided by [`rules`](crate::rules),
/// which a storage calls inside its transactions.
///
/// **Whole.** Texts come back as they were, whatever their characters, NUL among them: prompts, details and
/// paths of any length, names (of accounts, batches, rows and runs) of up to a kibibyte. Numbers do up to
/// `i64::MAX`; a call with a greater one may be refused as a whole, and is never cut. Keys of intents are 128
/// bits. Two jobs may have one [`QueryId`](genrex_proto::QueryId). A later job's [`LocalId`] is greater.
///
/// **Named.** A storage has a name of its own, which is random, made with it, and never changes: 1 to 64 ASCII
/// letters and digits. Another storage has another one, so that who keeps the name beside files of his own can
/// tell later whether he is given the same ledger.
///
/// Time is an argument, in milliseconds since 1970; a storage that many machines share uses its own clock.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// The storage's own name.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind).
    async fn name(&self) -> Result<String, Error>;

    /// The account that a key and an origin belong to, if a look at the balance has told.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind).
    async fn account(&self, alias: &Alias) -> Result<Option<Account>, Error>;

    /// Keeps a look at the balance, and that an alias belongs to an account: jobs that were kept under the
    /// alias are the account's from here on, and what was known of their credits is
    /// [joined](crate::rules::join) to the account's.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind).
    async fn observe(
        &self,
        alias: &Alias,
        account: &Account,
        look: &Look,
        now: u64,
    ) -> Result<(), Error>;

    /// Keeps that a submit is about to be made, and reserves what it costs, in one transaction with the check
    /// of the limits.
    ///
    /// # Errors
    ///
    /// What [`rules::intend`](crate::rules::intend) returns, and [`ErrorKind::Storage`](crate::ErrorKind).
    /// After any of them nothing may be sent.
    async fn intend(&self, intent: &Intent, now: u64) -> Result<Entry, Error>;

    /// Keeps what happened to a job. An outcome that cannot be kept is put aside where a storage can, to be
    /// read at the next start; it returns the error all the same.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Transition`](crate::ErrorKind), [`ErrorKind::NotFound`](crate::ErrorKind) and
    /// [`ErrorKind::Storage`](crate::ErrorKind).
    async fn record(&self, id: LocalId, event: &Event, now: u64) -> Result<Entry, Error>;

    /// Holds an ambiguous job against the last look at the balance, and keeps what that shows.
    ///
    /// # Errors
    ///
    /// As [`record`](Self::record)'s.
    async fn reconcile(&self, id: LocalId, now: u64) -> Result<Entry, Error>;

    /// Ends each job in flight that nobody carries on, and returns them: what was intended is not sent, what
    /// was sent is ambiguous.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind).
    async fn recover(&self, now: u64) -> Result<Vec<Entry>, Error>;

    /// Says that nobody carries a job on: its future was dropped. It must not wait for anything; calls that
    /// follow on the same ledger see it. What the job becomes is [`recover`](Self::recover)'s to say, and an
    /// outcome that comes after all may still be recorded.
    fn release(&self, id: LocalId, now: u64);

    /// Makes a job that the service has taken this process's to wait for and to download; `false` while another
    /// process does that, and for a job that is in flight. What may be recorded of the job does not change by it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind).
    async fn claim(&self, id: LocalId, now: u64) -> Result<bool, Error> {
        let _ = (id, now);
        Ok(true)
    }

    /// A job by its name here.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind).
    async fn entry(&self, id: LocalId) -> Result<Option<Entry>, Error>;

    /// The jobs that a filter lets through, in its order.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind).
    async fn entries(&self, filter: &Filter) -> Result<Vec<Entry>, Error>;

    /// What happened to a job, oldest first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind).
    async fn history(&self, id: LocalId) -> Result<Vec<Past>, Error>;

    /// What is known of an account's credits.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind).
    async fn credits(&self, account: &Account) -> Result<Credits, Error>;
}

/// One thing that happened to a job.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Past {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Where the job stood after it.
    pub state: State,
    /// What was known of it in words.
    pub detail: Option<String>,
}

impl Past {
    /// That a job stood so at a time, in milliseconds since 1970, and what was known of it.
    #[must_use]
    pub const fn new(at: u64, state: State, detail: Option<String>) -> Self {
        Self { at, state, detail }
    }
}

/// Which jobs are asked for; what is not set lets all through.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct Filter {
    /// Of this account.
    pub account: Option<Account>,
    /// In one of these states.
    pub states: Vec<State>,
    /// With this name at the service.
    pub query_id: Option<String>,
    /// With this body.
    pub body_sha256: Option<String>,
    /// Of this row of a batch.
    pub row: Option<Row>,
    /// Of a row of this name, in whatever batch.
    pub row_name: Option<String>,
    /// Intended at this time or later, in milliseconds since 1970.
    pub since: Option<u64>,
    /// Later than this job: with [`oldest_first`](Self::oldest_first) and a limit, the next of many.
    pub after: Option<LocalId>,
    /// Oldest first; newest first unless set.
    pub oldest_first: bool,
    /// At most so many.
    pub limit: Option<u32>,
}

impl Filter {
    /// All jobs of an account.
    #[must_use]
    pub fn of(account: Account) -> Self {
        Self {
            account: Some(account),
            ..Self::default()
        }
    }

    /// The job of this name at the service.
    #[must_use]
    pub fn named(query_id: impl Into<String>) -> Self {
        Self {
            query_id: Some(query_id.into()),
            ..Self::default()
        }
    }

    /// Those of them in one of these states.
    #[must_use]
    pub fn states(mut self, states: impl Into<Vec<State>>) -> Self {
        self.states = states.into();
        self
    }

    /// Whether a job is let through; order and limit are the storage's.
    #[must_use]
    pub fn admits(&self, entry: &Entry) -> bool {
        fn fits<T: PartialEq>(wanted: Option<&T>, found: Option<&T>) -> bool {
            wanted.is_none() || wanted == found
        }
        fits(self.account.as_ref(), Some(&entry.account))
            && (self.states.is_empty() || self.states.contains(&entry.state))
            && fits(
                self.query_id.as_deref().as_ref(),
                entry
                    .query_id
                    .as_ref()
                    .map(genrex_proto::QueryId::as_str)
                    .as_ref(),
            )
            && fits(self.body_sha256.as_ref(), Some(&entry.body_sha256))
            && fits(self.row.as_ref(), entry.row().as_ref())
            && fits(self.row_name.as_ref(), entry.row.as_ref())
            && self.since.is_none_or(|since| entry.created_at >= since)
            && self.after.is_none_or(|after| entry.id > after)
    }
}

macro_rules! forwarded {
    ($($pointer:ty),*) => {$(
        #[async_trait]
        impl<L: Ledger + ?Sized> Ledger for $pointer {
            async fn name(&self) -> Result<String, Error> {
                (**self).name().await
            }

            async fn account(&self, alias: &Alias) -> Result<Option<Account>, Error> {
                (**self).account(alias).await
            }

            async fn observe(
                &self,
                alias: &Alias,
                account: &Account,
                look: &Look,
                now: u64,
            ) -> Result<(), Error> {
                (**self).observe(alias, account, look, now).await
            }

            async fn intend(&self, intent: &Intent, now: u64) -> Result<Entry, Error> {
                (**self).intend(intent, now).await
            }

            async fn record(&self, id: LocalId, event: &Event, now: u64) -> Result<Entry, Error> {
                (**self).record(id, event, now).await
            }

            async fn reconcile(&self, id: LocalId, now: u64) -> Result<Entry, Error> {
                (**self).reconcile(id, now).await
            }

            async fn recover(&self, now: u64) -> Result<Vec<Entry>, Error> {
                (**self).recover(now).await
            }

            fn release(&self, id: LocalId, now: u64) {
                (**self).release(id, now);
            }

            async fn claim(&self, id: LocalId, now: u64) -> Result<bool, Error> {
                (**self).claim(id, now).await
            }

            async fn entry(&self, id: LocalId) -> Result<Option<Entry>, Error> {
                (**self).entry(id).await
            }

            async fn entries(&self, filter: &Filter) -> Result<Vec<Entry>, Error> {
                (**self).entries(filter).await
            }

            async fn history(&self, id: LocalId) -> Result<Vec<Past>, Error> {
                (**self).history(id).await
            }

            async fn credits(&self, account: &Account) -> Result<Credits, Error> {
                (**self).credits(account).await
            }
        }
    )*};
}

forwarded!(Arc<L>, Box<L>, &L);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Once;
    use crate::entry::Reserved;

    #[test]
    fn a_filter_lets_through_what_fits_all_that_is_set() {
        let account = Account::new("http://a", "u");
        let row = Row::new("batch", "row");
        let intent = Intent::new(1, account.clone(), "text", 10, b"{}").once(Once::Row {
            row: row.clone(),
            last: None,
        });
        let reserved = Reserved {
            expected: None,
            alone: false,
            service_at: 5,
        };
        let mut entry = Entry::begin(LocalId(1), &intent, reserved, 5);
        entry.query_id = genrex_proto::QueryId::new("QRY_1").ok();
        let with = |change: &dyn Fn(&mut Filter)| {
            let mut filter = Filter::of(account.clone());
            change(&mut filter);
            filter
        };
        for fits in [
            Filter::default(),
            Filter::of(account.clone()),
            Filter::named("QRY_1"),
            Filter::default().states([State::Sent, State::Intended]),
            with(&|filter| filter.body_sha256 = Some(crate::hash(b"{}"))),
            with(&|filter| filter.row = Some(row.clone())),
            with(&|filter| filter.row_name = Some(String::from("row"))),
            with(&|filter| filter.since = Some(4)),
            with(&|filter| filter.since = Some(5)),
            with(&|filter| filter.after = Some(LocalId(0))),
        ] {
            assert!(fits.admits(&entry), "{fits:?}");
        }
        for other in [
            Filter::of(Account::new("http://b", "u")),
            Filter::named("QRY_2"),
            Filter::default().states([State::Sent]),
            with(&|filter| filter.body_sha256 = Some(crate::hash(b"[]"))),
            with(&|filter| filter.row = Some(Row::new("other", "row"))),
            with(&|filter| filter.row_name = Some(String::from("other"))),
            with(&|filter| filter.since = Some(6)),
            with(&|filter| filter.after = Some(LocalId(1))),
        ] {
            assert!(!other.admits(&entry), "{other:?}");
        }
    }
}
