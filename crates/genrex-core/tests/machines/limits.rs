//! No limit without a look at the balance.

use std::sync::Arc;

use genrex_core::ledger::{Filter, Ledger as _, Limits, MemoryLedger, Run, State};
use genrex_core::testing::{Reply, ScriptedTransport};
use genrex_core::{BalanceCheck, ErrorKind, PurchaseOptions, Submission, block_on};

use crate::support::{ACCEPTED, balance, client, is_submit, kept, request};

#[test]
fn limits_that_nobody_looks_for_cannot_be_expressed() {
    let mut limits = Limits::default();
    limits.day = Some(10);
    let error = BalanceCheck::new(limits, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let within = BalanceCheck::new(limits, true).unwrap();
    assert_eq!(within, BalanceCheck::from(limits));
    assert_eq!(within.limits(), limits);
    let skipped = BalanceCheck::new(Limits::default(), false).unwrap();
    assert_eq!(skipped, BalanceCheck::Skipped);
    assert!(skipped.limits().is_none());
}

#[test]
fn a_runs_bound_without_a_look_buys_nothing_and_says_why() {
    let wire = ScriptedTransport::answering(|_| Reply::json(201, ACCEPTED));
    let ledger = MemoryLedger::new();
    let client = client(&wire).with_ledger(Arc::new(ledger.clone()), BalanceCheck::Skipped);
    let mut options = PurchaseOptions::default();
    options.run = Some(Run::new("run", 100));
    let Submission::NotSent(error) = block_on(client.purchase(&request(), &options)) else {
        panic!("it was sent");
    };
    assert_eq!(error.kind(), ErrorKind::BalanceUnknown);
    assert!(wire.sent().is_empty());
    assert!(
        block_on(ledger.entries(&Filter::default()))
            .unwrap()
            .is_empty()
    );

    // Without a bound nothing needs the look.
    let Submission::Accepted(job) = block_on(client.submit(&request())) else {
        panic!("it was not accepted");
    };
    assert_eq!(wire.sent().iter().filter(|sent| is_submit(sent)).count(), 1);
    let entry = block_on(ledger.entry(job.local_id().unwrap())).unwrap();
    assert_eq!(entry.unwrap().state, State::Accepted);
}

/// However the client is changed after it was built, its purchases begin with a look.
#[test]
fn other_settings_do_not_take_the_look_away() {
    let wire = ScriptedTransport::answering(|sent| match is_submit(sent) {
        true => Reply::json(201, ACCEPTED),
        false => Reply::json(
            200,
            r#"{"totalCreditQuota":1000,"creditsUsed":0,"userId":"u"}"#,
        ),
    });
    let mut limits = Limits::default();
    limits.total = Some(100);
    let client = client(&wire).with_ledger(Arc::new(MemoryLedger::new()), limits);
    let client = client.with_settings(*client.settings());
    let _ = block_on(client.submit(&request()));
    assert!(!is_submit(&wire.sent()[0]));
}

/// What the account does not allow is not sent, and what it just allows is.
#[test]
fn a_piece_longer_than_the_account_may_have_is_not_sent() {
    for (longest, is_sent) in [
        (Some(9), false),
        (Some(10), true),
        (Some(11), true),
        (None, true),
    ] {
        let wire = ScriptedTransport::answering(move |sent| match (is_submit(sent), longest) {
            (true, _) => Reply::json(201, ACCEPTED),
            (false, None) => balance(0),
            (false, Some(longest)) => Reply::json(
                200,
                format!(
                    r#"{{"totalCreditQuota":1000,"creditsUsed":0,"userId":"u","maxDurationSeconds":{longest}}}"#
                ),
            ),
        });
        let (client, ledger) = kept(&wire, Limits::default());
        let submission = block_on(client.submit(&request()));
        let submits = wire.sent().iter().filter(|sent| is_submit(sent)).count();
        assert_eq!(submits, usize::from(is_sent), "{longest:?}");
        match submission {
            Submission::Accepted(_) => assert!(is_sent, "{longest:?}"),
            Submission::NotSent(error) => {
                assert!(!is_sent, "{longest:?}");
                assert_eq!(error.kind(), ErrorKind::InvalidInput);
                let entries = block_on(ledger.entries(&Filter::default()));
                assert!(entries.unwrap().is_empty(), "nothing was begun");
            }
            other => panic!("{other:?}"),
        }
    }
}
