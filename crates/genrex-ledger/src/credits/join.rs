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
        self.unexpected.extend(other.unexpected.iter().cloned());
        self.may_be_hidden |= other.may_be_hidden;
        self.may_be_free = self.may_be_free.saturating_add(other.may_be_free);
        self.is_shared |= other.is_shared;
    }
}
