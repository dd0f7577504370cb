//! What a ledger knows of one account's credits, and each rule about them.
//!
//! A storage keeps a [`Credits`] a account, gives it to the rules inside its transactions, and keeps what
//! they made of it. Its size does not grow with the number of jobs.
//!
//! Nothing is guessed: a price is an observation of one duration, and what the balance shows beyond what was
//! expected, while jobs of ours are under way, counts as ours.

mod follow;
mod hours;
mod join;
mod observe;
mod price;
mod reconcile;
mod reserve;
mod running;
mod runs;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::hours::Hours;
use self::price::{Charging, Prices, Solo};
use self::running::Running;
use self::runs::Runs;
use crate::error::ErrorKind;
use crate::{Error, LocalId, Look};

/// An account's credits, as a ledger knows them: what was spent, what is reserved, what pieces cost.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
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
    /// Ambiguous jobs that nobody has settled.
    ambiguous: u64,
    /// The last of our jobs that was over, whose charge may still come.
    unsettled: Option<Unsettled>,
    /// Until when, by the service's clock, a movement may still be the charge of an earlier job.
    late_until: u64,
    /// The job that went alone, while its charge is awaited.
    solo: Option<Solo>,
    /// The newest job.
    newest: Option<LocalId>,
    /// What was found not to be charged, and counts until the next look agrees.
    doubted: Vec<Doubted>,
    /// Jobs under way or unsettled whose price is not known: what moves beside them is no surprise.
    unpriced: u64,
    runs: Runs,
}

/// The last look, on both clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LastLook {
    look: Look,
    /// The service's time.
    at: u64,
    /// This machine's time.
    local: u64,
}

/// When the last running job was over, and the first look since that shows what the latest shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Unsettled {
    over_at: u64,
    first_look: Option<(u64, Look)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Doubted {
    run: Option<String>,
    credits: u64,
    service_at: u64,
    look: Look,
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
}

impl Credits {
    /// The least settling time: how long after a job's end a charge may still be its own.
    const SETTLING: u64 = 10 * 60 * 1000;

    /// What an account that nothing is known of has.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What a piece of this duration, in seconds, was observed to cost; `None` while it was not.
    #[must_use]
    pub fn price(&self, duration: u8) -> Option<u64> {
        self.prices.of(duration)
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
        }
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

    /// The service's time at `now` of this machine's clock, carried on from the last look: at most an hour, so
    /// that a clock which was set on does not make a window pass.
    pub(crate) fn service_time(&self, now: u64) -> u64 {
        const CARRIED: u64 = 60 * 60 * 1000;
        match &self.look {
            Some(last) => last.at + now.saturating_sub(last.local).min(CARRIED),
            None => now,
        }
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

    /// Ten minutes, or ten times the longest lag that was seen.
    fn settling(&self) -> u64 {
        Self::SETTLING.max(self.charging.longest_lag.saturating_mul(10))
    }

    /// Whether a movement of the balance may be the charge of a job of ours.
    fn may_be_ours(&self, at: u64) -> bool {
        !self.running.is_empty() || self.unsettled.is_some() || at < self.late_until
    }

    /// Everything is over, and the balance has stood still since.
    fn is_settled(&self) -> bool {
        self.running.is_empty() && self.unsettled.is_none()
    }
}

fn unreadable(error: serde_json::Error) -> Error {
    Error::new(
        ErrorKind::Unreadable,
        "what the ledger holds of the account's credits cannot be read",
    )
    .with_source(error)
}
