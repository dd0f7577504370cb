use genrex_ledger::{Entry, Reconciliation, State};

/// Where a row of a batch is counted: in one place, whatever became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowPlace {
    /// Never tried so far.
    NotStarted,
    /// It is here.
    Downloaded,
    /// Ready at the service, or being made there: paid for, and to be fetched.
    Open,
    /// The service says that it failed.
    Failed,
    /// The service refused it.
    Refused,
    /// It is proved that it did not leave.
    NotSent,
    /// Ambiguous, and the balance or a person says that it was charged.
    Charged,
    /// Ambiguous, and the balance or a person says that it was not charged.
    NotCharged,
    /// It may have been charged.
    Unclear,
    /// Another process is buying it.
    Elsewhere,
}

impl RowPlace {
    /// The place of a row whose newest job is this one.
    #[must_use]
    pub const fn of(newest: Option<&Entry>) -> Self {
        let Some(entry) = newest else {
            return Self::NotStarted;
        };
        match (entry.state, entry.reconciliation) {
            (State::Downloaded, _) => Self::Downloaded,
            (State::Accepted | State::Completed, _) => Self::Open,
            (State::Failed, _) => Self::Failed,
            (State::Refused, _) => Self::Refused,
            (State::NotSent, _) => Self::NotSent,
            (State::Ambiguous, Some(Reconciliation::Charged)) => Self::Charged,
            (State::Ambiguous, Some(Reconciliation::NotCharged)) => Self::NotCharged,
            (State::Ambiguous, _) => Self::Unclear,
            (State::Intended | State::Sent, _) => Self::Elsewhere,
        }
    }
}
