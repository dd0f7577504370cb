//! Statuses, refusals and redirects.

use genrex_core::ErrorKind as Kind;

use super::Stage::{Audio, Look, Poll, Submit};
use super::{ACCEPTED, Behaviour, always, origin};
use crate::{Act, Received, answer, json};

macro_rules! status {
    ($at:expr, $name:literal, $status:literal, $expected:expr) => {
        always($at, $name, |_| Act::Write(json($status, "{}")), $expected)
    };
}

pub(super) const ALL: &[Behaviour] = &[
    status!(
        Submit,
        "submit: 202 without an id",
        202,
        Err(Kind::Ambiguous)
    ),
    status!(Submit, "submit: 204", 204, Err(Kind::Ambiguous)),
    status!(Submit, "submit: 300", 300, Err(Kind::Ambiguous)),
    status!(Submit, "submit: 304", 304, Err(Kind::Ambiguous)),
    status!(Submit, "submit: 400", 400, Err(Kind::Refused)),
    status!(Submit, "submit: 401", 401, Err(Kind::Credentials)),
    status!(Submit, "submit: 402", 402, Err(Kind::OutOfCredit)),
    status!(Submit, "submit: 403", 403, Err(Kind::Credentials)),
    status!(Submit, "submit: 404", 404, Err(Kind::Refused)),
    status!(Submit, "submit: 408", 408, Err(Kind::Ambiguous)),
    status!(Submit, "submit: 409", 409, Err(Kind::Ambiguous)),
    status!(Submit, "submit: 418", 418, Err(Kind::Ambiguous)),
    status!(Submit, "submit: 422", 422, Err(Kind::Refused)),
    status!(Submit, "submit: 451", 451, Err(Kind::Refused)),
    status!(Submit, "submit: 500", 500, Err(Kind::Ambiguous)),
    status!(Submit, "submit: 503", 503, Err(Kind::Ambiguous)),
    status!(Submit, "submit: 504", 504, Err(Kind::Ambiguous)),
    status!(Submit, "submit: 529", 529, Err(Kind::Ambiguous)),
    status!(Submit, "submit: 599", 599, Err(Kind::Ambiguous)),
    status!(Submit, "submit: 999", 999, Err(Kind::Ambiguous)),
    status!(Submit, "submit: 425 for now", 425, Ok(())).once(),
    status!(Submit, "submit: 429 for now", 429, Ok(())).once(),
    always(
        Submit,
        "submit: a refusal that speaks of credit",
        |_| Act::Write(json(400, r#"{"message":"Insufficient credits"}"#)),
        Err(Kind::OutOfCredit),
    ),
    always(
        Submit,
        "submit: a success that says it is an error",
        |_| {
            Act::Write(json(
                200,
                r#"{"statusCode":500,"message":"no","error":"no"}"#,
            ))
        },
        Err(Kind::Ambiguous),
    ),
    always(
        Submit,
        "submit: a 500 with a whole id",
        |_| Act::Write(json(500, ACCEPTED)),
        Err(Kind::Ambiguous),
    ),
    always(
        Submit,
        "submit: 307 to this path",
        |request| to(request, 307, "/v1/text2music/generateMusic"),
        Err(Kind::Ambiguous),
    ),
    always(
        Submit,
        "submit: 303 to a job",
        |request| to(request, 303, "/v1/text2music/retrieve"),
        Err(Kind::Ambiguous),
    ),
    status!(Look, "look: 400", 400, Err(Kind::Refused)),
    status!(Look, "look: 401", 401, Err(Kind::Credentials)),
    status!(Look, "look: 500", 500, Err(Kind::Unreachable)),
    always(
        Look,
        "look: 308 to this path",
        |request| to(request, 308, "/v1/text2music/getBalance"),
        Err(Kind::UnexpectedAnswer),
    ),
    status!(Poll, "poll: 400", 400, Err(Kind::Refused)),
    status!(Poll, "poll: 401", 401, Err(Kind::Credentials)),
    status!(Poll, "poll: 402", 402, Err(Kind::Refused)),
    status!(Poll, "poll: 404", 404, Err(Kind::NotFound)),
    status!(Poll, "poll: 500", 500, Err(Kind::Deadline)),
    always(
        Poll,
        "poll: 301 to this path",
        |request| to(request, 301, "/v1/text2music/retrieve"),
        Err(Kind::UnexpectedAnswer),
    ),
    always(
        Poll,
        "poll: 429 that asks for a time before the epoch",
        |_| later("Wed, 31 Dec 1969 23:59:59 GMT"),
        Ok(()),
    )
    .once(),
    always(Poll, "poll: 429 that asks for -1", |_| later("-1"), Ok(())).once(),
    always(
        Poll,
        "poll: 429 that asks for an age of the world",
        |_| later("99999999999999999999999"),
        Err(Kind::Deadline),
    )
    .once(),
    status!(Audio, "audio: 204", 204, Err(Kind::UnexpectedAnswer)),
    status!(Audio, "audio: 403", 403, Err(Kind::LinkExpired)),
    status!(Audio, "audio: 404", 404, Err(Kind::LinkExpired)),
    status!(Audio, "audio: 416", 416, Err(Kind::UnexpectedAnswer)),
    status!(Audio, "audio: 500", 500, Err(Kind::Unreachable)),
    always(
        Audio,
        "audio: redirects for ever",
        |request| to(request, 302, "/audio/1.wav"),
        Err(Kind::UnexpectedAnswer),
    ),
    always(
        Audio,
        "audio: a redirect to a file",
        |_| Act::Write(answer(302, &[("Location", "file:///etc/passwd")], "")),
        Err(Kind::UnexpectedAnswer),
    ),
    always(
        Audio,
        "audio: a redirect to script",
        |_| Act::Write(answer(302, &[("Location", "javascript:alert(1)")], "")),
        Err(Kind::UnexpectedAnswer),
    ),
    always(
        Audio,
        "audio: a redirect with a user name",
        |_| {
            Act::Write(answer(
                302,
                &[("Location", "http://a:b@127.0.0.1/1.wav")],
                "",
            ))
        },
        Err(Kind::UnexpectedAnswer),
    ),
    always(
        Audio,
        "audio: a redirect to nowhere",
        |_| Act::Write(answer(302, &[], "")),
        Err(Kind::UnexpectedAnswer),
    ),
];

fn to(request: &Received, status: u16, path: &str) -> Act {
    let location = format!("{}{path}", origin(request));
    Act::Write(answer(status, &[("Location", &location)], ""))
}

fn later(retry_after: &str) -> Act {
    let date = ("Date", "Wed, 05 Jun 2024 08:06:25 GMT");
    Act::Write(answer(429, &[date, ("Retry-After", retry_after)], ""))
}
