use std::time::Duration;

use genrex_async::Client;
use genrex_ledger::Filter;

/// How long a job like this one usually takes: the median of the account's newest jobs of the same duration, as the
/// ledger keeps them. Nothing rests on it, so whatever hinders it is no error.
pub(crate) async fn usual_time(client: &Client, id: &str) -> Option<Duration> {
    let ledger = client.ledger()?;
    let job = ledger.entries(&Filter::named(id)).await.ok()?.pop()?;
    let credits = ledger.credits(&job.account).await.ok()?;
    let alike = credits.times().filter(|took| took.duration == job.duration);
    let mut times: Vec<Duration> = alike.map(|took| took.by).collect();
    times.sort();
    times.get(times.len() / 2).copied()
}
