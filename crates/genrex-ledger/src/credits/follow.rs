use super::{Credits, Doubted};
use crate::{Entry, Reconciliation, State};

impl Credits {
    /// Follows a job from where it stood to where it stands now.
    pub(crate) fn follow(&mut self, before: &Entry, after: &Entry) {
        let at = after.service_at;
        match (before.state.is_running(), after.state.is_running()) {
            (true, true) => {
                self.running.remove(before.service_at);
                self.running.add(at);
            }
            (true, false) => self.running.remove(before.service_at),
            (false, true) => self.running.add(at),
            (false, false) => {}
        }
        let is_change = before.state != after.state;
        match after.state {
            State::NotSent if is_change => {
                self.release(before);
                self.end_solo(after);
            }
            // What a refusal or a failure costs counts as soon as the balance shows it.
            State::Refused if is_change => {
                self.release(before);
                self.end_solo(after);
                self.is_over(at);
            }
            State::Failed if is_change => {
                self.end_solo(after);
                self.is_over(at);
            }
            State::Ambiguous => self.follow_unclear(before, after),
            State::Accepted if is_change => {
                if before.state == State::Ambiguous {
                    self.is_found(before, at);
                }
                if let Some(solo) = &mut self.solo
                    && solo.id == after.id
                {
                    solo.is_accepted = true;
                }
            }
            State::Completed | State::Downloaded if before.state == State::Accepted => {
                self.is_over(at);
            }
            State::Intended
            | State::Sent
            | State::NotSent
            | State::Refused
            | State::Accepted
            | State::Failed
            | State::Completed
            | State::Downloaded => {}
        }
    }

    fn follow_unclear(&mut self, before: &Entry, after: &Entry) {
        let credits = after.expected_cost.unwrap_or(0);
        if before.state != State::Ambiguous {
            self.ambiguous += 1;
            let moved = self.pending.take(before.service_at, credits);
            self.unclear.add(after.service_at, moved);
            if let Some(run) = &after.run {
                self.runs.move_to_unclear(run, credits);
            }
            self.end_solo(after);
            self.is_over(after.service_at);
            self.late_until = self.late_until.max(after.service_at + self.settling());
            return;
        }
        if is_settled(before) == is_settled(after) {
            return;
        }
        if is_settled(after) {
            self.ambiguous = self.ambiguous.saturating_sub(1);
        } else {
            self.ambiguous += 1;
        }
        if after.reconciliation == Some(Reconciliation::NotCharged) {
            self.doubt(after, credits);
        }
    }

    /// It counts as spent until the next look agrees.
    fn doubt(&mut self, entry: &Entry, credits: u64) {
        /// More are not released early; they leave their windows with time.
        const MOST: usize = 64;
        if let Some(last) = &self.look
            && credits > 0
            && self.doubted.len() < MOST
        {
            self.doubted.push(Doubted {
                run: entry.run.clone(),
                credits,
                service_at: entry.service_at,
                look: last.look.clone(),
            });
        }
    }

    /// The id of an ambiguous job was found: it is a job like any other.
    fn is_found(&mut self, before: &Entry, at: u64) {
        if !is_settled(before) {
            self.ambiguous = self.ambiguous.saturating_sub(1);
        }
        let credits = before.expected_cost.unwrap_or(0);
        let moved = self.unclear.take(before.service_at, credits);
        self.pending.add(at, moved);
        if let Some(run) = &before.run {
            self.runs.release_unclear(run, moved);
            self.runs.reserve(run, moved, at);
        }
    }

    fn release(&mut self, entry: &Entry) {
        let credits = entry.expected_cost.unwrap_or(0);
        self.pending.take(entry.service_at, credits);
        if let Some(run) = &entry.run {
            self.runs.release(run, credits);
        }
    }

    /// What was to show a price cannot: the next does.
    fn end_solo(&mut self, entry: &Entry) {
        if self.solo.as_ref().is_some_and(|solo| solo.id == entry.id) {
            self.solo = None;
        }
    }
}

/// Whether somebody or something says how an ambiguous job ended.
fn is_settled(entry: &Entry) -> bool {
    match entry.reconciliation {
        Some(Reconciliation::Charged | Reconciliation::NotCharged) => true,
        Some(Reconciliation::Inconclusive(_)) | None => false,
    }
}
