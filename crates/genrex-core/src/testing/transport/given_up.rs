//! Whether what is dropped ends on the wire.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use super::exchange::{ROUTES, SHORT, ends, options, usual};
use super::rule::{Finding, Rule, require};
use super::server::{Connection, Server};
use crate::transport::{Route, SendOptions, Transport};

pub(super) async fn check(transport: &dyn Transport) -> Result<(), Finding> {
    for route in ROUTES {
        check_body(transport, route, false).await?;
        check_body(transport, route, true).await?;
    }
    if blocks(transport).await {
        return Ok(());
    }
    for route in ROUTES {
        check_future(transport, route).await?;
    }
    Ok(())
}

async fn check_body(transport: &dyn Transport, route: Route, begun: bool) -> Result<(), Finding> {
    let server = Server::start(|connection| {
        connection.request();
        connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n0123456789");
        connection.hang(b"", 1);
    });
    let request = usual(route, &server.url("/asked"));
    ends(Rule::GivenUp, "an unfinished body", async {
        // What cannot be sent at all is another rule's finding; here nothing may stay open.
        if let Ok(response) = transport.send(request, options(route)).await {
            let mut body = response.into_body();
            if begun {
                let _ = body.chunk().await;
            }
        }
    })
    .await?;
    is_closed(&server, &format!("a body on {route:?} was dropped")).await
}

/// Whether the first poll of a future does all of it. Such a future cannot be dropped half way.
async fn blocks(transport: &dyn Transport) -> bool {
    let server = Server::start(hang);
    let limited = SendOptions::new(Route::Api, SHORT, options(Route::Api).addresses);
    let mut sending = pin!(transport.send(usual(Route::Api, &server.url("/asked")), limited));
    poll_fn(|context| Poll::Ready(sending.as_mut().poll(context).is_ready())).await
}

async fn check_future(transport: &dyn Transport, route: Route) -> Result<(), Finding> {
    let server = Server::start(hang);
    {
        let request = usual(route, &server.url("/asked"));
        let mut sending = pin!(transport.send(request, options(route)));
        let mut arrived = pin!(server.until(|seen| !seen.requests.is_empty()));
        let both = poll_fn(|context| match sending.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => arrived.as_mut().poll(context),
        });
        ends(Rule::GivenUp, "a request that is not answered", both).await?;
    }
    is_closed(&server, &format!("a future on {route:?} was dropped")).await
}

fn hang(connection: &mut Connection) {
    connection.request();
    connection.hang(b"", 1);
}

async fn is_closed(server: &Server, dropped: &str) -> Result<(), Finding> {
    let over = server.until(|seen| seen.given_up + seen.outlasted > 0);
    ends(Rule::GivenUp, dropped, over).await?;
    require(server.seen().given_up > 0, Rule::GivenUp, || {
        format!("{dropped}, and its connection was still open ten seconds later")
    })
}
