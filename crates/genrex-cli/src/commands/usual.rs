use std::time::Duration;

use genrex_async::Client;
use genrex_ledger::{Filter, State};

/// How many of the newest jobs are looked at.
const LOOKED_AT: u32 = 20;

/// How long a job like this one usually takes: the median of the account's newest jobs of the same duration, from the
/// time when each was accepted until it was seen to be done. Nothing rests on it, so whatever hinders it is no error.
pub(crate) async fn usual_time(client: &Client, id: &str) -> Option<Duration> {
    let ledger = client.ledger()?;
    let job = ledger.entries(&Filter::named(id)).await.ok()?.pop()?;
    let mut filter = Filter::of(job.account.clone()).states([State::Completed, State::Downloaded]);
    filter.limit = Some(LOOKED_AT);
    let mut times = Vec::new();
    for other in ledger.entries(&filter).await.ok()? {
        if other.duration == job.duration && other.id != job.id {
            let steps = ledger.history(other.id).await.ok()?;
            let at = |state| steps.iter().find(|past| past.state == state);
            if let (Some(from), Some(to)) = (at(State::Accepted), at(State::Completed)) {
                times.push(Duration::from_millis(to.at.saturating_sub(from.at)));
            }
        }
    }
    times.sort();
    times.get(times.len() / 2).copied()
}
