use crate::{Account, Entry, Error, Event, Intent, Limits, LocalId, Observation, Price, State};

/// What a storage of the ledger must do. These words are what a second one is held to.
///
/// **Lasting.** When [`intend`](Self::intend) or [`record`](Self::record) returns `Ok`, what was written
/// survives the end of the process and the loss of power. When it returns `Err`, nothing was written, or
/// nothing that counts: an intent that may have been written is found again as one that crashed.
///
/// **One at a time.** Each call is one transaction that no other process sees half of. Two processes that
/// intend at once cannot both pass one limit.
///
/// **Owned.** A job in flight belongs to the process that intended it. No other touches it while that
/// process lives; when it is gone, whoever calls [`recover`](Self::recover) first finds it.
pub trait Ledger {
    /// Writes down that a submit is about to be made, and reserves what it costs, in one transaction with
    /// the check of the limits.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::RowTaken`](crate::ErrorKind) for a row of a batch that has been bought,
    /// [`ErrorKind::OverLimit`](crate::ErrorKind), [`ErrorKind::PriceUnknown`](crate::ErrorKind) while
    /// limits are given and another submit is finding the price out, and
    /// [`ErrorKind::Storage`](crate::ErrorKind). After any of them nothing may be sent.
    fn intend(&mut self, intent: &Intent, limits: &Limits, now: u64) -> Result<Entry, Error>;

    /// Writes down what happened to a job.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Transition`](crate::ErrorKind) if that cannot happen from where the job stands, and
    /// [`ErrorKind::Storage`](crate::ErrorKind).
    fn record(&mut self, id: LocalId, event: &Event, now: u64) -> Result<Entry, Error>;

    /// Makes each job in flight whose process is gone ambiguous, and returns them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind).
    fn recover(&mut self, now: u64) -> Result<Vec<Entry>, Error>;

    /// A job by its name here.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind).
    fn entry(&self, id: LocalId) -> Result<Option<Entry>, Error>;

    /// The jobs that a filter lets through, newest first.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind).
    fn entries(&self, filter: &Filter) -> Result<Vec<Entry>, Error>;

    /// What is known of an account's prices.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind).
    fn price(&self, account: &Account) -> Result<Price, Error>;

    /// Keeps what a balance before and after a submit has shown of the price.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind).
    fn learn(&mut self, account: &Account, seen: Observation, now: u64) -> Result<(), Error>;
}

/// Which jobs are asked for; what is not set lets all through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Of this account.
    pub account: Option<Account>,
    /// In one of these states.
    pub states: Vec<State>,
    /// With this name at the service.
    pub query_id: Option<String>,
    /// With this body.
    pub body_sha256: Option<String>,
    /// A row of a batch: the batch's name and the row's.
    pub row: Option<(String, String)>,
}
