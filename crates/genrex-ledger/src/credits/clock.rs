use serde::{Deserialize, Serialize};

use super::Credits;
use crate::Look;

/// The last look, on both clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LastLook {
    pub(super) look: Look,
    /// The service's time. It never goes back.
    pub(super) at: u64,
    /// This machine's time.
    pub(super) local: u64,
    /// For how long looks have told the very same date, by this machine's clock.
    #[serde(default)]
    still: u64,
}

const MINUTE: u64 = 60 * 1000;
/// Dates tell whole seconds: of two answers this close either may have been made first.
const RESOLUTION: u64 = 1000;

impl LastLook {
    /// Whether the service's date has stopped: it has not moved for a minute of this machine's clock.
    const fn is_stopped(&self) -> bool {
        self.still >= MINUTE
    }
}

impl Credits {
    /// The greatest time there is, so that every storage can keep one.
    const LAST: u64 = i64::MAX.cast_unsigned();

    /// The service's time at `now` of this machine's clock, carried on from the last look.
    ///
    /// If the service tells its time, it is carried on by an hour at most, so that a clock which was set on
    /// does not make a window pass. If it does not, this machine's clock is what there is.
    pub(crate) fn service_time(&self, now: u64) -> u64 {
        const CARRIED: u64 = 60 * MINUTE;
        let Some(last) = &self.look else {
            return now.min(Self::LAST);
        };
        let passed = now.saturating_sub(last.local);
        let passed = match last.look.at {
            Some(_) => passed.min(CARRIED),
            None => passed,
        };
        last.at.saturating_add(passed).min(Self::LAST)
    }

    /// Whether the last look is of this minute: a process may have been stopped since its own.
    pub(super) fn is_fresh(&self, now: u64) -> bool {
        let last = self.look.as_ref();
        last.is_some_and(|last| now.saturating_sub(last.local) < MINUTE)
    }

    /// A look that is told now, on both clocks.
    ///
    /// If the service's clock was set back, what passes by it is added. If it has stopped, this machine's carries on,
    /// so that nothing waits for a time that never comes.
    pub(super) fn dated(&self, look: &Look, now: u64) -> LastLook {
        let mut next = LastLook {
            look: look.clone(),
            at: look.at.unwrap_or(now),
            local: now,
            still: 0,
        };
        if let Some(last) = &self.look {
            next.still = still(last, look, now);
            next.at = match (look.at, last.look.at) {
                (Some(at), Some(last_at)) if at == last_at && next.is_stopped() => {
                    self.service_time(now)
                }
                (Some(at), _) if at >= last.at => at,
                // It goes on again where it stopped: what passed meanwhile has been added.
                (Some(at), Some(last_at)) if last.is_stopped() && at > last_at => self
                    .service_time(now)
                    .min(last.at.saturating_add(at - last_at)),
                (Some(at), Some(last_at)) if at >= last_at => last.at.saturating_add(at - last_at),
                (Some(_) | None, _) => self.service_time(now),
            };
        }
        next.at = next.at.min(Self::LAST);
        next
    }

    /// Whether a look was taken before the last one, and only told after it.
    ///
    /// To take an old look for a new one counts a movement twice, which is safe; to take new looks for old
    /// ones would be blind. So nothing makes looks old for more than ten minutes.
    pub(super) fn is_stale(&self, look: &Look, now: u64) -> bool {
        let Some(last) = &self.look else {
            return false;
        };
        let passed = now.saturating_sub(last.local);
        if passed > 10 * MINUTE {
            return false;
        }
        if let (Some(at), Some(last_at)) = (look.at, last.look.at) {
            let is_late = at > last_at.saturating_add(10 * MINUTE);
            let is_early = at < last_at && last_at - at <= 10 * MINUTE;
            let is_close = at.abs_diff(last_at) <= RESOLUTION;
            return is_early || (!is_late && is_older(look, &last.look, is_close));
        }
        is_older(look, &last.look, !self.running.is_empty()) && passed < MINUTE
    }
}

/// For how long the date has been the same, now that a look tells it. One step counts for half a minute at most, so
/// that a clock of this machine that was set on once is not taken for a date that has stopped.
fn still(last: &LastLook, look: &Look, now: u64) -> u64 {
    if look.at.is_none() || look.at != last.look.at {
        return 0;
    }
    let passed = now.saturating_sub(last.local).min(MINUTE / 2);
    last.still.saturating_add(passed)
}

/// Whether a look shows what was before another; `is_close` says that they are not apart by their dates.
fn is_older(look: &Look, last: &Look, is_close: bool) -> bool {
    match (&look.changed, &last.changed) {
        (Some(changed), Some(last)) if changed != last && is_iso(changed) && is_iso(last) => {
            changed < last
        }
        // Nothing says that it is a refund.
        _ => look.used < last.used && is_close,
    }
}

/// Whether times in this form are ordered as their texts are: `2024-06-02T11:05:21.826Z`.
fn is_iso(time: &str) -> bool {
    let bytes = time.as_bytes();
    bytes.len() >= 20
        && bytes.ends_with(b"Z")
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')]
            .iter()
            .all(|(at, byte)| bytes[*at] == *byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000_000;
    const DAY: u64 = 24 * 60 * MINUTE;

    fn after(first: &Look) -> Credits {
        let mut credits = Credits::new();
        credits.observe(first, NOW);
        credits
    }

    #[test]
    fn a_clock_that_was_set_on_passes_no_window() {
        let dated = after(&Look::new(0).at(NOW));
        assert_eq!(dated.service_time(NOW + DAY), NOW + 60 * MINUTE);
        assert_eq!(dated.service_time(NOW - DAY), NOW);
        let undated = after(&Look::new(0));
        assert_eq!(undated.service_time(NOW + DAY), NOW + DAY);
    }

    #[test]
    fn an_old_look_is_not_taken_for_a_refund() {
        let last = Look::new(10).at(NOW).changed("2024-06-02T11:05:21.826Z");
        let credits = after(&last);
        let older = Look::new(0).at(NOW).changed("2024-06-02T11:05:20.826Z");
        assert!(credits.is_stale(&older, NOW + 1));
        assert!(credits.is_stale(&Look::new(0).at(NOW), NOW + 1));
        assert!(credits.is_stale(&Look::new(10).at(NOW - 1000), NOW + 1));
        let refund = Look::new(0).at(NOW).changed("2024-06-02T11:05:22.826Z");
        assert!(!credits.is_stale(&refund, NOW + 1));
        // Two charges of one millisecond, between which the answer's date went on by a second.
        let beside = Look::new(0)
            .at(NOW + 1000)
            .changed("2024-06-02T11:05:21.826Z");
        assert!(credits.is_stale(&beside, NOW + 1));
        assert!(credits.is_stale(&Look::new(0).at(NOW + 1000), NOW + 1));
        assert!(!credits.is_stale(&Look::new(0).at(NOW + 2000), NOW + 1));
    }

    #[test]
    fn a_look_is_of_this_minute_for_a_minute() {
        let credits = after(&Look::new(0).at(NOW));
        assert!(credits.is_fresh(NOW + MINUTE - 1));
        assert!(!credits.is_fresh(NOW + MINUTE));
        assert!(!Credits::new().is_fresh(NOW));
    }

    #[test]
    fn a_look_is_old_for_ten_minutes_by_either_clock() {
        let last = Look::new(10).at(NOW).changed("2024-06-02T11:05:21.826Z");
        let credits = after(&last);
        let older = Look::new(10).changed("2024-06-02T11:05:20.826Z");
        let ten = 10 * MINUTE;
        for (look, now, is_stale) in [
            // It is told late.
            (older.clone().at(NOW), NOW + ten, true),
            (older.clone().at(NOW), NOW + ten + 1, false),
            // Its date is far from the last one's.
            (older.clone().at(NOW + ten), NOW + 1, true),
            (older.at(NOW + ten + 1), NOW + 1, false),
            (Look::new(10).at(NOW - ten), NOW + 1, true),
            (Look::new(10).at(NOW - ten - 1), NOW + 1, false),
        ] {
            assert_eq!(credits.is_stale(&look, now), is_stale, "{look:?}");
        }
    }

    /// Without dates, less use is a refund, unless jobs are under way whose charge the look may have been too early for.
    #[test]
    fn a_look_without_a_date_is_old_for_a_minute_while_jobs_are_under_way() {
        let (used, less) = (Look::new(10), Look::new(9));
        let mut credits = after(&used);
        assert!(!credits.is_stale(&less, NOW + 1));
        credits.running.heard_of(crate::LocalId(1), NOW);
        assert!(credits.is_stale(&less, NOW + MINUTE - 1));
        assert!(!credits.is_stale(&less, NOW + MINUTE));
        assert!(!credits.is_stale(&used, NOW + 1));
    }

    #[test]
    fn nothing_makes_looks_old_for_ever() {
        let last = Look::new(10).at(NOW).changed("2024-06-02T11:05:21.826Z");
        let credits = after(&last);
        // The service's clock was a year on.
        let back = Look::new(10).at(NOW - 525_600 * MINUTE).changed("2023");
        assert!(!credits.is_stale(&back, NOW + 1));
        assert_eq!(credits.dated(&back, NOW + MINUTE).at, NOW + MINUTE);
        let mut credits = credits;
        credits.observe(&back, NOW + MINUTE);
        let day_after = back.at(NOW - 524_160 * MINUTE);
        assert_eq!(credits.dated(&day_after, NOW).at, NOW + 1_441 * MINUTE);
        let credits = after(&last);
        let later = Look::new(20)
            .at(NOW + 11 * MINUTE)
            .changed("2023-06-02T11:05:21.826Z");
        assert!(!credits.is_stale(&later, NOW + 1));
        // Days of the week have no order.
        let credits = after(&Look::new(10).changed("Wed, 03 Jun 2026 10:00:00 GMT"));
        assert!(!credits.is_stale(&Look::new(20).changed("Fri, 05 Jun 2026 10:00:00 GMT"), NOW));
    }

    /// Looks each half a minute whose date stands still; what the ledger takes for the service's time.
    fn stopped(looks: u64) -> (Credits, u64) {
        let mut credits = after(&Look::new(0).at(NOW));
        for number in 1..=looks {
            credits.observe(&Look::new(0).at(NOW), NOW + number * MINUTE / 2);
        }
        let at = credits.look.as_ref().unwrap().at;
        (credits, at)
    }

    #[test]
    fn a_date_that_stops_is_carried_on() {
        let passed = |looks: u64| stopped(looks).1 - NOW;
        assert_eq!(
            [passed(1), passed(2), passed(3), passed(20)],
            [0, 30_000, 60_000, 570_000]
        );
        let (credits, at) = stopped(20);
        let local = NOW + 10 * MINUTE + 30_000;
        // It is right again, however long nobody looked, or goes on from where it stopped.
        for (date, local, expected) in [
            (local, local, local),
            (local + DAY, local + DAY, local + DAY),
            (NOW + 30_000, local, at + 30_000),
            (NOW + 10_000, local, at + 10_000),
            (NOW + 5 * MINUTE, local, at + 30_000),
        ] {
            let mut credits = credits.clone();
            credits.observe(&Look::new(0).at(date), local);
            assert_eq!(credits.look.as_ref().unwrap().at, expected);
            credits.observe(&Look::new(0).at(date + 10_000), local + 10_000);
            assert_eq!(credits.look.as_ref().unwrap().at, expected + 10_000);
        }
    }

    #[test]
    fn a_date_that_moves_has_not_stopped() {
        let mut credits = after(&Look::new(0).at(NOW));
        for number in 1..=4 {
            let now = NOW + number * MINUTE / 2;
            credits.observe(&Look::new(0).at(now), now);
        }
        // Two looks of one second.
        let at = NOW + 2 * MINUTE;
        credits.observe(&Look::new(0).at(at), at + 900);
        assert_eq!(credits.look.unwrap().at, at);
    }

    #[test]
    fn a_clock_of_this_machine_that_was_set_on_stops_no_date() {
        let mut credits = after(&Look::new(0).at(NOW));
        credits.observe(&Look::new(0).at(NOW), NOW + 1_440 * MINUTE);
        credits.observe(&Look::new(0).at(NOW), NOW + 1_440 * MINUTE + 1);
        assert_eq!(credits.look.unwrap().at, NOW);
    }

    #[test]
    fn no_time_is_too_great_for_a_storage() {
        let credits = after(&Look::new(0).at(u64::MAX));
        assert_eq!(credits.service_time(u64::MAX), i64::MAX.cast_unsigned());
    }
}
