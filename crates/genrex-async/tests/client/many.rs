//! Many jobs in one client over real sockets: how many connections they take, who waits for whom, and what a lack of
//! file descriptors leads to.

use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use genrex_async::{
    ApiKey, ApiSecret, BaseUrl, Client, Error, GenerateRequest, Job, KeyPair, Pace, Progress,
    Prompt, Seconds, Submission, Track,
};
use genrex_sandbox::{Options, Sandbox};
use tokio::io::copy_bidirectional;
use tokio::net;
use tokio::task::JoinSet;

use crate::server::{answer, local, read_request, serve};
use crate::support::{ACCEPTED, request};

const READY: &str = r#"{"id":"QRY_1","status":"Completed",
    "response":[{"content":{"url":"http://127.0.0.1:9/1.wav"}}]}"#;

type Waits = JoinSet<Result<Track, Error>>;

fn wait_for(waits: &mut Waits, client: &Client, job: Job) {
    let client = client.clone();
    waits.spawn(async move { client.wait(&job).await });
}

/// Waits for the same job so often.
fn wait_often(client: &Client, times: usize) -> Waits {
    let mut waits = JoinSet::new();
    for _ in 0..times {
        wait_for(&mut waits, client, client.job("QRY_1".parse().unwrap()));
    }
    waits
}

/// Passes connections on, and counts them.
async fn relay(to: String) -> (String, Arc<AtomicUsize>) {
    let listener = net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            let to = to.clone();
            tokio::spawn(async move {
                let mut onward = net::TcpStream::connect(to).await.unwrap();
                // However it ends.
                let _ = copy_bidirectional(&mut stream, &mut onward).await;
            });
        }
    });
    (url, opened)
}

fn client_of(sandbox: &Sandbox, url: &str) -> Client {
    let options = sandbox.options();
    let keys = KeyPair::new(
        ApiKey::new(options.api_key.clone()).unwrap(),
        ApiSecret::new(options.api_secret.clone()).unwrap(),
    );
    Client::builder()
        .key_pair(keys)
        .base_url(BaseUrl::new(url).unwrap())
        .pace(Pace::Fixed(Duration::from_millis(500)))
        .build()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_waiting_jobs_share_connections() {
    const JOBS: usize = 1_200;
    let mut options = Options::default();
    options.quota = 1_000_000;
    options.render_time = Duration::from_secs(1);
    let sandbox = Sandbox::start(options).await.unwrap();
    let (url, opened) = relay(sandbox.url().replace("http://", "")).await;
    // Bought past the relay, since each paid call has a connection of its own.
    let (buying, client) = (
        client_of(&sandbox, sandbox.url()),
        client_of(&sandbox, &url),
    );
    let mut purchases = JoinSet::new();
    for number in 0..JOBS {
        let buying = buying.clone();
        let prompt = Prompt::new(format!("rain {number}")).unwrap();
        let request = GenerateRequest::new(prompt, Seconds::MIN);
        purchases.spawn(async move { buying.submit(&request).await });
    }
    let mut waits = JoinSet::new();
    while let Some(submission) = purchases.join_next().await {
        wait_for(
            &mut waits,
            &client,
            submission.unwrap().into_result().unwrap(),
        );
    }
    let bought = client.submit(&request()).await;
    assert!(matches!(bought, Submission::Accepted(_)));
    let mut over = 0;
    while let Some(track) = waits.join_next().await {
        track.unwrap().unwrap();
        over += 1;
    }
    assert_eq!(over, JOBS);
    let opened = opened.load(Ordering::SeqCst);
    // reqwest may begin a connection while another falls free, which is used then; it keeps both.
    assert!(opened <= 2 * 64, "{opened} connections");
}

/// Holds every poll until a paid call has come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paid_call_leaves_while_every_poll_is_held() {
    let held = Arc::new((Mutex::new((0, false)), Condvar::new()));
    let at_server = Arc::clone(&held);
    let port = serve(move |mut stream: TcpStream| {
        loop {
            let head = read_request(&mut stream);
            let (state, changed) = &*at_server;
            if head.is_empty() {
                return;
            }
            let mut state = state.lock().unwrap();
            if head.contains("generateMusic") {
                state.1 = true;
                changed.notify_all();
                return answer(&mut stream, ACCEPTED);
            }
            state.0 += 1;
            changed.notify_all();
            drop(changed.wait_while(state, |(_, is_paid)| !*is_paid).unwrap());
            answer(&mut stream, READY);
        }
    });
    let unanswered = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&unanswered);
    let client = local(port).max_in_flight(4).build().unwrap();
    let client = client.on_progress(move |progress| {
        if matches!(progress, Progress::Unanswered { .. }) {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    let waits = wait_often(&client, 20);
    tokio::task::spawn_blocking(move || {
        let (state, changed) = &*held;
        drop(changed.wait_while(state.lock().unwrap(), |(polls, _)| *polls < 4));
    })
    .await
    .unwrap();
    let submission = client.submit(&request()).await;
    assert!(matches!(submission, Submission::Accepted(_)));
    // It did not wait until they were given up.
    assert_eq!(unanswered.load(Ordering::SeqCst), 0);
    for track in waits.join_all().await {
        track.unwrap();
    }
}

#[cfg(unix)]
mod descriptors {
    use std::fs::File;
    use std::io::Write as _;
    use std::process::Command;

    use async_trait::async_trait;
    use bytes::Bytes;
    use genrex_async::core::{
        Body, Cancelled, Now, SendOptions, Transport, TransportError, TransportErrorKind,
    };

    use super::*;

    const PORT: &str = "GENREX_TEST_PORT";

    /// A transport that says why a request was not answered.
    struct Watched {
        inner: Arc<dyn Transport>,
        failed: tokio::sync::mpsc::UnboundedSender<TransportErrorKind>,
    }

    #[async_trait]
    impl Transport for Watched {
        async fn send(
            &self,
            request: http::Request<Bytes>,
            options: SendOptions,
        ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
            let sent = self.inner.send(request, options).await;
            if let Err(error) = &sent {
                self.failed.send(error.kind()).unwrap();
            }
            sent
        }

        async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
            self.inner.sleep(duration).await
        }

        fn now(&self) -> Now {
            self.inner.now()
        }
    }

    /// Answers one request, and says that the connection ends with it: one that is kept would keep its descriptor from a
    /// paid call, which takes none of those.
    fn answer_one(mut stream: TcpStream) {
        let json = match read_request(&mut stream) {
            head if head.contains("generateMusic") => ACCEPTED,
            _ => READY,
        };
        let length = json.len();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        stream.write_all((head + json).as_bytes()).unwrap();
    }

    /// In a process of its own, since it takes every descriptor that there is.
    #[test]
    fn a_lack_of_descriptors_is_waited_out() {
        let port = serve(answer_one);
        let child = Command::new("sh")
            .args([
                "-c",
                "ulimit -n 64 && exec \"$0\" --exact --nocapture \"$1\"",
            ])
            .arg(std::env::current_exe().unwrap())
            .arg("many::descriptors::in_a_process_without_descriptors")
            .env(PORT, port.to_string())
            .status()
            .unwrap();
        assert!(child.success());
    }

    /// What [`a_lack_of_descriptors_is_waited_out`] runs; nothing by itself.
    #[tokio::test]
    async fn in_a_process_without_descriptors() {
        const JOBS: usize = 200;
        let Ok(port) = std::env::var(PORT) else {
            return;
        };
        let client = local(port.parse().unwrap()).build().unwrap();
        let (failed, mut failures) = tokio::sync::mpsc::unbounded_channel();
        let inner = Arc::clone(client.transport());
        let client = client.with_transport(Watched { inner, failed });
        let mut files: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        assert!(files.len() < 64);
        let waits = wait_often(&client, JOBS);
        let (buying, balanced) = (client.clone(), client.clone());
        let buying = tokio::spawn(async move { buying.submit(&request()).await });
        let asking =
            tokio::spawn(async move { balanced.retrieve(&"QRY_1".parse().unwrap()).await });
        // Some of them more than once.
        for _ in 0..300 {
            let kind = failures.recv().await.unwrap();
            assert_eq!(kind, TransportErrorKind::NoDescriptor);
        }
        files.truncate(files.len() - 4);
        for track in waits.join_all().await {
            assert_eq!(track.unwrap().polls(), 1);
        }
        assert!(matches!(buying.await.unwrap(), Submission::Accepted(_)));
        asking.await.unwrap().unwrap();
    }
}
