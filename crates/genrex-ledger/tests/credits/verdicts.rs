//! What a look at the balance shows of an ambiguous job, step by step.

use genrex_ledger::{Doubt, Entry, Event, Limits, Reconciliation};

use crate::service::{MINUTE, SECOND, START};
use crate::steps::{Steps, accepted, ambiguous};

/// An account of which so many jobs that went alone have shown that it is charged 10 at the submit.
fn charged_at_submit(jobs: u64) -> (Steps, u64) {
    let mut steps = Steps::new();
    for job in 0..jobs {
        let at = job * 20 * MINUTE;
        let entry = steps.buy(10, Limits::default(), job * 10, at).unwrap();
        assert!(entry.alone);
        steps.record(&entry, &[Event::Sent, accepted()], at + SECOND);
        let used = (job + 1) * 10;
        steps.look(used, at + 2 * SECOND);
        steps.record(&entry, &[Event::Processing, Event::Completed], at + MINUTE);
        for minute in 2..=15 {
            steps.look(used, at + minute * MINUTE);
        }
    }
    (steps, jobs * 20 * MINUTE)
}

/// One that is on its way for five minutes, and ends without an answer.
fn lost(steps: &mut Steps, used: u64, at: u64) -> Entry {
    let entry = steps.buy(10, Limits::default(), used, at).unwrap();
    steps.record(&entry, &[Event::Sent], at);
    steps.record(&entry, &[ambiguous()], at + 5 * MINUTE)
}

/// The ten minutes are counted from when it was given up, and not from when it was begun.
#[test]
fn what_was_lost_is_not_charged_ten_minutes_after_its_end() {
    let (mut steps, at) = charged_at_submit(3);
    let entry = lost(&mut steps, 30, at);
    let until = at + 15 * MINUTE;
    let not_settled = Reconciliation::Inconclusive(Doubt::NotSettled {
        until: START + until,
    });
    for (at, expected) in [
        (at + 5 * MINUTE, not_settled),
        (until - 1, not_settled),
        (until, Reconciliation::NotCharged),
    ] {
        steps.look(30, at);
        assert_eq!(steps.reconcile(&entry, at), expected);
    }
}

#[test]
fn two_jobs_are_too_few_to_tell_when_an_account_is_charged() {
    let (mut steps, at) = charged_at_submit(2);
    let entry = lost(&mut steps, 20, at);
    let at = at + 30 * MINUTE;
    steps.look(20, at);
    let doubt = Reconciliation::Inconclusive(Doubt::ChargeTimeUnknown);
    assert_eq!(steps.reconcile(&entry, at), doubt);
}

#[test]
fn a_verdict_that_is_taken_back_counts_once_and_is_not_released() {
    let mut steps = Steps::new();
    steps.learn(10, 0, 10, 0);
    let at = 20 * MINUTE;
    let [one, other] = [(); 2].map(|()| {
        let entry = steps.buy(10, Limits::default(), 10, at).unwrap();
        steps.record(&entry, &[Event::Sent, ambiguous()], at)
    });
    let says = |entry: &Entry, found| {
        steps.record(entry, &[Event::Reconciled(found)], at);
        steps.spending(at).total
    };
    let taken_back = Reconciliation::Inconclusive(Doubt::OtherJobs);
    assert_eq!(says(&one, Reconciliation::NotCharged), 30);
    assert_eq!(says(&one, taken_back), 30);
    assert_eq!(says(&other, Reconciliation::NotCharged), 30);
    steps.look(10, at + SECOND);
    assert_eq!(steps.spending(at).total, 20);
    // It had been released by then.
    assert_eq!(says(&other, taken_back), 30);
}
