use super::{Credits, LastLook, Unsettled};
use crate::Look;

impl Credits {
    /// Takes a look at the balance into account; `now` is this machine's time.
    ///
    /// What moved while a job of ours was under way is ours: what was expected first, and what goes beyond it
    /// makes every price unknown. What moved while nothing of ours was under way is somebody else's.
    pub fn observe(&mut self, look: &Look, now: u64) {
        let carried = self.service_time(now);
        let last = self.look.take();
        let at = match (&last, look.at) {
            (Some(last), Some(at)) => at.max(last.at),
            (None, Some(at)) => at,
            (_, None) => carried,
        };
        if let Some(last) = last {
            if is_stale(look, &last.look, !self.running.is_empty()) {
                self.look = Some(last);
                return;
            }
            self.release_what_is_agreed(look);
            if look.used > last.look.used {
                self.attribute(look.used - last.look.used, at);
            } else if look.used < last.look.used {
                // A refund: what the job that went alone costs can no longer be told.
                self.solo = None;
            }
        }
        self.running.expire(at);
        self.seen.age(at);
        self.pending.age(at);
        self.unclear.age(at);
        self.runs.expire(at);
        if let Some(solo) = &mut self.solo
            && solo.is_accepted
        {
            solo.used_after_submit.get_or_insert(look.used);
        }
        self.look = Some(LastLook {
            look: look.clone(),
            at,
            local: now,
        });
        self.settle(look, at);
    }

    /// The balance moved by so much.
    fn attribute(&mut self, moved: u64, at: u64) {
        if !self.may_be_ours(at) {
            return;
        }
        if self.is_settled() {
            // It came after everything seemed to be settled: this service charges later than was known.
            let over_at = self.late_until.saturating_sub(self.settling());
            let lag = at.saturating_sub(over_at);
            self.charging.longest_lag = self.charging.longest_lag.max(lag);
            self.charging.later = self.charging.later.saturating_add(1);
        }
        self.seen.add(at, moved);
        let expected = self.pending.take_oldest(moved);
        let unclear = self.unclear.take_oldest(moved - expected);
        self.runs.explain(expected + unclear);
        let excess = moved - expected - unclear;
        if excess == 0 {
            self.prices.confirm();
            return;
        }
        self.runs.exceed(excess, at);
        if self.unpriced == 0 {
            self.prices.forget();
        }
    }

    /// What was found not to be charged is released by the first look that shows the same again.
    fn release_what_is_agreed(&mut self, look: &Look) {
        for doubted in std::mem::take(&mut self.doubted) {
            if look.is_like(&doubted.look) {
                self.unclear.take(doubted.service_at, doubted.credits);
                if let Some(run) = &doubted.run {
                    self.runs.release_unclear(run, doubted.credits);
                }
            }
        }
    }

    /// Two looks alike, far enough apart, after everything was over: what was not charged by now was free.
    fn settle(&mut self, look: &Look, at: u64) {
        if !self.running.is_empty() {
            return;
        }
        let apart = self.apart();
        let settling = self.settling();
        let Some(unsettled) = &mut self.unsettled else {
            return;
        };
        match &unsettled.first_look {
            Some((first_at, first)) if first.is_like(look) => {
                let is_over = at >= first_at + apart || at >= unsettled.over_at + settling;
                if !is_over {
                    return;
                }
            }
            Some(_) | None => {
                unsettled.first_look = Some((at, look.clone()));
                return;
            }
        }
        let over_at = unsettled.over_at;
        self.unsettled = None;
        self.conclude(look, over_at);
    }

    fn conclude(&mut self, look: &Look, over_at: u64) {
        let mut is_late = self.pending.total() > 0;
        if let Some(solo) = self.solo.take() {
            let cost = look.used.saturating_sub(solo.used_before);
            if cost == 0 {
                // It may have been free, or its charge may come later than was waited for.
                is_late = true;
            } else {
                self.prices.observe(solo.duration, cost);
                let at_submit = solo.used_after_submit.map(|used| used - solo.used_before);
                if at_submit == Some(cost) {
                    self.charging.at_submit = self.charging.at_submit.saturating_add(1);
                } else {
                    self.charging.later = self.charging.later.saturating_add(1);
                }
            }
        }
        let pending = self.pending.total();
        self.pending.take_oldest(pending);
        self.runs.settle();
        self.unpriced = 0;
        if is_late || self.ambiguous > 0 {
            self.late_until = self.late_until.max(over_at + self.settling());
        }
    }

    /// How far apart two looks that are alike must be, in milliseconds.
    pub(super) fn apart(&self) -> u64 {
        const LEAST: u64 = 2_000;
        const MOST: u64 = 60_000;
        self.charging
            .longest_lag
            .saturating_mul(2)
            .clamp(LEAST, MOST)
    }

    /// A job is over at this time: its charge may still come.
    pub(super) fn is_over(&mut self, at: u64) {
        let over_at = self
            .unsettled
            .as_ref()
            .map_or(at, |unsettled| unsettled.over_at.max(at));
        self.unsettled = Some(Unsettled {
            over_at,
            first_look: None,
        });
    }
}

/// Whether a look was taken before the last one, and only told after it.
fn is_stale(look: &Look, last: &Look, is_running: bool) -> bool {
    match (&look.changed, &last.changed) {
        (Some(changed), Some(last_changed)) if changed != last_changed => changed < last_changed,
        // Nothing says that it is a refund.
        _ => look.used < last.used && is_running,
    }
}
