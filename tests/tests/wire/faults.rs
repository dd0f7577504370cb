use std::time::Duration;

use genrex_core::{AddressPolicy, testing::keys};
use genrex_core::{ErrorKind, Route, SendOptions, Submission, Transport as _, TransportErrorKind};
use genrex_sign::{SIGNATURE_HEADER, UnixMillis, Verifier};
use genrex_tests::{Act, ClosedPort, FaultServer, Received, Recorder, Seen, Stack, answer, json};

use crate::support::{
    ACCEPTED, both, check_bought_once, check_no_credentials, check_signatures, client, client_over,
    client_unanswered, fetch, job, outcome, ready_at, request, wav,
};

type MakeAct = Box<dyn Fn() -> Act>;
type Outcome = (&'static str, Option<ErrorKind>);

/// What a paid submit met, and what it came to.
#[test]
fn a_paid_submit_is_what_the_table_says_over_both() {
    let chunked = |chunks: &str| {
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}").into_bytes()
    };
    let promised = |body: &str| {
        format!("HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{body}").into_bytes()
    };
    let compressed = || answer(201, &[("Content-Encoding", "br")], b"\x0b\x02\x80");
    let ambiguous = ("ambiguous", Some(ErrorKind::Ambiguous));
    let cases: Vec<(&str, MakeAct, Outcome)> = vec![
        (
            "accepted",
            Box::new(|| Act::Write(json(201, ACCEPTED))),
            ("accepted", None),
        ),
        (
            "accepted by 200",
            Box::new(|| Act::Write(json(200, ACCEPTED))),
            ("accepted", None),
        ),
        ("closed at once", Box::new(|| Act::Close), ambiguous),
        (
            "reset before it was read",
            Box::new(|| Act::ResetUnread),
            ambiguous,
        ),
        (
            "reset after it was read",
            Box::new(|| Act::ResetRead),
            ambiguous,
        ),
        (
            "closed after it was read",
            Box::new(|| Act::Write(Vec::new())),
            ambiguous,
        ),
        ("no answer", Box::new(|| Act::Hang), ambiguous),
        (
            "half a head",
            Box::new(|| Act::Write(b"HTTP/1.1 201 Crea".to_vec())),
            ambiguous,
        ),
        (
            "not HTTP",
            Box::new(|| Act::Write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec())),
            ambiguous,
        ),
        (
            "cut short",
            Box::new(move || Act::Write(promised(r#"{"id":"QRY"#))),
            ambiguous,
        ),
        (
            "reset in the body",
            Box::new(move || Act::WriteThenReset(promised("{"))),
            ambiguous,
        ),
        (
            "half a chunk",
            Box::new(move || Act::Write(chunked("20\r\n{\"id\":"))),
            ambiguous,
        ),
        (
            "a bad chunk",
            Box::new(move || Act::Write(chunked("zz\r\n"))),
            ambiguous,
        ),
        ("empty", Box::new(|| Act::Write(json(200, ""))), ambiguous),
        (
            "a page",
            Box::new(|| Act::Write(answer(200, &[("Content-Type", "text/html")], "<html>"))),
            ambiguous,
        ),
        (
            "compressed",
            Box::new(move || Act::Write(compressed())),
            ambiguous,
        ),
        (
            "endless",
            Box::new(|| Act::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), &[b' '; 65_536])),
            ambiguous,
        ),
        (
            "400",
            Box::new(|| Act::Write(json(400, "{}"))),
            ("refused", Some(ErrorKind::Refused)),
        ),
        (
            "401",
            Box::new(|| Act::Write(json(401, "{}"))),
            ("refused", Some(ErrorKind::Credentials)),
        ),
        (
            "402",
            Box::new(|| Act::Write(json(402, "{}"))),
            ("refused", Some(ErrorKind::OutOfCredit)),
        ),
        (
            "404",
            Box::new(|| Act::Write(json(404, "{}"))),
            ("refused", Some(ErrorKind::Refused)),
        ),
        ("408", Box::new(|| Act::Write(json(408, "{}"))), ambiguous),
        ("500", Box::new(|| Act::Write(json(500, "{}"))), ambiguous),
        (
            "502 page",
            Box::new(|| Act::Write(answer(502, &[], "<html><title>Bad Gateway</title>"))),
            ambiguous,
        ),
        (
            "503 later",
            Box::new(|| Act::Write(answer(503, &[("Retry-After", "1")], ""))),
            ambiguous,
        ),
        (
            "endless refusal",
            Box::new(|| Act::Endless(b"HTTP/1.1 400 No\r\n\r\n".to_vec(), &[b'x'; 65_536])),
            ("refused", Some(ErrorKind::Refused)),
        ),
    ];
    for (name, act, expected) in cases {
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

#[test]
fn a_port_that_nobody_listens_on_is_proof_that_nothing_left() {
    for stack in Stack::BOTH {
        let closed = ClosedPort::reserve();
        let client = client(stack, &closed.url());
        let submission = stack.run(client.submit(&request()));
        assert_eq!(
            outcome(&submission),
            ("not sent", Some(ErrorKind::Unreachable)),
            "{stack:?}"
        );
        let tries = client
            .trace()
            .iter()
            .filter(|seen| matches!(seen, Seen::Sent(..)))
            .count();
        assert_eq!(tries, 4);
    }
}

#[test]
fn a_name_without_an_address_is_proof_that_nothing_left() {
    for stack in Stack::BOTH {
        let client = client(stack, "https://no-such-host.invalid");
        let submission = stack.run(client.submit(&request()));
        assert_eq!(
            outcome(&submission),
            ("not sent", Some(ErrorKind::Unreachable)),
            "{stack:?}"
        );
        assert!(
            client
                .trace()
                .contains(&Seen::Failed(false, TransportErrorKind::Resolve))
        );
    }
}

#[test]
fn a_whole_id_in_a_broken_success_is_salvaged_over_both() {
    let cut = format!(
        "HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{}",
        &ACCEPTED[..30]
    );
    let (result, received) = both(
        "salvage",
        || {
            vec![
                Act::Write(cut.clone().into_bytes()),
                Act::Write(json(200, ACCEPTED)),
            ]
        },
        |stack, client, _| outcome(&stack.run(client.submit(&request()))),
    );
    assert_eq!(result, ("accepted", None));
    assert_eq!(received.len(), 2);
    assert!(received[1].line.ends_with("/retrieve"));
}

#[test]
fn later_is_waited_for_and_sent_again_with_a_signature_of_its_own() {
    for retry_after in [None, Some("7"), Some("Wed, 05 Jun 2024 08:06:30 GMT")] {
        let refused = move || {
            let date = ("Date", "Wed, 05 Jun 2024 08:06:25 GMT");
            let after = retry_after.map(|after| ("Retry-After", after));
            let headers: Vec<_> = std::iter::once(date).chain(after).collect();
            Act::Write(answer(429, &headers, ""))
        };
        let (result, received) = both(
            "later",
            || vec![refused(), refused(), Act::Write(json(201, ACCEPTED))],
            |stack, client, _| outcome(&stack.run(client.submit(&request()))),
        );
        assert_eq!(result, ("accepted", None));
        assert_eq!(received.len(), 3);
        check_signatures(&received).unwrap();
    }
}

#[test]
fn a_redirect_of_a_signed_call_is_not_followed_to_anywhere() {
    for status in [301, 302, 303, 307, 308] {
        for stack in Stack::BOTH {
            let other = FaultServer::start([Act::Write(json(201, ACCEPTED))]);
            let location = format!("{}/v1/text2music/generateMusic", other.url());
            let redirect = || Act::Write(answer(status, &[("Location", &location)], ""));
            let server = FaultServer::start([redirect(), redirect(), redirect()]);
            let client = client(stack, &server.url());
            let submission = stack.run(client.submit(&request()));
            assert_eq!(
                outcome(&submission),
                ("ambiguous", Some(ErrorKind::Ambiguous))
            );
            stack.run(client.balance()).unwrap_err();
            stack.run(client.wait(&job())).unwrap_err();
            assert_eq!(other.connections(), 0, "{status} {stack:?}");
            check_no_credentials(&other.received()).unwrap();
        }
    }
}

/// A server that looks at the age of `t` by its own clock, and says what that is.
fn strict(body: &'static str, now: u64) -> Act {
    Act::Make(Box::new(move |request: &Received| {
        let header = request.header(SIGNATURE_HEADER).unwrap_or_default();
        let verified = Verifier::new(Duration::from_secs(60)).verify(
            keys().secret(),
            header,
            &request.body,
            UnixMillis::new(now * 1000),
        );
        match verified {
            Ok(_) => json(200, body),
            Err(_) => answer(
                401,
                &[("Date", "Wed, 05 Jun 2024 08:06:25 GMT")],
                r#"{"message":"expired"}"#,
            ),
        }
    }))
}

#[test]
fn a_clock_that_is_hours_off_is_corrected_once_and_for_all() {
    const SERVER: u64 = 1_717_574_785;
    let local = Stack::Async.transport().now().wall.get();
    let to_server = i64::try_from(SERVER * 1000).unwrap() - i64::try_from(local).unwrap();
    for hours in [-3_i64, -1, 1, 3] {
        for stack in Stack::BOTH {
            let server = FaultServer::start([
                strict(ACCEPTED, SERVER),
                strict(ACCEPTED, SERVER),
                strict(r#"{"creditQuota":1,"usedCredit":0}"#, SERVER),
            ]);
            let recorder =
                Recorder::new(stack.transport()).with_clock_off_by(to_server + hours * 3_600_000);
            let client = client_over(recorder, &server.url());
            let submission = stack.run(client.submit(&request()));
            assert_eq!(outcome(&submission).0, "accepted", "{hours} {stack:?}");
            stack.run(client.balance()).unwrap();
            assert_eq!(server.received().len(), 3);
        }
    }
}

#[test]
fn polls_outlive_every_fault_and_each_is_signed_afresh() {
    let processing = || Act::Write(json(200, ACCEPTED));
    let (result, received) = both(
        "polls",
        || {
            vec![
                processing(),
                Act::ResetRead,
                Act::Write(answer(502, &[], "<html>")),
                Act::Write(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{".to_vec()),
                Act::Hang,
                Act::Write(answer(429, &[("Retry-After", "30")], "")),
                processing(),
                ready_at("http://127.0.0.1:9/1.wav"),
            ]
        },
        |stack, client, _| {
            stack
                .run(client.wait(&job()))
                .map(|track| track.id().to_string())
                .map_err(|error| error.kind())
        },
    );
    assert_eq!(result, Ok("QRY_1".into()));
    assert_eq!(received.len(), 8);
    check_signatures(&received).unwrap();
}

#[test]
fn huge_answers_are_not_read() {
    for (name, head) in [
        ("without a length", "HTTP/1.1 200 OK\r\n\r\n"),
        (
            "with a length",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        ),
    ] {
        let (result, _) = both(
            name,
            || vec![Act::Endless(head.as_bytes().to_vec(), &[b' '; 65_536])],
            |stack, client, _| {
                stack
                    .run(client.balance())
                    .map(drop)
                    .map_err(|error| error.kind())
            },
        );
        assert_eq!(result, Err(ErrorKind::TooLarge), "{name}");
    }
}

/// Storage that answers as it should, for one request.
fn storage() -> Act {
    Act::Make(Box::new(|request: &Received| {
        let whole = wav();
        let start = request
            .header("range")
            .and_then(|range| {
                range
                    .strip_prefix("bytes=")?
                    .strip_suffix('-')?
                    .parse::<usize>()
                    .ok()
            })
            .filter(|_| request.header("if-range") == Some("\"v1\""));
        match start {
            None => answer(200, &[("ETag", "\"v1\"")], whole),
            Some(start) => {
                let place = format!("bytes {start}-{}/{}", whole.len() - 1, whole.len());
                answer(
                    206,
                    &[("ETag", "\"v1\""), ("Content-Range", &place)],
                    &whole[start..],
                )
            }
        }
    }))
}

/// The file's first bytes, under its whole length.
fn cut_at(bytes: usize) -> Act {
    let mut whole = answer(200, &[("ETag", "\"v1\"")], wav());
    let body = whole.len() - wav().len();
    whole.truncate(body + bytes);
    Act::Write(whole)
}

#[test]
fn a_download_goes_on_where_it_broke_off_and_carries_no_credential() {
    for stack in Stack::BOTH {
        let store = FaultServer::start([cut_at(30_000), Act::ResetRead, Act::Hang, storage()]);
        let server =
            FaultServer::start([ready_at(&format!("{}/1.wav?Signature=s3cr3t", store.url()))]);
        // The wait's one, and two before the store's that hangs.
        let client = client_unanswered(stack, &server.url(), [3]);
        let track = stack.run(client.wait(&job())).unwrap();
        assert_eq!(
            fetch(stack, &client, &track).unwrap().bytes,
            100_044,
            "{stack:?}"
        );
        let asked = store.received();
        assert_eq!(asked.len(), 4);
        assert_eq!(asked[3].header("range"), Some("bytes=30000-"));
        assert!(
            asked
                .iter()
                .all(|request| request.header("accept-encoding").is_none())
        );
        check_no_credentials(&asked).unwrap();
    }
}

#[test]
fn a_download_follows_redirects_itself_and_checks_each() {
    for stack in Stack::BOTH {
        let far = FaultServer::start([storage()]);
        let near = FaultServer::start([Act::Write(answer(
            302,
            &[("Location", &format!("{}/2.wav", far.url()))],
            "",
        ))]);
        let server = FaultServer::start([ready_at(&format!("{}/1.wav", near.url()))]);
        let client = client(stack, &server.url());
        let track = stack.run(client.wait(&job())).unwrap();
        fetch(stack, &client, &track).unwrap();
        check_no_credentials(&[near.received(), far.received()].concat()).unwrap();

        let sly = FaultServer::start([Act::Write(answer(
            302,
            &[("Location", "file:///etc/passwd")],
            "",
        ))]);
        let server = FaultServer::start([ready_at(&format!("{}/1.wav", sly.url()))]);
        let client = crate::support::client(stack, &server.url());
        let track = stack.run(client.wait(&job())).unwrap();
        assert_eq!(
            fetch(stack, &client, &track),
            Err(ErrorKind::UnexpectedAnswer)
        );
    }
}

#[test]
fn an_expired_link_is_renewed_over_both() {
    for stack in Stack::BOTH {
        let store = FaultServer::start([Act::Write(answer(403, &[], "<Error>")), storage()]);
        let link = || ready_at(&format!("{}/1.wav", store.url()));
        let server = FaultServer::start([link(), link()]);
        let client = client(stack, &server.url());
        let track = stack.run(client.wait(&job())).unwrap();
        fetch(stack, &client, &track).unwrap();
        check_signatures(&server.received()).unwrap();
    }
}

/// The name leads to this machine: where only public addresses are allowed, it is not connected to.
#[test]
fn a_name_that_leads_inside_is_not_connected_to() {
    for stack in Stack::BOTH {
        let inside = FaultServer::start([]);
        let limit = Duration::from_secs(5);
        let options = SendOptions::new(Route::Asset, limit, AddressPolicy::PublicOnly);
        let transport = stack.transport();
        let mut request = http::Request::new(bytes::Bytes::new());
        *request.uri_mut() = format!("http://localhost:{}/1.wav", inside.port())
            .parse()
            .unwrap();
        let error = stack.run(transport.send(request, options)).err().unwrap();
        assert_eq!(
            error.kind(),
            TransportErrorKind::ForbiddenAddress,
            "{stack:?}"
        );
        assert_eq!(inside.connections(), 0);
    }
}

/// What left is what was signed, byte for byte, and the headers are the documented ones.
#[test]
fn what_leaves_is_what_was_signed() {
    let (_, received) = both(
        "bytes",
        || vec![Act::Write(json(201, ACCEPTED))],
        |stack, client, _| outcome(&stack.run(client.submit(&request()))),
    );
    let sent = &received[0];
    assert_eq!(sent.line, "POST /v1/text2music/generateMusic");
    assert_eq!(sent.body, r#"{"duration":10,"text":"música"}"#.as_bytes());
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(sent.header("gx-key"), Some("4nBmZkU2-VdTNrPqL7e9y"));
    assert_eq!(sent.header("accept-encoding"), None);
    assert!(sent.header("user-agent").unwrap().starts_with("genrex/"));
}

fn is_paid(request: &Received) -> bool {
    request.line.ends_with("/generateMusic")
}

/// Answers any call of the API, and leaves the connection open.
fn kept_open(request: &Received) -> Vec<u8> {
    let (status, body) = if is_paid(request) {
        (201, ACCEPTED)
    } else {
        (200, r#"{"creditQuota":1,"usedCredit":0}"#)
    };
    let length = body.len();
    format!("HTTP/1.1 {status} OK\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// A kept-alive connection may have been closed by the peer, and a client that learns so only after
/// sending cannot tell whether it has paid: each submit has a connection of its own.
#[test]
fn a_paid_call_never_takes_a_kept_alive_connection() {
    for stack in Stack::BOTH {
        let server = FaultServer::start((0..200).map(|_| Act::KeepAlive(kept_open)));
        let client = client(stack, &server.url());
        let look = || {
            let before = server.connections();
            stack.run(client.balance()).unwrap();
            // A client puts a connection back when its own task comes to it, so not every look finds one.
            server.connections() == before
        };
        for _ in 0..3 {
            assert!((0..50).any(|_| look()), "{stack:?}: no look reuses");
            let submission = stack.run(client.submit(&request()));
            assert_eq!(outcome(&submission), ("accepted", None), "{stack:?}");
        }
        let received = server.received();
        for paid in received.iter().filter(|request| is_paid(request)) {
            let shares = |other: &&Received| other.connection == paid.connection;
            assert_eq!(received.iter().filter(shares).count(), 1, "{stack:?}");
        }
        assert_eq!(
            received.iter().filter(|request| is_paid(request)).count(),
            3
        );
    }
}
