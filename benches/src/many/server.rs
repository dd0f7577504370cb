use std::collections::HashMap;
use std::future::IntoFuture as _;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::serve::ListenerExt as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A service at which each job is over at its poll of this number.
#[derive(Default)]
struct Seen {
    polls: u32,
    /// From an answer to the next poll.
    pace: Duration,
    /// Of each job how often it was asked after, and when it was last answered.
    jobs: Mutex<HashMap<String, (u32, Instant)>>,
    /// By how much a poll came later than its pace after the answer before.
    late: Mutex<Vec<Duration>>,
    /// The most milliseconds by which a signature's `t` was ahead of the clock.
    ahead: AtomicU64,
    connections: AtomicU64,
}

/// Serves until its input ends. First prints its URL, and at the end what it has seen.
pub fn serve(pace: Duration, polls: u64) -> anyhow::Result<()> {
    let seen = Arc::new(Seen {
        polls: u32::try_from(polls)?,
        pace,
        ..Seen::default()
    });
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build()?;
    runtime.block_on(answer_all(Arc::clone(&seen)))?;
    println!("{}", seen.told());
    Ok(())
}

async fn answer_all(seen: Arc<Seen>) -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let counted = Arc::clone(&seen);
    let listener = listener.tap_io(move |stream| {
        counted.connections.fetch_add(1, Ordering::Relaxed);
        // It is slower without.
        let _ = stream.set_nodelay(true);
    });
    let answer = |State(seen): State<Arc<Seen>>, head: HeaderMap, body: Bytes| async move {
        (
            [(CONTENT_TYPE, "application/json")],
            seen.answer(&head, &body),
        )
    };
    let router = Router::new().fallback(answer).with_state(seen);
    let input = tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink()));
    tokio::select! {
        served = axum::serve(listener, router).into_future() => Ok(served?),
        ended = input => ended?.map(|_| ()).map_err(Into::into),
    }
}

impl Seen {
    fn answer(&self, head: &HeaderMap, body: &[u8]) -> String {
        let now = Instant::now();
        self.ahead.fetch_max(ahead(head), Ordering::Relaxed);
        let request: Value = serde_json::from_slice(body).unwrap_or_default();
        let id = request["queryId"].as_str().unwrap_or_default().to_owned();
        let mut jobs = locked(&self.jobs);
        let (polls, answered) = jobs.entry(id.clone()).or_insert((0, now));
        if *polls > 0 {
            let since = now.duration_since(*answered);
            locked(&self.late).push(since.saturating_sub(self.pace));
        }
        (*polls, *answered) = (*polls + 1, now);
        let answer = match *polls >= self.polls {
            true => json!({
                "id": id,
                "status": "Completed",
                "response": [{ "content": [{ "url": "http://127.0.0.1:9/1.wav" }] }],
            }),
            false => json!({ "id": id, "status": "Processing" }),
        };
        answer.to_string()
    }

    fn told(&self) -> Value {
        let mut late = locked(&self.late);
        late.sort_unstable();
        let at = |percent: usize| {
            let place = (late.len() * percent / 100).min(late.len().saturating_sub(1));
            late.get(place).map_or(0.0, Duration::as_secs_f64) * 1e9
        };
        json!({
            "connections": self.connections.load(Ordering::Relaxed),
            "ahead_ns": self.ahead.load(Ordering::Relaxed) * 1_000_000,
            "late_p50_ns": at(50),
            "late_p99_ns": at(99),
            "late_most_ns": at(100),
        })
    }
}

/// By how many milliseconds a signature is of the future.
fn ahead(head: &HeaderMap) -> u64 {
    let signature = head
        .get("gx-signature")
        .and_then(|value| value.to_str().ok());
    let t = signature.and_then(|value| value.strip_prefix("t=")?.split_once(','));
    let t = t.and_then(|(t, _)| t.parse::<u64>().ok());
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_millis());
    // Without a signature it is wrong, and is to be seen.
    t.map_or(u64::MAX / 1_000_000, |t| {
        t.saturating_sub(u64::try_from(now).unwrap_or(u64::MAX))
    })
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
