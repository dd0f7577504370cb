use serde::{Deserialize, Serialize};

use super::Credits;
use crate::{LocalId, Look};

/// All jobs are over, and the balance has not been seen to stand still since.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Unsettled {
    /// The first look since that shows what the last one shows.
    pub(super) first_look: Option<(u64, Look)>,
}

/// A job that went alone: what the balance does until it is settled is its doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Solo {
    pub(super) id: LocalId,
    pub(super) duration: u8,
    /// The credits used before it.
    pub(super) used_before: u64,
    /// Whether a limit rests on what it shows: until then no other purchase starts.
    pub(super) is_awaited: bool,
    pub(super) is_accepted: bool,
    /// The first look after the service took it, and the credits used then.
    pub(super) first_look: Option<(u64, u64)>,
    /// Whether the service said after that look that it is at work on it.
    #[serde(default)]
    pub(super) was_processing: bool,
}

impl Credits {
    /// A job is over at this time: its charge may still come.
    pub(super) fn is_over(&mut self, at: u64) {
        self.over_at = self.over_at.max(at);
        self.unsettled = Some(Unsettled::default());
    }

    /// Until when a movement may be the charge of a job that is over.
    pub(super) fn late_until(&self) -> u64 {
        self.over_at.saturating_add(self.late())
    }

    /// How long after a job's end a charge may still be its own, in milliseconds.
    pub(super) fn late(&self) -> u64 {
        Self::LATE.max(self.charging.longest_lag().saturating_mul(2))
    }

    /// How long a balance must not have moved before that says something of an ambiguous submit: ten minutes,
    /// or ten times the longest lag that was seen.
    pub(super) fn settling(&self) -> u64 {
        Self::LATE.max(self.charging.longest_lag().saturating_mul(10))
    }

    /// How far apart two looks that are alike must be, in milliseconds.
    ///
    /// The service tells whole seconds: three of them are more than two.
    pub(super) fn apart(&self) -> u64 {
        const LEAST: u64 = 3_000;
        const MOST: u64 = 60_000;
        let twice = self.charging.longest_lag().saturating_mul(2);
        twice.clamp(LEAST, MOST)
    }

    /// The service says at this time that it is at work on a job.
    pub(crate) fn is_processing(&mut self, job: LocalId, at: u64) {
        self.running.heard_of(job, at);
        if let Some(solo) = self.solo.as_mut().filter(|solo| solo.id == job) {
            solo.was_processing |= solo.first_look.is_some();
        }
    }

    /// Ends the jobs that nobody has heard of for too long.
    pub(super) fn expire(&mut self, at: u64) {
        for (job, end) in self.running.expire(at) {
            self.end_solo(job);
            self.is_over(end);
        }
    }

    /// What was to show a price cannot: the next does.
    pub(super) fn end_solo(&mut self, job: LocalId) {
        if self.solo.as_ref().is_some_and(|solo| solo.id == job) {
            self.solo = None;
            self.has_unpriced &= !self.running.is_empty();
        }
    }

    /// Concludes what can be, now that a look shows this.
    pub(super) fn settle(&mut self, look: &Look, at: u64) {
        if !self.running.is_empty() {
            return;
        }
        if self.unsettled.is_some() && self.stands_still(look, at) {
            self.unsettled = None;
            self.conclude_solo(look, at);
        }
        // What is charged at the submit has been; anything else has had its time.
        if self.unsettled.is_none() && (self.charging.is_at_submit() || at >= self.late_until()) {
            self.release_pending();
            self.unexpected.clear();
        }
    }

    /// Whether two looks are alike, far enough apart, after everything was over.
    fn stands_still(&mut self, look: &Look, at: u64) -> bool {
        if at < self.over_at {
            return false;
        }
        let (apart, had_its_time) = (self.apart(), at >= self.late_until());
        let Some(unsettled) = &mut self.unsettled else {
            return true;
        };
        match &unsettled.first_look {
            Some((first_at, first)) if first.is_like(look) => {
                let is_apart = at >= first_at.saturating_add(apart);
                had_its_time || (is_apart && !self.is_charge_awaited(look))
            }
            Some(_) | None => {
                unsettled.first_look = Some((at, look.clone()));
                had_its_time
            }
        }
    }

    /// Whether a limit rests on a charge that has not been seen, and that may still come.
    fn is_charge_awaited(&self, look: &Look) -> bool {
        let Some(solo) = &self.solo else {
            return false;
        };
        solo.is_awaited && look.used <= solo.used_before && !self.charging.is_at_submit()
    }

    fn conclude_solo(&mut self, look: &Look, at: u64) {
        let Some(solo) = self.solo.take() else { return };
        let cost = look.used.saturating_sub(solo.used_before);
        let is_shown = cost > 0 || at >= self.late_until();
        if !is_shown {
            return;
        }
        self.prices.observe(solo.duration, cost);
        if cost > 0 {
            // What moved may be the charge of another, which says nothing of when this one was charged.
            if self.unexpected.is_empty() {
                self.learn_when(&solo, cost);
            }
            // It went alone, so that nothing else is expected.
            self.release_pending();
            self.price_unexpected(solo.duration, cost);
        }
    }

    fn learn_when(&mut self, solo: &Solo, cost: u64) {
        let Some((_, used)) = solo.first_look else {
            return;
        };
        if used.saturating_sub(solo.used_before) < cost {
            self.charging.later = self.charging.later.saturating_add(1);
        } else if solo.was_processing {
            // Without that the look may have come after a job that was over at once, and says nothing of the submit.
            self.charging.at_submit = self.charging.at_submit.saturating_add(1);
        }
    }

    /// What was expected and did not come is not spent, unless its charge may be hidden.
    fn release_pending(&mut self) {
        if self.may_be_hidden {
            self.pending.take_oldest(self.may_be_free);
            self.seen.join(&self.pending);
        }
        self.may_be_free = 0;
        self.pending.clear();
        self.runs.settle(self.may_be_hidden);
        self.may_be_hidden = false;
        self.has_unpriced = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000;
    const MINUTE: u64 = 60 * SECOND;

    /// Ten minutes, or ten times the longest delay that was seen; and two looks three seconds apart, or more.
    #[test]
    fn how_long_a_charge_is_waited_for_grows_with_the_longest_delay() {
        for (lag, late, settling, apart) in [
            (0, 10 * MINUTE, 10 * MINUTE, 3 * SECOND),
            (SECOND, 10 * MINUTE, 10 * MINUTE, 3 * SECOND),
            (10 * SECOND, 10 * MINUTE, 10 * MINUTE, 20 * SECOND),
            (100 * SECOND, 10 * MINUTE, 1_000 * SECOND, MINUTE),
            (8 * MINUTE, 16 * MINUTE, 80 * MINUTE, MINUTE),
            (60 * MINUTE, 20 * MINUTE, 100 * MINUTE, MINUTE),
        ] {
            let mut credits = Credits::new();
            credits.charging.lagged(lag);
            let found = (credits.late(), credits.settling(), credits.apart());
            assert_eq!(found, (late, settling, apart), "{lag}");
            credits.over_at = 5;
            assert_eq!(credits.late_until(), late + 5);
        }
    }

    #[test]
    fn a_look_that_is_dated_before_the_end_of_a_job_settles_nothing() {
        const NOW: u64 = 1_700_000_000_000;
        let mut credits = Credits::new();
        credits.is_over(NOW);
        for (at, is_first) in [(NOW - 1, false), (NOW, true)] {
            credits.observe(&Look::new(0).at(at), at);
            let unsettled = credits.unsettled.as_ref().unwrap();
            assert_eq!(unsettled.first_look.is_some(), is_first);
        }
    }

    /// Only what is told after a look says that the look came while the service was at work.
    #[test]
    fn a_job_is_at_work_after_a_look_if_that_is_said_after_it() {
        let mut credits = Credits::new();
        let solo = |first_look| Solo {
            id: LocalId(1),
            duration: 10,
            used_before: 0,
            is_awaited: false,
            is_accepted: true,
            first_look,
            was_processing: false,
        };
        credits.solo = Some(solo(None));
        let was_processing = |credits: &Credits| credits.solo.as_ref().unwrap().was_processing;
        credits.is_processing(LocalId(1), 5);
        assert!(!was_processing(&credits));
        credits.solo = Some(solo(Some((5, 0))));
        credits.is_processing(LocalId(2), 6);
        assert!(!was_processing(&credits));
        for _ in 0..2 {
            credits.is_processing(LocalId(1), 6);
            assert!(was_processing(&credits));
        }
        assert_eq!(credits.running.count(), 2);
    }
}
