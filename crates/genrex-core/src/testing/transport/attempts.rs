//! How often a request is sent, and where to.

use super::exchange::{ROUTES, answer, exchange, get, options, post, usual};
use super::rule::{Finding, Rule, require};
use super::server::{Connection, Server};
use crate::transport::{Route, Transport};

/// The statuses that a client may take for an invitation to ask again.
const AGAIN: [u16; 12] = [401, 403, 407, 408, 409, 421, 425, 429, 500, 502, 503, 504];
/// The statuses that say where else to ask.
const ELSEWHERE: [u16; 6] = [300, 301, 302, 303, 307, 308];

pub(super) async fn check_redirects(transport: &dyn Transport) -> Result<(), Finding> {
    for route in ROUTES {
        for status in ELSEWHERE {
            check_redirect(transport, route, status, false).await?;
            check_redirect(transport, route, status, true).await?;
        }
    }
    Ok(())
}

async fn check_redirect(
    transport: &dyn Transport,
    route: Route,
    status: u16,
    to_another: bool,
) -> Result<(), Finding> {
    let other = Server::answering(answer(200, &["Connection: close"], "{}"));
    let location = if to_another {
        format!("Location: {}", other.url("/elsewhere"))
    } else {
        "Location: /elsewhere".to_owned()
    };
    let lines = [location.as_str(), "Retry-After: 0", "Connection: close"];
    let server = Server::answering(answer(status, &lines, ""));
    // Signed on every route: whatever goes elsewhere shows whether it takes the signature along.
    let request = post(&server.url("/asked"), "{}");
    let outcome = exchange(transport, Rule::Redirect, request, options(route)).await?;
    let (seen, elsewhere) = (server.stop(), other.stop());
    for request in &elsewhere.requests {
        let taken = request
            .headers
            .iter()
            .find(|(name, _)| name.starts_with("gx-"));
        require(taken.is_none(), Rule::Credentials, || {
            format!("a {status} on {route:?} took {taken:?} to another origin")
        })?;
    }
    let kept =
        outcome.status() == Some(status) && seen.requests.len() == 1 && elsewhere.connections == 0;
    require(kept, Rule::Redirect, || {
        let (here, there) = (seen.requests.len(), elsewhere.connections);
        let said = outcome.said();
        format!(
            "a {status} on {route:?} with {location:?} brought {here} requests to its server and {there} \
             connections to another, and {said}"
        )
    })
}

pub(super) async fn check_one(transport: &dyn Transport) -> Result<(), Finding> {
    for route in ROUTES {
        for status in AGAIN {
            let lines = [
                "Retry-After: 0",
                "WWW-Authenticate: Basic realm=\"r\"",
                "Proxy-Authenticate: Basic realm=\"r\"",
                "Connection: close",
            ];
            let bytes = answer(status, &lines, "");
            check_act(
                transport,
                route,
                &format!("it answered {status}"),
                move |connection| {
                    if connection.request().is_some() {
                        connection.write(&bytes);
                        connection.finish();
                    }
                },
            )
            .await?;
        }
        check_act(transport, route, "it closed and read nothing", |_| {}).await?;
        check_act(transport, route, "it reset", |connection| {
            connection.leave_unread();
        })
        .await?;
        check_act(
            transport,
            route,
            "it read the request and closed",
            |connection| {
                connection.request();
            },
        )
        .await?;
        check_act(transport, route, "it cut the head short", |connection| {
            connection.request();
            connection.write(b"HTTP/1.1 20");
        })
        .await?;
        check_act(transport, route, "it cut the body short", |connection| {
            connection.request();
            connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1");
        })
        .await?;
        check_used(transport, route).await?;
    }
    Ok(())
}

/// Every connection is met in the same way, and each of two sends must make one.
async fn check_act(
    transport: &dyn Transport,
    route: Route,
    act: &str,
    handle: impl Fn(&mut Connection) + Send + Sync + 'static,
) -> Result<(), Finding> {
    let server = Server::start(handle);
    let url = server.url("/asked");
    for request in [get(&url), post(&url, "{}")] {
        exchange(transport, Rule::OneAttempt, request, options(route)).await?;
    }
    let seen = server.stop();
    let (connections, requests) = (seen.connections, seen.requests.len());
    require(
        connections == 2 && requests <= 2 && seen.stray == 0,
        Rule::OneAttempt,
        || {
            format!(
                "on {route:?} {act}, and two sends made {connections} connections and {requests} requests"
            )
        },
    )
}

/// A connection that served one request dies under the next.
async fn check_used(transport: &dyn Transport, route: Route) -> Result<(), Finding> {
    let server = Server::start(|connection| {
        if connection.request().is_some() {
            connection.write(&answer(200, &[], "{}"));
            connection.request();
        }
    });
    for sends in 1..=4 {
        let request = usual(route, &server.url("/asked"));
        exchange(transport, Rule::OneAttempt, request, options(route)).await?;
        let seen = server.seen().requests.len();
        require(seen <= sends, Rule::OneAttempt, || {
            format!(
                "on {route:?} a used connection closed after the request was read, and {sends} sends made \
                 {seen} requests"
            )
        })?;
    }
    Ok(())
}
