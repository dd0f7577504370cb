use std::collections::HashMap;
use std::future::IntoFuture as _;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{PACE, POLLS};

/// What the server has seen.
#[derive(Default)]
struct Seen {
    /// Of each job how often it was asked after, and when it was last answered.
    jobs: Mutex<HashMap<String, (u32, Instant)>>,
    /// By how much a poll came later than its pace after the answer before.
    late: Mutex<Vec<Duration>>,
    connections: AtomicUsize,
}

/// Serves until its input ends: first prints its URL, at the end what it has seen.
pub(crate) fn run() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let seen = Arc::new(Seen::default());
    runtime.block_on(serve(Arc::clone(&seen)));
    let mut late = seen.late.lock().unwrap();
    late.sort_unstable();
    let at = |percent: usize| {
        let place = (late.len() * percent / 100).min(late.len() - 1);
        late[place].as_secs_f64() * 1_000.0
    };
    let found = json!({
        "connections": seen.connections.load(Ordering::SeqCst),
        "late_p50_ms": at(50),
        "late_p99_ms": at(99),
        "late_most_ms": at(100),
    });
    println!("{found}");
    io::stdout().flush().unwrap();
}

async fn serve(seen: Arc<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    io::stdout().flush().unwrap();
    let counted = Arc::clone(&seen);
    let listener = listener.tap_io(move |stream| {
        counted.connections.fetch_add(1, Ordering::SeqCst);
        stream.set_nodelay(true).unwrap();
    });
    let router = Router::new().fallback(answer).with_state(seen);
    let input = tokio::task::spawn_blocking(|| io::copy(&mut io::stdin(), &mut io::sink()));
    tokio::select! {
        served = axum::serve(listener, router).into_future() => served.unwrap(),
        ended = input => drop(ended.unwrap()),
    }
}

async fn answer(State(seen): State<Arc<Seen>>, body: Bytes) -> axum::Json<Value> {
    let now = now();
    let request: Value = serde_json::from_slice(&body).unwrap();
    let id = request["queryId"].as_str().unwrap().to_owned();
    let mut jobs = seen.jobs.lock().unwrap();
    let (polls, answered) = jobs.entry(id.clone()).or_insert((0, now));
    if *polls > 0 {
        let late = now.duration_since(*answered).saturating_sub(PACE);
        seen.late.lock().unwrap().push(late);
    }
    (*polls, *answered) = (*polls + 1, now);
    axum::Json(match *polls {
        POLLS => json!({
            "id": id,
            "status": "Completed",
            "response": [{ "content": [{ "url": "http://127.0.0.1:9/1.wav" }] }],
        }),
        _ => json!({ "id": id, "status": "Processing" }),
    })
}

#[expect(clippy::disallowed_methods, reason = "it is measured on a real clock")]
fn now() -> Instant {
    Instant::now()
}
