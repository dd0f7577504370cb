use super::Credits;
use crate::Look;

impl Credits {
    /// Takes a look at the balance into account; `now` is this machine's time.
    ///
    /// What moved while a job of ours was under way, or while its charge may still come, is ours: what was
    /// expected first, and what goes beyond it makes every price unsure. What moved while nothing of ours was
    /// open is somebody else's.
    pub fn observe(&mut self, look: &Look, now: u64) {
        if self.is_stale(look, now) {
            return;
        }
        let dated = self.dated(look, now);
        let at = dated.at;
        self.expire(at);
        self.release_what_is_agreed(look);
        if let Some(last) = self.look.take() {
            if look.used > last.look.used {
                self.attribute(look.used - last.look.used, last.at, at);
            } else if look.used < last.look.used {
                self.gave_back(at);
            }
        }
        self.seen.age(at);
        self.pending.age(at);
        self.unclear.age(at);
        if let Some(solo) = &mut self.solo
            && solo.is_accepted
        {
            solo.first_look.get_or_insert((at, look.used));
        }
        self.look = Some(dated);
        self.settle(look, at);
        self.expire_unexpected(at);
        self.has_unpriced_unclear &= at < self.unclear_until;
    }

    /// The balance moved by so much, between the last look and this one.
    fn attribute(&mut self, moved: u64, last_at: u64, at: u64) {
        let is_open = self.is_open(at);
        let ours = if is_open {
            moved
        } else if self.is_open(last_at) {
            // The charges of our jobs had their time before this look, and so had everybody else's.
            let expected = self.pending.total().saturating_add(self.unclear.total());
            // Where charges have come after the balance stood still, one may have been taken for another's, and what is
            // expected may be too little.
            let may_be_more = self.charging.longest_lag() > 0;
            let has_unpriced = self.has_unpriced || self.has_unpriced_unclear;
            if may_be_more || has_unpriced || !self.unexpected.is_empty() {
                moved
            } else {
                moved.min(expected)
            }
        } else {
            0
        };
        if ours < moved {
            self.is_shared = true;
        }
        if ours == 0 {
            return;
        }
        if is_open && self.was_still() {
            self.charging.lagged(at.saturating_sub(self.over_at));
        }
        self.count(ours, last_at, at);
    }

    /// So much was spent, and counts.
    fn count(&mut self, ours: u64, last_at: u64, at: u64) {
        let expected = self.pending.move_to(&mut self.seen, ours, at);
        let unclear = self.unclear.move_to(&mut self.seen, ours - expected, at);
        self.runs.explain(expected + unclear);
        let excess = ours - expected - unclear;
        if excess == 0 {
            self.prices.confirm();
            return;
        }
        // It came while it may have been ours, which may be long before it was seen.
        let charged_at = if self.running.is_empty() {
            at.min(self.late_until().max(last_at))
        } else {
            at
        };
        self.seen.add(charged_at, excess);
        self.runs.exceed(excess, charged_at);
        if !self.has_unpriced {
            self.prices.doubt();
        }
    }

    /// Credits were given back. To whom is not told, so that it makes no room; what the job that went alone costs can
    /// no longer be told; and what is expected may have been charged at the same time.
    fn gave_back(&mut self, at: u64) {
        self.solo = None;
        self.may_be_hidden |= !self.pending.is_empty();
        if !self.is_open(at) {
            self.is_shared = true;
        }
    }

    /// Whether a movement at this time may be the charge of a job of ours.
    fn is_open(&self, at: u64) -> bool {
        !self.is_settled() || at < self.late_until().max(self.unclear_until)
    }

    /// Whether a look after all jobs were over showed less than the balance shows now.
    fn was_still(&self) -> bool {
        self.running.is_empty()
            && self
                .unsettled
                .as_ref()
                .is_none_or(|unsettled| unsettled.first_look.is_some())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::LocalId;

    const NOW: u64 = 1_700_000_000_000;
    const SECOND: u64 = 1_000;
    const LATE: u64 = 600 * SECOND;
    const HOUR: u64 = 3_600 * SECOND;

    fn observe(credits: &mut Credits, used: u64, after: u64) {
        credits.observe(&Look::new(used).at(NOW + after), NOW + after);
    }

    /// A job was over, and nobody has looked since.
    fn over() -> Credits {
        let mut credits = Credits::new();
        observe(&mut credits, 0, 0);
        credits.is_over(NOW);
        credits
    }

    /// A job was over, and two looks since have shown the same.
    fn settled() -> Credits {
        let mut credits = over();
        observe(&mut credits, 0, 5 * SECOND);
        observe(&mut credits, 0, 10 * SECOND);
        assert!(credits.is_settled());
        credits
    }

    fn with(mut credits: Credits, change: impl FnOnce(&mut Credits)) -> Credits {
        change(&mut credits);
        credits
    }

    #[test]
    fn what_moves_is_ours_until_a_charge_has_had_its_time_and_then_as_far_as_it_is_expected() {
        let mut none = Credits::new();
        observe(&mut none, 0, 0);
        let had_its_time = |credits: &mut Credits| observe(credits, 0, LATE);
        for (mut credits, after, seen) in [
            (none, 1, 0),
            (over(), LATE, 10),
            (settled(), LATE - 1, 10),
            (settled(), LATE, 0),
            (with(settled(), had_its_time), LATE + 1, 0),
            (
                with(settled(), |credits| credits.unclear_until = NOW + HOUR),
                HOUR - 1,
                10,
            ),
            (
                with(settled(), |credits| credits.pending.add(NOW, 4)),
                HOUR,
                4,
            ),
            (
                with(settled(), |credits| credits.unclear.add(NOW, 3)),
                HOUR,
                3,
            ),
            // Nobody knows what it costs.
            (
                with(settled(), |credits| credits.has_unpriced = true),
                HOUR,
                10,
            ),
            (
                with(settled(), |credits| credits.add_unexpected(10, None, NOW)),
                HOUR,
                10,
            ),
            (
                with(settled(), |credits| {
                    credits.unclear_until = NOW + HOUR;
                    credits.has_unpriced_unclear = true;
                }),
                HOUR + 1,
                10,
            ),
            // Charges came late before.
            (
                with(settled(), |credits| credits.charging.lagged(SECOND)),
                HOUR,
                10,
            ),
        ] {
            observe(&mut credits, 10, after);
            assert_eq!(credits.seen.total(), seen, "{after}");
            assert_eq!(credits.is_shared, seen < 10, "{after}");
        }
    }

    /// A charge is late if a look had shown that the balance stood still when all was over.
    #[test]
    fn how_late_a_charge_is_is_counted_from_the_end_of_the_last_job() {
        let under_way = |credits: &mut Credits| credits.running.heard_of(LocalId(1), NOW);
        let looked_at = |credits: &mut Credits| observe(credits, 0, SECOND);
        for (mut credits, lag) in [
            (settled(), Some(30 * SECOND)),
            (with(over(), looked_at), Some(30 * SECOND)),
            (over(), None),
            (with(settled(), under_way), None),
            (with(over(), under_way), None),
        ] {
            observe(&mut credits, 10, 30 * SECOND);
            assert_eq!(credits.seen.total(), 10);
            assert_eq!(credits.charging.longest_lag(), lag.unwrap_or(0));
            assert_eq!(credits.charging.later, u32::from(lag.is_some()));
        }
        let mut another_s = settled();
        observe(&mut another_s, 10, HOUR);
        assert_eq!(another_s.charging.later, 0);
    }

    /// It came while it may have been ours, which may be long before it was seen.
    #[test]
    fn what_was_not_expected_was_charged_when_it_may_have_been_ours_at_the_latest() {
        let seen_since = |credits: &Credits, after: u64| {
            let window = Duration::from_millis(5 * HOUR - after);
            credits.seen.within(Some(window), NOW + 5 * HOUR)
        };
        let mut credits = over();
        observe(&mut credits, 10, 5 * HOUR);
        assert_eq!(seen_since(&credits, LATE), 10);
        assert_eq!(seen_since(&credits, LATE + HOUR), 0);
        // A look had shown that it had not come by then.
        let mut credits = with(over(), |credits| observe(credits, 0, 3 * HOUR));
        credits.is_over(NOW);
        observe(&mut credits, 10, 5 * HOUR);
        assert_eq!(seen_since(&credits, 3 * HOUR), 10);
        assert_eq!(seen_since(&credits, 4 * HOUR), 0);
        let heard_of = |credits: &mut Credits| credits.running.heard_of(LocalId(1), NOW + 5 * HOUR);
        let mut credits = with(over(), heard_of);
        observe(&mut credits, 10, 5 * HOUR);
        assert_eq!(seen_since(&credits, 5 * HOUR), 10);
    }

    #[test]
    fn what_is_given_back_may_hide_what_is_expected_and_is_another_s_if_nothing_of_ours_is_open() {
        for (is_open, expected) in [(false, 0), (true, 0), (true, 3), (false, 3)] {
            let mut credits = Credits::new();
            observe(&mut credits, 10, 0);
            credits.pending.add(NOW, expected);
            if is_open {
                credits.running.heard_of(LocalId(1), NOW);
            }
            credits.gave_back(NOW + SECOND);
            let found = (credits.may_be_hidden, credits.is_shared);
            assert_eq!(found, (expected > 0, !is_open), "{is_open} {expected}");
            // It stays so until all is settled.
            credits.pending.clear();
            credits.gave_back(NOW + 2 * SECOND);
            assert_eq!(credits.may_be_hidden, expected > 0);
        }
    }

    #[test]
    fn what_was_expected_confirms_prices_and_what_was_not_makes_them_doubtful() {
        let under_way = |credits: &mut Credits| {
            credits.running.heard_of(LocalId(1), NOW);
            credits.prices.observe(10, 5);
        };
        for (expected, is_unpriced, price, at_once) in [
            (10, false, Some(5), 2),
            (12, false, Some(5), 2),
            (9, false, None, 1),
            // What moves is no surprise.
            (9, true, Some(5), 1),
        ] {
            let mut credits = with(over(), under_way);
            credits.pending.add(NOW, expected);
            credits.has_unpriced = is_unpriced;
            observe(&mut credits, 10, SECOND);
            let found = (credits.price(10), credits.prices.most_at_once());
            assert_eq!(found, (price, at_once), "{expected} {is_unpriced}");
            assert_eq!(credits.seen.total(), 10);
        }
    }
}
