//! The limits of an exchange over real sockets, and that one exchange does not keep the thread from others.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use bytes::Bytes;
use genrex_async::core::{AddressPolicy, Route, SendOptions, TransportErrorKind};
use genrex_async::{ReqwestTransport, Transport as _};
use reqwest::dns::{Name, Resolve, Resolving};

use crate::server::{answer, hang, local, read_request, serve};

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(300);

fn transport() -> ReqwestTransport {
    ReqwestTransport::new(reqwest::ClientBuilder::no_proxy).unwrap()
}

fn get(scheme: &str, port: u16) -> http::Request<Bytes> {
    let url = format!("{scheme}://127.0.0.1:{port}/");
    http::Request::get(url).body(Bytes::new()).unwrap()
}

fn options(route: Route, total: Duration) -> SendOptions {
    SendOptions::new(route, total, AddressPolicy::Any)
}

/// How an exchange fails. The clock is a simulated one that moves when all tasks wait, but stands still until
/// the server has read something: however busy the machine is, no time is over before that.
async fn failure(
    scheme: &str,
    act: impl Fn(TcpStream) + Clone + Send + 'static,
    options: SendOptions,
) -> TransportErrorKind {
    let (reached, is_reached) = mpsc::channel();
    let port = serve(move |stream| {
        stream.peek(&mut [0]).unwrap();
        // Only the first connection is waited for.
        let _ = reached.send(());
        act(stream);
    });
    // The clock stands still while a blocking task runs.
    tokio::task::spawn_blocking(move || is_reached.recv());
    let request = get(scheme, port);
    match transport().send(request, options).await {
        Ok(response) => {
            let mut body = response.into_body();
            loop {
                match body.chunk().await {
                    Ok(Some(_)) => {}
                    Ok(None) => panic!("a clean end"),
                    Err(error) => return error.kind(),
                }
            }
        }
        Err(error) => error.kind(),
    }
}

// The time to connect is taken on the network's own thread, by the real clock; no other limit is near.
#[cfg(feature = "rustls")]
#[tokio::test]
async fn each_request_has_its_own_time_to_connect() {
    // The peer takes the connection and never speaks TLS.
    for route in [Route::Paid, Route::Api, Route::Asset] {
        let options = options(route, LONG).connect_within(SHORT);
        let kind = failure("https", hang, options).await;
        assert_eq!(kind, TransportErrorKind::ConnectTimeout, "{route:?}");
    }
}

#[cfg(feature = "rustls")]
#[tokio::test(start_paused = true)]
async fn a_paid_request_whose_connection_never_stood_has_not_left() {
    let options = options(Route::Paid, LONG)
        .connect_within(LONG)
        .idle_within(SHORT);
    let kind = failure("https", hang, options).await;
    assert_eq!(kind, TransportErrorKind::ConnectTimeout);
}

#[tokio::test(start_paused = true)]
async fn a_head_and_a_body_that_stop_are_given_up() {
    let options = options(Route::Paid, LONG).idle_within(SHORT);
    assert_eq!(
        failure("http", hang, options).await,
        TransportErrorKind::Timeout
    );
    let half = |mut stream: TcpStream| {
        read_request(&mut stream);
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
        stream.write_all(head).unwrap();
        hang(stream);
    };
    assert_eq!(
        failure("http", half, options).await,
        TransportErrorKind::Timeout
    );
}

/// Writes the same for ever.
fn flood(head: &'static [u8], again: &'static [u8]) -> impl Fn(TcpStream) + Clone {
    move |mut stream| {
        read_request(&mut stream);
        let many = again.repeat(1_000);
        let mut wrote = stream.write_all(head);
        while wrote.is_ok() {
            wrote = stream.write_all(&many);
        }
    }
}

/// On one thread, with a simulated clock: what is flooded must leave it to others, and to its own limits.
#[tokio::test(start_paused = true)]
async fn informational_answers_for_ever_leave_the_thread_to_others_and_are_given_up() {
    const MIB: usize = 1 << 20;
    let wrote = Arc::new(AtomicUsize::new(0));
    let (over, is_over) = mpsc::channel();
    let count = Arc::clone(&wrote);
    let port = serve(move |mut stream| {
        read_request(&mut stream);
        let many = b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1_000);
        while stream.write_all(&many).is_ok() {
            count.fetch_add(many.len(), Ordering::Relaxed);
        }
        over.send(()).unwrap();
    });
    let request = get("http", port);
    let limits = options(Route::Api, LONG).idle_within(SHORT);
    let sending = tokio::spawn(async move {
        let answered = transport().send(request, limits).await;
        answered.err().map(|error| error.kind())
    });
    while wrote.load(Ordering::Relaxed) < MIB {
        tokio::task::yield_now().await;
    }
    let (from, mut turns) = (wrote.load(Ordering::Relaxed), 0);
    while wrote.load(Ordering::Relaxed) - from < 64 * MIB {
        turns += 1;
        tokio::task::yield_now().await;
    }
    assert!(turns > 1_000, "others had {turns} turns");
    tokio::time::advance(SHORT).await;
    assert_eq!(sending.await.unwrap(), Some(TransportErrorKind::Timeout));
    // Nor is it read on in secret.
    tokio::task::spawn_blocking(move || is_over.recv().unwrap())
        .await
        .unwrap();
}

/// Looks no name up until it is told to: the thread that it is asked on stands still.
#[derive(Debug)]
struct Still {
    asked: mpsc::Sender<()>,
    go_on: Mutex<mpsc::Receiver<()>>,
}

impl Resolve for Still {
    fn resolve(&self, _: Name) -> Resolving {
        self.asked.send(()).unwrap();
        self.go_on.lock().unwrap().recv().unwrap();
        Box::pin(async { Err(io::Error::from(ErrorKind::NotFound).into()) })
    }
}

/// The network's thread is busy until after the limit: what has not been begun by then never is.
#[tokio::test(start_paused = true)]
async fn a_paid_request_whose_turn_did_not_come_has_not_left() {
    let (asked, is_asked) = mpsc::channel();
    let (goes_on, go_on) = mpsc::channel();
    let still = Arc::new(Still {
        asked,
        go_on: Mutex::new(go_on),
    });
    let configure = |http: reqwest::ClientBuilder| http.no_proxy().dns_resolver(Arc::clone(&still));
    let transport = ReqwestTransport::new(configure).unwrap();
    let busy = {
        let transport = transport.clone();
        let request = http::Request::get("http://localhost.example/").body(Bytes::new());
        let sent = async move {
            transport
                .send(request.unwrap(), options(Route::Api, LONG))
                .await
        };
        tokio::spawn(async move { sent.await.err() })
    };
    // The clock stands still meanwhile.
    tokio::task::spawn_blocking(move || is_asked.recv())
        .await
        .unwrap()
        .unwrap();
    let paid = TcpListener::bind("127.0.0.1:0").unwrap();
    paid.set_nonblocking(true).unwrap();
    let limits = options(Route::Paid, LONG).idle_within(SHORT);
    let port = paid.local_addr().unwrap().port();
    let failed = transport.send(get("http", port), limits).await.err();
    assert_eq!(failed.unwrap().kind(), TransportErrorKind::ConnectTimeout);
    tokio::time::resume();
    goes_on.send(()).unwrap();
    busy.await.unwrap().unwrap();
    // What was handed over before this has had its turn.
    let answers = serve(|mut stream| {
        read_request(&mut stream);
        answer(&mut stream, "{}");
    });
    let answered = transport.send(get("http", answers), options(Route::Api, LONG));
    assert_eq!(answered.await.unwrap().status(), 200);
    let nobody = paid.accept().unwrap_err();
    assert_eq!(nobody.kind(), ErrorKind::WouldBlock);
}

#[tokio::test(flavor = "current_thread")]
async fn a_body_in_tiny_chunks_leaves_the_thread_to_others() {
    let act = flood(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\nx\r\n",
    );
    let request = get("http", serve(act));
    let response = transport().send(request, options(Route::Api, LONG)).await;
    let mut body = response.unwrap().into_body();
    let other = tokio::spawn(async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    });
    tokio::select! {
        biased;
        () = async { while body.chunk().await.unwrap().is_some() {} } => panic!("it never ends"),
        done = other => done.unwrap(),
    }
}

#[tokio::test]
async fn a_body_that_is_here_is_given_up_too_when_its_time_is_over() {
    let port = serve(|mut stream| {
        read_request(&mut stream);
        answer(&mut stream, &" ".repeat(1 << 20));
        hang(stream);
    });
    let transport = transport();
    let read = async {
        let limits = options(Route::Asset, SHORT);
        let response = transport.send(get("http", port), limits).await?;
        let mut body = response.into_body();
        body.chunk().await?;
        // The next is brought meanwhile.
        let time_is_over = || {
            let (_open, nothing) = mpsc::channel::<()>();
            nothing.recv_timeout(SHORT).unwrap_err();
        };
        tokio::task::spawn_blocking(time_is_over).await.unwrap();
        body.chunk().await
    };
    let kind = read.await.unwrap_err().kind();
    assert_eq!(kind, TransportErrorKind::Timeout);
}

#[tokio::test]
async fn a_time_out_of_the_callers_own_client_ends_no_exchange() {
    let port = serve(|mut stream| {
        read_request(&mut stream);
        // Later than the caller's client would wait.
        stream.set_read_timeout(Some(SHORT)).unwrap();
        stream.read(&mut [0]).unwrap_err();
        answer(&mut stream, "{}");
    });
    let configured = |http: reqwest::ClientBuilder| http.no_proxy().timeout(SHORT / 100);
    let transport = ReqwestTransport::new(configured).unwrap();
    for route in [Route::Paid, Route::Api, Route::Asset] {
        let sent = transport.send(get("http", port), options(route, LONG));
        assert_eq!(sent.await.unwrap().status(), 200, "{route:?}");
    }
}

#[tokio::test]
async fn a_call_over_a_socket_is_answered() {
    let port = serve(|mut stream| {
        let head = read_request(&mut stream);
        assert!(head.starts_with("POST /v1/"), "{head}");
        answer(&mut stream, r#"{"id":"QRY_1","status":"Processing"}"#);
    });
    let client = local(port).build().unwrap();
    let generation = client.retrieve(&"QRY_1".parse().unwrap()).await.unwrap();
    assert_eq!(generation.id.as_str(), "QRY_1");
}
