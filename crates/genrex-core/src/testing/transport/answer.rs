//! What of an answer is passed on.

use super::exchange::{Outcome, ROUTES, answer, exchange, options, usual};
use super::rule::{Finding, Rule, require};
use super::server::Server;
use crate::transport::{Route, Transport};

/// `hello hello hello hello\n`, as gzip.
const GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x57,
    0xc8, 0x40, 0x27, 0xb9, 0x00, 0x00, 0x88, 0x59, 0x0b, 0x18, 0x00, 0x00, 0x00,
];

/// What every one of the heads of bodies has.
const COMMON: &[u8] =
    b"HTTP/1.1 200 OK\r\nX-Twice: a\r\nx-twice: b\r\nETag: \"e\"\r\nConnection: close\r\n";

pub(super) async fn check_statuses(transport: &dyn Transport) -> Result<(), Finding> {
    // Each that has a name, and some of each hundred that have none.
    let unnamed = [299, 399, 450, 499, 520, 599];
    let named = [
        200..209,
        226..227,
        300..309,
        400..430,
        431..432,
        451..452,
        500..512,
    ];
    for status in named.into_iter().flatten().chain(unnamed) {
        let lines = ["Retry-After: 0", "Connection: close"];
        let server = Server::answering(answer(status, &lines, ""));
        let outcome = ask(transport, Rule::Status, Route::Api, &server).await?;
        let kept = outcome.status() == Some(status) && outcome.end.is_ok();
        require(kept, Rule::Status, || {
            format!("the answer was {status}, and {}", outcome.said())
        })?;
    }
    for interim in [
        "100 Continue",
        "102 Processing\r\nX-Interim: 1",
        "103 Early Hints\r\nX-Interim: 1",
    ] {
        let before = format!("HTTP/1.1 {interim}\r\n\r\n");
        let last = answer(201, &["Connection: close"], "{}");
        let server = Server::answering([before.as_bytes(), before.as_bytes(), &last].concat());
        let outcome = ask(transport, Rule::Status, Route::Api, &server).await?;
        let kept = outcome.status() == Some(201) && outcome.end.is_ok();
        require(kept, Rule::Status, || {
            format!(
                "the answer was twice {interim:?}, then 201, and {}",
                outcome.said()
            )
        })?;
    }
    Ok(())
}

pub(super) async fn check_bodies(transport: &dyn Transport) -> Result<(), Finding> {
    let music: Vec<u8> = (0..=255).cycle().take(200_001).collect();
    for route in ROUTES {
        for (framing, head, body) in framings(&music) {
            let bytes = [COMMON, &head[..], &body[..]].concat();
            let server = Server::answering(bytes);
            let outcome = ask(transport, Rule::Answer, route, &server).await?;
            let whole = outcome.body == music && outcome.end.is_ok();
            require(whole, Rule::Answer, || {
                format!(
                    "the answer had {} bytes, {framing}, and {}",
                    music.len(),
                    outcome.said()
                )
            })?;
            check_headers(&outcome)?;
        }
        check_surplus(transport, route).await?;
        check_stray_answer(transport, route).await?;
    }
    Ok(())
}

/// The same body, in each way that HTTP/1.1 says where one ends.
fn framings(body: &[u8]) -> [(&'static str, Vec<u8>, Vec<u8>); 3] {
    let mut chunked = Vec::new();
    let (mut rest, mut size) = (body, 1);
    while !rest.is_empty() {
        let (chunk, left) = rest.split_at(size.min(rest.len()));
        chunked.extend_from_slice(format!("{:X};ext=\"1\"\r\n", chunk.len()).as_bytes());
        chunked.extend_from_slice(chunk);
        chunked.extend_from_slice(b"\r\n");
        (rest, size) = (left, size * 3);
    }
    chunked.extend_from_slice(b"0\r\nX-Trailer: 1\r\n\r\n");
    let length = format!("Content-Length: {}\r\n\r\n", body.len());
    [
        ("by its length", length.into_bytes(), body.to_vec()),
        (
            "in chunks",
            b"Transfer-Encoding: chunked\r\n\r\n".to_vec(),
            chunked,
        ),
        (
            "until the connection closed",
            b"\r\n".to_vec(),
            body.to_vec(),
        ),
    ]
}

fn check_headers(outcome: &Outcome) -> Result<(), Finding> {
    let Ok(head) = &outcome.head else {
        return Ok(());
    };
    let values = |name| head.headers.get_all(name).iter().collect::<Vec<_>>();
    let (twice, etag) = (values("x-twice"), values("etag"));
    require(
        twice == ["a", "b"] && etag == ["\"e\""],
        Rule::Answer,
        || {
            format!(
                "the headers x-twice: a, x-twice: b, etag: \"e\" were passed on as {twice:?} and {etag:?}"
            )
        },
    )
}

/// What is longer than its length says ends where its length says.
async fn check_surplus(transport: &dyn Transport, route: Route) -> Result<(), Finding> {
    let bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nabcdefghij";
    let server = Server::answering(*bytes);
    let outcome = ask(transport, Rule::Answer, route, &server).await?;
    require(b"abcde".starts_with(&outcome.body), Rule::Answer, || {
        format!(
            "the answer had ten bytes, five by its length, and {}",
            outcome.said()
        )
    })
}

/// What follows an answer on a connection that stays open is not the answer to the next request.
async fn check_stray_answer(transport: &dyn Transport, route: Route) -> Result<(), Finding> {
    let stray = b"HTTP/1.1 299 Stray\r\nContent-Length: 0\r\n\r\n";
    let server = Server::start(move |connection| {
        while connection.request().is_some() {
            connection.write(&[&answer(200, &[], "{}"), &stray[..]].concat());
        }
    });
    for _ in 0..3 {
        let outcome = ask(transport, Rule::Answer, route, &server).await?;
        require(outcome.status() != Some(299), Rule::Answer, || {
            "bytes that came after an answer became the answer to the next request".to_owned()
        })?;
    }
    Ok(())
}

pub(super) async fn check_compressed(transport: &dyn Transport) -> Result<(), Finding> {
    for route in ROUTES {
        for (coding, body) in [
            ("gzip", GZIP),
            ("br", b"\x0b\x02\x80hello\x03"),
            ("deflate", b"\x78\x9c\x03\x00\x00\x00\x00\x01"),
            ("zstd", b"\x28\xb5\x2f\xfd"),
        ] {
            let line = format!("Content-Encoding: {coding}");
            let server = Server::answering(answer(200, &[&line, "Connection: close"], body));
            let outcome = ask(transport, Rule::Compressed, route, &server).await?;
            let named = outcome.head.as_ref().is_ok_and(|head| {
                head.headers
                    .get("content-encoding")
                    .is_some_and(|value| value == coding)
            });
            let kept = named && outcome.body == body && outcome.end.is_ok();
            require(kept, Rule::Compressed, || {
                let (bytes, said) = (body.len(), outcome.said());
                let header = if named { "was kept" } else { "was lost" };
                format!(
                    "the body was {bytes} bytes of {coding}, content-encoding {header}, and {said}"
                )
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
