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
                self.has_unpriced_unclear |= job.expected_cost.is_none();
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::entry::Reserved;
    use crate::{Account, Doubt, Intent, LocalId};

    const DAY: u64 = 24 * 60 * 60 * 1000;
    const LATE: u64 = 600_000;
    /// The jobs were intended long before they came to where they stand.
    const CREATED: u64 = 100 * DAY;
    const SINCE: u64 = 200 * DAY;

    fn job(state: State, expected: Option<u64>) -> Entry {
        let intent = Intent::new(1, Account::new("http://a", "u"), "text", 10, b"{}");
        let reserved = Reserved {
            expected,
            alone: true,
            service_at: SINCE,
        };
        let mut job = Entry::begin(LocalId(7), &intent, reserved, CREATED);
        job.state = state;
        job
    }

    /// What counts for certain at the time when it was intended, and since; and what is expected yet.
    fn counts(job: &Entry) -> [u64; 3] {
        let credits = crate::rules::restore(std::slice::from_ref(job));
        let day = Some(Duration::from_millis(DAY));
        let all = credits.certain(None, SINCE);
        let since = credits.certain(day, SINCE);
        [all - since, since, credits.pending.within(day, SINCE)]
    }

    #[test]
    fn what_was_taken_counts_when_it_was_intended_and_what_may_be_charged_yet_counts_since() {
        for (state, expected) in [
            (State::Intended, [0, 0, 10]),
            (State::Sent, [0, 0, 10]),
            (State::NotSent, [0, 0, 0]),
            (State::Refused, [0, 0, 0]),
            (State::Ambiguous, [0, 10, 0]),
            (State::Accepted, [10, 0, 0]),
            (State::Failed, [10, 0, 0]),
            (State::Completed, [10, 0, 0]),
            (State::Downloaded, [10, 0, 0]),
        ] {
            assert_eq!(counts(&job(state, Some(10))), expected, "{state}");
            assert_eq!(counts(&job(state, None)), [0, 0, 0], "{state}");
        }
        for (found, by_hand, expected) in [
            (Reconciliation::NotCharged, false, [0, 0, 0]),
            (Reconciliation::NotCharged, true, [0, 0, 0]),
            (Reconciliation::Charged, false, [10, 0, 0]),
            // A person has said so, and the balance may show it yet.
            (Reconciliation::Charged, true, [0, 10, 0]),
            (
                Reconciliation::Inconclusive(Doubt::OtherJobs),
                false,
                [0, 10, 0],
            ),
        ] {
            let mut job = job(State::Ambiguous, Some(10));
            (job.reconciliation, job.resolved_by_hand) = (Some(found), by_hand);
            assert_eq!(counts(&job), expected, "{found:?}");
        }
    }

    /// What moves soon may be the charge of one that is under way, or was over just now.
    #[test]
    fn what_may_still_move_the_balance_is_known() {
        for state in State::ALL {
            let credits = Credits::restore(&[job(state, None)]);
            let is_nothing = matches!(state, State::NotSent | State::Refused);
            let is_begun = matches!(state, State::Intended | State::Sent);
            assert_eq!(credits.is_settled(), is_nothing, "{state}");
            assert_eq!(credits.running.is_empty(), !state.is_running(), "{state}");
            assert_eq!(credits.has_unpriced, is_begun, "{state}");
            let is_unclear = state == State::Ambiguous;
            assert_eq!(credits.has_unpriced_unclear, is_unclear, "{state}");
            let unclear_until = if state == State::Ambiguous {
                SINCE + LATE
            } else {
                0
            };
            assert_eq!(credits.unclear_until, unclear_until, "{state}");
            assert_eq!(credits.newest, Some(LocalId(7)));
        }
        let priced = Credits::restore(&[job(State::Sent, Some(10))]);
        assert!(!priced.has_unpriced);
        let priced = Credits::restore(&[job(State::Ambiguous, Some(10))]);
        assert!(!priced.has_unpriced_unclear);
    }
}
