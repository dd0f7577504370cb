use super::Credits;
use crate::{Entry, Reconciliation, State};

impl Credits {
    /// What is known by the jobs alone.
    ///
    /// Whether a balance had shown a charge is not known: a job that was taken counts as spent, and what moves after
    /// that counts besides. So what counts may be too much, and is never too little.
    pub(crate) fn restore(jobs: &[Entry]) -> Self {
        let mut credits = Self::new();
        for job in jobs {
            credits.newest = credits.newest.max(Some(job.id));
            credits.restore_one(job);
        }
        credits
    }

    fn restore_one(&mut self, job: &Entry) {
        let (cost, at) = (job.expected_cost.unwrap_or(0), job.service_at);
        match job.state {
            State::NotSent | State::Refused => {}
            State::Intended | State::Sent => {
                self.pending.add(at, cost);
                self.has_unpriced |= job.expected_cost.is_none();
                self.running.heard_of(job.id, at);
            }
            State::Ambiguous => {
                match job.reconciliation {
                    Some(Reconciliation::NotCharged) => {}
                    Some(Reconciliation::Charged) if !job.resolved_by_hand => {
                        self.seen.add(job.created_at, cost);
                    }
                    Some(_) | None => self.unclear.add(at, cost),
                }
                self.is_over(at);
                self.unclear_until = self.unclear_until.max(at.saturating_add(self.settling()));
            }
            State::Accepted => {
                self.seen.add(job.created_at, cost);
                self.running.heard_of(job.id, at);
            }
            State::Failed | State::Completed | State::Downloaded => {
                self.seen.add(job.created_at, cost);
                self.is_over(at);
            }
        }
    }
}
