use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What pieces cost, by their duration in seconds: nothing but what was observed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Prices {
    of: BTreeMap<u8, Price>,
    /// How many looks in a row showed a charge, and none that was not expected. Each doubles how many jobs
    /// may be under way at once under a limit: one observation is no law.
    confirmed: u32,
    /// The balance moved by more than was expected: until one that goes alone shows a price, no bound that a
    /// user knows stands for one.
    is_surprised: bool,
}

/// What a piece of one duration was observed to cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Price {
    pub(super) credits: u64,
    /// Whether the balance has not moved unexpectedly since.
    is_sure: bool,
    /// Whether it was observed once, and is otherwise than what was observed before, if anything was.
    is_new: bool,
    /// Whether another price was observed before.
    has_changed: bool,
}

impl Prices {
    pub(super) fn sure(&self, duration: u8) -> Option<u64> {
        let price = self.of.get(&duration)?;
        price.is_sure.then_some(price.credits)
    }

    /// What was last observed, sure or not.
    pub(super) fn last(&self, duration: u8) -> Option<Price> {
        self.of.get(&duration).copied()
    }

    /// The dearest that nobody else's purchase can explain.
    pub(super) fn dearest(&self, is_shared: bool) -> Option<u64> {
        let sure = self.of.values().filter(|price| price.is_sure);
        let certain = sure.filter(|price| !price.is_uncertain(is_shared));
        certain.map(|price| price.credits).max()
    }

    pub(super) fn observe(&mut self, duration: u8, credits: u64) {
        self.is_surprised = false;
        let before = self.of.get(&duration).copied();
        let is_new = before.is_none_or(|before| before.credits != credits);
        let price = Price {
            credits,
            is_sure: true,
            is_new,
            has_changed: before.is_some_and(|before| before.has_changed || is_new),
        };
        self.of.insert(duration, price);
    }

    pub(super) const fn confirm(&mut self) {
        self.confirmed = self.confirmed.saturating_add(1);
    }

    /// The balance moved by more than was expected: no price is sure any more.
    pub(super) fn doubt(&mut self) {
        self.confirmed = 0;
        self.is_surprised = true;
        for price in self.of.values_mut() {
            price.is_sure = false;
        }
    }

    pub(super) const fn is_surprised(&self) -> bool {
        self.is_surprised
    }

    /// How many jobs may be under way at once while these prices are what a limit rests on.
    pub(super) fn most_at_once(&self) -> u64 {
        1 << self.confirmed.min(20)
    }

    /// Takes over what another observed and this did not.
    pub(super) fn join(&mut self, other: &Self) {
        for (duration, price) in &other.of {
            self.of.entry(*duration).or_insert(*price);
        }
        self.confirmed = self.confirmed.min(other.confirmed);
        self.is_surprised |= other.is_surprised;
    }
}

impl Price {
    /// Whether it may be somebody else's purchase: it was observed once, on an account that others use, or
    /// after another price.
    pub(super) const fn is_uncertain(&self, is_shared: bool) -> bool {
        self.is_new && (is_shared || self.has_changed)
    }
}

/// When the account is charged, as far as jobs that went alone have shown it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Charging {
    /// How many were charged at the submit, and never again.
    pub(super) at_submit: u32,
    /// How many movements came at another time.
    pub(super) later: u32,
    /// The longest time from a job's end to a movement that came after it, in milliseconds.
    longest_lag: u64,
}

impl Charging {
    /// Whether a balance that has not moved says that a submit was not charged.
    pub(super) const fn is_at_submit(&self) -> bool {
        const OBSERVATIONS: u32 = 3;
        self.at_submit >= OBSERVATIONS && self.later == 0
    }

    /// A movement came so long after a job's end, in milliseconds.
    ///
    /// Ten minutes are the most that is taken for a lag: somebody else's purchase must not make it grow for
    /// ever.
    pub(super) fn lagged(&mut self, lag: u64) {
        const MOST: u64 = 10 * 60 * 1000;
        self.longest_lag = self.longest_lag.max(lag.min(MOST));
        self.later = self.later.saturating_add(1);
    }

    pub(super) const fn longest_lag(&self) -> u64 {
        self.longest_lag
    }

    pub(super) fn join(&mut self, other: &Self) {
        self.at_submit = self.at_submit.saturating_add(other.at_submit);
        self.later = self.later.saturating_add(other.later);
        self.longest_lag = self.longest_lag.max(other.longest_lag);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_surprise_makes_prices_unsure_and_not_unknown() {
        let mut prices = Prices::default();
        prices.observe(10, 5);
        prices.confirm();
        assert_eq!((prices.sure(10), prices.most_at_once()), (Some(5), 2));
        prices.doubt();
        assert_eq!((prices.sure(10), prices.most_at_once()), (None, 1));
        assert_eq!(prices.last(10).unwrap().credits, 5);
        prices.observe(10, 5);
        assert!(!prices.last(10).unwrap().is_uncertain(true));
        prices.observe(10, 900);
        assert!(prices.last(10).unwrap().is_uncertain(false));
        prices.observe(10, 900);
        assert!(!prices.last(10).unwrap().is_uncertain(true));
    }

    #[test]
    fn a_first_price_is_uncertain_only_where_others_buy() {
        let mut prices = Prices::default();
        prices.observe(60, 70);
        assert!(!prices.last(60).unwrap().is_uncertain(false));
        assert!(prices.last(60).unwrap().is_uncertain(true));
    }
}
