use super::Credits;

impl Credits {
    /// Adds what another knows of the same account.
    pub(crate) fn join(&mut self, other: &Self) {
        self.seen.join(&other.seen);
        self.pending.join(&other.pending);
        self.unclear.join(&other.unclear);
    }
}
