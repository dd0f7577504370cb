//! The page that Prometheus reads. What stands in the ledger is read when the page is asked for, and is the same for all
//! who ask within some seconds: the ledger has other things to keep.

use std::time::Duration;

use genrex_ledger::{Filter, Ledger, State};
use prometheus_client::encoding::text;

use crate::clock;
use crate::metrics::Metrics;

/// So many jobs of a state are counted, at most: the page must not cost what the work costs.
const MOST: u32 = 10_000;

/// For how long what was read of the ledger is told.
const FRESH: Duration = Duration::from_secs(5);

/// The states in which there is something to do, or to look into.
pub(super) const OPEN: [State; 4] = [
    State::Intended,
    State::Sent,
    State::Accepted,
    State::Ambiguous,
];

impl Metrics {
    /// All of it, in the text form of `OpenMetrics`. What the ledger does not tell keeps its last value.
    /// `now` is the time since the program's start.
    pub(super) async fn page(&self, now: Duration) -> String {
        if let Some(ledger) = self.ledger.get() {
            let mut read = self.read.lock().await;
            if read.is_none_or(|read| now.saturating_sub(read) >= FRESH) {
                self.read_ledger(ledger).await;
                *read = Some(now);
            }
        }
        let mut page = String::new();
        // Writing to a text does not fail.
        let _ = text::encode(&mut page, &self.registry);
        page
    }

    async fn read_ledger(&self, ledger: &dyn Ledger) {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use genrex_ledger::{Call, Entry, Error, MemoryLedger, Watched, Watcher};

    use super::*;

    #[derive(Default)]
    struct Reads(AtomicU32);

    impl Watcher for &'static Reads {
        fn now(&self) -> Duration {
            Duration::ZERO
        }

        fn called(&self, call: Call<'_>, _: Duration, _: Result<Option<&Entry>, &Error>) {
            assert!(matches!(call, Call::Read), "{call:?}");
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn who_asks_within_some_seconds_is_told_the_same() {
        let reads: &'static Reads = Box::leak(Box::default());
        let ledger = Watched::new(MemoryLedger::new(), reads);
        let metrics: &'static Metrics = Box::leak(Box::new(Metrics::new()));
        assert!(metrics.ledger.set(Arc::new(ledger)).is_ok());
        let at = |seconds: u64| tokio::spawn(metrics.page(Duration::from_secs(seconds)));
        let all = [1, 1, 1, 5, 5, 5].map(at);
        for page in all {
            assert!(page.await.unwrap().contains("genrex_open_jobs"));
        }
        let once = u32::try_from(OPEN.len()).unwrap();
        assert_eq!(reads.0.load(Ordering::Relaxed), once);
        at(6).await.unwrap();
        assert_eq!(reads.0.load(Ordering::Relaxed), 2 * once);
    }
}
