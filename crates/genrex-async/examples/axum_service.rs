//! A service that buys music for its users.
//!
//! ```text
//! cargo run -p genrex-async --example axum_service
//! curl -i localhost:3000/pieces --json '{"text":"rain on a tin roof","duration":5}'
//! curl -N localhost:3000/pieces/QRY_1/events
//! curl -O localhost:3000/pieces/QRY_1/audio
//! ```
//!
//! With `GENREX_API_KEY` and `GENREX_API_SECRET` it spends real credits; without, those of a sandbox.

#![expect(clippy::print_stdout, reason = "an example says what it does")]

use std::future::pending;
use std::io;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use genrex_async::{Client, GenerateRequest, Limits, Progress, QueryId, Status};
use genrex_ledger_sqlite::SqliteLedger;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_stream::Stream;
use tokio_stream::wrappers::UnboundedReceiverStream;

use problem::{Problem, describe};

#[path = "support/connect.rs"]
mod connect;
#[path = "support/problem.rs"]
mod problem;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connection = connect::connect().await?;
    let mut limits = Limits::default();
    limits.day = Some(500);
    limits.per_job = Some(60);
    let client = connection
        .builder
        .ledger(SqliteLedger::open(connection.folder.join("ledger.db"))?)
        .limits(limits)
        .build()?;

    for entry in client.recover().await? {
        println!("job {} of an earlier run is {}", entry.id, entry.state);
    }
    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening on http://{}", listener.local_addr()?);
    serve(listener, client, async {
        if tokio::signal::ctrl_c().await.is_err() {
            pending::<()>().await;
        }
    })
    .await?;
    Ok(())
}

#[derive(Clone)]
struct App {
    client: Client,
    /// Becomes true when the service stops.
    stopping: watch::Receiver<bool>,
}

/// Serves until `shutdown` is ready; requests that are being answered then are answered first.
pub(crate) async fn serve(
    listener: TcpListener,
    client: Client,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stop, stopping) = watch::channel(false);
    let app = Router::new()
        .route("/pieces", post(buy))
        .route("/pieces/{id}/events", get(events))
        .route("/pieces/{id}/audio", get(audio))
        .with_state(App { client, stopping });
    axum::serve(listener, app)
        .with_graceful_shutdown(async move {
            shutdown.await;
            stop.send_replace(true);
        })
        .await
}

async fn buy(
    State(App { client, .. }): State<App>,
    Json(request): Json<GenerateRequest>,
) -> Result<impl IntoResponse, Problem> {
    // A handler is dropped when its caller hangs up. On a task of its own the purchase goes on to its outcome.
    let purchase = tokio::spawn(async move { client.submit(&request).await });
    let job = purchase.await?.into_result()?;
    let events = format!("/pieces/{}/events", job.id());
    Ok((StatusCode::ACCEPTED, [(LOCATION, events)], Json(job)))
}

async fn events(
    State(mut app): State<App>,
    Path(id): Path<QueryId>,
) -> Sse<impl Stream<Item = Result<Event, axum::Error>>> {
    let job = app.client.job(id);
    let (sender, receiver) = mpsc::unbounded_channel();
    let watcher = sender.clone();
    let client = app.client.on_progress(move |progress| {
        if let Progress::Polled { status, polls, .. } = progress {
            let data = json!({ "status": status, "polls": polls });
            // An error says that the reader has left, which ends the wait below.
            let _ = watcher.send(Event::default().event("progress").json_data(data));
        }
    });
    tokio::spawn(async move {
        tokio::select! {
            () = sender.closed() => {}
            _ = app.stopping.wait_for(|stopping| *stopping) => {}
            result = client.wait(&job) => {
                let last = match result {
                    Ok(track) => Event::default().event("ready").json_data(json!({ "id": track.id() })),
                    Err(error) => Event::default().event("failed").json_data(describe(&error)),
                };
                let _ = sender.send(last);
            }
        }
    });
    Sse::new(UnboundedReceiverStream::new(receiver)).keep_alive(KeepAlive::default())
}

async fn audio(
    State(App { client, .. }): State<App>,
    Path(id): Path<QueryId>,
) -> Result<Response, Problem> {
    if client.retrieve(&id).await?.status != Status::Completed {
        let not_yet = json!({ "error": "it is not ready", "id": id });
        return Err(Problem(StatusCode::CONFLICT, not_yet));
    }
    let track = client.wait(&client.job(id)).await?;
    let audio = client.stream(track.audio()).await?;
    let length = audio
        .len()
        .map(|bytes| [(CONTENT_LENGTH, bytes.to_string())]);
    // An error in the stream aborts the connection before the last byte, so a part never looks whole.
    let body = Body::from_stream(audio);
    Ok(([(CONTENT_TYPE, "audio/wav")], length, body).into_response())
}
