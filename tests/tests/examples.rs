//! Runs the examples of both clients against a sandbox.

#![expect(clippy::unwrap_used, reason = "a test that cannot begin has failed")]
#![expect(
    clippy::duplicate_mod,
    reason = "the examples of a client connect alike"
)]

use std::fs;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::testing::{Reply, ScriptedTransport, keys};
use genrex_core::{
    Body, Cancelled, Now, Route, SendOptions, Transport, TransportError, TransportErrorKind,
};
use genrex_ledger_sqlite::SqliteLedger;
use genrex_sandbox::{Options, Sandbox};
use genrex_tests::Stack;
use http::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// An example as its readers have it: `main` is not run here, since it may spend credits of the environment's key.
macro_rules! example {
    ($name:ident, $path:literal) => {
        #[path = $path]
        #[expect(dead_code, reason = "`main` is not run")]
        mod $name;
    };
}

example!(
    axum_service,
    "../../crates/genrex-async/examples/axum_service.rs"
);
example!(
    own_transport,
    "../../crates/genrex-async/examples/own_transport.rs"
);
example!(
    tested_feature,
    "../../crates/genrex-async/examples/tested_feature.rs"
);
example!(
    guarded_purchase,
    "../../crates/genrex-blocking/examples/guarded_purchase.rs"
);
example!(
    threaded,
    "../../crates/genrex-blocking/examples/threaded.rs"
);

fn run<T>(operation: impl Future<Output = T>) -> T {
    Stack::runtime().block_on(operation)
}

fn sandbox() -> Sandbox {
    let mut options = Options::default();
    options.render_time = Duration::from_millis(50);
    options.api_key = keys().key().as_str().to_owned();
    options.api_secret = String::from("7Xd9PfMlkanB5ZTuj0qQG");
    run(Sandbox::start(options)).unwrap()
}

/// The builder of either client, for a sandbox.
macro_rules! builder {
    ($client:ident, $sandbox:expr) => {
        $client::Client::builder()
            .key_pair(keys())
            .base_url($client::BaseUrl::new($sandbox.url()).unwrap())
            .pace($client::Pace::Fixed(Duration::from_millis(20)))
    };
}

fn over_reqwest(sandbox: &Sandbox) -> genrex_async::ClientBuilder {
    builder!(genrex_async, sandbox).transport(Stack::Async.transport())
}

fn over_ureq(sandbox: &Sandbox) -> genrex_blocking::ClientBuilder {
    builder!(genrex_blocking, sandbox)
}

/// The service of the example, while it runs.
struct Served {
    url: String,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<std::io::Result<()>>,
}

async fn served(client: genrex_async::Client) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(axum_service::serve(listener, client, async {
        let _ = stopped.await;
    }));
    Served { url, stop, ended }
}

fn browser() -> reqwest::Client {
    // A second installation is refused, and harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots = webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter();
    let roots = roots.filter_map(|root| reqwest::Certificate::from_der(root).ok());
    let http = reqwest::Client::builder().no_proxy().tls_certs_merge(roots);
    http.build().unwrap()
}

fn order(http: &reqwest::Client, url: &str, duration: u8) -> reqwest::RequestBuilder {
    let body = format!(r#"{{"text":"rain","duration":{duration}}}"#);
    let request = http.post(format!("{url}/pieces"));
    request
        .header("content-type", "application/json")
        .body(body)
}

#[test]
fn the_axum_service_buys_tells_and_delivers() {
    let sandbox = sandbox();
    let folder = tempfile::tempdir().unwrap();
    let ledger = SqliteLedger::open(folder.path().join("ledger.db")).unwrap();
    let mut limits = genrex_async::Limits::default();
    limits.day = Some(10);
    limits.per_job = Some(10);
    let client = over_reqwest(&sandbox).ledger(ledger).limits(limits);
    let client = client.build().unwrap();
    run(async {
        let service = served(client).await;
        let (http, url) = (browser(), &service.url);

        let answer = order(&http, url, 5).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
        let events = answer.headers()["location"].to_str().unwrap().to_owned();
        let told = http.get(format!("{url}{events}")).send().await.unwrap();
        assert_eq!(told.headers()["content-type"], "text/event-stream");
        let told = told.text().await.unwrap();
        assert!(told.contains("event: ready\n"), "{told}");

        let piece = events.strip_suffix("/events").unwrap();
        let audio = http
            .get(format!("{url}{piece}/audio"))
            .send()
            .await
            .unwrap();
        let length = audio.content_length().unwrap();
        let bytes = audio.bytes().await.unwrap();
        assert!(bytes.starts_with(b"RIFF"));
        assert_eq!(u64::try_from(bytes.len()).unwrap(), length);

        let refused = order(&http, url, 6).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::PAYMENT_REQUIRED);
        let unknown = http.get(format!("{url}/pieces/QRY_0/audio")).send();
        assert_eq!(unknown.await.unwrap().status(), StatusCode::NOT_FOUND);

        service.stop.send(()).unwrap();
        service.ended.await.unwrap().unwrap();
    });
    assert_eq!(sandbox.accepted(), 1);
}

const PROCESSING: &str = r#"{"id":"QRY_1","status":"Processing"}"#;

#[test]
fn the_axum_service_lets_no_part_look_whole() {
    let ready = r#"{"id":"QRY_1","status":"Completed",
        "response":[{"content":{"url":"https://storage.example/1.wav"}}]}"#;
    let wire = ScriptedTransport::answering(move |sent| match sent.options.route {
        Route::Asset => Reply::new(200, begun())
            .header("content-length", "64044")
            .in_chunks(100)
            .then_breaks(TransportErrorKind::Closed),
        _ => Reply::json(200, ready),
    });
    let client = genrex_async::Client::builder().key_pair(keys());
    let client = client.transport(wire).build().unwrap();
    run(async {
        let service = served(client).await;
        let request = browser().get(format!("{}/pieces/QRY_1/audio", service.url));
        // It may be cut before its head is flushed.
        if let Ok(audio) = request.send().await {
            assert_eq!(audio.status(), StatusCode::OK);
            assert_eq!(audio.content_length(), Some(64_044));
            let body = audio.bytes().await;
            assert!(body.is_err(), "the body ended as if it were whole");
        }
    });
}

/// How a WAVE file of 64,044 bytes begins.
fn begun() -> Vec<u8> {
    let mut bytes = b"RIFF\x24\xfa\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    bytes.extend(b"\0\x7d\0\0\0\xfa\0\0\x02\0\x10\0data\0\xfa\0\0");
    bytes.resize(1_000, 1);
    bytes
}

#[test]
fn the_axum_service_stops_while_someone_listens() {
    let wire = Forever(ScriptedTransport::answering(|_| {
        Reply::json(200, PROCESSING)
    }));
    let client = genrex_async::Client::builder().key_pair(keys());
    let client = client.transport(wire).build().unwrap();
    run(async {
        let service = served(client).await;
        let request = browser().get(format!("{}/pieces/QRY_1/events", service.url));
        let mut told = request.send().await.unwrap();
        let first = told.chunk().await.unwrap().unwrap();
        assert!(first.starts_with(b"event: progress\n"), "{first:?}");
        service.stop.send(()).unwrap();
        service.ended.await.unwrap().unwrap();
    });
}

/// A transport on which the first sleep never ends.
struct Forever(ScriptedTransport);

#[async_trait]
impl Transport for Forever {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        self.0.send(request, options).await
    }

    async fn sleep(&self, _: Duration) -> Result<(), Cancelled> {
        std::future::pending().await
    }

    fn now(&self) -> Now {
        self.0.now()
    }
}

#[test]
fn the_transport_of_ones_own_carries_a_purchase() {
    let sandbox = sandbox();
    let transport = Arc::new(own_transport::Counting::new(Stack::Async.transport()));
    let client = builder!(genrex_async, sandbox).transport(Arc::clone(&transport));
    let folder = tempfile::tempdir().unwrap();
    let client = client.build().unwrap();
    run(own_transport::run(&client, &folder.path().join("edm.wav"))).unwrap();
    assert!(transport.requests() >= 3, "a submit, a poll, a download");
    assert_eq!(sandbox.accepted(), 1);
}

#[test]
fn the_tested_feature_buys_a_jingle() {
    let sandbox = sandbox();
    let client = over_reqwest(&sandbox).ledger(genrex_async::MemoryLedger::new());
    let wav = run(tested_feature::jingle(&client.build().unwrap(), "News")).unwrap();
    assert!(wav.starts_with(b"RIFF"));
    assert_eq!(sandbox.accepted(), 1);
}

#[test]
fn the_threaded_program_downloads_each_prompt() {
    let sandbox = sandbox();
    let folder = tempfile::tempdir().unwrap();
    let client = over_ureq(&sandbox).build().unwrap();
    let (_stop, stopped) = mpsc::channel();
    let prompts = ["one", "two", "three", "four"];
    let results = threaded::run(&client, &prompts, folder.path(), stopped);
    assert_eq!(results.len(), prompts.len());
    for (prompt, result) in results {
        let path = result.unwrap_or_else(|error| panic!("{prompt}: {error}"));
        assert!(fs::read(path).unwrap().starts_with(b"RIFF"));
    }
    assert_eq!(sandbox.accepted(), prompts.len());
}

#[test]
fn the_threaded_program_stops_when_told_and_says_what_was_paid_for() {
    let mut options = Options::default();
    options.api_key = keys().key().as_str().to_owned();
    options.api_secret = String::from("7Xd9PfMlkanB5ZTuj0qQG");
    options.render_time = Duration::from_secs(3_600);
    let sandbox = run(Sandbox::start(options)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (stop, stopped) = mpsc::channel();
    let client = over_ureq(&sandbox).build().unwrap();
    let accepted = AtomicUsize::new(0);
    let client = client.on_progress(move |progress| {
        let is_accepted = matches!(progress, genrex_blocking::Progress::Accepted { .. });
        if is_accepted && accepted.fetch_add(1, Ordering::SeqCst) == 2 {
            stop.send(()).unwrap();
        }
    });
    let results = threaded::run(&client, &["a", "b", "c", "d", "e"], folder.path(), stopped);
    for (prompt, result) in &results {
        let error = result.as_ref().unwrap_err();
        assert_eq!(
            error.kind(),
            genrex_blocking::ErrorKind::Cancelled,
            "{prompt}"
        );
        assert!(error.query_id().is_some(), "{prompt}: {error:?}");
    }
    assert_eq!(results.len(), sandbox.accepted());
}

fn guarded(sandbox: &Sandbox, folder: &Path) -> genrex_blocking::ClientBuilder {
    let ledger = SqliteLedger::open(folder.join("ledger.db")).unwrap();
    let mut limits = genrex_blocking::Limits::default();
    limits.day = Some(100);
    over_ureq(sandbox).ledger(ledger).limits(limits)
}

fn waltz() -> genrex_blocking::GenerateRequest {
    genrex_blocking::GenerateRequest::new(
        genrex_blocking::Prompt::new("a slow waltz").unwrap(),
        genrex_blocking::Seconds::new(5).unwrap(),
    )
}

fn states(client: &genrex_blocking::Client) -> Vec<genrex_blocking::State> {
    let all = genrex_core::ledger::Filter::default();
    let entries = genrex_core::block_on(client.ledger().unwrap().entries(&all)).unwrap();
    entries.into_iter().map(|entry| entry.state).collect()
}

#[test]
fn the_guarded_purchase_is_written_down_and_downloaded() {
    let sandbox = sandbox();
    let folder = tempfile::tempdir().unwrap();
    let client = guarded(&sandbox, folder.path()).build().unwrap();
    guarded_purchase::recover(&client, folder.path()).unwrap();
    guarded_purchase::buy(&client, &waltz(), folder.path()).unwrap();
    assert_eq!(states(&client), [genrex_blocking::State::Downloaded]);
    assert_eq!(sandbox.accepted(), 1);
}

#[test]
fn the_guarded_purchase_buys_nothing_beside_what_is_unclear() {
    let sandbox = sandbox();
    let folder = tempfile::tempdir().unwrap();
    let client = guarded(&sandbox, folder.path()).build().unwrap();
    let lossy = client.with_transport(Lossy(Arc::clone(client.transport())));
    guarded_purchase::buy(&lossy, &waltz(), folder.path()).unwrap();
    guarded_purchase::recover(&client, folder.path()).unwrap();
    guarded_purchase::buy(&client, &waltz(), folder.path()).unwrap();
    assert_eq!(states(&client), [genrex_blocking::State::Ambiguous]);
    assert_eq!(sandbox.accepted(), 1);

    let (id, _) = sandbox.jobs().remove(0);
    let open = client.recover().unwrap().remove(0);
    guarded_purchase::resolve(&client, open.id, &id).unwrap();
    guarded_purchase::recover(&client, folder.path()).unwrap();
    assert_eq!(states(&client), [genrex_blocking::State::Downloaded]);
}

/// A transport that loses the answer of a submit.
struct Lossy(Arc<dyn Transport>);

#[async_trait]
impl Transport for Lossy {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        let answer = self.0.send(request, options).await;
        match options.route {
            Route::Paid => Err(TransportError::new(TransportErrorKind::Closed)),
            _ => answer,
        }
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        self.0.sleep(duration).await
    }

    fn now(&self) -> Now {
        self.0.now()
    }
}
