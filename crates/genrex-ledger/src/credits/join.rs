use super::Credits;

impl Credits {
    /// Adds what another knows of the same account.
    ///
    /// Where the two know different things of one movement it is counted twice, rather than not at all.
    pub(crate) fn join(&mut self, other: &Self) {
        self.seen.join(&other.seen);
        self.pending.join(&other.pending);
        self.unclear.join(&other.unclear);
        self.prices.join(&other.prices);
        self.charging.join(&other.charging);
        self.running.join(&other.running);
        self.runs.join(&other.runs);
        self.times.join(&other.times);
        // The job that went alone was not alone, and the look that is older has seen less.
        self.solo = None;
        self.look = match (self.look.take(), &other.look) {
            (Some(own), Some(other)) if other.at < own.at => Some(other.clone()),
            (Some(own), _) => Some(own),
            (None, other) => other.clone(),
        };
        self.over_at = self.over_at.max(other.over_at);
        self.unclear_until = self.unclear_until.max(other.unclear_until);
        if other.unsettled.is_some() {
            self.is_over(other.over_at);
        }
        self.newest = self.newest.max(other.newest);
        self.doubted.extend(other.doubted.iter().cloned());
        self.has_unpriced |= other.has_unpriced || other.solo.is_some();
        self.has_unpriced_unclear |= other.has_unpriced_unclear;
        self.unexpected.extend(other.unexpected.iter().cloned());
        self.may_be_hidden |= other.may_be_hidden;
        self.may_be_free = self.may_be_free.saturating_add(other.may_be_free);
        self.is_shared |= other.is_shared;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credits::hours::Hours;
    use crate::credits::settle::{Solo, Unsettled};
    use crate::{LocalId, Look};

    const NOW: u64 = 1_700_000_000_000;

    fn joined(one: &Credits, other: &Credits) -> Credits {
        let mut joined = one.clone();
        joined.join(other);
        joined
    }

    fn with(change: impl FnOnce(&mut Credits)) -> Credits {
        let mut credits = Credits::new();
        change(&mut credits);
        credits
    }

    fn solo() -> Solo {
        Solo {
            id: LocalId(1),
            duration: 10,
            used_before: 0,
            is_awaited: true,
            is_accepted: false,
            first_look: None,
            was_processing: false,
        }
    }

    #[test]
    fn what_either_counts_counts() {
        let one = with(|credits| {
            credits.seen.add(NOW, 1);
            credits.pending.add(NOW, 2);
            credits.unclear.add(NOW, 3);
            credits.may_be_free = 4;
        });
        let other = with(|credits| {
            credits.seen.add(NOW, 10);
            credits.pending.add(NOW, 20);
            credits.unclear.add(NOW, 30);
            credits.may_be_free = 40;
        });
        let both = joined(&one, &other);
        let sums = [&both.seen, &both.pending, &both.unclear].map(Hours::total);
        assert_eq!(sums, [11, 22, 33]);
        assert_eq!(both.may_be_free, 44);
    }

    /// What makes either careful makes both careful.
    #[test]
    fn what_either_doubts_is_doubted() {
        let doubts: [fn(&mut Credits) -> &mut bool; 4] = [
            |credits| &mut credits.has_unpriced,
            |credits| &mut credits.has_unpriced_unclear,
            |credits| &mut credits.may_be_hidden,
            |credits| &mut credits.is_shared,
        ];
        for doubt in doubts {
            for (one, other) in [(false, false), (false, true), (true, false), (true, true)] {
                let [own, others] = [one, other].map(|is| with(|credits| *doubt(credits) = is));
                let mut both = joined(&own, &others);
                assert_eq!(*doubt(&mut both), one || other, "{one} {other}");
            }
        }
        // The job that went alone was not alone, and nobody knows what it costs.
        let alone = with(|credits| credits.solo = Some(solo()));
        let both = joined(&Credits::new(), &alone);
        assert_eq!((both.solo, both.has_unpriced), (None, true));
        assert_eq!(joined(&alone, &Credits::new()).solo, None);
    }

    #[test]
    fn what_is_over_or_unclear_is_so_until_the_later_time() {
        let early = with(|credits| {
            (credits.over_at, credits.unclear_until) = (NOW, NOW + 1);
            credits.newest = Some(LocalId(1));
        });
        let late = with(|credits| {
            (credits.over_at, credits.unclear_until) = (NOW + 5, NOW + 6);
            credits.newest = Some(LocalId(2));
            credits.unsettled = Some(Unsettled {
                first_look: Some((NOW, Look::new(0))),
            });
        });
        for both in [joined(&early, &late), joined(&late, &early)] {
            assert_eq!((both.over_at, both.unclear_until), (NOW + 5, NOW + 6));
            assert_eq!(both.newest, Some(LocalId(2)));
            assert!(both.unsettled.is_some());
        }
        // What one has seen of the other's jobs does not settle them.
        assert_eq!(joined(&early, &late).unsettled, Some(Unsettled::default()));
    }

    /// The older look has seen less: what moved since is counted again, rather than not at all.
    #[test]
    fn the_older_look_is_what_is_known() {
        let looked = |used: u64, at: u64| {
            let mut credits = Credits::new();
            credits.observe(&Look::new(used).at(at), at);
            credits
        };
        let used = |credits: &Credits| credits.look.as_ref().map(|last| last.look.used);
        let (none, early, late) = (Credits::new(), looked(1, NOW), looked(2, NOW + 1));
        for (one, other, expected) in [
            (&early, &late, Some(1)),
            (&late, &early, Some(1)),
            (&none, &late, Some(2)),
            (&late, &none, Some(2)),
            (&none, &none, None),
            (&looked(3, NOW), &early, Some(3)),
        ] {
            assert_eq!(used(&joined(one, other)), expected);
        }
    }
}
