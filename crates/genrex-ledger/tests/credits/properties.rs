//! What must hold whatever the service does, and whatever goes wrong.

use genrex_ledger::{Limits, Run};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use crate::oracle;
use crate::service::{Failure, HOUR, MINUTE, Price, SECOND, Settings, When};
use crate::world::{Fates, Purchase, World};

const HORIZON: u64 = 60 * 24 * HOUR;

fn config(cases: u32) -> ProptestConfig {
    let failures = FileFailurePersistence::Direct("tests/credits/regressions.txt");
    ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(failures)),
        ..ProptestConfig::default()
    }
}

fn prices() -> impl Strategy<Value = Price> {
    prop_oneof![
        (1_u64..30).prop_map(Price::Flat),
        (0_u64..10).prop_map(Price::PerFiveSeconds),
    ]
}

fn charging() -> impl Strategy<Value = Vec<(u64, When, u64)>> {
    let lag = prop_oneof![Just(0), 0..3 * SECOND, Just(20 * SECOND), Just(5 * MINUTE)];
    let when = prop_oneof![Just(When::Submit), Just(When::Completion)];
    prop_oneof![
        3 => (when, lag).prop_map(|(when, lag)| vec![(100, when, lag)]),
        1 => (1_u64..99, 0..SECOND).prop_map(|(percent, lag)| vec![
            (percent, When::Submit, 0),
            (100 - percent, When::Completion, lag),
        ]),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let failure = prop_oneof![
        Just(Failure::Free),
        Just(Failure::Charged),
        Just(Failure::Refunded)
    ];
    (
        prices(),
        charging(),
        failure,
        SECOND..90 * SECOND,
        any::<bool>(),
    )
        .prop_map(|(price, parts, failure, takes, tells_change)| Settings {
            failure,
            takes,
            tells_change,
            ..Settings::new(price).charged(&parts)
        })
}

fn fates() -> impl Strategy<Value = Fates> {
    fn rate() -> impl Strategy<Value = u64> {
        prop_oneof![3 => Just(0), 1 => 1_u64..200]
    }
    let submits = (rate(), rate(), rate(), rate(), rate());
    let rest = (
        rate().prop_map(|rate| rate / 10),
        rate(),
        rate(),
        0..5 * MINUTE,
    );
    (submits, rest).prop_map(
        |((lost_taken, lost, not_sent, refused, fails), (killed, look_lost, look_late, late))| {
            Fates {
                lost_taken,
                lost,
                delivered_late: late,
                not_sent,
                refused,
                refused_and_charged: 0,
                fails,
                killed,
                look_lost,
                look_late,
                other_buys: 0,
                other_refunded: 0,
            }
        },
    )
}

fn limits() -> impl Strategy<Value = Limits> {
    let limit = || prop_oneof![Just(None), (0_u64..300).prop_map(Some)];
    (limit(), limit(), (1_u64..400)).prop_map(|(day, month, total)| {
        let mut limits = Limits::default();
        limits.day = day;
        limits.month = month;
        limits.total = Some(total);
        limits
    })
}

#[derive(Debug, Clone)]
struct Plan {
    processes: Vec<Vec<Vec<(u8, bool, u64)>>>,
}

fn plans() -> impl Strategy<Value = Plan> {
    let duration = prop_oneof![3 => Just(10_u8), 1 => prop_oneof![Just(5_u8), Just(30), Just(60)]];
    let pause = prop_oneof![8 => Just(0), 1 => 0..10 * MINUTE, 1 => 0..30 * HOUR];
    let waits = prop_oneof![9 => Just(true), 1 => Just(false)];
    let purchase = (duration, waits, pause);
    let worker = prop::collection::vec(purchase, 1..15);
    let process = prop::collection::vec(worker, 1..4);
    prop::collection::vec(process, 1..4).prop_map(|processes| Plan { processes })
}

fn world(settings: Settings, fates: Fates, limits: Limits, plan: &Plan, seed: u64) -> World {
    let mut world = World::new(settings).seeded(seed);
    world.fates = fates;
    for (number, process) in plan.processes.iter().enumerate() {
        let plans = process.iter().map(|worker| {
            let purchases = worker.iter().map(|&(duration, waits, pause)| Purchase {
                waits,
                pause,
                ..Purchase::of(duration, limits)
            });
            purchases.collect()
        });
        let _ = number;
        world.process(plans.collect());
    }
    world
}

proptest! {
    #![proptest_config(config(400))]

    /// While prices hold still and nobody else buys, no limit is passed but by first jobs; whoever is
    /// stopped is stopped by a limit; nobody waits for ever; and what is concluded is so.
    #[test]
    fn limits_hold_and_nothing_is_blocked(
        settings in settings(),
        fates in fates(),
        limits in limits(),
        plan in plans(),
        seed in any::<u64>(),
    ) {
        let mut world = world(settings, fates, limits, &plan, seed);
        prop_assert!(world.run(HORIZON), "not everyone came to an end");
        world.pass(HOUR);
        let allowance = oracle::first_jobs(&world);
        oracle::limits_held(&world, limits, allowance).map_err(TestCaseError::fail)?;
        oracle::verdicts_are_true(&world).map_err(TestCaseError::fail)?;
        let dearest = world.service.jobs.iter().map(|job| job.cost).max().unwrap_or(0);
        oracle::stops_are_true(&world, dearest).map_err(TestCaseError::fail)?;
        prop_assert!(world.longest_wait <= 6 * HOUR, "waited for {} s", world.longest_wait / SECOND);
    }
}
