//! What calls of the API meet: no connection, refusals for now, redirects, clocks, huge answers.

use std::time::Duration;

use genrex_core::testing::keys;
use genrex_core::{ErrorKind, Transport as _, TransportErrorKind};
use genrex_sign::{SIGNATURE_HEADER, UnixMillis, Verifier};
use genrex_tests::{Act, ClosedPort, FaultServer, Received, Recorder, Seen, Stack, answer, json};

use crate::support::{
    ACCEPTED, both, check_no_credentials, check_signatures, client, client_over, job, outcome,
    ready_at, request,
};

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
