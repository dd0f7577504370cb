//! Heads, and connections that break off: what stands where an answer to a submit should begin.

use genrex_core::ErrorKind as Kind;

use super::Stage::{Audio, Look, Poll, Submit};
use super::{ACCEPTED, Behaviour, always, with_head, write};
use crate::{Act, answer, json};

const AMBIGUOUS: Result<(), Kind> = Err(Kind::Ambiguous);

pub(super) const ALL: &[Behaviour] = &[
    always(Submit, "closed", |_| Act::Close, AMBIGUOUS),
    always(Submit, "reset", |_| Act::ResetRead, AMBIGUOUS),
    always(
        Submit,
        "half a status line",
        |_| write("HTTP/1.1 2"),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "half a head",
        |_| write("HTTP/1.1 201 C\r\nContent-Le"),
        AMBIGUOUS,
    ),
    always(Submit, "silence", |_| Act::Hang, AMBIGUOUS).endless(),
    always(Poll, "poll: silence, once", |_| Act::Hang, Ok(()))
        .once()
        .endless(),
    always(Audio, "audio: silence, once", |_| Act::Hang, Ok(()))
        .once()
        .endless(),
    always(Look, "look: silence, once", |_| Act::Hang, Ok(()))
        .once()
        .endless(),
    always(Poll, "poll: reset, once", |_| Act::ResetRead, Ok(())).once(),
    always(Look, "look: closed, once", |_| Act::Close, Ok(())).once(),
    always(
        Submit,
        "SSH",
        |_| write("SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "a TLS alert",
        |_| write(b"\x15\x03\x03\x00\x02\x02\x28"),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "HTTP/2's preface",
        |_| write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        AMBIGUOUS,
    ),
    always(Submit, "HTTP/0.9", |_| write(ACCEPTED), AMBIGUOUS),
    always(
        Submit,
        "HTTP/9.9",
        |_| with_head("HTTP/9.9 201 C", ACCEPTED),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "HTTP/1.0",
        |_| with_head("HTTP/1.0 201 C", ACCEPTED),
        Ok(()),
    ),
    always(
        Submit,
        "http/1.1",
        |_| with_head("http/1.1 201 C", ACCEPTED),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "a status of two digits",
        |_| with_head("HTTP/1.1 20 C", ACCEPTED),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "a status of four digits",
        |_| with_head("HTTP/1.1 2000 C", ACCEPTED),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "a status of letters",
        |_| with_head("HTTP/1.1 abc C", ACCEPTED),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "no reason",
        |_| with_head("HTTP/1.1 201", ACCEPTED),
        Ok(()),
    ),
    always(
        Submit,
        "nothing but 100",
        |_| write("HTTP/1.1 100 Continue\r\n\r\n"),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "101",
        |_| with_head("HTTP/1.1 101 S\r\nUpgrade: x", ACCEPTED),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "ten early hints and then an answer",
        |_| write([b"HTTP/1.1 103 E\r\n\r\n".repeat(10), json(201, ACCEPTED)].concat()),
        Ok(()),
    ),
    always(
        Submit,
        "early hints for ever",
        |_| Act::Endless(Vec::new(), b"HTTP/1.1 103 E\r\n\r\nHTTP/1.1 103 E\r\n\r\n"),
        AMBIGUOUS,
    )
    .endless(),
    always(
        Submit,
        "a header that never ends",
        |_| Act::Endless(b"HTTP/1.1 201 C\r\nX: ".to_vec(), &[b'x'; 65_536]),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "headers that never end",
        |_| {
            Act::Endless(
                b"HTTP/1.1 201 C\r\n".to_vec(),
                b"X: x\r\nX: x\r\nX: x\r\nX: x\r\n",
            )
        },
        AMBIGUOUS,
    ),
    always(
        Submit,
        "a header without a colon",
        |_| with_head("HTTP/1.1 201 C\r\nno colon", ACCEPTED),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "a header with NUL",
        |_| with_head("HTTP/1.1 201 C\r\nX: a\0b", ACCEPTED),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "two lengths",
        |_| {
            with_head(
                "HTTP/1.1 201 C\r\nContent-Length: 2\r\nContent-Length: 36",
                ACCEPTED,
            )
        },
        AMBIGUOUS,
    ),
    always(
        Submit,
        "a negative length",
        |_| with_head("HTTP/1.1 201 C\r\nContent-Length: -1", ACCEPTED),
        AMBIGUOUS,
    ),
    always(
        Submit,
        "a length past u64",
        |_| {
            with_head(
                "HTTP/1.1 201 C\r\nContent-Length: 99999999999999999999",
                ACCEPTED,
            )
        },
        AMBIGUOUS,
    ),
    always(
        Submit,
        "a length of everything",
        |_| {
            with_head(
                "HTTP/1.1 201 C\r\nContent-Length: 9223372036854775807",
                ACCEPTED,
            )
        },
        Ok(()),
    ),
    always(
        Submit,
        "a length and chunks",
        |_| {
            with_head(
                "HTTP/1.1 201 C\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
                "24\r\n{\"id\":\"QRY_1\",\"status\":\"Processing\"}\r\n0\r\n\r\n",
            )
        },
        Ok(()),
    ),
    always(
        Submit,
        "Date 23 h on, with 401",
        |_| {
            Act::Write(answer(
                401,
                &[("Date", "Wed, 05 Jun 2024 08:06:25 GMT")],
                "",
            ))
        },
        Err(Kind::Credentials),
    ),
    always(
        Submit,
        "a Date that is none, with 401",
        |_| Act::Write(answer(401, &[("Date", "yesterday")], "")),
        Err(Kind::Credentials),
    ),
    always(
        Look,
        "look: a Date of the year 9999, with 401",
        |_| {
            Act::Write(answer(
                401,
                &[("Date", "Fri, 31 Dec 9999 23:59:59 GMT")],
                "",
            ))
        },
        Err(Kind::Credentials),
    ),
];
