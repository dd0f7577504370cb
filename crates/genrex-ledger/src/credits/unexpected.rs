use serde::{Deserialize, Serialize};

use super::Credits;

/// A job that was refused, or that failed, before anybody knew what it costs: it may be charged all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Unexpected {
    /// Its duration in seconds; `None` stands for more of them than are known one by one.
    duration: Option<u8>,
    run: Option<String>,
    /// When it was over, by the service's clock.
    at: u64,
}

impl Credits {
    /// A job of which nothing is expected was over, and may be charged all the same.
    pub(super) fn add_unexpected(&mut self, duration: u8, run: Option<&str>, at: u64) {
        const MOST: usize = 64;
        let mut unexpected = Unexpected {
            duration: Some(duration),
            run: run.map(str::to_owned),
            at,
        };
        if self.unexpected.len() >= MOST {
            self.unexpected.pop();
            unexpected.duration = None;
        }
        self.unexpected.push(unexpected);
    }

    /// Whether what moves may be the charge of such a job of another duration, whose price a job of this one cannot
    /// show.
    pub(super) fn is_another_unexpected(&self, duration: u8) -> bool {
        let mut durations = self.unexpected.iter().map(|job| job.duration);
        durations.any(|other| other != Some(duration))
    }

    /// What a piece of this duration costs is known: such jobs are expected to be charged it.
    ///
    /// The charge that showed the price may have been one of theirs, and then this one's is still to come.
    pub(super) fn price_unexpected(&mut self, duration: u8, credits: u64) {
        let is_priced = |job: &mut Unexpected| job.duration == Some(duration);
        for Unexpected { run, at, .. } in self.unexpected.extract_if(.., is_priced) {
            self.pending.add(at, credits);
            self.may_be_free = self.may_be_free.saturating_add(credits);
            if let Some(run) = run {
                self.runs.reserve(&run, credits, at);
            }
        }
    }

    /// Those that are not charged by now are not charged.
    pub(super) fn expire_unexpected(&mut self, now: u64) {
        let late = self.late();
        self.unexpected
            .retain(|job| now < job.at.saturating_add(late));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: u64 = 600_000;

    fn after(durations: impl IntoIterator<Item = u8>) -> Credits {
        let mut credits = Credits::new();
        for duration in durations {
            credits.add_unexpected(duration, None, 0);
        }
        credits
    }

    #[test]
    fn one_of_more_than_are_known_may_be_of_any_duration() {
        assert!(!after([10; 64]).is_another_unexpected(10));
        let many = after([10; 1_000]);
        assert!(many.is_another_unexpected(10));
        assert_eq!(many.unexpected.len(), 64);
        assert!(after([10, 5]).is_another_unexpected(10));
        assert!(!after([]).is_another_unexpected(10));
    }

    /// Either of two may be the one that was charged: the others are expected, and may be free.
    #[test]
    fn with_its_price_such_a_job_is_expected_to_be_charged() {
        let mut credits = after([10, 5, 10]);
        credits.runs.reserve("run", 0, 0);
        credits.add_unexpected(10, Some("run"), 0);
        credits.price_unexpected(10, 7);
        assert_eq!((credits.pending.total(), credits.may_be_free), (21, 21));
        assert_eq!(credits.runs.spent("run"), 7);
        assert_eq!(credits.unexpected.len(), 1);
        assert!(credits.is_another_unexpected(10));
    }

    #[test]
    fn what_is_not_charged_in_ten_minutes_is_not_charged() {
        let mut credits = after([10]);
        credits.expire_unexpected(LATE - 1);
        assert_eq!(credits.unexpected.len(), 1);
        credits.expire_unexpected(LATE);
        assert!(credits.unexpected.is_empty());
    }
}
