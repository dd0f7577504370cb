//! Each wrong conclusion that was ever drawn about credits, with the numbers of the case.

use genrex_ledger::{Limits, Run};

use crate::oracle;
use crate::service::{HOUR, MINUTE, Price, SECOND, Settings, When};
use crate::world::{Purchase, World};

const LONG: u64 = 10 * 24 * HOUR;

fn total(credits: u64) -> Limits {
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
    durations
        .iter()
        .map(|duration| Purchase::of(*duration, limits))
        .collect()
}

#[test]
fn a_flat_price_and_a_long_piece_first() {
    let mut world = World::new(Settings::new(Price::Flat(10)));
    let mut durations = vec![60];
    durations.extend([10; 60]);
    world.process(vec![batch(&durations, total(60))]);
    assert!(world.run(LONG));
    assert_eq!(oracle::most_within(&world, None), 60);
}

#[test]
fn a_base_and_one_per_five_seconds() {
    for by_run in [false, true] {
        let mut world = World::new(Settings::new(Price::PerFiveSeconds(8)));
        let durations: Vec<u8> = (0..60).map(|row| 5 + row % 12 * 5).collect();
        let limits = if by_run {
            Limits::default()
        } else {
            total(100)
        };
        let mut plan = batch(&durations, limits);
        if by_run {
            for purchase in &mut plan {
                purchase.run = Some(Run {
                    id: String::from("run"),
                    credits: 100,
                });
            }
        }
        world.process(plan.chunks(15).map(<[_]>::to_vec).collect());
        assert!(world.run(LONG));
        let used = oracle::most_within(&world, None);
        assert!(used <= 100 + 20, "{used}");
        assert!(used >= 90, "{used}");
    }
}

#[test]
fn a_price_that_goes_up() {
    let mut world = World::new(Settings::new(Price::Changes(3 * MINUTE, 5, 15)));
    world.process(vec![batch(&[10; 40], total(60))]);
    assert!(world.run(LONG));
    let used = oracle::most_within(&world, None);
    assert!(used <= 70, "{used}");
}

#[test]
fn a_first_piece_that_is_cheaper() {
    let mut world = World::new(Settings::new(Price::FirstThen(1, 10)));
    world.process(vec![batch(&[10; 40], day(20))]);
    assert!(world.run(LONG));
    let used = oracle::most_within(&world, Some(24 * HOUR));
    assert!(used <= 29, "{used}");
}

#[test]
fn a_price_in_two_parts() {
    let settings =
        Settings::new(Price::Flat(5)).charged(&[(20, When::Submit, 0), (80, When::Completion, 0)]);
    let mut world = World::new(settings);
    world.process(vec![batch(&[10; 100], total(20))]);
    assert!(world.run(LONG));
    assert_eq!(oracle::most_within(&world, None), 20);
}

#[test]
fn another_client_s_refund_while_the_price_shows() {
    let mut world = World::new(Settings::new(Price::Flat(10)));
    world.service.other(world.service.now, 50);
    world.service.other(world.service.now + 8 * SECOND, -4);
    world.process(vec![batch(&[10; 40], total(60))]);
    assert!(world.run(LONG));
    let used = oracle::most_within(&world, None);
    assert!(used <= 64, "{used}");
}
