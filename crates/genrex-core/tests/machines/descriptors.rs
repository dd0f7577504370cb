//! A lack of file descriptors on this machine is waited out.

use std::time::Duration;

use genrex_core::testing::{Reply, ScriptedTransport};
use genrex_core::{ErrorKind, Submission, TransportErrorKind, block_on};

use crate::support::{
    ACCEPTED, balance, client, job, ready, request, seconds_sent, settings, watched,
};

fn lacks(times: usize) -> impl Iterator<Item = Reply> {
    (0..times).map(|_| Reply::fails(TransportErrorKind::NoDescriptor))
}

#[test]
fn it_costs_no_try_no_budget_and_no_poll() {
    // More than a client may retry in all, and more than any call is tried.
    const TIMES: usize = 150;
    let taken = [Reply::json(201, ACCEPTED)];
    let replies = lacks(TIMES).chain(taken);
    let replies = replies.chain(lacks(TIMES)).chain([balance(0)]);
    let replies = replies.chain(lacks(TIMES)).chain([ready()]);
    let wire = ScriptedTransport::new(replies);
    let (client, seen) = watched(&client(&wire));
    let submission = block_on(client.submit(&request()));
    assert!(matches!(submission, Submission::Accepted(_)));
    block_on(client.balance()).unwrap();
    let track = block_on(client.wait(&job())).unwrap();
    assert_eq!(track.polls(), 1);
    assert_eq!(wire.sent().len(), 3 * (TIMES + 1));
    let seen = format!("{:?}", seen.lock().unwrap());
    assert!(
        !seen.contains("Retrying") && !seen.contains("Unanswered"),
        "{seen}"
    );
    assert_eq!(
        seconds_sent(&wire)[..7],
        [0.0, 0.05, 0.15, 0.35, 0.75, 1.55, 2.55]
    );
}

#[test]
fn it_is_waited_out_to_the_deadline_and_no_further() {
    let wire = ScriptedTransport::new(lacks(50));
    let deadline = Duration::from_secs(10);
    let client = client(&wire);
    let client = client.with_settings(settings(client.settings().pace, Some(deadline)));
    let Submission::NotSent(error) = block_on(client.submit(&request())) else {
        panic!("it was sent");
    };
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains("descriptor"), "{error}");
    let last = seconds_sent(&wire).pop().unwrap();
    assert!((9.0..10.0).contains(&last), "{last}");
    assert!(wire.elapsed() < deadline);
}

/// It is no outage of the service, so it opens no breaker: polls go on at their pace.
#[test]
fn a_wait_that_meets_it_to_the_end_has_asked_nothing() {
    let wire = ScriptedTransport::answering(|_| Reply::fails(TransportErrorKind::NoDescriptor));
    let client = client(&wire);
    let error = block_on(client.wait(&job())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Deadline);
    assert_eq!(error.waited().unwrap().polls, 0);
    let sent = seconds_sent(&wire);
    let gaps = sent.iter().zip(&sent[1..]).map(|(one, next)| next - one);
    assert!(gaps.fold(0.0, f64::max) < 1.5, "{sent:?}");
}
