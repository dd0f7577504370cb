//! The page that Prometheus reads. What stands in the ledger is read when the page is asked for.

use genrex_ledger::{Filter, State};
use prometheus_client::encoding::text;

use crate::clock;
use crate::metrics::Metrics;

/// So many jobs of a state are counted, at most: the page must not cost what the work costs.
const MOST: u32 = 10_000;

/// The states in which there is something to do, or to look into.
pub(super) const OPEN: [State; 4] = [
    State::Intended,
    State::Sent,
    State::Accepted,
    State::Ambiguous,
];

impl Metrics {
    /// All of it, in the text form of `OpenMetrics`. What the ledger does not tell keeps its last value.
    pub(super) async fn page(&self) -> String {
        self.read_ledger().await;
        let mut page = String::new();
        // Writing to a text does not fail.
        let _ = text::encode(&mut page, &self.registry);
        page
    }

    async fn read_ledger(&self) {
        let Some(ledger) = self.ledger.get() else {
            return;
        };
        for state in OPEN {
            let mut filter = Filter::default().states([state]);
            filter.limit = Some(MOST);
            let Ok(jobs) = ledger.entries(&filter).await else {
                return;
            };
            let open = jobs
                .iter()
                .filter(|job| state != State::Ambiguous || job.is_unclear());
            let count = i64::try_from(open.count()).unwrap_or(i64::MAX);
            self.jobs
                .get_or_create(&[("state", state.as_str())])
                .set(count);
        }
        let Some(account) = self.account.get() else {
            return;
        };
        if let Ok(credits) = ledger.credits(account).await {
            let spending = credits.spending(clock::now());
            for (window, spent) in [
                ("day", spending.day),
                ("month", spending.month),
                ("total", spending.total),
            ] {
                let spent = i64::try_from(spent).unwrap_or(i64::MAX);
                self.spent.get_or_create(&[("window", window)]).set(spent);
            }
        }
    }
}
