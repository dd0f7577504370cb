//! What a job is said to be.

use genrex_core::ErrorKind as Kind;

use super::Stage::Poll;
use super::{ACCEPTED, Behaviour, always, link, ready};
use crate::{Act, Received, answer, json};

const UNREADABLE: Result<(), Kind> = Err(Kind::UnexpectedAnswer);

/// A success with this body.
macro_rules! body {
    ($name:literal, $body:expr, $expected:expr) => {
        always(Poll, $name, |_| Act::Write(json(200, $body)), $expected)
    };
}

pub(super) const ALL: &[Behaviour] = &[
    body!(
        "poll: failed",
        r#"{"id":"QRY_1","status":"Failed"}"#,
        Err(Kind::GenerationFailed)
    ),
    body!("poll: for ever", ACCEPTED, Err(Kind::Deadline)),
    body!(
        "poll: a status of null",
        r#"{"id":"QRY_1","status":null}"#,
        Err(Kind::Deadline)
    ),
    body!(
        "poll: a status nobody knows",
        "{\"id\":\"QRY_1\",\"status\":\"\\u001b[2J\\u202e\"}",
        Err(Kind::Deadline)
    ),
    body!(
        "poll: another job",
        r#"{"id":"QRY_2","status":"Processing"}"#,
        UNREADABLE
    ),
    body!("poll: not JSON", "<html>", UNREADABLE),
    body!(
        "poll: done, and no audio",
        r#"{"id":"QRY_1","status":"Completed"}"#,
        UNREADABLE
    ),
    body!(
        "poll: done, and nothing in it",
        r#"{"id":"QRY_1","status":"Completed","response":[{"content":null},null,7,[]]}"#,
        UNREADABLE
    ),
    body!("poll: an empty link", &ready(""), UNREADABLE),
    body!(
        "poll: a link that is a path",
        &ready("/audio/1.wav"),
        UNREADABLE
    ),
    body!(
        "poll: a link to a file",
        &ready("file:///etc/passwd"),
        UNREADABLE
    ),
    body!(
        "poll: a link of script",
        &ready("javascript:alert(1)"),
        UNREADABLE
    ),
    body!(
        "poll: a link of data",
        &ready("data:audio/wav;base64,UklGRg=="),
        UNREADABLE
    ),
    body!(
        "poll: a link with a user name",
        &ready("http://a:b@127.0.0.1/1.wav"),
        UNREADABLE
    ),
    body!(
        "poll: a link of 900 KB",
        &ready(&"x".repeat(900_000)),
        UNREADABLE
    ),
    always(
        Poll,
        "poll: a body of 2 MB",
        |request| {
            Act::Write(json(
                200,
                &format!("{}{}", ready(&link(request)), " ".repeat(2_000_000)),
            ))
        },
        Err(Kind::TooLarge),
    ),
    always(
        Poll,
        "poll: a wave of a thousand odd numbers",
        |request| done_with(request, &odd_numbers()),
        Ok(()),
    ),
    always(
        Poll,
        "poll: a wave of text",
        |request| done_with(request, r#","volume_visualize":"loud""#),
        Ok(()),
    ),
    always(
        Poll,
        "poll: text that writes to the terminal",
        |request| {
            done_with(
                request,
                r#","text":"\u001b]0;owned\u0007\u202e","duration":-7"#,
            )
        },
        Ok(()),
    ),
    always(
        Poll,
        "poll: a text that is a path",
        |request| done_with(request, r#","text":"../../../../tmp/owned","duration":10"#),
        Ok(()),
    ),
    always(
        Poll,
        "poll: a million names",
        |request| done_with(request, &r#","x":0"#.repeat(100_000)),
        Ok(()),
    ),
    always(
        Poll,
        "poll: compressed",
        |_| {
            Act::Write(answer(
                200,
                &[("Content-Encoding", "gzip")],
                b"\x1f\x8b\x08\0\0\0",
            ))
        },
        UNREADABLE,
    ),
];

fn odd_numbers() -> String {
    let odd = ["-1", "1e308", "0.5", "99999999999999999999", "null"];
    let values: Vec<_> = odd.into_iter().cycle().take(1_000).collect();
    format!(r#","volume_visualize":[{}]"#, values.join(","))
}

/// A job that is done, with more beside its link.
fn done_with(request: &Received, more: &str) -> Act {
    let link = link(request);
    let content = format!(r#"{{"url":"{link}"{more}}}"#);
    Act::Write(json(
        200,
        &format!(r#"{{"id":"QRY_1","status":"Completed","response":[{{"content":{content}}}]}}"#),
    ))
}
