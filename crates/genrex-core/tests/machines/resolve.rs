//! An id that a person names for a job whose submit has none.

use genrex_core::ledger::{
    Account, Event, Intent, Ledger as _, Limits, LocalId, MemoryLedger, Resolution, State,
};
use genrex_core::testing::{Reply, ScriptedTransport};
use genrex_core::{ErrorKind, block_on};

use crate::support::{balance, is_balance, kept};

fn begun(ledger: &MemoryLedger, key: u128, text: &str, outcome: Event) -> LocalId {
    let account = Account::new("https://api.genrex.com", "u");
    let intent = Intent::new(key, account, text, 10, b"{}");
    let job = block_on(ledger.intend(&intent, 0)).unwrap().id;
    for event in [Event::Sent, outcome] {
        block_on(ledger.record(job, &event, 0)).unwrap();
    }
    job
}

fn named() -> Resolution {
    Resolution::Accepted("QRY_A".parse().unwrap())
}

/// Settles a job by an id of which the service says so much; the jobs that are there already begin before.
fn resolved(content: &str, before: impl FnOnce(&MemoryLedger)) -> Result<(), ErrorKind> {
    let body = format!(r#"{{"id":"QRY_A","status":"Processing","content":{content}}}"#);
    let wire = ScriptedTransport::answering(move |sent| {
        if is_balance(sent) {
            balance(0)
        } else {
            Reply::json(200, body.clone())
        }
    });
    let (client, ledger) = kept(&wire, Limits::default());
    block_on(client.account()).unwrap();
    before(&ledger);
    let job = begun(&ledger, 99, "slow rain", Event::Ambiguous(String::new()));
    let result = block_on(client.resolve(job, named()));
    let entry = block_on(ledger.entry(job)).unwrap().unwrap();
    let is_linked = entry.state == State::Accepted && entry.query_id.is_some();
    assert_eq!(is_linked, result.is_ok());
    match result {
        Ok(_) => Ok(()),
        Err(error) => {
            assert_eq!(entry.state, State::Ambiguous);
            assert_eq!(error.local_id(), Some(job));
            Err(error.kind())
        }
    }
}

#[test]
fn it_is_taken_unless_the_service_says_that_it_is_of_another_prompt_or_duration() {
    for (content, expected) in [
        (r#"{"text":"slow rain","duration":10}"#, Ok(())),
        (r#"{"text":" slow\n rain","duration":10.2}"#, Ok(())),
        ("{}", Ok(())),
        (r#"{"text":"slow rain"}"#, Ok(())),
        (
            r#"{"text":"slow train","duration":10}"#,
            Err(ErrorKind::InvalidInput),
        ),
        (
            r#"{"text":"slow rain","duration":9}"#,
            Err(ErrorKind::InvalidInput),
        ),
    ] {
        assert_eq!(resolved(content, |_| ()), expected, "{content}");
    }
}

#[test]
fn it_is_not_taken_if_another_job_of_the_account_has_it() {
    let has_it = Event::Accepted("QRY_A".parse().unwrap());
    let of_another = Event::Accepted("QRY_B".parse().unwrap());
    for (outcome, expected) in [(has_it, Err(ErrorKind::InvalidInput)), (of_another, Ok(()))] {
        let before = |ledger: &MemoryLedger| {
            begun(ledger, 1, "slow rain", outcome.clone());
        };
        assert_eq!(resolved("{}", before), expected, "{outcome:?}");
    }
}

/// Another user's job may have the very same id.
#[test]
fn an_id_of_another_account_s_job_is_no_hindrance() {
    let before = |ledger: &MemoryLedger| {
        let account = Account::new("https://api.genrex.com", "another");
        let intent = Intent::new(1, account, "slow rain", 10, b"{}");
        let job = block_on(ledger.intend(&intent, 0)).unwrap().id;
        let accepted = Event::Accepted("QRY_A".parse().unwrap());
        for event in [Event::Sent, accepted] {
            block_on(ledger.record(job, &event, 0)).unwrap();
        }
    };
    assert_eq!(resolved("{}", before), Ok(()));
}
