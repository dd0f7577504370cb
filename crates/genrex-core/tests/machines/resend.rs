//! What a purchase does after a refusal for now: it looks again before it sends again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use genrex_core::ledger::{
    Entry, Event, Filter, Ledger as _, Limits, MemoryLedger, Refusal, State,
};
use genrex_core::testing::{Reply, ScriptedTransport};
use genrex_core::{Error, ErrorKind, Progress, Submission, TransportErrorKind as Kind, block_on};

use crate::support::{ACCEPTED, balance, client, is_balance, is_submit, kept, request, watched};

fn limits(total: u64) -> Limits {
    let mut limits = Limits::default();
    limits.total = Some(total);
    limits
}

fn entries(ledger: &MemoryLedger) -> Vec<Entry> {
    block_on(ledger.entries(&Filter::default())).unwrap()
}

/// What was asked of the service, in order.
fn paths(wire: &ScriptedTransport) -> Vec<&'static str> {
    let name = |sent: &genrex_core::testing::Sent| match (is_submit(sent), is_balance(sent)) {
        (true, _) => "submit",
        (_, true) => "balance",
        (false, false) => "retrieve",
    };
    wire.sent().iter().map(name).collect()
}

fn submits(wire: &ScriptedTransport) -> usize {
    wire.sent().iter().filter(|sent| is_submit(sent)).count()
}

/// A service that refuses each submit with this status, and charges so much for it.
fn refusing(status: u16, price: u64) -> (ScriptedTransport, Arc<Mutex<u64>>) {
    let used = Arc::new(Mutex::new(0));
    let spent = Arc::clone(&used);
    let wire = ScriptedTransport::answering(move |sent| {
        let mut spent = spent.lock().unwrap();
        if is_submit(sent) {
            *spent += price;
            Reply::json(status, "")
        } else {
            balance(*spent)
        }
    });
    (wire, used)
}

#[test]
fn refusals_that_charge_do_not_pass_a_limit() {
    for status in [425, 429] {
        let (wire, used) = refusing(status, 5);
        let (client, ledger) = kept(&wire, limits(20));
        let Submission::Refused(error) = block_on(client.submit(&request())) else {
            panic!("it was refused");
        };
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        assert_eq!(paths(&wire), ["balance", "submit", "balance"]);
        assert_eq!(*used.lock().unwrap(), 5);
        // Each further purchase is held against the limit anew.
        for _ in 0..10 {
            let _ = block_on(client.submit(&request()));
        }
        assert!(*used.lock().unwrap() <= 20, "{used:?}");
        let refusals = entries(&ledger).into_iter().map(|entry| entry.refusal);
        assert!(
            refusals
                .flatten()
                .all(|refusal| refusal == Refusal::RateLimited)
        );
    }
}

#[test]
fn each_resend_follows_a_look_that_shows_no_charge() {
    let (wire, _) = refusing(429, 0);
    let (client, ledger) = kept(&wire, limits(20));
    let submission = block_on(client.submit(&request()));
    assert!(
        matches!(submission, Submission::Refused(_)),
        "{submission:?}"
    );
    let asked: Vec<_> = ["balance", "submit"].repeat(5);
    assert_eq!(paths(&wire), asked);
    assert_eq!(entries(&ledger)[0].refusal, Some(Refusal::RateLimited));
}

#[test]
fn what_did_not_leave_is_sent_again_without_a_look() {
    let wire = ScriptedTransport::answering(|sent| {
        if is_submit(sent) {
            Reply::fails(Kind::Connect)
        } else {
            balance(0)
        }
    });
    let (client, _) = kept(&wire, limits(20));
    let submission = block_on(client.submit(&request()));
    assert!(
        matches!(submission, Submission::NotSent(_)),
        "{submission:?}"
    );
    assert_eq!(
        paths(&wire),
        ["balance", "submit", "submit", "submit", "submit"]
    );
}

/// Between two attempts a lease may end, and another process takes the job for ambiguous: it is no longer this one's to
/// send, whatever the first attempt came to.
#[test]
fn what_another_has_ended_is_not_sent_again() {
    for (first, is_refused) in [
        (Reply::fails(Kind::Connect), false),
        (Reply::json(429, ""), true),
    ] {
        let shared: Arc<Mutex<Option<MemoryLedger>>> = Arc::default();
        let (other, mut first) = (Arc::clone(&shared), Some(first));
        let wire = ScriptedTransport::answering(move |sent| {
            if !is_submit(sent) {
                return balance(0);
            }
            let ledger = other.lock().unwrap();
            let ledger = ledger.as_ref().unwrap();
            let job = entries(ledger)[0].id;
            block_on(ledger.record(job, &Event::Crashed, 1)).unwrap();
            first.take().unwrap()
        });
        let (client, ledger) = kept(&wire, limits(20));
        *shared.lock().unwrap() = Some(ledger.clone());
        let submission = block_on(client.submit(&request()));
        assert_eq!(submits(&wire), 1, "{submission:?}");
        match submission {
            Submission::Refused(_) => assert!(is_refused),
            Submission::NotSent(_) => assert!(!is_refused),
            other => panic!("{other:?}"),
        }
        assert_eq!(entries(&ledger)[0].state, State::Ambiguous);
    }
}

/// A submit that the service refuses for now, and whose next look is answered so. It is not sent again, and stays
/// refused; why the caller is told that it is.
fn refused_once(again: impl Fn() -> Reply + Send + 'static) -> Error {
    let mut looks = 0;
    let wire = ScriptedTransport::answering(move |sent| {
        if is_submit(sent) {
            return Reply::json(429, "");
        }
        looks += 1;
        if looks == 1 { balance(0) } else { again() }
    });
    let (client, ledger) = kept(&wire, limits(20));
    let Submission::Refused(error) = block_on(client.submit(&request())) else {
        panic!("it was refused");
    };
    assert_eq!(submits(&wire), 1);
    assert_eq!(entries(&ledger)[0].refusal, Some(Refusal::RateLimited));
    error
}

#[test]
fn nothing_is_sent_again_without_a_look() {
    let error = refused_once(|| Reply::json(500, ""));
    // Why it was refused is what it is; why it was not sent again is the cause.
    assert_eq!(error.kind(), ErrorKind::RateLimited);
    let told = error.in_full();
    assert!(told.contains("in trouble"), "{told}");
}

/// A caller who gives up while it looks again is told of a purchase that was given up, and not only of a refusal.
#[test]
fn one_that_is_cancelled_while_it_looks_again_is_cancelled_and_stays_refused() {
    let error = refused_once(|| Reply::fails(Kind::Cancelled));
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

/// A look at another account's balance says nothing of this purchase, even where all else in it is the same.
#[test]
fn a_look_that_names_another_user_shows_no_charge_and_no_lack_of_one() {
    let error = refused_once(|| {
        let body =
            r#"{"totalCreditQuota":1000,"creditsUsed":0,"userId":"v","updatedAt":"00000000"}"#;
        Reply::json(200, body)
    });
    assert_eq!(error.kind(), ErrorKind::RateLimited);
}

/// Whoever watches is told of each attempt before it leaves, and of each once.
#[test]
fn each_attempt_is_announced_once() {
    for is_kept in [false, true] {
        let (wire, _) = refusing(429, 0);
        let client = match is_kept {
            true => kept(&wire, Limits::default()).0,
            false => client(&wire),
        };
        let (client, seen) = watched(&client);
        let _ = block_on(client.submit(&request()));
        let attempts: Vec<u32> = seen
            .lock()
            .unwrap()
            .iter()
            .filter_map(|report| match report {
                Progress::Submitting { attempt, .. } => Some(*attempt),
                _ => None,
            })
            .collect();
        assert_eq!(attempts, [1, 2, 3, 4, 5]);
    }
}

/// A pause that begins while it looks makes that look an old one.
#[test]
fn a_look_that_was_followed_by_a_pause_is_taken_again() {
    let mut looks = 0;
    let wire = ScriptedTransport::answering(move |sent| {
        if is_submit(sent) {
            return Reply::json(429, "");
        }
        looks += 1;
        // The second look is told to come later, and then answered.
        if looks == 2 {
            Reply::json(429, "").header("retry-after", "30")
        } else {
            balance(0)
        }
    });
    let (client, _) = kept(&wire, limits(20));
    let _ = block_on(client.submit(&request()));
    let sent = wire.sent();
    for (index, submit) in sent.iter().enumerate().filter(|(_, sent)| is_submit(sent)) {
        let look = &sent[index - 1];
        assert!(
            is_balance(look) && look.at == submit.at,
            "{:?}",
            paths(&wire)
        );
    }
}

#[test]
fn refused_for_now_stays_so_when_the_next_try_does_not_leave() {
    let mut submits = 0;
    let wire = ScriptedTransport::answering(move |sent| {
        if !is_submit(sent) {
            return balance(0);
        }
        submits += 1;
        if submits == 1 {
            Reply::json(429, "")
        } else {
            Reply::fails(Kind::Connect)
        }
    });
    let (client, ledger) = kept(&wire, Limits::default());
    let submission = block_on(client.submit(&request()));
    assert!(
        matches!(submission, Submission::Refused(_)),
        "{submission:?}"
    );
    let entry = &entries(&ledger)[0];
    assert_eq!(
        (entry.state, entry.refusal),
        (State::Refused, Some(Refusal::RateLimited))
    );
}

#[test]
fn refused_for_now_stays_so_when_it_is_cancelled_in_the_pause() {
    let wire = ScriptedTransport::answering(|sent| match is_submit(sent) {
        true => Reply::json(429, "").header("retry-after", "30"),
        false => balance(0),
    })
    .cancelled_at(Duration::from_secs(10));
    let (client, ledger) = kept(&wire, Limits::default());
    let Submission::Refused(error) = block_on(client.submit(&request())) else {
        panic!("the first try was refused");
    };
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let entry = &entries(&ledger)[0];
    assert_eq!(
        (entry.state, entry.refusal),
        (State::Refused, Some(Refusal::RateLimited))
    );
}

#[test]
fn a_refusal_for_now_and_then_a_success_is_a_success() {
    let mut submits = 0;
    let wire = ScriptedTransport::answering(move |sent| {
        if !is_submit(sent) {
            return balance(0);
        }
        submits += 1;
        match submits {
            1 => Reply::json(429, ""),
            _ => Reply::json(201, ACCEPTED),
        }
    });
    let (client, ledger) = kept(&wire, Limits::default());
    block_on(client.submit(&request())).into_result().unwrap();
    assert_eq!(entries(&ledger)[0].state, State::Accepted);
}
