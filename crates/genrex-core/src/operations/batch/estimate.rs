use std::collections::BTreeMap;

use genrex_ledger::{Credits, Limits};

/// What pieces are expected to cost together, as far as it was observed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Estimate {
    /// Of each duration, in seconds, how many pieces there are and what one was observed to cost, if it was.
    pub durations: BTreeMap<u8, (u64, Option<u64>)>,
    /// What those cost whose price was observed, in credits.
    pub known: u64,
    /// How many have a price that was not observed.
    pub unknown: u64,
    /// What all may cost at most, in credits; `None` if nothing bounds it.
    pub at_most: Option<u64>,
}

/// Whether pieces cost more than is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fit {
    /// They do not.
    Fits,
    /// They do: the last of them are not bought.
    Exceeds,
    /// It is not known.
    Unknown,
}

impl Estimate {
    /// The estimate for pieces of these durations, in seconds. `per_job` bounds a piece whose price was not observed.
    #[must_use]
    pub fn of(
        credits: &Credits,
        per_job: Option<u64>,
        durations: impl IntoIterator<Item = u8>,
    ) -> Self {
        let mut estimate = Self {
            durations: BTreeMap::new(),
            known: 0,
            unknown: 0,
            at_most: None,
        };
        for duration in durations {
            let price = credits.price(duration);
            let (count, _) = estimate.durations.entry(duration).or_insert((0, price));
            *count = count.saturating_add(1);
            match price {
                Some(price) => estimate.known = estimate.known.saturating_add(price),
                None => estimate.unknown = estimate.unknown.saturating_add(1),
            }
        }
        let bound = match (estimate.unknown, per_job) {
            (0, _) => Some(0),
            (unknown, Some(per_job)) => unknown.checked_mul(per_job),
            (_, None) => None,
        };
        estimate.at_most = bound.and_then(|bound| bound.checked_add(estimate.known));
        estimate
    }

    /// Whether it fits into so many credits.
    #[must_use]
    pub const fn within(&self, left: u64) -> Fit {
        match self.at_most {
            _ if self.known > left => Fit::Exceeds,
            Some(at_most) if at_most <= left => Fit::Fits,
            Some(_) | None => Fit::Unknown,
        }
    }
}

/// What each limit on a sum leaves, in credits, by its name. `now` is in milliseconds since 1970.
#[must_use]
pub fn left_of(limits: &Limits, credits: &Credits, now: u64) -> Vec<(&'static str, u64)> {
    let spent = credits.spending(now);
    let sums = [
        ("day", limits.day, spent.day),
        ("month", limits.month, spent.month),
        ("total", limits.total, spent.total),
    ];
    let left =
        |(name, limit, spent): (_, Option<u64>, _)| Some((name, limit?.saturating_sub(spent)));
    sums.into_iter().filter_map(left).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_observed_is_unknown_and_bounded_by_what_the_user_knows() {
        let credits = Credits::new();
        let free = Estimate::of(&credits, None, [5, 5, 10]);
        assert_eq!((free.known, free.unknown, free.at_most), (0, 3, None));
        assert_eq!(free.durations[&5], (2, None));
        assert_eq!(free.within(1_000), Fit::Unknown);
        let bounded = Estimate::of(&credits, Some(7), [5, 5, 10]);
        assert_eq!(bounded.at_most, Some(21));
        assert_eq!(bounded.within(21), Fit::Fits);
        assert_eq!(bounded.within(20), Fit::Unknown);
        let endless = Estimate::of(&credits, Some(u64::MAX), [5, 5]);
        assert_eq!(endless.at_most, None);
        assert_eq!(Estimate::of(&credits, None, []).within(0), Fit::Fits);
        let certain = Estimate { known: 3, ..free };
        assert_eq!(certain.within(2), Fit::Exceeds);
    }

    #[test]
    fn a_limit_that_is_not_set_is_not_told() {
        let mut limits = Limits::default();
        limits.day = Some(4);
        assert_eq!(left_of(&limits, &Credits::new(), 0), [("day", 4)]);
    }
}
