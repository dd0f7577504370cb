//! A purchase whose world ends after every single step.

use genrex_core::ledger::{
    Entry, Event, Filter, Ledger as _, Limits, LocalId, Once, Resolution, State,
};
use genrex_core::{Client, ErrorKind, Job, PurchaseOptions, Submission, block_on};
use proptest::prelude::*;

use crate::support::{is_balance, kept, request};
use crate::world::{End, Fate, Service, Trouble, World, client_of};

fn once() -> PurchaseOptions {
    let mut options = PurchaseOptions::default();
    options.once = Once::Prompt;
    options
}

fn entries(world: &World) -> Vec<Entry> {
    block_on(world.ledger.entries(&Filter::default())).unwrap()
}

/// Ends the world where it is told to, looks at what is left, and buys the same again; whether it came to that end.
fn live(
    fates: &[Fate],
    troubles: &[Trouble],
    end_at: Option<u32>,
    end: End,
    limits: Limits,
) -> bool {
    let context = format!("{fates:?} {troubles:?} {end_at:?} {end:?}");
    let world = World::new(fates, troubles, end_at);
    let first = {
        let client = client_of(&world, limits, 1);
        world.run(end, async { client.purchase(&request(), &once()).await })
    };
    let received = world.received();
    let taken = world.service.taken();
    let world = world.after(end);

    // Whatever was left is looked at by whoever comes next.
    let recovered = block_on(client_of(&world, limits, 2).recover());
    assert!(recovered.is_ok(), "{context}: {recovered:?}");
    agrees(&world, taken, &received, first.as_ref(), &context);

    // And the same is bought again only where it is known that it was not bought.
    let again = block_on(client_of(&world, limits, 3).purchase(&request(), &once()));
    let bought_again = world.service.taken() - taken;
    if taken > 0 {
        assert_eq!(bought_again, 0, "{context}: bought twice: {again:?}");
        assert!(
            matches!(&again, Submission::NotSent(error) if error.kind() == ErrorKind::AlreadyBought),
            "{context}: {again:?}"
        );
    }
    first.is_none()
}

/// What the ledger holds, after everyone has looked, against what the service counted.
fn agrees(
    world: &World,
    taken: u64,
    received: &[String],
    told: Option<&Submission>,
    context: &str,
) {
    let entries = entries(world);
    let may_be_charged = |entry: &&Entry| match entry.state {
        State::Ambiguous | State::Accepted | State::Completed | State::Downloaded => true,
        State::Failed => true,
        State::Intended | State::Sent | State::NotSent | State::Refused => false,
    };
    assert!(
        entries.iter().all(|entry| !entry.state.is_in_flight()),
        "{context}: left in flight: {entries:?}"
    );
    let kept = u64::try_from(entries.iter().filter(may_be_charged).count()).unwrap();
    assert!(
        kept >= taken,
        "{context}: the service took {taken}, the ledger holds {entries:?}"
    );
    // And no more than what nobody can know better: what was lost, and one that was cut short before it left.
    let is_cut_short = told.is_none() || told.is_some_and(|told| !is_kept(told));
    assert!(
        kept <= taken + world.service.lost() + u64::from(is_cut_short),
        "{context}: the service took {taken}, the ledger holds {entries:?}"
    );
    for id in received {
        let is_kept = entries.iter().any(|entry| {
            let ids = [entry.query_id.as_ref(), entry.unconfirmed_id.as_ref()];
            ids.into_iter().flatten().any(|kept| kept.as_str() == id)
        });
        // An id that the ledger could not take was told to the caller, who knows that it was not kept.
        let is_told = matches!(
            told,
            Some(Submission::Accepted(job)) if job.id().as_str() == id && job.ledger_failure().is_some()
        );
        assert!(is_kept || is_told, "{context}: {id} is lost: {entries:?}");
    }
    match told {
        Some(Submission::Accepted(_)) => assert!(taken > 0, "{context}"),
        Some(Submission::NotSent(_)) => assert_eq!(taken, 0, "{context}"),
        Some(Submission::Refused(_)) => assert_eq!(taken, 0, "{context}"),
        Some(Submission::Ambiguous(_)) | None => {}
    }
}

/// Whether the ledger could keep all of it.
fn is_kept(told: &Submission) -> bool {
    match told {
        Submission::Accepted(job) => job.ledger_failure().is_none(),
        Submission::Refused(error) | Submission::NotSent(error) | Submission::Ambiguous(error) => {
            error.ledger_failure().is_none() && error.kind() != ErrorKind::Ledger
        }
    }
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        2 => Just(Fate::Taken),
        2 => Just(Fate::TakenCut),
        1 => Just(Fate::TakenLost),
        1 => Just(Fate::Lost),
        2 => Just(Fate::Unsent),
        1 => prop::sample::select(vec![502_u16, 504, 408, 409, 303]).prop_map(Fate::TakenBut),
        1 => prop::sample::select(vec![400_u16, 402, 404, 422, 429]).prop_map(Fate::Refused),
    ]
}

fn troubles() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        8 => Just(Trouble::None),
        1 => Just(Trouble::NotDone),
        1 => Just(Trouble::Untold),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    prop::option::of(20_u64..200).prop_map(|total| {
        let mut limits = Limits::default();
        limits.total = total;
        limits
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn whenever_the_world_ends_the_ledger_and_the_service_agree(
        fates in prop::collection::vec(fates(), 0..4),
        troubles in prop::collection::vec(troubles(), 0..10),
        end_at in prop::option::of(1_u32..40),
        is_gone in any::<bool>(),
        limits in limits(),
    ) {
        let end = if is_gone { End::Gone } else { End::Dropped };
        live(&fates, &troubles, end_at, end, limits);
    }
}

/// Every point of the usual courses, none left to chance: with each of the ledger's calls failing, and in limits.
#[test]
fn every_point_of_a_purchase_is_a_good_one_to_die_at() {
    let courses: [&[Fate]; 6] = [
        &[Fate::Taken],
        &[Fate::TakenCut],
        &[Fate::TakenLost],
        &[Fate::TakenBut(504)],
        &[Fate::Unsent, Fate::Refused(429), Fate::Taken],
        &[Fate::Refused(402)],
    ];
    let mut limited = Limits::default();
    limited.total = Some(100);
    for fates in courses {
        for troubles in failing_at_each(6) {
            for end in [End::Gone, End::Dropped] {
                for limits in [Limits::default(), limited] {
                    let has_ended = |point| live(fates, &troubles, Some(point), end, limits);
                    let points = (1..).take_while(|point| has_ended(*point)).count();
                    assert!(points > 2, "{fates:?} {troubles:?}: it has {points} points");
                }
            }
        }
    }
}

/// No trouble, and each kind of it at each of the ledger's first calls.
fn failing_at_each(calls: usize) -> Vec<Vec<Trouble>> {
    let at = |call| {
        [Trouble::NotDone, Trouble::Untold].map(|trouble| {
            let mut troubles = vec![Trouble::None; call];
            troubles.push(trouble);
            troubles
        })
    };
    let failing = (0..calls).flat_map(at);
    std::iter::once(Vec::new()).chain(failing).collect()
}

/// Begins `act` in a world that was prepared so, ends the world at each of its points, and begins it again: it comes
/// to what it would have come to.
fn begun_again(
    prepare: impl Fn() -> World,
    act: impl AsyncFn(Client),
    is_done: impl Fn(&Entry) -> bool,
) {
    let mut ended = 0;
    for point in 1..40 {
        for end in [End::Gone, End::Dropped] {
            let world = prepare();
            let taken = world.service.taken();
            let first = world.ending_at(point);
            let client = client_of(&first, Limits::default(), 2);
            if first.run(end, act(client)).is_none() {
                ended += 1;
            }
            drop(world);
            let world = first.after(end);
            block_on(act(client_of(&world, Limits::default(), 3)));
            let entries = entries(&world);
            assert!(entries.iter().all(&is_done), "{point} {end:?}: {entries:?}");
            assert_eq!(
                world.service.taken(),
                taken,
                "{point} {end:?}: bought again"
            );
        }
    }
    assert!(ended > 2, "it has no points");
}

/// A world in which a purchase came to this.
fn bought(fate: Fate) -> World {
    let world = World::new(&[fate], &[], None);
    let _ = block_on(client_of(&world, Limits::default(), 1).submit(&request()));
    world
}

/// A world with an ambiguous job whose answer held this id.
fn unconfirmed() -> World {
    let world = bought(Fate::TakenLost);
    let event = Event::Unconfirmed("QRY_1".parse().unwrap());
    block_on(world.ledger.record(LocalId(1), &event, 0)).unwrap();
    world
}

#[test]
fn whatever_else_is_ended_is_begun_again() {
    let recover = async |client: Client| drop(client.recover().await);
    begun_again(unconfirmed, recover, |entry| {
        entry.state == State::Accepted && entry.query_id == entry.unconfirmed_id
    });

    let reconcile = async |client: Client| drop(client.reconcile(LocalId(1)).await);
    begun_again(
        || bought(Fate::TakenLost),
        reconcile,
        |entry| entry.state == State::Ambiguous && entry.reconciliation.is_some(),
    );

    let resolve = async |client: Client| {
        let named = Resolution::Accepted("QRY_1".parse().unwrap());
        drop(client.resolve(LocalId(1), named).await);
    };
    begun_again(
        || bought(Fate::TakenLost),
        resolve,
        |entry| entry.state == State::Accepted && entry.resolved_by_hand,
    );

    let wait = async |client: Client| {
        drop(client.wait(&Job::resumed("QRY_1".parse().unwrap())).await);
    };
    let being_made = || {
        let world = bought(Fate::Taken);
        world.service.completes_after(3);
        world
    };
    begun_again(being_made, wait, |entry| entry.state == State::Completed);
}

/// The order itself: nothing leaves that is not kept as sent, and nothing is told that is not kept.
#[test]
fn what_cannot_be_kept_before_it_leaves_does_not_leave() {
    // The calls of the ledger are: the look, the intent, `sent`, the unconfirmed id, the outcome.
    for failing in 0..3 {
        for trouble in [Trouble::NotDone, Trouble::Untold] {
            let mut troubles = [Trouble::None; 4];
            troubles[failing] = trouble;
            let world = World::new(&[], &troubles, None);
            let submission = block_on(client_of(&world, Limits::default(), 1).submit(&request()));
            let Submission::NotSent(error) = submission else {
                panic!("{failing}: {submission:?}");
            };
            assert_eq!(error.kind(), ErrorKind::Ledger);
            assert_eq!(world.service.taken(), 0);
        }
    }
    let world = World::new(
        &[],
        &[
            Trouble::None,
            Trouble::None,
            Trouble::None,
            Trouble::None,
            Trouble::NotDone,
        ],
        None,
    );
    let submission = block_on(client_of(&world, Limits::default(), 1).submit(&request()));
    let Submission::Accepted(job) = submission else {
        panic!("{submission:?}");
    };
    assert_eq!(job.ledger_failure(), Some("scripted"));
}

/// A key that was used before names a job that is over: it is not sent again, whoever made the key.
#[test]
fn an_intent_that_was_carried_out_before_is_not_carried_out_again() {
    let world = World::new(&[], &[], None);
    for expected in [None, Some(ErrorKind::AlreadyBought)] {
        let client = client_of(&world, Limits::default(), 1);
        let result = block_on(client.submit(&request())).into_result();
        assert_eq!(result.err().map(|error| error.kind()), expected);
    }
    assert_eq!(world.service.taken(), 1);
}

/// A look after a job that went alone shows whether the account is charged at the submit. After any other it shows
/// nothing, and costs a request.
#[test]
fn a_job_that_went_alone_is_followed_by_a_look_and_no_other_is() {
    let wire = Service::default().wire();
    let (client, ledger) = kept(&wire, Limits::default());
    for is_alone in [true, false] {
        let before = wire.sent().len();
        let job = block_on(client.submit(&request())).into_result().unwrap();
        let entry = block_on(ledger.entry(job.local_id().unwrap())).unwrap();
        assert_eq!(entry.unwrap().alone, is_alone);
        let looks: Vec<bool> = wire.sent()[before..].iter().map(is_balance).collect();
        let expected: &[bool] = match is_alone {
            true => &[true, false, true],
            false => &[true, false],
        };
        assert_eq!(looks, expected);
    }
}
