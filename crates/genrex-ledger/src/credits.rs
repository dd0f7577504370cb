//! What a ledger knows of one account's credits, and each rule about them.
//!
//! A storage keeps a [`Credits`] an account, gives it to the rules inside its transactions, and keeps what
//! they made of it. Its size does not grow with the number of jobs.
//!
//! Nothing is guessed: a price is an observation of one duration, and what the balance shows beyond what was
//! expected, while jobs of ours are under way or their charges may still come, counts as ours.
//!
//! Three sums count as spent. `seen` is what the balance showed. `pending` is what jobs are expected to cost
//! and the balance has not shown; it ends when it shows, when a job turns out not to have been taken, or when
//! the charges of all jobs have had their time. `unclear` is the same of ambiguous jobs; it ends only when it
//! shows, or when somebody or something settles the job.

mod clock;
mod expect;
mod fit;
mod follow;
mod gaps;
mod hours;
mod join;
mod observe;
mod price;
mod reconcile;
mod reserve;
mod restore;
mod running;
mod runs;
mod settle;
mod times;
mod unexpected;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::clock::LastLook;
use self::hours::Hours;
use self::price::{Charging, Prices};
use self::reconcile::Doubted;
use self::running::Running;
use self::runs::Runs;
use self::settle::{Solo, Unsettled};
use self::times::Times;
pub use self::times::Took;
use self::unexpected::Unexpected;
use crate::error::ErrorKind;
use crate::{Error, LocalId, Look};

/// An account's credits, as a ledger knows them: what was spent, what is reserved, what pieces cost.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Credits {
    /// The last look at the balance.
    look: Option<LastLook>,
    /// What the balance showed, and counts as ours.
    seen: Hours,
    /// What jobs are expected to cost, and the balance has not shown.
    pending: Hours,
    /// The same of ambiguous jobs: it stays until it is known.
    unclear: Hours,
    prices: Prices,
    charging: Charging,
    /// Jobs that the service may be at work on.
    running: Running,
    /// The last of our jobs that was over, until the balance has stood still since.
    unsettled: Option<Unsettled>,
    /// When the last of our jobs was over, by the service's clock.
    over_at: u64,
    /// Until when it may be the charge of an ambiguous one.
    unclear_until: u64,
    /// The job that went alone, while its charge is awaited.
    solo: Option<Solo>,
    /// The newest job.
    newest: Option<LocalId>,
    /// What was found not to be charged, and counts until the next look agrees.
    doubted: Vec<Doubted>,
    /// Whether the price of a job that may still be charged is not known: what moves then is no surprise.
    has_unpriced: bool,
    /// The same of an ambiguous one, which may be charged long after everything else is settled.
    has_unpriced_unclear: bool,
    /// Jobs of which nothing is expected, and that may be charged all the same.
    unexpected: Vec<Unexpected>,
    /// Whether credits were given back while something was expected, which may hide its charge.
    may_be_hidden: bool,
    /// How much of what is expected is of jobs that failed or were refused, and may cost nothing.
    may_be_free: u64,
    /// Whether somebody else was seen to use the account.
    is_shared: bool,
    runs: Runs,
    pub(crate) times: Times,
}

/// What can be shown of an account's credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Spending {
    /// Spent, or promised to jobs that are under way or unclear, in the last 24 hours of the service's clock.
    pub day: u64,
    /// In the last 30 days.
    pub month: u64,
    /// In all.
    pub total: u64,
    /// Of those in all, what is promised and not spent: no look at the balance has shown it so far.
    pub promised: u64,
}

impl Credits {
    /// How long after a job's end a charge may still be its own, at least, in milliseconds.
    const LATE: u64 = 10 * 60 * 1000;

    /// What an account that nothing is known of has.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What a piece of this duration, in seconds, was observed to cost; `None` while it was not, and when the
    /// balance has moved by more than was expected since.
    #[must_use]
    pub fn price(&self, duration: u8) -> Option<u64> {
        self.prices.sure(duration)
    }

    /// What counts as spent, at `now` of this machine's clock.
    #[must_use]
    pub fn spending(&self, now: u64) -> Spending {
        let at = self.service_time(now);
        let within = |days: u64| {
            let window = Duration::from_secs(days * 24 * 60 * 60);
            self.spent(Some(window), at)
        };
        Spending {
            day: within(1),
            month: within(30),
            total: self.spent(None, at),
            promised: self
                .pending
                .within(None, at)
                .saturating_add(self.unclear.within(None, at)),
        }
    }

    /// How long the account's jobs took: of the durations that were last seen, and of each the newest, last.
    pub fn times(&self) -> impl Iterator<Item = Took> {
        self.times.iter()
    }

    /// The form that a storage keeps.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unreadable`], which does not happen.
    pub fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(unreadable)
    }

    /// Reads what [`to_json`](Self::to_json) made.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unreadable`].
    pub fn from_json(json: &str) -> Result<Self, Error> {
        serde_json::from_str(json).map_err(unreadable)
    }

    /// Whether a look is what the ledger knows of the balance now.
    pub(crate) fn is_last(&self, look: &Look) -> bool {
        self.look
            .as_ref()
            .is_some_and(|last| last.look.is_like(look))
    }

    fn spent(&self, window: Option<Duration>, at: u64) -> u64 {
        self.certain(window, at)
            .saturating_add(self.pending.within(window, at))
    }

    /// What is spent for certain: all but what may yet be released.
    fn certain(&self, window: Option<Duration>, at: u64) -> u64 {
        self.seen
            .within(window, at)
            .saturating_add(self.unclear.within(window, at))
    }

    /// Everything is over, and the balance has stood still since.
    fn is_settled(&self) -> bool {
        self.running.is_empty() && self.unsettled.is_none()
    }

    /// Nothing but a job that starts now can move the balance, as far as we know.
    fn is_quiet(&self, at: u64) -> bool {
        let is_shown = self.pending.is_empty() && !self.has_unpriced && at >= self.unclear_until;
        self.is_settled() && is_shown
    }
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::new(
        ErrorKind::Unreadable,
        "what the ledger holds of the account's credits cannot be read: perhaps a newer genrex wrote it",
    )
    .with_source(error)
}
