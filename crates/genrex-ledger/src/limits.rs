use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How many credits may be spent, over everything that the ledger holds for an account.
///
/// What counts is what the balance has shown of our jobs, and what jobs in flight, accepted or ambiguous
/// are expected to cost. Windows are of the service's clock.
///
/// ```
/// use genrex_ledger::Limits;
///
/// let mut limits = Limits::default();
/// limits.day = Some(200);
/// assert!(!limits.is_none());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Limits {
    /// In the last 24 hours.
    pub day: Option<u64>,
    /// In the last 30 days.
    pub month: Option<u64>,
    /// In all.
    pub total: Option<u64>,
    /// By one job, at most: a bound that the user knows. With it the first job of a duration need not go
    /// alone; a job that costs more stops every further purchase.
    pub per_job: Option<u64>,
}

/// A bound on what may be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Bound {
    /// [`Limits::day`].
    Day,
    /// [`Limits::month`].
    Month,
    /// [`Limits::total`].
    Total,
    /// [`Limits::per_job`].
    PerJob,
    /// That of the [run](crate::Run).
    Run,
}

/// The bound that a purchase would have passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Passed {
    /// Which it is.
    pub bound: Bound,
    /// Whether anything counts against it.
    pub is_used: bool,
    /// Whether the purchase is within it when nothing else counts.
    pub fits_alone: bool,
}

impl Passed {
    /// A bound that lets nothing of the kind through, whatever else counts.
    pub(crate) const fn never(bound: Bound) -> Self {
        Self {
            bound,
            is_used: false,
            fits_alone: false,
        }
    }
}

impl Bound {
    /// Its name in the configuration, or as a flag.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
            Self::Total => "total",
            Self::PerJob => "per_job",
            Self::Run => "max-credits",
        }
    }
}

impl Limits {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    /// Each limit on a sum: which it is, how far it looks back, and the credits.
    pub(crate) fn sums(self) -> impl Iterator<Item = (Bound, Option<Duration>, u64)> {
        let all = [
            (Bound::Day, Some(Self::DAY), self.day),
            (Bound::Month, Some(Self::DAY.saturating_mul(30)), self.month),
            (Bound::Total, None, self.total),
        ];
        all.into_iter()
            .filter_map(|(bound, window, credits)| Some((bound, window, credits?)))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.day.is_none() && self.month.is_none() && self.total.is_none() && self.per_job.is_none()
    }
}
