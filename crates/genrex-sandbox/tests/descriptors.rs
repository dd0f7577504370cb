//! A process that has no descriptor left. The limit is the process's, so that this test has one of its own.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Write as _;
use std::time::Duration;

use genrex_sandbox::{Options, Sandbox};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

const MINUTE: Duration = Duration::from_secs(60);

fn limit(current: u64) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: Some(current),
        maximum,
    };
    setrlimit(Resource::Nofile, limit).unwrap();
}

/// The clock is a simulated one, which moves when all tasks wait.
#[tokio::test(start_paused = true)]
async fn the_limit_is_raised_and_running_out_is_waited_out() {
    limit(64);
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let raised = getrlimit(Resource::Nofile);
    assert_eq!(raised.current, raised.maximum);

    // The system connects it, and the sandbox has not run since.
    let address = sandbox.url().strip_prefix("http://").unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(REQUEST).unwrap();
    stream.set_nonblocking(true).unwrap();
    let mut stream = TcpStream::from_std(stream).unwrap();
    limit(3);
    let mut answer = String::new();
    let early = tokio::time::timeout(MINUTE, stream.read_to_string(&mut answer)).await;
    assert!(early.is_err(), "{answer}");
    limit(64);
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
}
