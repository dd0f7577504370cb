//! Jobs that failed before anybody knew what they cost, and were charged all the same.

use genrex_ledger::{Limits, Run, State};

use crate::oracle;
use crate::purchase::{Fate, Purchase};
use crate::service::{Failure, HOUR, MINUTE, Price, SECOND, Settings, When};
use crate::table::total;
use crate::world::World;

const LONG: u64 = 10 * 24 * HOUR;

fn late(price: Price, lag: u64) -> Settings {
    Settings {
        failure: Failure::Charged,
        takes: 3 * SECOND,
        ..Settings::new(price).charged(&[(100, When::Completion, lag)])
    }
}

fn fails(duration: u8, limits: Limits) -> Purchase {
    Purchase {
        fate: Some(Fate::Fails),
        ..Purchase::of(duration, limits)
    }
}

fn bought(settings: Settings, plan: Vec<Purchase>) -> World {
    let mut world = World::new(settings);
    world.process(vec![plan]);
    assert!(world.run(LONG), "not everyone came to an end");
    world
}

#[test]
fn its_charge_is_not_taken_for_the_next_one_s() {
    for lag in [100, 200, 300].map(|seconds| seconds * SECOND) {
        let limits = total(1_000);
        let next = Purchase {
            pause: lag / 2,
            ..Purchase::of(10, limits)
        };
        let plan = vec![fails(10, limits), next, Purchase::of(10, limits)];
        let mut world = bought(late(Price::Flat(15), lag), plan);
        for _ in 0..4 {
            world.pass(lag / 5);
            world.look();
        }
        // The next look is of the next day: what was charged meanwhile is ours.
        world.pass(24 * HOUR);
        oracle::what_was_charged_is_counted(&mut world).unwrap();
        assert_eq!(world.service.charged(0, u64::MAX), 45);
    }
}

#[test]
fn its_charge_is_no_price_of_another_duration() {
    for lag in [100, 200, 300].map(|seconds| seconds * SECOND) {
        let limits = total(150);
        let next = Purchase {
            pause: lag * 2 / 3,
            ..Purchase::of(60, limits)
        };
        let mut plan = vec![fails(5, limits), next];
        plan.extend(vec![Purchase::of(60, limits); 5]);
        let world = bought(late(Price::PerFiveSeconds(2), lag), plan);
        let price = world.credits().price(60);
        assert_eq!(price, Some(14), "{} s late", lag / SECOND);
    }
}

#[test]
fn its_charge_does_not_say_that_an_unclear_one_was_charged() {
    let limits = Limits::default();
    let mut world = bought(
        late(Price::Flat(15), 100 * SECOND),
        vec![Purchase::of(10, limits)],
    );
    for _ in 0..9 {
        world.pass(10 * MINUTE);
        world.look();
    }
    assert_eq!(world.credits().price(10), Some(15));
    world.process(vec![vec![fails(5, limits)]]);
    assert!(world.run(LONG));
    for _ in 0..20 {
        world.pass(4 * SECOND);
        world.look();
    }
    world.process(vec![vec![Purchase {
        fate: Some(Fate::Lost),
        reconciles: true,
        ..Purchase::of(10, limits)
    }]]);
    assert!(world.run(LONG));
    let entries = world.entries();
    let unclear = entries.iter().find(|entry| entry.state == State::Ambiguous);
    assert!(unclear.is_some_and(|unclear| !unclear.alone));
    oracle::verdicts_are_true(&world).unwrap();
}

/// A price beyond a whole limit that shows after a failed job is no reason to buy once more.
#[test]
fn a_piece_that_is_dearer_than_the_limit_is_bought_once_after_one_that_failed_for_free() {
    for failure in [Failure::Free, Failure::Refunded] {
        let settings = Settings {
            failure,
            ..late(Price::Flat(10), 0)
        };
        let of_a_run = |run: usize| Purchase {
            run: Some(Run::new(format!("run {run}"), 8)),
            ..Purchase::of(10, Limits::default())
        };
        let mut plan: Vec<Purchase> = (0..5).map(of_a_run).collect();
        plan[0].fate = Some(Fate::Fails);
        let world = bought(settings, plan);
        assert_eq!(world.service.charged(0, u64::MAX), 10);
    }
}

#[test]
fn one_after_it_does_not_wait() {
    for failure in [Failure::Free, Failure::Charged] {
        for duration in [10, 60] {
            let limits = total(1_000);
            let settings = Settings {
                failure,
                ..Settings::new(Price::Flat(15))
            };
            let world = bought(
                settings,
                vec![fails(10, limits), Purchase::of(duration, limits)],
            );
            assert_eq!(world.bought.len(), 2);
            assert!(world.longest_wait < MINUTE, "{} ms", world.longest_wait);
        }
    }
}
