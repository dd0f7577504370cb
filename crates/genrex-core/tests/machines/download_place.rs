//! What was received is gone on from only at the place that it came from: two files may have one validator.

use genrex_core::testing::{Reply, ScriptedTransport, Sent};
use genrex_core::{Downloaded, Error, Route, TransportErrorKind as Kind, block_on};

use crate::download::{LENGTH, Memory, URL, audio, wav};
use crate::support::{client, completed};

/// A file of the same length as [`wav`], and of other samples.
fn other() -> Vec<u8> {
    let mut bytes = wav();
    for byte in &mut bytes[44..] {
        *byte ^= 0xff;
    }
    bytes
}

/// A storage of `file` that gives every file the same validator, and goes on from wherever it is asked to.
fn storage(file: &[u8], sent: &Sent) -> Reply {
    let range = sent
        .header("range")
        .strip_prefix("bytes=")
        .and_then(|range| range.strip_suffix('-'));
    match range.map(|start| start.parse::<usize>().unwrap()) {
        Some(start) => rest_of(file, start),
        None => Reply::new(200, file.to_vec()).header("etag", "\"v1\""),
    }
}

fn rest_of(file: &[u8], start: usize) -> Reply {
    let place = format!("bytes {start}-{}/{LENGTH}", LENGTH - 1);
    Reply::new(206, file[start..].to_vec())
        .header("content-range", &place)
        .header("etag", "\"v1\"")
}

fn cut(file: &[u8]) -> Reply {
    Reply::new(200, file[..70_000].to_vec())
        .header("etag", "\"v1\"")
        .header("content-length", &LENGTH.to_string())
        .then_breaks(Kind::Closed)
}

fn to(location: &str) -> Reply {
    Reply::new(302, "").header("location", location)
}

fn host(sent: &Sent) -> String {
    sent.request.uri().host().unwrap_or_default().to_owned()
}

/// What was asked of a host: the range of each request, empty where there was none.
fn ranges_at(wire: &ScriptedTransport, wanted: &str) -> Vec<String> {
    let sent = wire.sent();
    let there = sent.iter().filter(|sent| host(sent) == wanted);
    there.map(|sent| sent.header("range").to_owned()).collect()
}

fn fetch(wire: &ScriptedTransport) -> (Result<Downloaded, Error>, Memory) {
    let mut sink = Memory::default();
    let result = block_on(client(wire).download(&audio(URL), &mut sink));
    (result, sink)
}

#[test]
fn a_redirect_to_another_place_starts_from_zero() {
    let mut asked_of_a = 0;
    let wire = ScriptedTransport::answering(move |sent| match host(sent).as_str() {
        "a.example" => {
            asked_of_a += 1;
            match asked_of_a {
                1 => cut(&wav()),
                _ => to("https://c.example/2.wav"),
            }
        }
        _ => storage(&other(), sent),
    });
    let (result, sink) = fetch(&wire);
    result.unwrap();
    assert!(sink.bytes == other(), "two files were spliced");
    assert_eq!(ranges_at(&wire, "c.example"), [""]);
}

#[test]
fn a_fresh_link_to_the_first_place_does_not_go_on_from_the_second() {
    let mut asked = 0;
    let wire = ScriptedTransport::answering(move |sent| {
        asked += 1;
        match (asked, sent.options.route) {
            (1, _) => to("https://c.example/2.wav"),
            (2, _) => cut(&other()),
            (3, _) => Reply::new(403, ""),
            (_, Route::Api) => completed(URL),
            _ => storage(&wav(), sent),
        }
    });
    let (result, sink) = fetch(&wire);
    result.unwrap();
    assert!(sink.bytes == wav(), "two files were spliced");
    assert_eq!(ranges_at(&wire, "a.example"), ["", ""]);
}

#[test]
fn the_same_place_behind_another_redirect_is_gone_on_from() {
    let mut asked = 0;
    let wire = ScriptedTransport::answering(move |sent| {
        asked += 1;
        match (asked, sent.options.route, host(sent).as_str()) {
            (2, _, _) => cut(&wav()),
            (3, _, _) => Reply::new(403, ""),
            (_, Route::Api, _) => completed("https://b.example/fresh.wav"),
            (_, _, "c.example") => storage(&wav(), sent),
            _ => to("https://c.example/2.wav?Signature=another"),
        }
    });
    let (result, sink) = fetch(&wire);
    result.unwrap();
    assert!(sink.bytes == wav());
    assert_eq!(sink.restarts, 0);
    assert_eq!(
        ranges_at(&wire, "c.example"),
        ["", "bytes=70000-", "bytes=70000-"]
    );
}

#[test]
fn a_part_that_nobody_asked_for_is_not_taken() {
    let mut asked = 0;
    let wire = ScriptedTransport::answering(move |sent| {
        asked += 1;
        match (asked, host(sent).as_str()) {
            (1, _) => cut(&wav()),
            (2, _) => to("https://c.example/2.wav"),
            (3, _) => rest_of(&other(), 70_000),
            _ => storage(&other(), sent),
        }
    });
    let (result, sink) = fetch(&wire);
    result.unwrap();
    assert!(sink.bytes == other(), "two files were spliced");
    assert_eq!(sink.restarts, 1);
}
