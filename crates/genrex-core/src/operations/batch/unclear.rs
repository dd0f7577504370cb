use std::time::Duration;

use genrex_ledger::{Doubt, Reconciliation};

/// What a batch does next with a row that may have been charged, after it was held against the balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnclearStep {
    /// It was not charged: it may be bought again.
    MayBuy,
    /// A look after this time may tell more.
    LookAgain(Duration),
    /// It is left as it is: no later look tells more.
    Leave,
}

impl UnclearStep {
    /// What follows from what a balance has shown, after so many looks. `now` is in milliseconds since 1970.
    ///
    /// The service's clock need not be this machine's, so a look is repeated once a minute at least. And the service
    /// tells whole seconds: a look right after the submit may seem to be from before it.
    #[must_use]
    pub fn of(found: Reconciliation, looks: u32, now: u64) -> Self {
        const LEAST: u64 = 1_000;
        const MOST: u64 = 60_000;
        const SECOND: Duration = Duration::from_secs(1);
        const LOOKS: u32 = 3;
        match found {
            Reconciliation::NotCharged => Self::MayBuy,
            Reconciliation::Inconclusive(Doubt::NotSettled { until }) => {
                let left = until.saturating_sub(now).clamp(LEAST, MOST);
                Self::LookAgain(Duration::from_millis(left))
            }
            Reconciliation::Inconclusive(Doubt::NoLookSince) if looks < LOOKS => {
                Self::LookAgain(SECOND)
            }
            Reconciliation::Charged | Reconciliation::Inconclusive(_) => Self::Leave,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_not_charged_may_be_bought_and_only_time_is_waited_for() {
        let of = |found| UnclearStep::of(found, 1, 100_000);
        let unsettled = |until| Reconciliation::Inconclusive(Doubt::NotSettled { until });
        let seconds = |seconds| UnclearStep::LookAgain(Duration::from_secs(seconds));
        for (found, step) in [
            (Reconciliation::NotCharged, UnclearStep::MayBuy),
            (Reconciliation::Charged, UnclearStep::Leave),
            (
                Reconciliation::Inconclusive(Doubt::OtherJobs),
                UnclearStep::Leave,
            ),
            (unsettled(0), seconds(1)),
            (unsettled(105_000), seconds(5)),
            (unsettled(700_000), seconds(60)),
        ] {
            assert_eq!(of(found), step, "{found:?}");
        }
        let not_seen = Reconciliation::Inconclusive(Doubt::NoLookSince);
        assert_eq!(of(not_seen), seconds(1));
        assert_eq!(
            UnclearStep::of(not_seen, 3, 100_000),
            UnclearStep::Leave,
            "a service without a date"
        );
    }
}
