//! Which connection a request goes by, and which none may be made to.

use std::time::Duration;

use genrex_core::{AddressPolicy, Route, SendOptions, Transport as _, TransportErrorKind};
use genrex_tests::{Act, FaultServer, Received, Stack};

use crate::support::{ACCEPTED, client, outcome, request};

/// The name leads to this machine: where only public addresses are allowed, it is not connected to.
#[test]
fn a_name_that_leads_inside_is_not_connected_to() {
    for stack in Stack::BOTH {
        let inside = FaultServer::start([]);
        let limit = Duration::from_secs(5);
        let options = SendOptions::new(Route::Asset, limit, AddressPolicy::PublicOnly);
        let transport = stack.transport();
        let mut request = http::Request::new(bytes::Bytes::new());
        *request.uri_mut() = format!("http://localhost:{}/1.wav", inside.port())
            .parse()
            .unwrap();
        let error = stack.run(transport.send(request, options)).err().unwrap();
        assert_eq!(
            error.kind(),
            TransportErrorKind::ForbiddenAddress,
            "{stack:?}"
        );
        assert_eq!(inside.connections(), 0);
    }
}

fn is_paid(request: &Received) -> bool {
    request.line.ends_with("/generateMusic")
}

/// Answers any call of the API, and leaves the connection open.
fn kept_open(request: &Received) -> Vec<u8> {
    let (status, body) = if is_paid(request) {
        (201, ACCEPTED)
    } else {
        (200, r#"{"creditQuota":1,"usedCredit":0}"#)
    };
    let length = body.len();
    format!("HTTP/1.1 {status} OK\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// A kept-alive connection may have been closed by the peer, and a client that learns so only after
/// sending cannot tell whether it has paid: each submit has a connection of its own.
#[test]
fn a_paid_call_never_takes_a_kept_alive_connection() {
    for stack in Stack::BOTH {
        let server = FaultServer::start((0..200).map(|_| Act::KeepAlive(kept_open)));
        let client = client(stack, &server.url());
        let look = || {
            let before = server.connections();
            stack.run(client.balance()).unwrap();
            // A client puts a connection back when its own task comes to it, so not every look finds one.
            server.connections() == before
        };
        for _ in 0..3 {
            assert!((0..50).any(|_| look()), "{stack:?}: no look reuses");
            let submission = stack.run(client.submit(&request()));
            assert_eq!(outcome(&submission), ("accepted", None), "{stack:?}");
        }
        let received = server.received();
        for paid in received.iter().filter(|request| is_paid(request)) {
            let shares = |other: &&Received| other.connection == paid.connection;
            assert_eq!(received.iter().filter(shares).count(), 1, "{stack:?}");
        }
        assert_eq!(
            received.iter().filter(|request| is_paid(request)).count(),
            3
        );
    }
}
