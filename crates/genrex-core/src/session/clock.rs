use std::time::Duration;

use genrex_sign::UnixMillis;

use crate::transport::{Moment, Now};

/// Makes the `t` of signatures: this machine's clock until a refusal has shown it to be wrong, then the
/// service's, carried on by the monotonic clock.
///
/// `t` never goes back, but after a correction backwards, which the service asked for. It increases from one
/// signature to the next, unless that would put it more than a second ahead of the clock: under more than a
/// thousand signatures a second, equal ones are right.
#[derive(Debug, Default)]
pub(crate) struct SigningClock {
    anchor: Option<(Moment, u64)>,
    last: Option<u64>,
}

impl SigningClock {
    /// How far off this machine's clock must be for a `Date`, whose resolution is a second, to show it.
    const THRESHOLD: Duration = Duration::from_secs(2);
    /// How far ahead of the clock `t` may run, in milliseconds.
    const AHEAD: u64 = 1_000;
    /// Past this the `Date` is more likely wrong than the clock.
    const CEILING: Duration = Duration::from_secs(24 * 60 * 60);

    /// The `t` of the next signature.
    pub(crate) fn stamp(&mut self, now: Now) -> UnixMillis {
        let clock = self.read(now);
        let t = match self.last {
            Some(last) if last < clock.saturating_add(Self::AHEAD) => clock.max(last + 1),
            Some(last) => last,
            None => clock,
        };
        self.last = Some(t);
        UnixMillis::new(t)
    }

    /// Learns from the `Date` (in seconds since the Unix epoch) of an answer that refused a signature.
    /// Returns by how many milliseconds it put the clock forward; `None` when the clock was right.
    pub(crate) fn learn(&mut self, date: i64, now: Now) -> Option<i64> {
        let theirs = Self::millis(date)?;
        let ours = self.read(now);
        // However often it is corrected, it stays within a day of this machine's own clock.
        let off = Duration::from_millis(theirs.abs_diff(now.wall.get()));
        if !Self::shows_skew(theirs, ours) || off > Self::CEILING {
            return None;
        }
        self.anchor = Some((now.moment, theirs));
        self.last = self.last.filter(|last| *last < theirs);
        i64::try_from(theirs).ok()?.checked_sub_unsigned(ours)
    }

    /// By how many milliseconds the service is ahead of this machine's own clock, where that is more than is ever
    /// corrected: then a person has to.
    pub(crate) fn beyond_correction(date: i64, now: Now) -> Option<i64> {
        let theirs = Self::millis(date)?;
        let ours = now.wall.get();
        if Duration::from_millis(theirs.abs_diff(ours)) <= Self::CEILING {
            return None;
        }
        i64::try_from(theirs).ok()?.checked_sub_unsigned(ours)
    }

    /// Whether a refusal's `Date` shows that a signature made at `t`, so long before it, was made by a wrong clock
    /// that is right by now: another of the client's operations has corrected it meanwhile.
    pub(crate) fn was_corrected(
        &self,
        date: i64,
        t: UnixMillis,
        elapsed: Duration,
        now: Now,
    ) -> bool {
        let elapsed = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let signed = t.get().saturating_add(elapsed);
        Self::millis(date).is_some_and(|theirs| {
            let off = Duration::from_millis(theirs.abs_diff(self.read(now)));
            off < Self::THRESHOLD && Self::shows_skew(theirs, signed)
        })
    }

    /// The middle of the second that a date names.
    fn millis(date: i64) -> Option<u64> {
        u64::try_from(date)
            .ok()?
            .checked_mul(1000)?
            .checked_add(500)
    }

    fn shows_skew(theirs: u64, ours: u64) -> bool {
        let off = Duration::from_millis(theirs.abs_diff(ours));
        (Self::THRESHOLD..=Self::CEILING).contains(&off)
    }

    fn read(&self, now: Now) -> u64 {
        match self.anchor {
            Some((moment, then)) => {
                let since = now.moment.since(moment).as_millis();
                then.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
            }
            None => now.wall.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64, wall_millis: u64) -> Now {
        Now {
            moment: Moment::new(Duration::from_secs(seconds)),
            wall: UnixMillis::new(wall_millis),
        }
    }

    #[test]
    fn t_increases_when_the_clock_stands_still_or_goes_back() {
        let mut clock = SigningClock::default();
        let stamps: Vec<_> = [1000, 1000, 400, 1001, 2000]
            .into_iter()
            .map(|wall| clock.stamp(at(0, wall)).get())
            .collect();
        assert_eq!(stamps, [1000, 1001, 1002, 1003, 2000]);
    }

    #[test]
    fn t_runs_at_most_a_second_ahead() {
        let mut clock = SigningClock::default();
        let last = (0..5_000).map(|_| clock.stamp(at(0, 10_000)).get()).max();
        assert_eq!(last, Some(11_000));
        assert_eq!(clock.stamp(at(1, 11_000)).get(), 11_001);
    }

    #[test]
    fn corrections_do_not_add_up_past_a_day() {
        let mut clock = SigningClock::default();
        let wall = 1_000_000_000;
        let step = 23 * 60 * 60;
        assert!(clock.learn(1_000_000 + step, at(0, wall)).is_some());
        assert_eq!(clock.learn(1_000_000 + 2 * step, at(0, wall)), None);
        assert_eq!(clock.learn(1_000_000 - step, at(0, wall)), None);
    }

    #[test]
    fn a_correction_is_carried_on_by_the_monotonic_clock() {
        let mut clock = SigningClock::default();
        // An hour fast.
        assert_eq!(clock.stamp(at(0, 10_000_000)).get(), 10_000_000);
        assert_eq!(
            clock.learn(6_400, at(1, 10_001_000)),
            Some(6_400_500 - 10_001_000)
        );
        assert_eq!(clock.stamp(at(1, 10_001_000)).get(), 6_400_500);
        // The wall clock no longer counts.
        assert_eq!(clock.stamp(at(11, 3)).get(), 6_410_500);
        assert_eq!(clock.learn(6_411, at(11, 3)), None);
    }

    #[test]
    fn a_signature_by_a_clock_that_was_corrected_meanwhile_is_known_to_be_wrong() {
        let mut clock = SigningClock::default();
        let (first, second) = (
            clock.stamp(at(0, 10_000_000)),
            clock.stamp(at(0, 10_000_000)),
        );
        assert!(clock.learn(6_400, at(1, 10_001_000)).is_some());
        assert_eq!(clock.learn(6_400, at(1, 10_001_000)), None);
        let second_later = Duration::from_secs(1);
        for t in [first, second] {
            assert!(clock.was_corrected(6_400, t, second_later, at(1, 10_001_000)));
            // A clock that this `Date` still shows to be wrong is no better than it was.
            assert!(!clock.was_corrected(8_000, t, second_later, at(1, 10_001_000)));
        }
        let corrected = clock.stamp(at(1, 10_001_000));
        assert!(!clock.was_corrected(6_401, corrected, second_later, at(2, 10_002_000)));
    }

    #[test]
    fn small_and_absurd_differences_teach_nothing() {
        let day = 24 * 60 * 60;
        for (date, learns) in [
            (1_000_000, false),
            (1_000_001, false),
            (999_998, false),
            (1_000_002, true),
            (999_997, true),
            (1_000_000 + day - 1, true),
            (1_000_000 + day, false),
            (1_000_000 - day - 1, false),
            (-5, false),
        ] {
            let learned = SigningClock::default().learn(date, at(0, 1_000_000_000));
            assert_eq!(learned.is_some(), learns, "{date}");
        }
    }
}
