//! What a look at the balance shows of an ambiguous job, step by step.

use genrex_ledger::{Doubt, Entry, Event, Limits, Look, Reconciliation};

use crate::service::{MINUTE, SECOND, START};
use crate::steps::{Steps, accepted, ambiguous};

/// An account of which so many jobs that went alone have shown what one costs: how much of it a look has shown while
/// the service was at work, and how much when it was over.
fn shown_by(jobs: u64, at_work: u64, over: u64) -> (Steps, u64) {
    let mut steps = Steps::new();
    for job in 0..jobs {
        let (at, used) = (job * 20 * MINUTE, job * over);
        let entry = steps.buy(10, Limits::default(), used, at).unwrap();
        assert!(entry.alone);
        steps.record(&entry, &[Event::Sent, accepted()], at + SECOND);
        steps.look(used + at_work, at + 2 * SECOND);
        steps.record(&entry, &[Event::Processing, Event::Completed], at + MINUTE);
        steps.look(used + over, at + 12 * MINUTE);
        steps.look(used + over, at + 13 * MINUTE);
    }
    assert_eq!(steps.credits().price(10), Some(over));
    (steps, jobs * 20 * MINUTE)
}

/// So many jobs have shown that the account is charged 10 at the submit.
fn charged_at_submit(jobs: u64) -> (Steps, u64) {
    shown_by(jobs, 10, 10)
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

/// It was charged if the balance moved by exactly its price, once.
#[test]
fn what_moved_by_anything_but_the_price_does_not_say_that_it_was_charged() {
    for (used, expected) in [
        (30, Reconciliation::Inconclusive(Doubt::ChargeTimeUnknown)),
        (39, Reconciliation::Inconclusive(Doubt::OtherMovement)),
        (40, Reconciliation::Charged),
        // More than was expected makes every price unsure.
        (41, Reconciliation::Inconclusive(Doubt::PriceUnknown)),
        (50, Reconciliation::Inconclusive(Doubt::PriceUnknown)),
        (20, Reconciliation::Inconclusive(Doubt::OtherMovement)),
    ] {
        let mut steps = Steps::new();
        steps.learn(10, 20, 10, 0);
        let at = 20 * MINUTE;
        let entry = lost(&mut steps, 30, at);
        let at = at + 6 * MINUTE;
        steps.look(used, at);
        assert_eq!(steps.reconcile(&entry, at), expected, "{used}");
    }
}

/// An account that was charged and refunded shows the same use as one that was not charged.
#[test]
fn what_changed_the_account_since_may_have_been_a_charge_and_a_refund() {
    let (mut steps, at) = charged_at_submit(3);
    let entry = lost(&mut steps, 30, at);
    let at = at + 20 * MINUTE;
    let look = |change: &str| Look::new(30).at(START + at).changed(change);
    let changed = Reconciliation::Inconclusive(Doubt::OtherMovement);
    for (look, expected) in [
        (look("since"), changed),
        (Look::new(30).at(START + at), changed),
        (look("30"), Reconciliation::NotCharged),
    ] {
        steps.tell(&look, at);
        assert_eq!(steps.reconcile(&entry, at), expected, "{look:?}");
    }
    // Nobody knows when the account had changed before.
    let at = at + 20 * MINUTE;
    let before = Look::new(30).at(START + at);
    steps.tell(&before, at);
    let intent = steps.intent(10).after(before.clone());
    let entry = steps.begin(&intent, at).unwrap();
    steps.record(&entry, &[Event::Sent, ambiguous()], at);
    let at = at + 20 * MINUTE;
    steps.tell(&before.at(START + at), at);
    assert_eq!(steps.reconcile(&entry, at), changed);
}

/// Two jobs are too few, what is charged when it is done is not charged at the submit, and what is free is charged at no
/// time.
#[test]
fn when_an_account_is_charged_is_told_by_three_that_were_charged_at_the_submit() {
    for (jobs, at_work, over) in [(2, 10, 10), (3, 0, 10), (3, 9, 10), (3, 0, 0)] {
        let (mut steps, at) = shown_by(jobs, at_work, over);
        let used = jobs * over;
        let entry = lost(&mut steps, used, at);
        let at = at + 30 * MINUTE;
        steps.look(used, at);
        let doubt = Reconciliation::Inconclusive(Doubt::ChargeTimeUnknown);
        assert_eq!(
            steps.reconcile(&entry, at),
            doubt,
            "{jobs} {at_work} {over}"
        );
    }
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
    // The 10 that taught the price are spent, and were seen in the balance.
    assert_eq!(steps.spending(at).promised, 20);
    let taken_back = Reconciliation::Inconclusive(Doubt::OtherJobs);
    assert_eq!(says(&one, Reconciliation::NotCharged), 30);
    assert_eq!(says(&one, taken_back), 30);
    assert_eq!(says(&other, Reconciliation::NotCharged), 30);
    steps.look(10, at + SECOND);
    let spending = steps.spending(at);
    assert_eq!((spending.total, spending.promised), (20, 10));
    // It had been released by then.
    assert_eq!(says(&other, taken_back), 30);
}
