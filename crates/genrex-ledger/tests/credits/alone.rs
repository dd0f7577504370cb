//! What goes alone, and what nothing is bought beside: step by step.

use genrex_ledger::testing::block_on;
use genrex_ledger::{Account, Alias, Entry, ErrorKind, Event, Intent, Ledger, Look, MemoryLedger};
use genrex_proto::QueryId;

use crate::service::{MINUTE, Price, SECOND, START, Settings};
use crate::table::total;
use crate::world::World;

/// Whether each of some purchases went alone, as it was written down by hand.
#[test]
fn who_goes_alone() {
    let mut world = World::new(Settings::new(Price::Flat(10)));
    let ledger = world.root.clone();
    let mut key = 0;
    let mut begin = |world: &mut World| {
        key += 1;
        let look = world.look();
        let intent = Intent::new(key, world.account.clone(), "text", 10, b"{}").after(look);
        block_on(ledger.intend(&intent, world.machine())).unwrap()
    };
    let record = |world: &World, entry: &Entry, events: &[Event]| {
        for event in events {
            block_on(world.root.record(entry.id, event, world.machine())).unwrap();
        }
    };
    let settle = |world: &mut World| {
        for _ in 0..12 {
            world.pass(MINUTE);
            world.look();
        }
    };
    let accepted = || Event::Accepted(QueryId::new("QRY_1").unwrap());
    let first = begin(&mut world);
    let beside_intended = begin(&mut world);
    record(&world, &first, &[Event::Sent]);
    record(&world, &beside_intended, &[Event::NotSent(String::new())]);
    let beside_sent = begin(&mut world);
    record(&world, &beside_sent, &[Event::NotSent(String::new())]);
    record(&world, &first, &[accepted()]);
    let beside_accepted = begin(&mut world);
    record(&world, &beside_accepted, &[Event::NotSent(String::new())]);
    record(&world, &first, &[Event::Completed]);
    let unsettled = begin(&mut world);
    record(&world, &unsettled, &[Event::NotSent(String::new())]);
    settle(&mut world);
    let settled = begin(&mut world);
    record(
        &world,
        &settled,
        &[Event::Sent, Event::Ambiguous(String::from("504"))],
    );
    let beside_unclear = begin(&mut world);
    record(&world, &beside_unclear, &[Event::NotSent(String::new())]);
    settle(&mut world);
    let last = begin(&mut world);
    let went = [
        (first, true),
        (beside_intended, false),
        (beside_sent, false),
        (beside_accepted, false),
        (unsettled, false),
        (settled, true),
        (beside_unclear, false),
        (last, true),
    ];
    for (number, (entry, expected)) in went.iter().enumerate() {
        assert_eq!(entry.alone, *expected, "number {number}");
    }
}

/// What was charged for a refusal, or by somebody else, makes `per_job` doubtful, and still nothing that it says would
/// not fit is begun.
#[test]
fn a_bound_that_was_doubted_is_still_what_a_piece_without_a_price_may_cost() {
    let ledger = MemoryLedger::new();
    let (alias, account) = (Alias::new("http://a", "key"), Account::new("http://a", "u"));
    let look = |used: u64, at: u64| Look::new(used).at(START + at * SECOND);
    let mut limits = total(35);
    limits.per_job = Some(10);
    let observe = |used: u64, at: u64| {
        block_on(ledger.observe(&alias, &account, &look(used, at), START + at * SECOND)).unwrap();
    };
    let intend = |key: u128, used: u64, at: u64| {
        observe(used, at);
        let intent = Intent::new(key, account.clone(), "text", 5, b"{}");
        let intent = intent.after(look(used, at)).within(limits);
        block_on(ledger.intend(&intent, START + at * SECOND))
    };
    let jobs = [1, 2].map(|key| intend(key, 0, 1).unwrap().id);
    for (id, name) in jobs.into_iter().zip(["QRY_1", "QRY_2"]) {
        let events = [
            Event::Sent,
            Event::Accepted(QueryId::new(name).unwrap()),
            Event::Completed,
        ];
        for event in events {
            block_on(ledger.record(id, &event, START + SECOND)).unwrap();
        }
    }
    // 10 more than both were expected to cost.
    for at in [60, 120, 1200] {
        observe(30, at);
    }
    let refused = intend(3, 30, 1260).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::OverLimit, "{refused}");
}

/// Its charge comes while others, whose price is known, would have used what is left.
#[test]
fn an_unclear_piece_without_a_price_lets_nothing_start_until_its_charge_has_had_its_time() {
    let ledger = MemoryLedger::new();
    let (alias, account) = (Alias::new("http://a", "key"), Account::new("http://a", "u"));
    let observe = |used: u64, at: u64| {
        let look = Look::new(used).at(START + at * SECOND);
        block_on(ledger.observe(&alias, &account, &look, START + at * SECOND)).unwrap();
        look
    };
    let intend = |key: u128, duration: u8, used: u64, at: u64| {
        let intent = Intent::new(key, account.clone(), "text", duration, b"{}");
        let intent = intent.after(observe(used, at)).within(total(33));
        block_on(ledger.intend(&intent, START + at * SECOND))
    };
    let record = |id, event: Event, at: u64| {
        block_on(ledger.record(id, &event, START + at * SECOND)).unwrap();
    };
    let priced = intend(1, 6, 0, 0).unwrap().id;
    record(priced, Event::Sent, 0);
    record(priced, Event::Accepted(QueryId::new("QRY_1").unwrap()), 0);
    record(priced, Event::Completed, 1);
    observe(10, 60);
    observe(10, 120);
    let unclear = intend(2, 5, 10, 1200).unwrap().id;
    record(unclear, Event::Sent, 1200);
    record(unclear, Event::Ambiguous(String::new()), 1200);
    let waits = intend(3, 6, 10, 1201).unwrap_err();
    assert_eq!(waits.kind(), ErrorKind::PriceUnknown, "{waits}");
    // It has had its time, and has shown.
    intend(4, 6, 20, 1900).unwrap();
}
