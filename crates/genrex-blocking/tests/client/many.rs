//! Many jobs in one client over real sockets: how many connections they take, who waits for whom, and what a lack of
//! file descriptors leads to.

use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

use genrex_blocking::{Canceller, Client, ErrorKind, Submission};

use crate::server::{answer, local, read_request, serve};
use crate::support::{ACCEPTED, request};

const READY: &str = r#"{"id":"QRY_1","status":"Completed",
    "response":[{"content":{"url":"http://127.0.0.1:9/1.wav"}}]}"#;

/// Answers whatever comes on a connection.
fn answer_all(mut stream: TcpStream) {
    loop {
        match read_request(&mut stream) {
            head if head.is_empty() => return,
            head if head.contains("generateMusic") => answer(&mut stream, ACCEPTED),
            _ => answer(&mut stream, READY),
        }
    }
}

fn wait(client: &Client) {
    client.wait(&client.job("QRY_1".parse().unwrap())).unwrap();
}

#[test]
fn waiting_threads_share_connections() {
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let port = serve(move |stream| {
        count.fetch_add(1, Ordering::SeqCst);
        answer_all(stream);
    });
    let client = local(port).max_in_flight(16).build().unwrap();
    thread::scope(|scope| {
        for _ in 0..200 {
            scope.spawn(|| (0..5).for_each(|_| wait(&client)));
        }
    });
    let opened = opened.load(Ordering::SeqCst);
    assert!(opened <= 16, "{opened} connections");
}

/// Every poll is held until the end.
#[test]
fn a_paid_call_leaves_while_every_poll_is_held_and_a_canceller_ends_the_wait_for_a_slot() {
    let held = Arc::new((Mutex::new((0, false)), Condvar::new()));
    let at_server = Arc::clone(&held);
    let port = serve(move |mut stream: TcpStream| {
        let head = read_request(&mut stream);
        if head.contains("generateMusic") {
            return answer(&mut stream, ACCEPTED);
        }
        let (state, changed) = &*at_server;
        let mut state = state.lock().unwrap();
        state.0 += 1;
        changed.notify_all();
        drop(changed.wait_while(state, |(_, is_over)| !*is_over).unwrap());
        answer(&mut stream, READY);
    });
    let client = local(port).max_in_flight(2).build().unwrap();
    let (state, changed) = &*held;
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| wait(&client));
        }
        let mut holding = changed
            .wait_while(state.lock().unwrap(), |(polls, _)| *polls < 2)
            .unwrap();
        holding.0 = 0;
        drop(holding);
        let submission = client.submit(&request());
        assert!(matches!(submission, Submission::Accepted(_)));
        let canceller = Canceller::new();
        let cancelled = client.cancelled_by(&canceller);
        let queued = scope.spawn(move || cancelled.balance().unwrap_err().kind());
        canceller.cancel();
        assert_eq!(queued.join().unwrap(), ErrorKind::Cancelled);
        let mut holding = state.lock().unwrap();
        assert_eq!(holding.0, 0, "it was sent");
        holding.1 = true;
        changed.notify_all();
    });
}

#[cfg(unix)]
mod descriptors {
    use std::fs::File;
    use std::io::Write as _;
    use std::process::Command;
    use std::sync::mpsc;
    use std::time::Duration;

    use async_trait::async_trait;
    use bytes::Bytes;
    use genrex_blocking::core::{
        Body, Cancelled, Now, SendOptions, Transport, TransportError, TransportErrorKind,
    };

    use super::*;

    const PORT: &str = "GENREX_TEST_PORT";

    /// A transport that says why a request was not answered.
    struct Watched {
        inner: Arc<dyn Transport>,
        failed: mpsc::Sender<TransportErrorKind>,
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
    #[test]
    fn in_a_process_without_descriptors() {
        let Ok(port) = std::env::var(PORT) else {
            return;
        };
        let client = local(port.parse().unwrap()).build().unwrap();
        let (failed, failures) = mpsc::channel();
        let inner = Arc::clone(client.transport());
        let client = client.with_transport(Watched { inner, failed });
        let mut files: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        assert!(files.len() < 64);
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| wait(&client));
            }
            let buying = scope.spawn(|| client.submit(&request()));
            let kinds: Vec<_> = failures.iter().take(50).collect();
            // Whatever it was, all of them end.
            files.truncate(files.len() - 4);
            assert!(
                kinds
                    .iter()
                    .all(|kind| *kind == TransportErrorKind::NoDescriptor),
                "{kinds:?}"
            );
            assert!(matches!(buying.join().unwrap(), Submission::Accepted(_)));
        });
    }
}
