//! What recovering asks, and of whom.

use genrex_core::ledger::{
    Account, Entry, Event, Intent, Ledger as _, Limits, LocalId, MemoryLedger, Resolution, State,
};
use genrex_core::testing::{Reply, ScriptedTransport};
use genrex_core::{ErrorKind, block_on};

use crate::support::{balance, is_balance, kept};

const OWN: &str = "https://api.genrex.com";

/// An ambiguous job of this user, with this id in its broken answer.
fn ambiguous(ledger: &MemoryLedger, key: u128, user: &str, id: &str) -> LocalId {
    let account = Account::new(OWN, user);
    let job = block_on(ledger.intend(&Intent::new(key, account, "music", 10, b"{}"), 0));
    let job = job.unwrap().id;
    for event in [
        Event::Sent,
        Event::Unconfirmed(id.parse().unwrap()),
        Event::Ambiguous(String::from("cut")),
    ] {
        block_on(ledger.record(job, &event, 0)).unwrap();
    }
    job
}

fn entry(ledger: &MemoryLedger, id: LocalId) -> Entry {
    block_on(ledger.entry(id)).unwrap().unwrap()
}

/// A service that answers a question for a job so.
fn service(reply: impl Fn() -> Reply + Send + 'static) -> ScriptedTransport {
    ScriptedTransport::answering(move |sent| {
        if is_balance(sent) {
            balance(0)
        } else {
            reply()
        }
    })
}

#[test]
fn only_the_accounts_own_jobs_are_asked_after_and_listed() {
    let wire = service(|| Reply::json(200, r#"{"id":"QRY_A","status":"Processing"}"#));
    let (client, ledger) = kept(&wire, Limits::default());
    block_on(client.account()).unwrap();
    let own = ambiguous(&ledger, 1, "u", "QRY_A");
    let other = ambiguous(&ledger, 2, "another", "QRY_B");
    let open = block_on(client.recover()).unwrap();
    let listed: Vec<_> = open.iter().map(|entry| entry.id).collect();
    assert_eq!(listed, [own]);
    assert_eq!(entry(&ledger, own).state, State::Accepted);
    assert_eq!(entry(&ledger, other).state, State::Ambiguous);
    let asked = wire.sent().into_iter().map(|sent| sent.request.into_body());
    assert!(
        asked
            .into_iter()
            .all(|body| !String::from_utf8_lossy(&body).contains("QRY_B"))
    );
}

#[test]
fn an_id_that_the_answer_does_not_carry_is_not_kept() {
    let wire = service(|| Reply::json(200, r#"{"id":"QRY_OTHER","status":"Processing"}"#));
    let (client, ledger) = kept(&wire, Limits::default());
    block_on(client.account()).unwrap();
    let job = ambiguous(&ledger, 1, "u", "QRY_A");
    let open = block_on(client.recover()).unwrap();
    assert_eq!(open[0].id, job);
    assert_eq!(entry(&ledger, job).state, State::Ambiguous);
    // Nor does a person's word for an id make an answer about another one.
    let named = Resolution::Accepted("QRY_A".parse().unwrap());
    let error = block_on(client.resolve(job, named)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedAnswer);
    assert_eq!(entry(&ledger, job).state, State::Ambiguous);
}

#[test]
fn each_unconfirmed_id_is_asked_after_once() {
    let wire = service(|| Reply::json(500, ""));
    let (client, ledger) = kept(&wire, Limits::default());
    block_on(client.account()).unwrap();
    for job in 0..3 {
        ambiguous(&ledger, job, "u", &format!("QRY_{job}"));
    }
    let before = wire.sent().len();
    assert_eq!(block_on(client.recover()).unwrap().len(), 3);
    assert_eq!(wire.sent().len() - before, 3);
    assert!(wire.slept().is_empty());
}
