//! The suite that every storage must pass: whether a [`Ledger`] keeps each sentence of its documentation.
//!
//! ```
//! use std::collections::HashMap;
//!
//! use genrex_ledger::MemoryLedger;
//! use genrex_ledger::testing::{block_on, conformance};
//!
//! let mut storages: HashMap<String, MemoryLedger> = HashMap::new();
//! block_on(conformance(async |name: &str| {
//!     let storage = storages.entry(name.to_owned()).or_default();
//!     storage.reopened()
//! }))?;
//! # Ok::<(), genrex_ledger::testing::Finding>(())
//! ```
//!
//! A storage that connects asynchronously awaits inside the same closure, and runs the suite under its own
//! runtime: `conformance(async |name: &str| PostgresLedger::connect(&url(name)).await.unwrap()).await`.
//!
//! The suite passes times of November 2023 and looks that carry the service's time, so that a storage with a
//! clock of its own passes too.

mod accounts;
mod agreement;
mod fixture;
mod jobs;
mod limits;
mod names;
mod once;
mod owners;
mod race;
mod relocation;
mod twin;
mod values;

use std::fmt;

pub use self::race::block_on;
pub use self::relocation::relocation;
use crate::Ledger;

/// Holds a storage to what [`Ledger`] promises; the first promise that it breaks is what is found.
///
/// `open` is another process that opens a storage: the same name is the same storage, seen by a process of
/// its own, and a name that was not opened before is an empty one. To drop what it returns is the end of that
/// process. About fifty names are opened, each a few times.
///
/// Calls are raced with each other inside one task; those of a storage that never waits, such as
/// [`MemoryLedger`](crate::MemoryLedger), by threads as well.
///
/// # Errors
///
/// The [`Finding`].
pub async fn conformance<L, F>(mut open: F) -> Result<(), Finding>
where
    L: Ledger,
    F: AsyncFnMut(&str) -> L,
{
    Box::pin(names::check(&mut open)).await?;
    Box::pin(accounts::are_separate(&mut open)).await?;
    Box::pin(limits::what_was_not_sent_makes_room_for_one(&mut open)).await?;
    Box::pin(values::one_id_may_name_two_jobs(&mut open)).await?;
    Box::pin(jobs::check(&mut open)).await?;
    Box::pin(owners::check(&mut open)).await?;
    Box::pin(values::check(&mut open)).await?;
    Box::pin(once::check(&mut open)).await?;
    Box::pin(accounts::check(&mut open)).await?;
    Box::pin(limits::check(&mut open)).await?;
    Box::pin(agreement::check(&mut open)).await
}

/// A promise that a storage does not keep.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{rule}: {detail}")]
#[non_exhaustive]
pub struct Finding {
    /// Which promise.
    pub rule: Rule,
    /// What was done, what had to come of it, and what came.
    pub detail: String,
}

impl Finding {
    fn new(rule: Rule, detail: impl Into<String>) -> Self {
        Self {
            rule,
            detail: detail.into(),
        }
    }
}

/// What [`Ledger`] promises, one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Rule {
    /// A storage has a name of its own, which lasts.
    Named,
    /// What was written survives the end of the process.
    Lasting,
    /// Each call is one transaction of which nobody sees half.
    OneAtATime,
    /// A repeated call changes nothing.
    Repeatable,
    /// Nobody touches the jobs of a living process; those of an ended one are found, once.
    Owned,
    /// What is released may be recovered while its process lives.
    Released,
    /// A job whose `intend` was dropped is ended.
    Dropped,
    /// The state machine decides what an event leads to.
    Transitions,
    /// A job keeps its past, oldest first.
    History,
    /// A filter lets through what [`Filter::admits`](crate::Filter::admits) does, in its order, up to its
    /// limit.
    Selection,
    /// The same prompt, or row of a batch, is not bought beside itself.
    Once,
    /// What is bought in place of another is linked to it.
    Superseded,
    /// That a submit was not charged is checked again before it is bought again.
    Rechecked,
    /// No limit is passed.
    Limits,
    /// What is known of an account's credits is kept, and decided by [`Credits`](crate::Credits).
    Credits,
    /// Keys and URLs are names of one account; its jobs are found under it.
    Accounts,
    /// Texts and numbers are kept as they are.
    Values,
    /// All that a storage holds can be moved to another, and one of both can be bought with.
    Relocated,
    /// [`rules`](crate::rules) decides everything else.
    Decisions,
}

impl Rule {
    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Named => "a storage has a name of its own, which lasts",
            Self::Lasting => "what was written survives the end of the process",
            Self::OneAtATime => "each call is one transaction",
            Self::Repeatable => "a repeated call changes nothing",
            Self::Owned => "a job in flight belongs to whoever intended it",
            Self::Released => "what is released may be recovered",
            Self::Dropped => "a job whose `intend` was dropped is ended",
            Self::Transitions => "the state machine decides what an event leads to",
            Self::History => "a job keeps its past",
            Self::Selection => "a filter decides which jobs are returned, and in which order",
            Self::Once => "the same is not bought beside itself",
            Self::Superseded => "what is bought in place of another is linked to it",
            Self::Rechecked => "a verdict is checked again before it is acted on",
            Self::Limits => "no limit is passed",
            Self::Credits => "what is known of the credits is kept",
            Self::Accounts => "an alias belongs to its account",
            Self::Values => "texts and numbers are kept as they are",
            Self::Relocated => "what is moved is whole, and bought with at one place",
            Self::Decisions => "the rules decide",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
