use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Credits by the hour of the service's clock in which they were spent, so that what was spent in a window is
/// a short sum however many jobs there are.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Hours {
    /// What is too old for any window.
    before: u64,
    #[serde(with = "super::gaps")]
    hours: BTreeMap<u64, u64>,
}

impl Hours {
    const HOUR: u64 = 60 * 60 * 1000;
    /// The longest window is 30 days; an hour that it touches counts whole.
    const KEPT: u64 = 31 * 24;

    pub(super) fn add(&mut self, at: u64, credits: u64) {
        if credits > 0 {
            let hour = self.hours.entry(at / Self::HOUR).or_default();
            *hour = hour.saturating_add(credits);
        }
    }

    /// Takes away up to so much, of that hour first and of the others from the oldest; how much there was.
    pub(super) fn take(&mut self, at: u64, credits: u64) -> u64 {
        let own = self.take_of(at / Self::HOUR, credits);
        own + self.take_oldest(credits - own)
    }

    /// Takes away up to so much from the oldest; how much there was.
    pub(super) fn take_oldest(&mut self, credits: u64) -> u64 {
        self.move_oldest(credits, |_, _| {})
    }

    /// Moves up to so much to another, from the oldest; how much there was.
    ///
    /// What was expected of an hour was charged in it, or in the next; `now` is when it was seen.
    pub(super) fn move_to(&mut self, other: &mut Self, credits: u64, now: u64) -> u64 {
        self.move_oldest(credits, |hour, moved| {
            let end_of_next = (hour + 2).saturating_mul(Self::HOUR) - 1;
            other.add(now.min(end_of_next), moved);
        })
    }

    /// Takes away up to so much from the oldest, telling of which hour; how much there was.
    fn move_oldest(&mut self, credits: u64, mut told: impl FnMut(u64, u64)) -> u64 {
        let mut taken = self.before.min(credits);
        self.before -= taken;
        told(0, taken);
        while taken < credits
            && let Some((&hour, _)) = self.hours.first_key_value()
        {
            let moved = self.take_of(hour, credits - taken);
            told(hour, moved);
            taken += moved;
        }
        taken
    }

    fn take_of(&mut self, hour: u64, credits: u64) -> u64 {
        let Some(there) = self.hours.get_mut(&hour) else {
            return 0;
        };
        let taken = credits.min(*there);
        *there -= taken;
        if *there == 0 {
            self.hours.remove(&hour);
        }
        taken
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What was spent in the window that ends now; all of it without one.
    pub(super) fn within(&self, window: Option<Duration>, now: u64) -> u64 {
        let Some(window) = window else {
            return self.total();
        };
        let window = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
        let first = now.saturating_sub(window) / Self::HOUR;
        let hours = self.hours.range(first..).map(|(_, credits)| *credits);
        hours.fold(0, u64::saturating_add)
    }

    pub(super) fn total(&self) -> u64 {
        let hours = self.hours.values().copied();
        hours.fold(self.before, u64::saturating_add)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.before == 0 && self.hours.is_empty()
    }

    /// Adds another's.
    pub(super) fn join(&mut self, other: &Self) {
        self.before = self.before.saturating_add(other.before);
        for (hour, credits) in &other.hours {
            self.add(hour * Self::HOUR, *credits);
        }
    }

    /// Forgets the hours of what is too old for any window, and keeps its sum.
    pub(super) fn age(&mut self, now: u64) {
        let kept = self
            .hours
            .split_off(&(now / Self::HOUR).saturating_sub(Self::KEPT));
        let old = std::mem::replace(&mut self.hours, kept);
        self.before = old.into_values().fold(self.before, u64::saturating_add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[test]
    fn a_window_counts_the_hour_that_it_begins_in() {
        let mut hours = Hours::default();
        hours.add(0, 5);
        hours.add(3 * Hours::HOUR + 1, 7);
        let day = 24 * Hours::HOUR;
        assert_eq!(hours.within(Some(DAY), day + Hours::HOUR - 1), 12);
        assert_eq!(hours.within(Some(DAY), day + Hours::HOUR), 7);
        assert_eq!(hours.within(None, 400 * day), 12);
    }

    #[test]
    fn what_is_taken_away_is_of_its_own_hour_first_and_then_of_the_oldest() {
        let mut hours = Hours::default();
        hours.add(Hours::HOUR, 5);
        hours.add(3 * Hours::HOUR, 7);
        hours.add(4 * Hours::HOUR, 0);
        let of_hours = |hours: &Hours| hours.hours.clone().into_iter().collect::<Vec<_>>();
        assert_eq!(hours.take(4 * Hours::HOUR - 1, 6), 6);
        assert_eq!(of_hours(&hours), [(1, 5), (3, 1)]);
        assert_eq!(hours.take(3 * Hours::HOUR, 3), 3);
        assert_eq!(of_hours(&hours), [(1, 3)]);
        assert_eq!(hours.take(3 * Hours::HOUR, 4), 3);
        hours.add(0, 0);
        assert!(hours.is_empty());
    }

    #[test]
    fn what_is_joined_keeps_its_hours() {
        let (mut one, mut other) = (Hours::default(), Hours::default());
        one.add(3 * Hours::HOUR, 5);
        other.add(3 * Hours::HOUR, 1);
        other.add(7 * Hours::HOUR, 2);
        other.before = 4;
        one.join(&other);
        let expected = BTreeMap::from([(3, 6), (7, 2)]);
        assert_eq!((one.before, one.hours), (4, expected));
    }

    #[test]
    fn what_is_old_is_one_sum() {
        let mut hours = Hours::default();
        for hour in 0..10_000 {
            hours.add(hour * Hours::HOUR, 1);
            hours.age(hour * Hours::HOUR);
        }
        assert_eq!(hours.total(), 10_000);
        assert!(hours.hours.len() <= 745, "{}", hours.hours.len());
        assert_eq!(hours.take_oldest(9_999), 9_999);
        assert_eq!((hours.total(), hours.take_oldest(5)), (1, 1));
        assert!(hours.is_empty());
    }

    #[test]
    fn an_hour_is_kept_for_31_days() {
        let mut hours = Hours::default();
        hours.add(0, 5);
        for (hour, kept) in [(31 * 24, 1), (31 * 24 + 1, 0)] {
            hours.age(hour * Hours::HOUR);
            assert_eq!((hours.hours.len(), hours.total()), (kept, 5));
        }
    }

    #[test]
    fn what_is_seen_a_day_later_was_spent_when_it_was_expected() {
        let (mut pending, mut seen) = (Hours::default(), Hours::default());
        pending.add(5 * Hours::HOUR, 10);
        assert_eq!(pending.move_to(&mut seen, 15, 40 * Hours::HOUR), 10);
        assert_eq!(seen.within(Some(DAY), 31 * Hours::HOUR), 0);
        assert_eq!(seen.within(Some(DAY), 30 * Hours::HOUR), 10);
        assert!(pending.is_empty());
    }
}
