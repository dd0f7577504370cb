//! What a paid submit meets, and what it comes to.

use genrex_core::{ErrorKind, Submission};
use genrex_tests::{Act, answer, json};

use crate::support::{ACCEPTED, both, check_bought_once, check_signatures, outcome, request};

type Outcome = (&'static str, Option<ErrorKind>);

const TAKEN: Outcome = ("accepted", None);
const AMBIGUOUS: Outcome = ("ambiguous", Some(ErrorKind::Ambiguous));

const fn refused(kind: ErrorKind) -> Outcome {
    ("refused", Some(kind))
}

type Case = (&'static str, fn() -> Act, Outcome);

const CONNECTIONS: [Case; 9] = [
    ("closed at once", || Act::Close, AMBIGUOUS),
    ("reset before it was read", || Act::ResetUnread, AMBIGUOUS),
    ("reset after it was read", || Act::ResetRead, AMBIGUOUS),
    ("closed after it was read", || write(""), AMBIGUOUS),
    ("no answer", || Act::Hang, AMBIGUOUS),
    ("half a head", || write("HTTP/1.1 201 Crea"), AMBIGUOUS),
    (
        "not HTTP",
        || write("SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        AMBIGUOUS,
    ),
    (
        "reset in the body",
        || Act::WriteThenReset(promised("{").into_bytes()),
        AMBIGUOUS,
    ),
    ("cut short", || write(&promised(r#"{"id":"QRY"#)), AMBIGUOUS),
];

const BODIES: [Case; 7] = [
    (
        "half a chunk",
        || write(&chunked("20\r\n{\"id\":")),
        AMBIGUOUS,
    ),
    ("a bad chunk", || write(&chunked("zz\r\n")), AMBIGUOUS),
    ("empty", || Act::Write(json(200, "")), AMBIGUOUS),
    (
        "a page",
        || Act::Write(answer(200, &[("Content-Type", "text/html")], "<html>")),
        AMBIGUOUS,
    ),
    (
        "compressed",
        || Act::Write(answer(201, &[("Content-Encoding", "br")], b"\x0b\x02\x80")),
        AMBIGUOUS,
    ),
    (
        "endless",
        || Act::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), &[b' '; 65_536]),
        AMBIGUOUS,
    ),
    (
        "an endless refusal",
        || Act::Endless(b"HTTP/1.1 400 No\r\n\r\n".to_vec(), &[b'x'; 65_536]),
        refused(ErrorKind::Refused),
    ),
];

const STATUSES: [Case; 10] = [
    ("201", || Act::Write(json(201, ACCEPTED)), TAKEN),
    ("200", || Act::Write(json(200, ACCEPTED)), TAKEN),
    ("400", || status(400), refused(ErrorKind::Refused)),
    ("401", || status(401), refused(ErrorKind::Credentials)),
    ("402", || status(402), refused(ErrorKind::OutOfCredit)),
    ("404", || status(404), refused(ErrorKind::Refused)),
    ("408", || status(408), AMBIGUOUS),
    ("500", || status(500), AMBIGUOUS),
    (
        "502 with a page",
        || Act::Write(answer(502, &[], "<html><title>Bad Gateway</title>")),
        AMBIGUOUS,
    ),
    (
        "503 later",
        || Act::Write(answer(503, &[("Retry-After", "1")], "")),
        AMBIGUOUS,
    ),
];

#[test]
fn a_paid_submit_is_what_the_table_says_over_both() {
    let cases = CONNECTIONS.iter().chain(&BODIES).chain(&STATUSES);
    for &(name, act, expected) in cases {
        let (result, received) = both(
            name,
            || vec![act()],
            |stack, client, _| {
                let submission = stack.run(client.submit(&request()));
                if let Submission::Ambiguous(error) = &submission {
                    assert!(error.evidence().is_some(), "{name}");
                }
                outcome(&submission)
            },
        );
        assert_eq!(result, expected, "{name}");
        check_bought_once(&received).unwrap();
        check_signatures(&received).unwrap();
    }
}

fn write(answer: &str) -> Act {
    Act::Write(answer.into())
}

fn status(status: u16) -> Act {
    Act::Write(json(status, "{}"))
}

fn chunked(chunks: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")
}

/// A body that says it is longer than it is.
fn promised(body: &str) -> String {
    format!("HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{body}")
}
