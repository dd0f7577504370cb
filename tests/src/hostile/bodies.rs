//! Bodies: JSON of every odd shape, and what is none.

use genrex_core::ErrorKind as Kind;

use super::Stage::{Look, Submit};
use super::{ACCEPTED, Behaviour, always, with_head, write};
use crate::{Act, answer, json};

const AMBIGUOUS: Result<(), Kind> = Err(Kind::Ambiguous);

/// A success with a body of these bytes.
macro_rules! body {
    ($at:expr, $name:literal, $body:expr, $expected:expr) => {
        always(
            $at,
            $name,
            |_| Act::Write(answer(200, &[], $body)),
            $expected,
        )
    };
}

pub(super) const ALL: &[Behaviour] = &[
    body!(Submit, "submit: an empty body", "", AMBIGUOUS),
    body!(Submit, "submit: null", "null", AMBIGUOUS),
    body!(Submit, "submit: an array", "[]", AMBIGUOUS),
    body!(Submit, "submit: a string", r#""QRY_1""#, AMBIGUOUS),
    body!(Submit, "submit: an empty object", "{}", AMBIGUOUS),
    body!(
        Submit,
        "submit: an id of null",
        r#"{"id":null,"status":"Processing"}"#,
        AMBIGUOUS
    ),
    body!(
        Submit,
        "submit: a number as id",
        r#"{"id":7,"status":"Processing"}"#,
        AMBIGUOUS
    ),
    body!(
        Submit,
        "submit: an empty id",
        r#"{"id":"","status":"Processing"}"#,
        AMBIGUOUS
    ),
    body!(
        Submit,
        "submit: an id that is a path",
        r#"{"id":"../../../../etc/passwd","status":"Processing"}"#,
        AMBIGUOUS
    ),
    body!(
        Submit,
        "submit: an id that writes to the terminal",
        "{\"id\":\"QRY\\u001b]0;owned\\u0007\",\"status\":\"Processing\"}",
        AMBIGUOUS
    ),
    body!(
        Submit,
        "submit: an id of 100 KB",
        format!(
            r#"{{"id":"{}","status":"Processing"}}"#,
            "Q".repeat(100_000)
        ),
        AMBIGUOUS
    ),
    body!(
        Submit,
        "submit: a status of null",
        r#"{"id":"QRY_1","status":null}"#,
        Ok(())
    ),
    body!(Submit, "submit: no status", r#"{"id":"QRY_1"}"#, Ok(())),
    body!(Submit, "submit: cut in the id", r#"{"id":"QRY_"#, AMBIGUOUS),
    body!(
        Submit,
        "submit: cut after the id",
        r#"{"id":"QRY_1","st"#,
        Ok(())
    ),
    body!(
        Submit,
        "submit: an answer and more",
        format!("{ACCEPTED} and more"),
        Ok(())
    ),
    body!(
        Submit,
        "submit: twice the answer",
        format!("{ACCEPTED}{ACCEPTED}"),
        Ok(())
    ),
    body!(
        Submit,
        "submit: two ids",
        r#"{"id":"QRY_1","id":"QRY_2","status":"Processing"}"#,
        Ok(())
    ),
    body!(
        Submit,
        "submit: a byte order mark",
        format!("\u{feff}{ACCEPTED}"),
        Ok(())
    ),
    body!(Submit, "submit: UTF-16", utf_16(ACCEPTED), AMBIGUOUS),
    body!(
        Submit,
        "submit: no UTF-8",
        b"{\"id\":\"QRY\xff_1\"}",
        AMBIGUOUS
    ),
    body!(Submit, "submit: NUL", b"\0\0\0\0", AMBIGUOUS),
    body!(
        Submit,
        "submit: 200,000 brackets",
        "[".repeat(200_000),
        AMBIGUOUS
    ),
    body!(
        Submit,
        "submit: a nest beside the id",
        format!(
            r#"{{"id":"QRY_1","status":"Processing","x":{}{}}}"#,
            "[".repeat(100_000),
            "]".repeat(100_000)
        ),
        Ok(())
    ),
    body!(
        Submit,
        "submit: a number past every float",
        r#"{"id":"QRY_1","status":"Processing","x":1e99999}"#,
        Ok(())
    ),
    body!(
        Submit,
        "submit: 100,000 names",
        format!(
            r#"{{{}"id":"QRY_1","status":"Processing"}}"#,
            r#""x":1,"#.repeat(100_000)
        ),
        Ok(())
    ),
    body!(
        Submit,
        "submit: XML",
        "<?xml version=\"1.0\"?><id>QRY_1</id>",
        AMBIGUOUS
    ),
    always(
        Submit,
        "submit: a page with the answer in it",
        |_| {
            let page = format!("<html><script>{ACCEPTED}</script>");
            Act::Write(answer(200, &[("Content-Type", "text/html")], page))
        },
        Ok(()),
    ),
    always(
        Submit,
        "submit: JSON that says it is text",
        |_| Act::Write(answer(201, &[("Content-Type", "text/plain")], ACCEPTED)),
        Ok(()),
    ),
    always(
        Submit,
        "submit: gzip, by its word",
        |_| {
            Act::Write(answer(
                201,
                &[("Content-Encoding", "gzip")],
                b"\x1f\x8b\x08\0\0\0\0\0",
            ))
        },
        AMBIGUOUS,
    ),
    always(
        Submit,
        "submit: twice compressed",
        |_| Act::Write(answer(201, &[("Content-Encoding", "br, gzip")], ACCEPTED)),
        Ok(()),
    ),
    always(
        Submit,
        "submit: longer than it is",
        |_| with_head("HTTP/1.1 201 C\r\nContent-Length: 500", r#"{"id":"QRY"#),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "submit: shorter than it is",
        |_| with_head("HTTP/1.1 201 C\r\nContent-Length: 10", ACCEPTED),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "submit: a bad chunk",
        |_| chunked("zz\r\n{}\r\n"),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "submit: a chunk past u64",
        |_| chunked("fffffffffffffffff\r\n{}\r\n"),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "submit: no last chunk",
        |_| chunked("2\r\n{}\r\n"),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "submit: trailers that never end",
        |_| Act::Endless(CHUNKED_TO_TRAILERS.to_vec(), b"X: x\r\nX: x\r\nX: x\r\n"),
        AMBIGUOUS,
    )
    .endless(),
    always(
        Submit,
        "submit: a chunk's extension that never ends",
        |_| Act::Endless(CHUNKED_TO_EXTENSION.to_vec(), &[b'x'; 65_536]),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "submit: a body that never ends",
        |_| Act::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), &[b' '; 65_536]),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "submit: a refusal that never ends",
        |_| Act::Endless(b"HTTP/1.1 400 No\r\n\r\n".to_vec(), &[b'x'; 65_536]),
        Err(Kind::Refused),
    ),
    always(
        Submit,
        "submit: a reset in the body",
        |_| Act::WriteThenReset(b"HTTP/1.1 201 C\r\nContent-Length: 36\r\n\r\n{".to_vec()),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "submit: a refusal that writes to the terminal",
        |_| {
            Act::Write(json(
                400,
                "{\"message\":\"\u{1b}]0;owned\u{7}\u{202e}\u{3164}\"}",
            ))
        },
        Err(Kind::Refused),
    ),
    body!(Look, "look: an empty body", "", Err(Kind::UnexpectedAnswer)),
    body!(Look, "look: an array", "[]", Err(Kind::UnexpectedAnswer)),
    body!(
        Look,
        "look: less than nothing",
        r#"{"creditQuota":-1,"usedCredit":-5}"#,
        Err(Kind::UnexpectedAnswer)
    ),
    body!(
        Look,
        "look: more than u64",
        r#"{"creditQuota":99999999999999999999999,"usedCredit":0}"#,
        Err(Kind::UnexpectedAnswer)
    ),
    body!(
        Look,
        "look: more used than there is",
        r#"{"creditQuota":1,"usedCredit":18446744073709551615,"userId":"u"}"#,
        Ok(())
    ),
    body!(
        Look,
        "look: a user that writes to the terminal",
        "{\"creditQuota\":100,\"usedCredit\":0,\"userId\":\"\\u001b[2J\\u202e\"}",
        Ok(())
    ),
    always(
        Look,
        "look: a body that never ends",
        |_| Act::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), &[b' '; 65_536]),
        Err(Kind::TooLarge),
    ),
];

const CHUNKED_TO_TRAILERS: &[u8] =
    b"HTTP/1.1 201 C\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n";
const CHUNKED_TO_EXTENSION: &[u8] = b"HTTP/1.1 201 C\r\nTransfer-Encoding: chunked\r\n\r\n2;x=";

fn chunked(chunks: &str) -> Act {
    write(format!(
        "HTTP/1.1 201 C\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
    ))
}

fn utf_16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}
