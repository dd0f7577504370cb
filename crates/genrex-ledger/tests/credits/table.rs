//! Each wrong conclusion that was ever drawn about credits, with the numbers of the case.

use genrex_ledger::testing::block_on;
use genrex_ledger::{Account, Alias, Event, Intent, Ledger, Limits, Run};
use genrex_proto::QueryId;

use crate::oracle;
use crate::purchase::{Fate, Purchase};
use crate::service::{HOUR, MINUTE, Price, SECOND, START, Settings, When};
use crate::world::World;

const LONG: u64 = 10 * 24 * HOUR;
const DAY: u64 = 24 * HOUR;

pub(crate) fn total(credits: u64) -> Limits {
    let mut limits = Limits::default();
    limits.total = Some(credits);
    limits
}

fn day(credits: u64) -> Limits {
    let mut limits = Limits::default();
    limits.day = Some(credits);
    limits
}

fn batch(durations: &[u8], limits: Limits) -> Vec<Purchase> {
    let purchases = durations.iter();
    purchases
        .map(|duration| Purchase::of(*duration, limits))
        .collect()
}

/// What our jobs were charged after a batch that is made by one, or by eight at once.
fn used_by(settings: &Settings, plan: &[Purchase], places: usize) -> World {
    let mut world = World::new(settings.clone());
    let share = plan.len().div_ceil(places);
    world.process(plan.chunks(share).map(<[_]>::to_vec).collect());
    assert!(world.run(LONG), "not everyone came to an end");
    world
}

#[test]
fn flat_ten_a_job_and_a_long_piece_first_with_limit_60() {
    let mut durations = vec![60];
    durations.extend([10; 60]);
    for places in [1, 8] {
        let settings = Settings::new(Price::Flat(10));
        let world = used_by(&settings, &batch(&durations, total(60)), places);
        assert_eq!(oracle::most_within(&world, None), 60);
    }
}

#[test]
fn eight_and_one_per_five_seconds_with_limit_100() {
    let durations: Vec<u8> = (0..60).map(|row| 5 + row % 12 * 5).collect();
    for by_run in [false, true] {
        for places in [1, 8] {
            let settings = Settings::new(Price::PerFiveSeconds(8));
            let mut plan = batch(
                &durations,
                if by_run {
                    Limits::default()
                } else {
                    total(100)
                },
            );
            if by_run {
                for purchase in &mut plan {
                    purchase.run = Some(Run::new("run", 100));
                }
            }
            let world = used_by(&settings, &plan, places);
            let used = oracle::most_within(&world, None);
            // Twelve durations, each of which is bought for the first time.
            assert!((85..=100 + 20).contains(&used), "{used} by {places}");
        }
    }
}

#[test]
fn five_and_later_fifteen_with_limit_60() {
    for places in [1, 8] {
        let settings = Settings::new(Price::Changes(3 * MINUTE, 5, 15));
        let world = used_by(&settings, &batch(&[10; 60], total(60)), places);
        let used = oracle::most_within(&world, None);
        let under_way = oracle::most_under_way(&world);
        assert!(used <= 60 + under_way.min(8 * 15), "{used}");
        assert!(places > 1 || used <= 70, "{used}");
    }
}

#[test]
fn one_and_then_ten_with_limit_20_a_day() {
    for places in [1, 8] {
        let settings = Settings::new(Price::FirstThen(1, 10));
        let world = used_by(&settings, &batch(&[10; 40], day(20)), places);
        let used = oracle::most_within(&world, Some(DAY));
        assert!(used <= 20 + 9, "{used}");
    }
}

#[test]
fn one_and_then_ten_that_shows_when_it_is_done() {
    let parts = [(100, When::Completion, 0)];
    let settings = Settings::new(Price::FirstThen(1, 10)).charged(&parts);
    let world = used_by(&settings, &batch(&[10; 40], total(20)), 8);
    // One observation is no law: the next ones do not all start at once.
    let used = oracle::most_within(&world, None);
    assert!(used <= 20 + 9, "{used}");
}

#[test]
fn one_at_the_submit_and_four_when_done_with_limit_20() {
    for places in [1, 8] {
        let parts = [(20, When::Submit, 0), (80, When::Completion, 0)];
        let settings = Settings::new(Price::Flat(5)).charged(&parts);
        let world = used_by(&settings, &batch(&[10; 100], total(20)), places);
        assert_eq!(oracle::most_within(&world, None), 20);
    }
}

#[test]
fn another_client_is_refunded_four_while_the_price_shows_with_limit_60() {
    // Before the first job is charged, and between that and the next look.
    for refunded_at in [0, 250, 8 * SECOND] {
        let mut world = World::new(Settings::new(Price::Flat(10)));
        world.service.other(START, 50);
        world.run(1);
        world.service.other(START + refunded_at, -4);
        world.process(vec![batch(&[10; 40], total(60))]);
        assert!(world.run(LONG));
        let used = oracle::most_within(&world, None);
        assert!((50..=64).contains(&used), "{used} at {refunded_at}");
    }
}

#[test]
fn a_rotated_key_and_other_spellings_share_a_limit_of_20() {
    let world = World::new(Settings::new(Price::Flat(10)));
    let ledger = world.root.clone();
    let aliases = [
        ("http://localhost:8080", "old"),
        ("http://127.0.0.1:8080/", "old"),
        ("HTTP://LOCALHOST:8080", "new"),
        ("http://[::1]:8080", "new"),
    ];
    let mut began = 0;
    for (key, (origin, api_key)) in (0..).zip(aliases) {
        let account = Account::new(origin, "a6f4");
        let look = world.service.look();
        let alias = Alias::new(origin, api_key);
        block_on(ledger.observe(&alias, &account, &look, START)).unwrap();
        let mut limits = total(20);
        limits.per_job = Some(10);
        let intent = Intent::new(key, account, "text", 10, b"{}")
            .after(look)
            .within(limits);
        began += u64::from(block_on(ledger.intend(&intent, START)).is_ok());
    }
    assert_eq!(began, 2);
}

/// The look that shows the charge comes when the run has been still for two hours.
#[test]
fn what_a_job_of_a_run_cost_that_nobody_heard_of_counts_hours_later() {
    for (fate, takes) in [(Fate::Taken(0), 32 * SECOND), (Fate::Accepted, 65 * MINUTE)] {
        let parts = [(100, When::Completion, 0)];
        let settings = Settings {
            takes,
            ..Settings::new(Price::Flat(9)).charged(&parts)
        };
        let mut world = World::new(settings);
        let run = Run::new("run", 19);
        let plan = (0..6).map(|number| Purchase {
            run: Some(run.clone()),
            pause: if number == 0 { 0 } else { 130 * MINUTE },
            fate: Some(fate),
            waits: false,
            ..Purchase::of(10, Limits::default())
        });
        world.process(vec![plan.collect()]);
        assert!(world.run(LONG));
        // With 18 of 19 counted, one whose price nobody knows still goes.
        assert_eq!(oracle::charged_to_run(&world, "run"), 27, "{fate:?}");
    }
}

#[test]
fn whatever_becomes_of_the_first_purchase_the_next_gets_through() {
    let free = Settings::new(Price::Flat(0));
    let ten = Settings::new(Price::Flat(10));
    let cases = [
        (&ten, Some(Fate::KilledBefore), true),
        (&ten, Some(Fate::KilledAfter), true),
        (&ten, Some(Fate::Lost), true),
        (&ten, Some(Fate::Taken(5 * SECOND)), true),
        (&ten, Some(Fate::Fails), true),
        (&ten, Some(Fate::NotSent), true),
        (&ten, Some(Fate::Refused), true),
        (&free, None, true),
        (&ten, None, false),
    ];
    for (settings, fate, waits) in cases {
        let mut world = World::new(settings.clone());
        let first = Purchase {
            fate,
            waits,
            ..Purchase::of(10, total(60))
        };
        world.process(vec![vec![first], batch(&[10, 10], total(60))]);
        assert!(world.run(DAY), "{fate:?}");
        assert_eq!(
            world.bought.len(),
            3,
            "{fate:?}, {waits}: {:?}",
            world.stopped
        );
        let wait = world.longest_wait / MINUTE;
        assert!(wait <= 25, "after {fate:?}, one waited for {wait} minutes");
    }
}

#[test]
fn the_next_gets_through_though_nobody_asks_after_the_first() {
    let mut world = World::new(Settings::new(Price::Flat(10)));
    let ledger = world.root.clone();
    let look = world.look();
    let intent = Intent::new(1, world.account.clone(), "text", 10, b"{}")
        .after(look)
        .within(total(60));
    let id = block_on(ledger.intend(&intent, world.machine()))
        .unwrap()
        .id;
    let accepted = Event::Accepted(QueryId::new("QRY_gone").unwrap());
    for event in [Event::Sent, accepted] {
        block_on(ledger.record(id, &event, world.machine())).unwrap();
    }
    // Its id leads nowhere, and nobody says how it ended.
    world.process(vec![batch(&[10], total(60))]);
    assert!(world.run(2 * HOUR));
    assert_eq!(world.bought.len(), 1);
}

#[test]
fn a_clock_that_is_25_hours_on_or_in_2001_and_then_right_with_limit_10_a_day() {
    let years = 22 * 365 * DAY.cast_signed();
    let skews = [
        (0, 25 * HOUR.cast_signed()),
        (25 * HOUR.cast_signed(), 0),
        (-years, 0),
        (0, -years),
    ];
    for (skew, later) in skews {
        let mut world = World::new(Settings::new(Price::Flat(10)));
        world.skew = skew;
        world.skew_later = Some((5 * MINUTE, later));
        let mut plan = batch(&[10; 4], day(10));
        plan[1].pause = 10 * MINUTE;
        plan[3].pause = 26 * HOUR;
        world.process(vec![plan]);
        assert!(world.run(LONG));
        assert_eq!(
            oracle::most_within(&world, Some(DAY)),
            10,
            "{skew} and {later}"
        );
        assert_eq!(world.bought.len(), 2, "the day after, there is room");
    }
}

#[test]
fn a_refusal_or_a_failure_that_charges_counts() {
    for fate in [Fate::RefusedAndCharged, Fate::Fails] {
        let mut settings = Settings::new(Price::Flat(10));
        settings.failure = crate::service::Failure::Charged;
        let mut world = World::new(settings);
        let purchases = batch(&[10; 20], total(60)).into_iter();
        let plan = purchases.map(|purchase| Purchase {
            fate: Some(fate),
            ..purchase
        });
        world.process(vec![plan.collect()]);
        assert!(world.run(LONG));
        let used = oracle::most_within(&world, None);
        assert!((60..=70).contains(&used), "{fate:?}: {used}");
    }
}

#[test]
fn failures_that_charge_minutes_later_count_until_then() {
    let parts = [(100, When::Completion, 5 * MINUTE)];
    let mut settings = Settings::new(Price::Flat(10)).charged(&parts);
    settings.failure = crate::service::Failure::Charged;
    let mut world = World::new(settings);
    let mut plan = batch(&[10; 30], total(60));
    for purchase in &mut plan[1..] {
        purchase.fate = Some(Fate::Fails);
    }
    world.process(plan.chunks(10).map(<[_]>::to_vec).collect());
    assert!(world.run(LONG));
    assert_eq!(oracle::most_within(&world, None), 60);
}

/// A service that answers from a machine whose clock stands still.
#[test]
fn a_date_that_stops_blocks_nothing_and_passes_no_limit() {
    // For ever, and for so long that it is right again afterwards.
    for until in [LONG, 6 * HOUR] {
        for parts in [(When::Submit, 0), (When::Completion, 5 * MINUTE)] {
            let settings = Settings {
                date_stops: Some((10 * SECOND, until)),
                ..Settings::new(Price::Flat(10)).charged(&[(100, parts.0, parts.1)])
            };
            let mut world = World::new(settings);
            let mut plan = batch(&[10; 6], day(30));
            plan[4].pause = 12 * HOUR;
            plan[5].pause = 26 * HOUR;
            world.process(vec![plan]);
            assert!(world.run(LONG), "not everyone came to an end");
            assert_eq!(oracle::most_within(&world, Some(DAY)), 30);
            let wait = world.longest_wait / MINUTE;
            assert!(wait <= 30, "one waited for {wait} minutes");
            // The day after there is room, once somebody has looked often enough for a day to pass.
            for _ in 0..30 {
                world.pass(HOUR);
                world.look();
                world.pass(MINUTE);
                world.look();
            }
            let bought = world.bought.len();
            world.process(vec![batch(&[10; 3], day(30))]);
            assert!(world.run(DAY));
            assert_eq!(world.bought.len(), bought + 3, "{:?}", world.credits());
        }
    }
}

/// It is over within a second, so that the look after the submit shows what was charged when it was done.
#[test]
fn a_job_that_is_over_at_once_says_nothing_of_the_submit() {
    for (takes, expected) in [(100, false), (20 * SECOND, true)] {
        let when = if expected {
            When::Submit
        } else {
            When::Completion
        };
        let settings = Settings {
            takes,
            ..Settings::new(Price::Flat(10)).charged(&[(100, when, 0)])
        };
        let mut world = World::new(settings);
        let mut plan = batch(&[10; 5], Limits::default());
        for purchase in &mut plan {
            purchase.pause = 30 * MINUTE;
        }
        world.process(vec![plan]);
        assert!(world.run(LONG));
        assert_eq!(world.credits().price(10), Some(10));
        // Now they take longer, and one is lost: the balance has not moved, and says nothing yet.
        world.service.settings.takes = 40 * MINUTE;
        world.pass(30 * MINUTE);
        let unclear = Purchase {
            fate: Some(Fate::Taken(0)),
            reconciles: true,
            ..Purchase::of(10, Limits::default())
        };
        let lost = Purchase {
            fate: Some(Fate::Lost),
            ..unclear.clone()
        };
        world.process(vec![vec![if expected { lost } else { unclear }]]);
        world.run(15 * MINUTE);
        let is_found = world.found.contains_key("notCharged");
        assert_eq!(is_found, expected, "{takes}: {:?}", world.found);
        oracle::verdicts_are_true(&world).unwrap();
    }
}
