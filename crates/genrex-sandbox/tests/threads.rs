//! No thread is made for a request.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use genrex_sandbox::{Options, Sandbox};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_need_no_threads_of_their_own() {
    const REQUEST: &[u8] = b"POST /v1/text2music/getBalance HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}";
    let sandbox = Arc::new(Sandbox::start(Options::default()).await.unwrap());
    let before = threads();
    let asks: Vec<_> = (0..200)
        .map(|_| {
            let sandbox = Arc::clone(&sandbox);
            tokio::spawn(async move {
                let address = sandbox.url().strip_prefix("http://").unwrap();
                let mut stream = TcpStream::connect(address).await.unwrap();
                stream.write_all(REQUEST).await.unwrap();
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).await.unwrap();
                assert!(answer.starts_with(b"HTTP/1.1 401 "));
                threads()
            })
        })
        .collect();
    for ask in asks {
        assert_eq!(ask.await.unwrap(), before);
    }
}
