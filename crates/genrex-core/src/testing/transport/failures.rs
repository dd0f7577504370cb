//! What a failure says of what may have left, and how a body that broke off ends.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::exchange::{Outcome, ROUTES, answer, exchange, options, post, usual};
use super::rule::{Finding, Rule, require};
use super::server::{Connection, Server};
use crate::transport::{Route, Transport, TransportErrorKind};

type Act = (&'static str, fn(&mut Connection));

/// What a server may do that leaves a request without a head, with a connection that stood.
const NO_HEAD: [Act; 7] = [
    ("closed and read nothing", |_| {}),
    ("reset when the request was there", |connection| {
        connection.leave_unread();
    }),
    ("read the head of the request and closed", |connection| {
        connection.head();
    }),
    ("read the request and closed", |connection| {
        connection.request();
    }),
    ("cut the head short", |connection| {
        connection.request();
        connection.write(b"HTTP/1.1 201 Crea");
    }),
    ("answered with what is not HTTP", |connection| {
        connection.request();
        connection.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n");
        connection.finish();
    }),
    ("answered with bytes that are no text", |connection| {
        connection.request();
        connection.write(&[0, 255, 13, 10, 254, 0, 13, 10, 13, 10]);
        connection.finish();
    }),
];

/// What a server may do that leaves a body without its end. The request was read each time.
const CUT: [Act; 7] = [
    ("closed before the length was there", |connection| {
        connection.request();
        connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"id\":\"QRY");
        connection.finish();
    }),
    ("closed before the body's first byte", |connection| {
        connection.request();
        connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n");
        connection.finish();
    }),
    ("closed one byte too early", |connection| {
        connection.request();
        connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcd");
        connection.finish();
    }),
    ("closed inside a chunk", |connection| {
        connection.request();
        connection.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{\"id\":");
        connection.finish();
    }),
    ("closed after a chunk that is not the last", |connection| {
        connection.request();
        connection.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n");
        connection.finish();
    }),
    ("wrote a chunk of no size", |connection| {
        connection.request();
        connection.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\nzz\r\n");
        connection.finish();
    }),
    (
        "reset a body that goes on until the connection closes",
        |connection| {
            connection.leave_unread();
            connection.write(b"HTTP/1.1 200 OK\r\n\r\n{}");
        },
    ),
];

pub(super) async fn check_kinds(transport: &dyn Transport) -> Result<(), Finding> {
    check_nothing_left(transport).await?;
    for route in ROUTES {
        for (act, handle) in NO_HEAD {
            let server = Server::start(handle);
            let outcome = ask(transport, Rule::MayHaveLeft, route, &server).await?;
            let kind = outcome.head.as_ref().err();
            let kept = kind.is_some_and(|kind| kind.may_have_left() && !kind.is_timeout());
            require(kept, Rule::MayHaveLeft, || {
                let said = outcome.said();
                format!(
                    "the server {act}, which is an error that may have left and no time-out, and {said}"
                )
            })?;
        }
        check_early_answer(transport, route).await?;
    }
    Ok(())
}

async fn check_nothing_left(transport: &dyn Transport) -> Result<(), Finding> {
    let refused = closed_port().map(|port| format!("http://127.0.0.1:{port}/asked"));
    // A label of DNS has 63 bytes at most, so no resolver needs to ask anybody about this one.
    let nameless = format!("http://{}.invalid/asked", "n".repeat(64));
    for url in refused.into_iter().chain([nameless]) {
        for route in ROUTES {
            let request = usual(route, &url);
            let outcome = exchange(transport, Rule::MayHaveLeft, request, options(route)).await?;
            let kind = outcome.head.as_ref().err();
            let kept = kind.is_some_and(|kind| !kind.may_have_left());
            require(kept, Rule::MayHaveLeft, || {
                let said = outcome.said();
                format!(
                    "no connection can be made to {url}, which proves that nothing left, and {said}"
                )
            })?;
        }
    }
    Ok(())
}

/// A port that refuses connections. One of those that are given to nobody by chance.
fn closed_port() -> Option<u16> {
    (1..1024).find(|port| {
        let address = SocketAddr::from(([127, 0, 0, 1], *port));
        let tried = TcpStream::connect_timeout(&address, Duration::from_secs(1));
        tried.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
    })
}

/// The answer comes before the body was read.
async fn check_early_answer(transport: &dyn Transport, route: Route) -> Result<(), Finding> {
    let body = vec![b'x'; 1 << 20];
    let server = Server::start(|connection| {
        connection.head();
        connection.write(&answer(413, &["Connection: close"], "too long"));
        connection.drain();
        connection.finish();
    });
    let request = post(&server.url("/asked"), body.clone());
    let outcome = exchange(transport, Rule::Status, request, options(route)).await?;
    require(outcome.status() == Some(413), Rule::Status, || {
        let said = outcome.said();
        format!("413 came before the body was read, which it then was, and {said}")
    })?;
    // Closing with the body unread is a reset, which may overtake the answer.
    let server = Server::start(|connection| {
        connection.head();
        connection.write(&answer(413, &["Connection: close"], "too long"));
    });
    let request = post(&server.url("/asked"), body);
    let outcome = exchange(transport, Rule::MayHaveLeft, request, options(route)).await?;
    let kept = match &outcome.head {
        Ok(head) => head.status == 413,
        Err(kind) => kind.may_have_left(),
    };
    require(kept, Rule::MayHaveLeft, || {
        let said = outcome.said();
        format!("413 came before the body was read, and then a reset, and {said}")
    })
}

pub(super) async fn check_body_end(transport: &dyn Transport) -> Result<(), Finding> {
    for route in ROUTES {
        for (act, handle) in CUT {
            let server = Server::start(handle);
            let outcome = ask(transport, Rule::BodyEnd, route, &server).await?;
            let kept = outcome
                .failure()
                .is_some_and(TransportErrorKind::may_have_left);
            require(kept, Rule::BodyEnd, || {
                let said = outcome.said();
                format!("the server {act}, which is an error that may have left, and {said}")
            })?;
        }
    }
    Ok(())
}

async fn ask(
    transport: &dyn Transport,
    rule: Rule,
    route: Route,
    server: &Server,
) -> Result<Outcome, Finding> {
    let request = usual(route, &server.url("/asked"));
    exchange(transport, rule, request, options(route)).await
}
