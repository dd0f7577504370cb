use super::Credits;
use super::reconcile::Doubted;
use crate::{Entry, Reconciliation, State};

impl Credits {
    /// Follows a job from where it stood to where it stands now.
    pub(crate) fn follow(&mut self, before: &Entry, after: &Entry) {
        let at = after.service_at;
        if after.state.is_running() {
            self.running.heard_of(after.id, at);
        } else {
            self.running.remove(after.id);
        }
        if let Some(run) = &after.run {
            self.runs.heard_of(run, at);
        }
        if before.state == after.state {
            if after.state == State::Ambiguous {
                self.follow_verdict(before, after);
            }
            return;
        }
        match after.state {
            State::NotSent => {
                self.give_up(before);
            }
            // It may have been charged all the same, and the balance may have shown that already: what was expected
            // of it stays until all is settled. Given back at once, it would be taken from another job's.
            State::Refused | State::Failed => {
                self.end_solo(after.id);
                self.is_over(at);
                match before.expected_cost {
                    Some(credits) => self.may_be_free = self.may_be_free.saturating_add(credits),
                    None => self.add_unexpected(before.duration, before.run.as_deref(), at),
                }
            }
            State::Ambiguous => self.is_unclear(before, after),
            State::Accepted => {
                match before.state {
                    State::Ambiguous => self.is_found(before, at),
                    State::Refused => self.is_taken_after_all(before, at),
                    _ => {}
                }
                if let Some(solo) = self.solo.as_mut().filter(|solo| solo.id == after.id) {
                    solo.is_accepted = true;
                }
            }
            State::Completed | State::Downloaded => {
                if before.state == State::Accepted {
                    self.is_over(at);
                }
            }
            State::Intended | State::Sent => {}
        }
    }

    fn is_unclear(&mut self, before: &Entry, after: &Entry) {
        let credits = after.expected_cost.unwrap_or(0);
        let at = after.service_at;
        let moved = self.pending.take(before.service_at, credits);
        self.unclear.add(at, moved);
        if let Some(run) = &after.run {
            self.runs.move_to_unclear(run, moved);
        }
        // It may still be charged: only time ends what its price is not known for.
        self.solo.take_if(|solo| solo.id == after.id);
        self.is_over(at);
        let until = at.saturating_add(self.settling());
        self.unclear_until = self.unclear_until.max(until);
        self.has_unpriced_unclear |= after.expected_cost.is_none();
    }

    /// The id of an ambiguous job was found: it is a job like any other.
    fn is_found(&mut self, before: &Entry, at: u64) {
        let credits = before.expected_cost.unwrap_or(0);
        if before.is_not_charged() {
            self.take_back(before, credits);
        }
        let moved = self.unclear.take(before.service_at, credits);
        self.pending.add(at, moved);
        if let Some(run) = &before.run {
            self.runs.release_unclear(run, moved);
            self.runs.reserve(run, moved, at);
        }
    }

    /// A job that was refused has an id: it is expected again, though it may have been charged already.
    fn is_taken_after_all(&mut self, before: &Entry, at: u64) {
        let credits = before.expected_cost.unwrap_or(0);
        self.has_unpriced |= before.expected_cost.is_none();
        self.pending.add(at, credits);
        if let Some(run) = &before.run {
            self.runs.reserve(run, credits, at);
        }
    }

    /// An ambiguous job is said to have ended otherwise than was known.
    fn follow_verdict(&mut self, before: &Entry, after: &Entry) {
        if before.is_not_charged() == after.is_not_charged() {
            return;
        }
        let credits = after.expected_cost.unwrap_or(0);
        let is_shown =
            before.reconciliation == Some(Reconciliation::Charged) && !before.resolved_by_hand;
        if !after.is_not_charged() {
            self.take_back(after, credits);
        } else if is_shown {
            // The balance has moved by it: what is still unclear is another's.
        } else if after.resolved_by_hand {
            self.free(after.run.as_deref(), after.service_at, credits);
        } else if let Some(last) = &self.look {
            let look = last.look.clone();
            self.doubted.push(Doubted::new(after, credits, look));
            // More are not released early; they leave their windows with time.
            const MOST: usize = 64;
            self.doubted.truncate(MOST);
        }
    }

    /// What was found not to be charged counts again.
    fn take_back(&mut self, entry: &Entry, credits: u64) {
        let known = self.doubted.len();
        self.doubted.retain(|doubted| doubted.id != entry.id);
        if self.doubted.len() == known {
            // It had been released.
            self.unclear.add(entry.service_at, credits);
            if let Some(run) = &entry.run {
                self.runs.add_unclear(run, credits);
            }
        }
    }

    /// It is not spent.
    pub(super) fn free(&mut self, run: Option<&str>, at: u64, credits: u64) {
        let freed = self.unclear.take(at, credits);
        if let Some(run) = run {
            self.runs.release_unclear(run, freed);
        }
    }

    /// It was not taken: nothing of it is expected.
    fn give_up(&mut self, entry: &Entry) {
        let credits = entry.expected_cost.unwrap_or(0);
        let freed = self.pending.take(entry.service_at, credits);
        if let Some(run) = &entry.run {
            self.runs.release(run, freed);
        }
        self.end_solo(entry.id);
    }
}
