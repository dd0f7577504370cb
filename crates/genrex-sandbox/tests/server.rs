//! The sandbox behind its sockets: who is answered, and how much is read.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::time::Duration;

use genrex_sandbox::{Options, Sandbox, StartError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn ask(sandbox: &Sandbox, request: &str) -> String {
    let address = sandbox.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    // A server that refuses a long body may close before it has read all of it.
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn a_web_page_is_not_answered_and_nothing_invites_one() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let post = |headers: &str| {
        format!(
            "POST /v1/text2music/getBalance HTTP/1.1\r\nConnection: close\r\n{headers}Content-Length: 2\r\n\r\n{{}}"
        )
    };
    for (headers, expected) in [
        ("Host: 127.0.0.1:80\r\n", "401"),
        ("Host: localhost\r\n", "401"),
        ("Host: [::1]:9\r\n", "401"),
        ("Host: evil.example\r\n", "403"),
        ("Host: 127.0.0.1.evil.example\r\n", "403"),
        ("Host: localhost\r\nOrigin: https://evil.example\r\n", "403"),
        ("Host: localhost\r\nOrigin: null\r\n", "403"),
        ("", "400"),
        ("Host: localhost\r\nHost: evil.example\r\n", "400"),
        ("Host: localhost\r\nHost: localhost\r\n", "400"),
        ("Host: localhost, evil.example\r\n", "403"),
    ] {
        let answer = ask(&sandbox, &post(headers)).await;
        assert_eq!(status(&answer), expected, "{headers}");
        assert!(
            !answer.to_lowercase().contains("access-control"),
            "{answer}"
        );
        assert!(answer.to_lowercase().contains("\r\ndate: "), "{answer}");
    }
    sandbox.stop().await;
}

#[tokio::test]
async fn a_huge_body_is_not_read() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let body = "x".repeat(70_000);
    let request = format!(
        "POST /v1/text2music/getBalance HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(status(&ask(&sandbox, &request).await), "413");
}

#[tokio::test]
async fn it_listens_on_this_machine_only_and_says_what_is_taken() {
    let mut options = Options::default();
    options.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let error = Sandbox::start(options).await.unwrap_err();
    assert!(matches!(error, StartError::NotLoopback(_)), "{error}");

    let first = Sandbox::start(Options::default()).await.unwrap();
    let mut options = Options::default();
    options.listen = first
        .url()
        .strip_prefix("http://")
        .unwrap()
        .parse()
        .unwrap();
    let error = Sandbox::start(options).await.unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }), "{error}");
}

#[tokio::test]
async fn a_target_that_names_a_host_is_not_answered() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    for (line, expected) in [
        ("POST /v1/text2music/getBalance", "401"),
        ("POST http://evil.example/v1/text2music/getBalance", "400"),
        ("POST http://localhost/v1/text2music/getBalance", "400"),
        ("CONNECT evil.example:443", "400"),
        ("CONNECT localhost:80", "400"),
        ("OPTIONS *", "404"),
    ] {
        let request = format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        assert_eq!(status(&ask(&sandbox, &request).await), expected, "{line}");
    }
    sandbox.stop().await;
}

/// Longer than any deadline of a server. The clock is a simulated one, which moves when all tasks wait.
const LONG: Duration = Duration::from_secs(3600);

const HALF: &str = "POST /v1/text2music/getBalance HTTP/1.1\r\nHost: loc";

async fn half_sent(sandbox: &Sandbox, half: &str) -> TcpStream {
    let address = sandbox.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(half.as_bytes()).await.unwrap();
    stream
}

#[tokio::test(start_paused = true)]
async fn a_request_that_never_comes_whole_does_not_keep_it_from_stopping() {
    for half in [
        "",
        HALF,
        "POST /v1/text2music/getBalance HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{",
    ] {
        let sandbox = Sandbox::start(Options::default()).await.unwrap();
        let held = half_sent(&sandbox, half).await;
        // A connection that came after it was answered: so it was accepted.
        let whole = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        assert_eq!(status(&ask(&sandbox, whole).await), "404");
        let stopped = tokio::time::timeout(LONG, sandbox.stop()).await;
        assert_eq!(stopped, Ok(()), "{half:?}");
        drop(held);
    }
}

/// The clock is a simulated one, which moves when all tasks wait: a connection that has no place waits until another's
/// time is over, and that one is gone then.
#[tokio::test(start_paused = true)]
async fn thousands_of_connections_are_kept_open_at_once() {
    const REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..2_000 {
        let mut stream = half_sent(&sandbox, REQUEST).await;
        assert_eq!(status(&head(&mut stream).await), "404");
        held.push(stream);
    }
    for stream in &mut held {
        stream.write_all(REQUEST.as_bytes()).await.unwrap();
        assert_eq!(status(&head(stream).await), "404");
    }
}

/// The first bytes of an answer that is small.
async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = [0; 1024];
    let length = stream.read(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}
