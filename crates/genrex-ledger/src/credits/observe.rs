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
    }

    /// The balance moved by so much, between the last look and this one.
    fn attribute(&mut self, moved: u64, last_at: u64, at: u64) {
        let is_open = self.is_open(at);
        let ours = if is_open {
            moved
        } else if self.is_open(last_at) {
            // The charges of our jobs had their time before this look, and so had everybody else's.
            let expected = self.pending.total().saturating_add(self.unclear.total());
            if self.has_unpriced || !self.unexpected.is_empty() {
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
