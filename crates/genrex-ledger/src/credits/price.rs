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

    #[test]
    fn the_dearest_is_of_what_is_sure_and_is_nobody_else_s() {
        let mut prices = Prices::default();
        assert_eq!(prices.dearest(false), None);
        prices.observe(5, 7);
        prices.observe(10, 9);
        assert_eq!(prices.dearest(false), Some(9));
        assert_eq!(prices.dearest(true), None);
        prices.observe(5, 7);
        assert_eq!(prices.dearest(true), Some(7));
        prices.doubt();
        assert_eq!(prices.dearest(false), None);
        prices.observe(10, 8);
        assert_eq!(prices.dearest(true), None);
    }

    #[test]
    fn each_look_that_confirms_doubles_what_may_be_under_way() {
        let mut prices = Prices::default();
        for confirmed in 0..=20 {
            assert_eq!(prices.most_at_once(), 1 << confirmed);
            prices.confirm();
        }
        assert_eq!(prices.most_at_once(), 1 << 20);
    }

    #[test]
    fn what_another_observed_is_taken_over_and_its_doubts_are_shared() {
        let (mut one, mut other) = (Prices::default(), Prices::default());
        one.observe(5, 7);
        one.confirm();
        one.confirm();
        other.observe(5, 8);
        other.observe(10, 9);
        other.confirm();
        let mut both = one.clone();
        both.join(&other);
        assert_eq!((both.sure(5), both.sure(10)), (Some(7), Some(9)));
        assert_eq!((both.most_at_once(), both.is_surprised()), (2, false));
        other.doubt();
        for (own, others) in [(&one, &other), (&other, &one)] {
            let mut both = own.clone();
            both.join(others);
            assert!(both.is_surprised());
            assert_eq!(both.most_at_once(), 1);
        }
        let mut both = other.clone();
        both.join(&other);
        assert!(both.is_surprised());
    }

    /// Three that went alone have shown it, and none has shown another time.
    #[test]
    fn an_account_is_charged_at_the_submit_if_three_have_shown_it_and_none_another_time() {
        for (at_submit, later, expected) in [
            (2, 0, false),
            (3, 0, true),
            (4, 0, true),
            (3, 1, false),
            (0, 0, false),
        ] {
            let mut charging = Charging::default();
            (charging.at_submit, charging.later) = (at_submit, later);
            assert_eq!(charging.is_at_submit(), expected, "{at_submit} {later}");
        }
    }

    #[test]
    fn the_longest_lag_is_ten_minutes_at_most() {
        let mut charging = Charging::default();
        for (lag, longest) in [(5, 5), (3, 5), (599_999, 599_999), (600_001, 600_000)] {
            charging.lagged(lag);
            assert_eq!(charging.longest_lag(), longest);
        }
        assert_eq!(charging.later, 4);
        let mut other = Charging::default();
        other.lagged(7);
        other.at_submit = 2;
        charging.at_submit = 1;
        other.join(&charging);
        assert_eq!(
            (other.at_submit, other.later, other.longest_lag()),
            (3, 5, 600_000)
        );
    }
}
