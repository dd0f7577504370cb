//! Which waits the limits end, and which not.

use std::time::Duration;

use super::exchange::{LONG, Outcome, ROUTES, SHORT, exchange, options, usual};
use super::rule::{Finding, Rule, require};
use super::server::{Connection, Server};
use crate::transport::{Route, SendOptions, Transport};

type Act = (&'static str, fn(&mut Connection));

const NO_HEAD: Act = ("sent no head", |connection| {
    connection.request();
    connection.hang(b"", 1);
});
const ENDLESS_HEAD: Act = ("sent a head that never ended, byte by byte", |connection| {
    connection.request();
    connection.write(b"HTTP/1.1 200 OK\r\nX-Endless: ");
    connection.hang(b"a", 2);
});
const SILENT_BODY: Act = ("sent ten bytes of a body and no more", |connection| {
    connection.request();
    connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n0123456789");
    connection.hang(b"", 1);
});
const ENDLESS_BODY: Act = ("sent a body that never ended, byte by byte", |connection| {
    connection.request();
    connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n");
    connection.hang(b"a", 2);
});

pub(super) async fn check_idle(transport: &dyn Transport) -> Result<(), Finding> {
    let limited = |route| options(route).idle_within(SHORT);
    for act in [NO_HEAD, SILENT_BODY] {
        must_end(transport, Rule::IdleTimeout, act, limited(Route::Api)).await?;
    }
    // Long enough that no pause between two bytes lasts as long, on a busy machine too.
    let longer = options(Route::Api).idle_within(Duration::from_secs(1));
    must_end(transport, Rule::IdleTimeout, ENDLESS_HEAD, longer).await?;
    must_end(transport, Rule::IdleTimeout, NO_HEAD, limited(Route::Paid)).await?;
    must_end(
        transport,
        Rule::IdleTimeout,
        SILENT_BODY,
        limited(Route::Asset),
    )
    .await?;
    check_slow_body(transport).await
}

pub(super) async fn check_total(transport: &dyn Transport) -> Result<(), Finding> {
    for act in [NO_HEAD, ENDLESS_HEAD, SILENT_BODY, ENDLESS_BODY] {
        let mut limited = options(Route::Api);
        (limited.total_timeout, limited.idle_timeout) = (SHORT, LONG);
        must_end(transport, Rule::TotalTimeout, act, limited).await?;
    }
    for route in ROUTES {
        let limited = SendOptions::new(route, SHORT, options(route).addresses);
        must_end(transport, Rule::TotalTimeout, ENDLESS_BODY, limited).await?;
    }
    Ok(())
}

/// The server waits for ten seconds, and then closes, which is another error than a time-out.
async fn must_end(
    transport: &dyn Transport,
    rule: Rule,
    (act, handle): Act,
    options: SendOptions,
) -> Result<(), Finding> {
    let server = Server::start(handle);
    let outcome = ask(transport, rule, &server, options).await?;
    let kept = outcome
        .failure()
        .is_some_and(|kind| kind.is_timeout() && kind.may_have_left());
    require(kept, rule, || {
        let (route, said) = (options.route, outcome.said());
        let (idle, total) = (options.idle_timeout, options.total_timeout);
        format!(
            "on {route:?}, within {idle:?} idle and {total:?} in all, the server {act}, and {said}"
        )
    })
}

/// A body may take longer than any one pause in it may.
async fn check_slow_body(transport: &dyn Transport) -> Result<(), Finding> {
    let server = Server::start(|connection| {
        connection.request();
        connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n");
        for _ in 0..10 {
            connection.pause(12);
            connection.write(b"a");
        }
        connection.finish();
    });
    let patient = options(Route::Asset).idle_within(Duration::from_secs(2));
    let outcome = ask(transport, Rule::IdleTimeout, &server, patient).await?;
    require(
        outcome.body == [b'a'; 10] && outcome.end.is_ok(),
        Rule::IdleTimeout,
        || {
            let said = outcome.said();
            format!(
                "within 2s idle, a body of ten bytes came with a quarter of a second before each, and {said}"
            )
        },
    )
}

async fn ask(
    transport: &dyn Transport,
    rule: Rule,
    server: &Server,
    options: SendOptions,
) -> Result<Outcome, Finding> {
    let request = usual(options.route, &server.url("/asked"));
    exchange(transport, rule, request, options).await
}
