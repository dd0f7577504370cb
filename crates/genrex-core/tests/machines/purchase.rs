//! A purchase whose world ends after every single step.

use genrex_core::ledger::{Entry, Filter, Ledger as _, Limits, Once, State};
use genrex_core::{ErrorKind, PurchaseOptions, Submission, block_on};
use proptest::prelude::*;

use crate::support::request;
use crate::world::{End, Fate, Trouble, World, client_of};

fn once() -> PurchaseOptions {
    let mut options = PurchaseOptions::default();
    options.once = Once::Prompt;
    options
}

fn entries(world: &World) -> Vec<Entry> {
    block_on(world.ledger.entries(&Filter::default())).unwrap()
}

/// Ends the world where it is told to, looks at what is left, and buys the same again.
fn live(fates: &[Fate], troubles: &[Trouble], end_at: Option<u32>, end: End, limits: Limits) {
    let context = format!("{fates:?} {troubles:?} {end_at:?} {end:?}");
    let world = World::new(fates, troubles, end_at);
    let first = {
        let client = client_of(&world, limits, 1);
        world.run(end, async { client.purchase(&request(), &once()).await })
    };
    let received = world.received();
    let taken = world.service.taken();
    let restarted = world.restarted();
    // With its last handle the first process is gone.
    drop(world);
    let world = restarted;

    // Whatever was found is looked at by whoever comes next.
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
    let kept = entries.iter().filter(may_be_charged).count();
    assert!(
        u64::try_from(kept).unwrap() >= taken,
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

/// Every point of the usual courses, none left to chance.
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
    for fates in courses {
        for end_at in 1..40 {
            for end in [End::Gone, End::Dropped] {
                live(fates, &[], Some(end_at), end, Limits::default());
            }
        }
    }
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
