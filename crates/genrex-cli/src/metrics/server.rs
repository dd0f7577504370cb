//! The server of the page: `GET /metrics`. Whoever asks must not take from the work what it needs: its descriptors, and
//! the ledger's time.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::serve::Listener;
use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use http::{HeaderMap, Method, Request, Response};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::clock;
use crate::command_error::CommandError;
use crate::metrics::METRICS;

const FORM: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How many connections there are at once; further ones wait.
const PLACES: usize = 16;
/// How long a request may take to come.
const REQUEST: Duration = Duration::from_secs(5);
/// How long a connection lives in all: it has one request, and an answer that has to be taken.
const CONNECTION: Duration = Duration::from_secs(60);

/// Listens, and answers until the program ends.
pub(super) async fn start(address: SocketAddr) -> Result<SocketAddr, CommandError> {
    let refused = |error: std::io::Error| {
        CommandError::usage(format!("--metrics: {address} cannot be listened on"))
            .with_source(&error)
            .hint("give another port, or stop the program that has this one; nothing was sent")
    };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let listens = listener.local_addr().map_err(refused)?;
    let is_local = listens.ip().is_loopback();
    // It ends with the program.
    tokio::spawn(accept(listener, is_local));
    Ok(listens)
}

async fn accept(mut listener: TcpListener, is_local: bool) {
    let places = Arc::new(Semaphore::new(PLACES));
    // The semaphore is never closed.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        // Where there is no descriptor left, this waits a second and tries again.
        let (stream, _) = Listener::accept(&mut listener).await;
        tokio::spawn(async move {
            serve(stream, is_local).await;
            drop(place);
        });
    }
}

async fn serve(stream: TcpStream, is_local: bool) {
    let answers =
        service_fn(
            move |request| async move { Ok::<_, Infallible>(answer(&request, is_local).await) },
        );
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), answers);
    // Who is too slow is told nothing.
    let _ = tokio::time::timeout(CONNECTION, served).await;
}

async fn answer<B: Sync>(request: &Request<B>, is_local: bool) -> Response<Body> {
    if is_local && !is_of_this_machine(request.headers()) {
        return said(403, "the Host is not this machine's, or a web page asks");
    }
    if request.uri().path() != "/metrics" {
        return said(404, "the metrics are at /metrics");
    }
    if request.method() != Method::GET {
        return said(405, "the metrics can be read only");
    }
    let Some(metrics) = METRICS.get() else {
        return said(404, "there are no metrics");
    };
    // It is made to its end where who asks goes away: so it is not begun again by the next.
    let page = tokio::spawn(metrics.page(clock::since_start()));
    let Ok(page) = page.await else {
        return said(500, "the metrics cannot be read");
    };
    let mut page = said(200, &page);
    if let Ok(form) = FORM.parse() {
        page.headers_mut().insert(CONTENT_TYPE, form);
    }
    page
}

fn said(status: u16, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(text.to_owned()));
    if let Ok(status) = status.try_into() {
        *response.status_mut() = status;
    }
    response
}

/// A page in a browser must not read them, neither by a name that leads here nor by a script.
fn is_of_this_machine(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return false;
    };
    host.to_str().is_ok_and(is_loopback) && headers.get(ORIGIN).is_none()
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    let address = bare.parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for host in ["localhost", "LOCALHOST:9464", "127.0.0.1:1", "[::1]:9464"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "10.0.0.1:9464",
            "",
            "a:b",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
