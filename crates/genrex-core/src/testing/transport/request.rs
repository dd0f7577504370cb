//! What of a request arrives.

use bytes::Bytes;
use http::{Method, Request};

use super::exchange::{ROUTES, answer, exchange, options};
use super::rule::{Finding, Rule, require};
use super::server::{Received, Seen, Server};
use crate::transport::{Route, Transport};

/// Spellings that a client may not tidy up: the path is signed by the storage, or looked up by the API.
const TARGET: &str = "/v1/a%2Fb/%7Etilde%20x/?b=2&a=%20+1&b=&sig=aB%2B%2f%3D";
/// Headers that a client adds on its own, and that change what is answered, or who is asked.
const UNASKED: [&str; 9] = [
    "accept-encoding",
    "authorization",
    "cookie",
    "expect",
    "if-modified-since",
    "if-none-match",
    "proxy-authorization",
    "range",
    "referer",
];

pub(super) async fn check(transport: &dyn Transport) -> Result<(), Finding> {
    let every_byte: Vec<u8> = (0..=255).collect();
    for route in ROUTES {
        // The second one would carry what was learned from the answer to the first.
        for body in [every_byte.clone(), every_byte.repeat(1200)] {
            arrives(transport, route, |url| signed(url, &body, None)).await?;
        }
        arrives(transport, route, |url| {
            signed(url, br#"{"id":"QRY_1"}"#, Some("api.genrex.example"))
        })
        .await?;
        arrives(transport, route, bare_get).await?;
        arrives(transport, route, ranged_get).await?;
    }
    Ok(())
}

fn signed(url: &str, body: &[u8], host: Option<&str>) -> Request<Bytes> {
    let mut request = Request::post(url)
        .header("content-type", "application/json")
        .header("accept", "application/json")
        .header("user-agent", "genrex-conformance/1 (a, b; c=\"d  e\")")
        .header("gx-key", "4nBmZkU2-VdTNrPqL7e9y")
        .header("gx-signature", "t=1717574785354,v=00ff")
        .header("x-empty", "");
    if let Some(host) = host {
        request = request.header("host", host);
    }
    let body = Bytes::copy_from_slice(body);
    request.body(body).expect("a request of constants")
}

fn bare_get(url: &str) -> Request<Bytes> {
    let request = Request::get(url).body(Bytes::new());
    request.expect("a request of constants")
}

fn ranged_get(url: &str) -> Request<Bytes> {
    let request = Request::get(url)
        .header("accept-encoding", "identity")
        .header("range", "bytes=100-")
        .header("if-range", "\"etag\"");
    request.body(Bytes::new()).expect("a request of constants")
}

async fn arrives(
    transport: &dyn Transport,
    route: Route,
    make: impl Fn(&str) -> Request<Bytes> + Send,
) -> Result<(), Finding> {
    let lines = [
        "Set-Cookie: learned=1",
        "ETag: \"learned\"",
        "Connection: close",
    ];
    let server = Server::answering(answer(200, &lines, "{}"));
    let request = make(&server.url(TARGET));
    let authority = server.authority();
    let outcome = exchange(transport, Rule::Request, request.clone(), options(route)).await?;
    let seen = server.stop();
    require(outcome.status() == Some(200), Rule::Status, || {
        let method = request.method();
        format!(
            "a {method} on {route:?} was answered 200, and {}",
            outcome.said()
        )
    })?;
    compare(&request, &authority, &seen)
        .map_err(|detail| Finding::new(Rule::Request, format!("on {route:?}, {detail}")))
}

fn compare(request: &Request<Bytes>, authority: &str, seen: &Seen) -> Result<(), String> {
    let [received] = &seen.requests[..] else {
        let came = seen.requests.len();
        return Err(format!("one request was sent, and {came} came"));
    };
    if seen.stray > 0 {
        let stray = seen.stray;
        return Err(format!("{stray} bytes came that belong to no request"));
    }
    let line = format!("{} {TARGET} HTTP/1.1", request.method());
    if received.line != line {
        return Err(format!("{line:?} came as {:?}", received.line));
    }
    if received.body != request.body()[..] {
        let (sent, came) = (request.body().len(), received.body.len());
        return Err(format!(
            "a body of {sent} bytes came as another one, of {came} bytes"
        ));
    }
    compare_headers(request, authority, received)
}

fn compare_headers(
    request: &Request<Bytes>,
    authority: &str,
    received: &Received,
) -> Result<(), String> {
    for (name, value) in request.headers() {
        let values = received.values(name.as_str());
        if values != [value.to_str().unwrap_or_default()] {
            return Err(format!("the header {name}: {value:?} came as {values:?}"));
        }
    }
    let host = received.values("host");
    if !request.headers().contains_key("host") && host != [authority] {
        return Err(format!("the header host for {authority} came as {host:?}"));
    }
    let expected = match (request.method(), request.body().len()) {
        (&Method::GET, 0) => Vec::new(),
        (_, length) => vec![length.to_string()],
    };
    let length = received.values("content-length");
    if length != expected {
        return Err(format!("content-length {expected:?} came as {length:?}"));
    }
    let added = UNASKED
        .iter()
        .chain(&["transfer-encoding", "gx-key", "gx-signature"]);
    for name in added.filter(|name| !request.headers().contains_key(**name)) {
        if let Some(value) = received.values(name).first() {
            return Err(format!(
                "the header {name}: {value:?} came, and was not given"
            ));
        }
    }
    Ok(())
}
