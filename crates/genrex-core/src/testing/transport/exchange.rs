//! One exchange with the transport under examination, read to its end.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use http::Request;

use super::rule::{Finding, Rule};
use crate::transport::{AddressPolicy, Body, Route, SendOptions, Transport, TransportErrorKind};

/// A time-out that must not pass.
pub(super) const LONG: Duration = Duration::from_secs(30);
/// A time-out that must pass.
pub(super) const SHORT: Duration = Duration::from_millis(300);
/// Every way that a request can go.
pub(super) const ROUTES: [Route; 3] = [Route::Paid, Route::Api, Route::Asset];

/// On this route, with no limit that may pass.
pub(super) const fn options(route: Route) -> SendOptions {
    SendOptions::new(route, LONG, AddressPolicy::Any)
}

/// A POST of a signed call, as the client makes one.
pub(super) fn post(url: &str, body: impl Into<Bytes>) -> Request<Bytes> {
    let request = Request::post(url)
        .header("content-type", "application/json")
        .header("gx-key", "4nBmZkU2-VdTNrPqL7e9y")
        .header("gx-signature", "t=1717574785354,v=00ff");
    request.body(body.into()).expect("a request of constants")
}

/// A GET of an asset, as the client makes one.
pub(super) fn get(url: &str) -> Request<Bytes> {
    let request = Request::get(url).header("accept", "audio/wav");
    request.body(Bytes::new()).expect("a request of constants")
}

/// What usually goes this way.
pub(super) fn usual(route: Route, url: &str) -> Request<Bytes> {
    match route {
        Route::Asset => get(url),
        Route::Paid | Route::Api => post(url, r#"{"prompt":"rain","duration":5}"#),
    }
}

/// An answer of this status, with these lines of a head, and a length. It leaves the connection open.
pub(super) fn answer(status: u16, lines: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut head = format!("HTTP/1.1 {status} Status\r\n");
    // These have no body, and must not say how long it is.
    if !matches!(status, 204 | 304) {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    for line in lines {
        head.push_str(line);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

/// What came of one exchange.
#[derive(Debug)]
pub(super) struct Outcome {
    /// The head, or why there is none.
    pub(super) head: Result<http::response::Parts, TransportErrorKind>,
    /// What came of the body.
    pub(super) body: Vec<u8>,
    /// How the body ended.
    pub(super) end: Result<(), TransportErrorKind>,
}

impl Outcome {
    /// The status, if a head came.
    pub(super) fn status(&self) -> Option<u16> {
        self.head.as_ref().ok().map(|head| head.status.as_u16())
    }

    /// Why it failed, in the head or the body.
    pub(super) fn failure(&self) -> Option<TransportErrorKind> {
        self.head.as_ref().err().copied().or(self.end.err())
    }

    /// In words, for a finding.
    pub(super) fn said(&self) -> String {
        match (&self.head, self.end) {
            (Err(kind), _) => format!("the transport said: error {kind:?}"),
            (Ok(head), end) => format!(
                "the transport said: status {}, {} bytes of body, then {}",
                head.status.as_u16(),
                self.body.len(),
                end.map_or_else(|kind| format!("error {kind:?}"), |()| "its end".to_owned()),
            ),
        }
    }
}

/// Sends a request, and reads its answer to the end.
///
/// # Errors
///
/// A finding of this rule if it never ends.
pub(super) async fn exchange(
    transport: &dyn Transport,
    rule: Rule,
    request: Request<Bytes>,
    options: SendOptions,
) -> Result<Outcome, Finding> {
    let asked = format!("{} {}", request.method(), request.uri());
    ends(rule, &asked, async {
        match transport.send(request, options).await {
            Err(error) => Outcome {
                head: Err(error.kind()),
                body: Vec::new(),
                end: Ok(()),
            },
            Ok(response) => {
                let (head, mut source) = response.into_parts();
                let mut body = Vec::new();
                let end = read(&mut *source, &mut body).await;
                Outcome {
                    head: Ok(head),
                    body,
                    end,
                }
            }
        }
    })
    .await
}

async fn read(source: &mut dyn Body, into: &mut Vec<u8>) -> Result<(), TransportErrorKind> {
    /// More than any server here writes.
    const MOST: usize = 4 << 20;
    while into.len() < MOST {
        match source.chunk().await {
            Ok(Some(bytes)) => into.extend_from_slice(&bytes),
            Ok(None) => return Ok(()),
            Err(error) => return Err(error.kind()),
        }
    }
    Ok(())
}

/// Waits for `future`, and no longer than a minute: every server here has given up long before. A future
/// that blocks its thread cannot be left.
///
/// # Errors
///
/// A finding of this rule if it did not end.
pub(super) async fn ends<T>(
    rule: Rule,
    asked: &str,
    future: impl Future<Output = T> + Send,
) -> Result<T, Finding> {
    const MINUTE: Duration = Duration::from_secs(60);
    let expired = Arc::new(Mutex::new((false, None::<Waker>)));
    // Dropping its end of the channel ends the thread.
    let (_running, over) = mpsc::channel::<()>();
    thread::spawn({
        let expired = Arc::clone(&expired);
        move || {
            if over.recv_timeout(MINUTE) == Err(RecvTimeoutError::Timeout) {
                let mut expired = expired.lock().unwrap_or_else(PoisonError::into_inner);
                expired.0 = true;
                if let Some(waker) = expired.1.take() {
                    waker.wake();
                }
            }
        }
    });
    let mut future = pin!(future);
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        let mut expired = expired.lock().unwrap_or_else(PoisonError::into_inner);
        if expired.0 {
            return Poll::Ready(Err(Finding::new(rule, format!("{asked} never ended"))));
        }
        expired.1 = Some(context.waker().clone());
        Poll::Pending
    })
    .await
}
