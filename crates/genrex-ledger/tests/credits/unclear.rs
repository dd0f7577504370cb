//! What was wrongly concluded of ambiguous submits, with the numbers of each case.

use genrex_ledger::testing::block_on;
use genrex_ledger::{
    Doubt, Entry, ErrorKind, Event, Filter, Intent, Ledger, Limits, Once, Reconciliation, Refusal,
    Resolution, State,
};
use genrex_proto::QueryId;

use crate::oracle;
use crate::purchase::{Fate, Purchase};
use crate::service::{HOUR, MINUTE, Price, SECOND, Settings, When};
use crate::world::World;

const LONG: u64 = 10 * 24 * HOUR;

/// Three jobs that go alone, so that it is known when the account is charged, and how much.
fn known(settings: Settings) -> World {
    let mut world = World::new(settings);
    let plan = (0..3).map(|_| Purchase {
        pause: 30 * MINUTE,
        ..Purchase::of(10, Limits::default())
    });
    world.process(vec![plan.collect()]);
    assert!(world.run(LONG));
    world.pass(30 * MINUTE);
    // A purchase far from the others, whose own look settles them.
    for _ in 0..3 {
        world.look();
        world.pass(MINUTE);
    }
    world
}

fn unclear(fate: Fate) -> Purchase {
    Purchase {
        reconciles: true,
        once: true,
        fate: Some(fate),
        ..Purchase::of(10, Limits::default())
    }
}

fn job(world: &World, state: State) -> Entry {
    let entries = world.entries();
    entries
        .into_iter()
        .find(|entry| entry.state == state)
        .unwrap()
}

#[test]
fn what_was_lost_is_bought_again_when_that_is_sure() {
    let mut world = known(Settings::new(Price::Flat(10)));
    let mut purchase = unclear(Fate::Lost);
    purchase.pause = 1;
    world.process(vec![vec![purchase]]);
    world.run(15 * MINUTE);
    assert_eq!(world.found.get("notCharged"), Some(&1), "{:?}", world.found);
    let entries = world.entries();
    let lost = entries
        .iter()
        .rev()
        .find(|entry| entry.state == State::Ambiguous);
    assert_eq!(lost.unwrap().superseded_by, Some(entries[0].id));
    let between = entries[0].created_at - lost.unwrap().created_at;
    assert!((10..12).contains(&(between / MINUTE)), "{between}");
}

#[test]
fn charged_a_second_after_it_was_done_is_not_taken_for_not_charged() {
    let settings = Settings::new(Price::Flat(10)).charged(&[(100, When::Completion, SECOND)]);
    let mut world = known(settings);
    world.process(vec![vec![unclear(Fate::Taken(0))]]);
    assert!(world.run(LONG));
    oracle::verdicts_are_true(&world).unwrap();
    assert_eq!(world.bought.len(), 4, "it was bought again");
    // With the price known, that it was charged shows.
    let id = job(&world, State::Ambiguous).id;
    world.pass(MINUTE);
    world.look();
    let found = block_on(world.root.reconcile(id, world.machine())).unwrap();
    assert_eq!(found.reconciliation, Some(Reconciliation::Charged));
}

#[test]
fn an_earlier_unclear_job_is_charged_during_another_submit() {
    let mut world = known(Settings::new(Price::Flat(10)));
    // The first is delivered while the second, which is lost, is being sent.
    let first = Purchase {
        reconciles: false,
        ..unclear(Fate::Taken(20 * SECOND))
    };
    let second = Purchase {
        pause: 15 * SECOND,
        ..unclear(Fate::Lost)
    };
    world.process(vec![vec![first], vec![second]]);
    assert!(world.run(LONG));
    oracle::verdicts_are_true(&world).unwrap();
    assert_eq!(world.found.get("notCharged"), None);
    assert_eq!(world.found.get("charged"), None);
    assert_eq!(world.bought.len(), 5);
}

#[test]
fn a_gateway_delivers_33_to_45_seconds_later() {
    for late in [33, 39, 45, 300] {
        let mut world = known(Settings::new(Price::Flat(10)));
        world.process(vec![vec![unclear(Fate::Taken(late * SECOND))]]);
        assert!(world.run(LONG));
        oracle::verdicts_are_true(&world).unwrap();
        assert_eq!(world.found.get("notCharged"), None);
        assert_eq!(world.bought.len(), 4, "it was bought again");
    }
}

#[test]
fn a_stored_verdict_is_not_acted_on_unchecked() {
    // (what happens after the verdict, whether the look of the new purchase is given, what comes of it)
    let cases = [
        ("nothing", true, None),
        ("nothing", false, Some(ErrorKind::Taken)),
        ("it is charged after all", true, Some(ErrorKind::Taken)),
    ];
    for (happens, is_looked, expected) in cases {
        let mut world = known(Settings::new(Price::Flat(10)));
        let before = world.look();
        let intent = Intent::new(1, world.account.clone(), "text", 10, b"same")
            .once(Once::Prompt)
            .after(before);
        let ledger = world.root.clone();
        let lost = block_on(ledger.intend(&intent, world.machine())).unwrap();
        for event in [Event::Sent, Event::Ambiguous(String::from("504"))] {
            block_on(ledger.record(lost.id, &event, world.machine())).unwrap();
        }
        world.pass(11 * MINUTE);
        world.look();
        let found = block_on(ledger.reconcile(lost.id, world.machine())).unwrap();
        assert!(found.is_not_charged(), "{found:?}");
        if happens != "nothing" {
            world.service.submit(10, false);
        }
        world.pass(MINUTE);
        let look = world.look();
        let mut again = intent.clone();
        again.key = 2;
        again.look = is_looked.then_some(look);
        let again = block_on(ledger.intend(&again, world.machine()));
        assert_eq!(again.err().map(|error| error.kind()), expected, "{happens}");
    }
}

#[test]
fn the_id_that_support_names_ends_an_unclear_job() {
    for by_hand in [false, true] {
        let mut world = known(Settings::new(Price::Flat(10)));
        let mut purchase = unclear(Fate::Taken(0));
        purchase.reconciles = false;
        world.process(vec![vec![purchase]]);
        assert!(world.run(LONG));
        let id = job(&world, State::Ambiguous).id;
        let name = QueryId::new("QRY_3").unwrap();
        let found = if by_hand {
            Event::Resolved(Resolution::Accepted(name.clone()), String::from("support"))
        } else {
            Event::Accepted(name.clone())
        };
        for event in [found, Event::Completed] {
            block_on(world.root.record(id, &event, world.machine())).unwrap();
        }
        let entry = block_on(world.root.entry(id)).unwrap().unwrap();
        assert_eq!(
            (entry.state, entry.query_id),
            (State::Completed, Some(name))
        );
        world.pass(HOUR);
        world.look();
        assert_eq!(world.credits().spending(world.machine()).total, 40);
    }
}

#[test]
fn what_is_found_and_then_fails_for_free_is_not_spent() {
    let parts = [(100, When::Completion, 0)];
    let mut world = known(Settings::new(Price::Flat(10)).charged(&parts));
    let mut purchase = unclear(Fate::Lost);
    purchase.reconciles = false;
    world.process(vec![vec![purchase]]);
    assert!(world.run(LONG));
    let id = job(&world, State::Ambiguous).id;
    let found = Event::Accepted(QueryId::new("QRY_9").unwrap());
    for event in [found, Event::Failed] {
        block_on(world.root.record(id, &event, world.machine())).unwrap();
    }
    let spent = |world: &World| world.credits().spending(world.machine()).total;
    assert_eq!(spent(&world), 40);
    for _ in 0..30 {
        world.pass(MINUTE);
        world.look();
    }
    assert_eq!(spent(&world), 30);
}

#[test]
fn a_person_s_word_makes_room_at_once_and_no_balance_unsays_it() {
    let mut world = known(Settings::new(Price::Flat(10)));
    let mut purchase = unclear(Fate::Lost);
    purchase.reconciles = false;
    world.process(vec![vec![purchase]]);
    world.run(MINUTE);
    let spent = |world: &World| world.credits().spending(world.machine()).total;
    assert_eq!(spent(&world), 40);
    let id = job(&world, State::Ambiguous).id;
    let said = Event::Resolved(Resolution::NotCharged, String::from("support"));
    block_on(world.root.record(id, &said, world.machine())).unwrap();
    assert_eq!(spent(&world), 30);
    let entry = block_on(world.root.reconcile(id, world.machine())).unwrap();
    assert!(entry.resolved_by_hand && entry.is_not_charged());
    assert_eq!(spent(&world), 30);
    let taken_back = Event::Resolved(Resolution::Charged, String::from("I was wrong"));
    block_on(world.root.record(id, &taken_back, world.machine())).unwrap();
    assert_eq!(spent(&world), 40);
}

#[test]
fn what_is_asked_again_and_again_settles_all_the_same() {
    let mut world = known(Settings::new(Price::Flat(10)));
    world.process(vec![vec![Purchase {
        reconciles: false,
        ..unclear(Fate::Lost)
    }]]);
    assert!(world.run(MINUTE));
    let id = job(&world, State::Ambiguous).id;
    let history = |world: &World| block_on(world.root.history(id)).unwrap().len();
    let mut found = None;
    for _ in 0..25 {
        world.pass(30 * SECOND);
        world.look();
        let entry = block_on(world.root.reconcile(id, world.machine())).unwrap();
        found = entry.reconciliation;
        let is_unsettled = matches!(
            found,
            Some(Reconciliation::Inconclusive(Doubt::NotSettled { .. }))
        );
        assert!(is_unsettled || found == Some(Reconciliation::NotCharged));
    }
    assert_eq!(found, Some(Reconciliation::NotCharged));
    assert_eq!(history(&world), 5, "a repeated verdict is no news");
    let jobs = block_on(world.root.entries(&Filter::default())).unwrap();
    assert_eq!(jobs.len(), 4);
}

/// Two jobs of ten credits each under a limit, of which the first is refused.
fn two_and_a_refusal(world: &mut World, charges: bool) -> [Entry; 2] {
    let look = world.look();
    let ledger = world.root.clone();
    let both = [1, 2].map(|key| {
        let mut limits = Limits::default();
        (limits.total, limits.per_job) = (Some(60), Some(10));
        let intent = Intent::new(key, world.account.clone(), "text", 10, &[1])
            .after(look.clone())
            .within(limits);
        let entry = block_on(ledger.intend(&intent, world.machine())).unwrap();
        block_on(ledger.record(entry.id, &Event::Sent, world.machine())).unwrap()
    });
    if charges {
        world.service.charge_refused(10);
    }
    world.pass(SECOND);
    world.look();
    let refused = Event::Refused(Refusal::RateLimited, String::from("429"));
    block_on(ledger.record(both[0].id, &refused, world.machine())).unwrap();
    both
}

#[test]
fn a_refusal_that_charged_takes_no_other_job_s_reservation() {
    let spent = |world: &World| world.credits().spending(world.machine()).total;
    for charges in [true, false] {
        let mut world = known(Settings::new(Price::Flat(10)));
        let [_, other] = two_and_a_refusal(&mut world, charges);
        assert_eq!(
            spent(&world),
            50,
            "30 were spent, and the other is to cost 10 yet"
        );
        world.service.submit(10, false);
        let accepted = Event::Accepted(QueryId::new("QRY_other").unwrap());
        for event in [accepted, Event::Completed] {
            block_on(world.root.record(other.id, &event, world.machine())).unwrap();
        }
        for _ in 0..3 {
            world.pass(MINUTE);
            world.look();
        }
        let charged = world.service.charged(0, u64::MAX);
        assert_eq!(spent(&world), charged, "what did not come is given back");
    }
}

/// Support names the id of a job that a 429 had taken.
#[test]
fn a_job_that_was_refused_may_turn_out_to_have_been_taken() {
    let spent = |world: &World| world.credits().spending(world.machine()).total;
    let mut world = known(Settings::new(Price::Flat(10)));
    let [refused, other] = two_and_a_refusal(&mut world, false);
    block_on(
        world
            .root
            .record(other.id, &Event::NotSent(String::new()), world.machine()),
    )
    .unwrap();
    for _ in 0..30 {
        world.pass(MINUTE);
        world.look();
    }
    assert_eq!(spent(&world), 30);
    let name = QueryId::new("QRY_named").unwrap();
    let event = Event::Accepted(name.clone());
    block_on(world.root.record(refused.id, &event, world.machine())).unwrap_err();
    let event = Event::Resolved(Resolution::Accepted(name.clone()), String::from("support"));
    let entry = block_on(world.root.record(refused.id, &event, world.machine())).unwrap();
    let found = (
        entry.state,
        entry.query_id,
        entry.refusal,
        entry.resolved_by_hand,
    );
    assert_eq!(found, (State::Accepted, Some(name), None, true));
    assert_eq!(spent(&world), 40, "its charge may still come");
    block_on(
        world
            .root
            .record(refused.id, &Event::Completed, world.machine()),
    )
    .unwrap();
    world.service.submit(10, false);
    for _ in 0..30 {
        world.pass(MINUTE);
        world.look();
    }
    assert_eq!(spent(&world), 40);
}

/// The service answers 404 to its id, for ever.
#[test]
fn a_person_ends_a_job_that_the_service_no_longer_knows() {
    let spent = |world: &World| world.credits().spending(world.machine()).total;
    for (resolution, found) in [
        (Resolution::Charged, Reconciliation::Charged),
        (Resolution::NotCharged, Reconciliation::NotCharged),
    ] {
        for is_done in [false, true] {
            let mut world = known(Settings::new(Price::Flat(10)));
            let [_, lost] = two_and_a_refusal(&mut world, false);
            world.service.submit(10, false);
            let mut events = vec![Event::Accepted(QueryId::new("QRY_lost").unwrap())];
            events.extend(is_done.then_some(Event::Completed));
            let said = Event::Resolved(resolution.clone(), String::from("404 for ever"));
            events.push(said.clone());
            for event in &events {
                block_on(world.root.record(lost.id, event, world.machine())).unwrap();
            }
            let entry = block_on(world.root.entry(lost.id)).unwrap().unwrap();
            let kept = (entry.state, entry.reconciliation, entry.resolved_by_hand);
            assert_eq!(kept, (State::Failed, Some(found), true));
            assert!(entry.detail.unwrap().contains("404 for ever"));
            for _ in 0..30 {
                world.pass(MINUTE);
                world.look();
            }
            // What the balance shows counts, whatever a person says.
            assert_eq!(spent(&world), 40);
            let again = block_on(world.root.record(lost.id, &said, world.machine())).unwrap();
            assert_eq!(
                again.updated_at, entry.updated_at,
                "said twice is said once"
            );
        }
    }
}

/// Two unclear jobs, of which the balance has shown one: a person's word about that one frees no other.
#[test]
fn what_the_balance_has_shown_of_one_is_not_given_back_from_another() {
    let spent = |world: &World| world.credits().spending(world.machine()).total;
    let mut world = known(Settings::new(Price::Flat(10)));
    world.process(vec![vec![unclear(Fate::Taken(0))]]);
    assert!(world.run(LONG));
    let shown = job(&world, State::Ambiguous);
    assert_eq!(shown.reconciliation, Some(Reconciliation::Charged));
    world.pass(HOUR);
    world.look();
    let lost = Purchase {
        reconciles: false,
        once: false,
        ..unclear(Fate::Lost)
    };
    world.process(vec![vec![lost]]);
    assert!(world.run(LONG));
    assert_eq!(spent(&world), 50);
    let said = Event::Resolved(Resolution::NotCharged, String::from("I think so"));
    block_on(world.root.record(shown.id, &said, world.machine())).unwrap();
    assert_eq!(spent(&world), 50);
}
