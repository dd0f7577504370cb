//! Which addresses a request for an asset reaches.

use std::collections::BTreeSet;
use std::net::ToSocketAddrs as _;

use super::exchange::{LONG, answer, exchange, get, options};
use super::rule::{Finding, Rule, require};
use super::server::{Connection, Seen, Server};
use crate::transport::{AddressPolicy, Route, SendOptions, Transport, TransportErrorKind};

/// Spellings of an address, where a client knows the address before it asks anybody.
const LITERALS: [&str; 6] = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::]",
];
/// Spellings that a resolver may take for loopback, or for a name without an address.
const SPELLINGS: [&str; 4] = ["127.1", "2130706433", "0x7f000001", "0177.0.0.1"];

pub(super) async fn check(transport: &dyn Transport) -> Result<(), Finding> {
    let server = Server::start(keep);
    let v6 = Server::start_v6(keep);
    check_forbidden(transport, &server, v6.as_ref()).await?;
    check_allowed(transport, &server, v6.as_ref()).await?;
    // By now there are connections to keep alive, which another policy allowed.
    check_forbidden(transport, &server, v6.as_ref()).await?;
    check_seen(&server.stop())?;
    v6.map_or(Ok(()), |v6| check_seen(&v6.stop()))
}

fn keep(connection: &mut Connection) {
    while connection.request().is_some() {
        connection.write(&answer(200, &[], "RIFF"));
    }
}

async fn check_forbidden(
    transport: &dyn Transport,
    server: &Server,
    v6: Option<&Server>,
) -> Result<(), Finding> {
    let name = resolves_to_loopback("localhost").then_some("localhost");
    for host in LITERALS.into_iter().chain(name) {
        refuses(transport, host, server.port(), true).await?;
    }
    for host in SPELLINGS {
        refuses(transport, host, server.port(), false).await?;
    }
    if let Some(v6) = v6 {
        refuses(transport, "[::1]", v6.port(), true).await?;
        if let Some(name) = name {
            refuses(transport, name, v6.port(), true).await?;
        }
    }
    Ok(())
}

async fn refuses(
    transport: &dyn Transport,
    host: &str,
    port: u16,
    is_known: bool,
) -> Result<(), Finding> {
    let public = SendOptions::new(Route::Asset, LONG, AddressPolicy::PublicOnly);
    let request = get(&format!("http://{host}:{port}/forbidden"));
    let outcome = exchange(transport, Rule::Addresses, request, public).await?;
    let kept = match outcome.head {
        Err(TransportErrorKind::ForbiddenAddress) => true,
        Err(kind) => !is_known && !kind.may_have_left(),
        Ok(_) => false,
    };
    require(kept, Rule::Addresses, || {
        let said = outcome.said();
        format!("an asset at {host} was asked for, with public addresses alone allowed, and {said}")
    })
}

/// Without this, a transport that reaches nothing would keep the rule.
async fn check_allowed(
    transport: &dyn Transport,
    server: &Server,
    v6: Option<&Server>,
) -> Result<(), Finding> {
    let v6 = v6.map(|v6| v6.url("/allowed"));
    let name = resolves_to_loopback("localhost")
        .then(|| format!("http://localhost:{}/allowed", server.port()));
    let urls = [server.url("/allowed")].into_iter().chain(v6).chain(name);
    for url in urls {
        for route in [Route::Api, Route::Asset, Route::Asset] {
            let outcome = exchange(transport, Rule::Addresses, get(&url), options(route)).await?;
            require(outcome.body == b"RIFF", Rule::Addresses, || {
                let said = outcome.said();
                format!("{url} was asked for on {route:?}, with any address allowed, and {said}")
            })?;
        }
    }
    Ok(())
}

fn check_seen(seen: &Seen) -> Result<(), Finding> {
    let stray = seen
        .requests
        .iter()
        .find(|request| !request.line.contains("/allowed"));
    require(stray.is_none(), Rule::Addresses, || {
        let line = stray.map_or("", |request| &request.line);
        format!("an address that was not allowed was sent {line:?}")
    })?;
    let used: BTreeSet<_> = seen
        .requests
        .iter()
        .map(|request| request.connection)
        .collect();
    require(used.len() == seen.connections, Rule::Addresses, || {
        let unused = seen.connections - used.len();
        format!("an address that was not allowed was connected to, {unused} times")
    })
}

fn resolves_to_loopback(name: &str) -> bool {
    let addresses = (name, 80).to_socket_addrs();
    addresses.is_ok_and(|mut found| found.any(|address| address.ip().to_string() == "127.0.0.1"))
}
