//! What must hold whatever the service does, and whatever goes wrong.

use std::sync::atomic::{AtomicU64, Ordering};

use genrex_ledger::{ErrorKind, Limits, Run};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use crate::oracle;
use crate::purchase::{Fates, Purchase, Stopped};
use crate::service::{Failure, HOUR, MINUTE, Price, SECOND, START, Settings, When};
use crate::world::World;

const HOURS: i64 = HOUR.cast_signed();
const YEARS: i64 = 22 * 365 * 24 * HOURS;
const HORIZON: u64 = 60 * 24 * HOUR;
/// The longest that anybody may wait for each of the others: it goes alone and is unclear, at the worst.
const WAIT: u64 = HOUR;

/// `PROPTEST_CASES` sets how many there are: 256 unless it does. They are others in each run, unless `PROPTEST_RNG_SEED`
/// says which.
fn config() -> ProptestConfig {
    let failures = FileFailurePersistence::Direct("tests/credits/regressions.txt");
    ProptestConfig {
        failure_persistence: Some(Box::new(failures)),
        max_shrink_iters: 4_000,
        ..ProptestConfig::default()
    }
}

fn prices() -> impl Strategy<Value = Price> {
    prop_oneof![
        (1_u64..30).prop_map(Price::Flat),
        (0_u64..10).prop_map(Price::PerFiveSeconds),
    ]
}

/// At once, in two parts, or late. What is charged in parts is charged within the time that a look waits.
fn charging() -> impl Strategy<Value = Vec<(u64, When, u64)>> {
    let lag = prop_oneof![2 => Just(0), 1 => 0..3 * SECOND, 1 => Just(20 * SECOND), 1 => Just(5 * MINUTE)];
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
    let takes = SECOND..90 * SECOND;
    (prices(), charging(), failure, takes, any::<bool>()).prop_map(
        |(price, parts, failure, takes, tells_change)| Settings {
            failure,
            takes,
            tells_change,
            ..Settings::new(price).charged(&parts)
        },
    )
}

fn rate() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(0), 1 => 1_u64..200]
}

/// What goes wrong; what is delivered late is charged within the settling time.
fn fates() -> impl Strategy<Value = Fates> {
    let submits = (rate(), rate(), rate(), rate(), rate());
    let killed = rate().prop_map(|rate| rate / 10);
    let rest = (killed, rate(), rate(), rate(), 0..2 * MINUTE);
    (submits, rest).prop_map(
        |(
            (lost_taken, lost, not_sent, refused, fails),
            (killed, look_lost, look_late, stopped, late),
        )| {
            Fates {
                lost_taken,
                lost,
                delivered_late: late,
                not_sent,
                refused,
                fails,
                killed,
                look_lost,
                look_late,
                stopped,
                ..Fates::default()
            }
        },
    )
}

fn limits() -> impl Strategy<Value = Limits> {
    let limit = || prop_oneof![Just(None), (0_u64..300).prop_map(Some)];
    (limit(), limit(), 1_u64..400).prop_map(|(day, month, total)| {
        let mut limits = Limits::default();
        limits.day = day;
        limits.month = month;
        limits.total = Some(total);
        limits
    })
}

/// What a place buys: durations, whether anybody waits for it, whether it is reconciled, and pauses.
type Place = Vec<(u8, bool, bool, u64)>;

fn place(most: usize) -> impl Strategy<Value = Place> {
    let duration = prop_oneof![3 => Just(10_u8), 1 => prop_oneof![Just(5_u8), Just(30), Just(60)]];
    let pause = prop_oneof![8 => Just(0), 1 => 0..10 * MINUTE, 1 => 0..30 * HOUR];
    let waits = prop_oneof![9 => Just(true), 1 => Just(false)];
    prop::collection::vec((duration, waits, any::<bool>(), pause), 1..most)
}

/// Up to three processes of up to three places each.
fn plans() -> impl Strategy<Value = Vec<Vec<Place>>> {
    prop::collection::vec(prop::collection::vec(place(15), 1..4), 1..4)
}

fn add(world: &mut World, plan: &[Vec<Place>], limits: Limits, run: Option<&Run>) {
    for process in plan {
        let places = process.iter().map(|place| {
            let purchases = place
                .iter()
                .map(|&(duration, waits, reconciles, pause)| Purchase {
                    waits,
                    reconciles,
                    once: reconciles && waits,
                    pause,
                    run: run.cloned(),
                    ..Purchase::of(duration, limits)
                });
            purchases.collect()
        });
        world.process(places.collect());
    }
}

/// Everyone comes to an end, nobody waits for ever, and with room a next purchase gets through.
fn nothing_is_blocked(world: &mut World) -> Result<(), TestCaseError> {
    prop_assert!(world.run(HORIZON), "not everyone came to an end");
    let most = WAIT * u64::try_from(world.bought.len()).unwrap().max(6);
    let wait = world.longest_wait;
    prop_assert!(wait <= most, "somebody waited for {} s", wait / SECOND);
    world.pass(HOUR);
    Ok(())
}

fn a_next_one_gets_through(world: &mut World) -> Result<(), TestCaseError> {
    world.fates = Fates::default();
    world.longest_wait = 0;
    let (bought, stopped) = (world.bought.len(), world.stopped.len());
    let mut limits = Limits::default();
    limits.total = Some(1_000_000);
    world.process(vec![vec![
        Purchase::of(10, limits),
        Purchase::of(11, limits),
    ]]);
    prop_assert!(
        world.run(HORIZON),
        "with room, nothing gets through: {:?}",
        world.credits()
    );
    prop_assert_eq!(world.stopped.len(), stopped);
    prop_assert_eq!(world.bought.len(), bought + 2);
    let wait = world.longest_wait;
    prop_assert!(
        wait <= 2 * HOUR,
        "with room, one waited for {} s",
        wait / SECOND
    );
    Ok(())
}

/// How many cases of a property there were, and in how many a limit was reached: where none is, none is shown to hold.
struct Tally {
    cases: AtomicU64,
    reached: AtomicU64,
}

impl Tally {
    const fn new() -> Self {
        Self {
            cases: AtomicU64::new(0),
            reached: AtomicU64::new(0),
        }
    }

    fn note(&self, world: &World) {
        let is_over = |stopped: &Stopped| stopped.kind == ErrorKind::OverLimit;
        let reached = u64::from(world.stopped.iter().any(is_over));
        self.cases.fetch_add(1, Ordering::Relaxed);
        self.reached.fetch_add(reached, Ordering::Relaxed);
    }

    fn assert_reached(&self) {
        let (cases, reached) = (&self.cases, &self.reached);
        let (cases, reached) = (
            cases.load(Ordering::Relaxed),
            reached.load(Ordering::Relaxed),
        );
        assert!(
            reached * 4 >= cases,
            "of {cases} cases, {reached} reached a limit"
        );
    }
}

static LIMITS: Tally = Tally::new();
static RUNS: Tally = Tally::new();
static CHANGES: Tally = Tally::new();
static OTHERS: Tally = Tally::new();
static REFUSALS: Tally = Tally::new();
static CLOCKS: Tally = Tally::new();
static STOPPED_DATES: Tally = Tally::new();
static NO_DATES: Tally = Tally::new();

fn checked(found: Result<(), String>) -> Result<(), TestCaseError> {
    found.map_err(TestCaseError::fail)
}

proptest! {
    #![proptest_config(config())]

    /// While prices hold still and nobody else buys, no limit is passed but by first jobs; whoever is
    /// stopped is stopped by a limit; nobody waits for ever; and what is concluded is so.
    fn each_of_limits_hold_and_nothing_is_blocked(
        settings in settings(),
        fates in fates(),
        skew in prop_oneof![2 => Just(0), 1 => -YEARS..26 * HOURS],
        limits in limits(),
        plan in plans(),
        seed in any::<u64>(),
    ) {
        let mut world = World::new(settings).seeded(seed);
        (world.fates, world.skew) = (fates, skew);
        add(&mut world, &plan, limits, None);
        nothing_is_blocked(&mut world)?;
        LIMITS.note(&world);
        checked(oracle::limits_held(&world, limits, oracle::first_jobs(&world)))?;
        checked(oracle::verdicts_are_true(&world))?;
        checked(oracle::what_was_charged_is_counted(&mut world))?;
        // A failed job that teaches no price, and whose charge shows late, makes the next seem dearer.
        if fates.fails == 0 || world.service.settings.longest_lag() < 3 * SECOND {
            checked(oracle::stops_are_true(&world))?;
        }
        a_next_one_gets_through(&mut world)?;
    }

    /// The same of a run with a bound of its own, beside others without one.
    fn each_of_runs_hold(
        settings in settings(),
        fates in fates(),
        credits in 1_u64..200,
        plan in plans(),
        beside in plans(),
        seed in any::<u64>(),
    ) {
        let mut world = World::new(settings).seeded(seed);
        world.fates = fates;
        let run = Run::new("run", credits);
        add(&mut world, &plan, Limits::default(), Some(&run));
        let beside = &beside[..beside.len() - 1];
        add(&mut world, beside, Limits::default(), None);
        nothing_is_blocked(&mut world)?;
        RUNS.note(&world);
        let used = oracle::charged_to_run(&world, "run");
        let allowance = oracle::first_jobs(&world);
        prop_assert!(used <= credits + allowance, "{used} of {credits} credits, {allowance} beyond");
        checked(oracle::verdicts_are_true(&world))?;
        a_next_one_gets_through(&mut world)?;
    }

    /// A price that goes up: what was under way when that showed is all that is beyond.
    fn each_of_a_price_that_changes(
        (settings, before, after) in (settings(), 1_u64..20, 1_u64..40),
        changes in 0..30 * MINUTE,
        fates in prop_oneof![Just(None), fates().prop_map(Some)],
        limits in limits(),
        plan in plans(),
        seed in any::<u64>(),
    ) {
        let settings = Settings { price: Price::Changes(changes, before, after), ..settings };
        let mut world = World::new(settings).seeded(seed);
        world.fates = fates.unwrap_or_default();
        add(&mut world, &plan, limits, None);
        nothing_is_blocked(&mut world)?;
        CHANGES.note(&world);
        // What is still expected of others hides a rise: it is counted as spent.
        if fates.is_none() && world.service.settings.longest_lag() < 3 * SECOND {
            checked(oracle::surprises_were_under_way(&world))?;
        }
        let under_way = oracle::most_under_way(&world).min(oracle::surprises(&world));
        let allowance = oracle::first_jobs(&world) + under_way;
        checked(oracle::limits_held(&world, limits, allowance))?;
        checked(oracle::verdicts_are_true(&world))?;
        a_next_one_gets_through(&mut world)?;
    }

    /// Other clients buy and are refunded: no limit is passed but by what a refund hides, and nothing is
    /// blocked.
    fn each_of_other_clients(
        settings in settings(),
        fates in fates(),
        (other_buys, other_refunded) in (0_u64..300, 0_u64..300),
        limits in limits(),
        plan in plans(),
        seed in any::<u64>(),
    ) {
        let mut world = World::new(settings).seeded(seed);
        world.fates = Fates { other_buys, other_refunded, ..fates };
        add(&mut world, &plan, limits, None);
        nothing_is_blocked(&mut world)?;
        OTHERS.note(&world);
        let hidden = oracle::surprises(&world) + world.service.refunded;
        let allowance = oracle::first_jobs(&world) + hidden;
        checked(oracle::limits_held(&world, limits, allowance))?;
        a_next_one_gets_through(&mut world)?;
        // What the last ones cost is known before the other shows itself.
        for _ in 0..6 {
            world.pass(10 * MINUTE);
            world.look();
        }
        // The day after, under a limit that the price fits, though another's purchase may seem to be it.
        let now = world.service.now;
        world.service.other(now + HOUR, 7);
        for _ in 0..30 {
            world.pass(HOUR);
            world.look();
        }
        let mut limits = Limits::default();
        limits.day = Some(60);
        let bought = world.bought.len();
        world.process(vec![vec![Purchase::of(10, limits)]]);
        prop_assert!(world.run(HORIZON));
        prop_assert_eq!(world.bought.len(), bought + 1, "{:?}", world.stopped);
    }

    /// Refusals that charge count as soon as the balance shows them.
    fn each_of_refusals_that_charge(
        settings in settings(),
        fates in fates(),
        refused_and_charged in 1_u64..300,
        limits in limits(),
        plan in plans(),
        seed in any::<u64>(),
    ) {
        let mut world = World::new(settings).seeded(seed);
        world.fates = Fates { refused_and_charged, ..fates };
        add(&mut world, &plan, limits, None);
        nothing_is_blocked(&mut world)?;
        REFUSALS.note(&world);
        // A refusal of a job whose price nobody knew is among the first jobs.
        checked(oracle::limits_held(&world, limits, oracle::first_jobs(&world)))?;
        a_next_one_gets_through(&mut world)?;
    }

    /// This machine's clock is wrong, and set right; the service's is what counts, if it tells it.
    fn each_of_clocks(
        settings in settings(),
        (skew, later) in (-YEARS..26 * HOURS, -HOURS..26 * HOURS),
        when in 0..48 * HOUR,
        limits in limits(),
        plan in plans(),
        seed in any::<u64>(),
    ) {
        let mut world = World::new(settings).seeded(seed);
        world.skew = skew;
        world.skew_later = Some((when, later));
        add(&mut world, &plan, limits, None);
        nothing_is_blocked(&mut world)?;
        CLOCKS.note(&world);
        checked(oracle::limits_held(&world, limits, oracle::first_jobs(&world)))?;
        checked(oracle::stops_are_true(&world))?;
        a_next_one_gets_through(&mut world)?;
    }

    /// The service's date stops, for a while or for ever.
    fn each_of_dates_that_stop(
        settings in settings(),
        fates in fates(),
        (from, lasts) in (0..2 * HOUR, prop_oneof![MINUTE..30 * HOUR, Just(HORIZON)]),
        limits in limits(),
        plan in plans(),
        seed in any::<u64>(),
    ) {
        let date_stops = Some((from, from + lasts));
        let mut world = World::new(Settings { date_stops, ..settings }).seeded(seed);
        world.fates = fates;
        add(&mut world, &plan, limits, None);
        nothing_is_blocked(&mut world)?;
        STOPPED_DATES.note(&world);
        let firsts = oracle::first_jobs(&world);
        let mut total = Limits::default();
        total.total = limits.total;
        checked(oracle::limits_held(&world, total, firsts))?;
        // By the service's own clock, what was charged while its date stood still was charged when it stopped.
        let early = if lasts == HORIZON {
            0
        } else {
            world.service.charged(START + from, START + from + lasts)
        };
        checked(oracle::limits_held(&world, limits, firsts + early))?;
        checked(oracle::verdicts_are_true(&world))?;
        a_next_one_gets_through(&mut world)?;
    }

    /// A service that tells no time: this machine's clock is what there is.
    fn each_of_no_dates(
        settings in settings(),
        fates in fates(),
        limits in limits(),
        plan in plans(),
        seed in any::<u64>(),
    ) {
        let mut world = World::new(Settings { tells_date: false, ..settings }).seeded(seed);
        world.fates = fates;
        add(&mut world, &plan, limits, None);
        nothing_is_blocked(&mut world)?;
        NO_DATES.note(&world);
        checked(oracle::limits_held(&world, limits, oracle::first_jobs(&world)))?;
        checked(oracle::verdicts_are_true(&world))?;
        a_next_one_gets_through(&mut world)?;
    }

    /// Purchases far apart, so that each is alone: what a balance is said to show is so.
    #[test]
    fn verdicts(
        settings in settings(),
        (lost, lost_taken, late) in (0_u64..500, 0_u64..500, 0..2 * MINUTE),
        place in place(25),
        pause in 30 * SECOND..40 * MINUTE,
        seed in any::<u64>(),
    ) {
        let settings = Settings { tells_change: true, ..settings };
        let mut world = World::new(settings).seeded(seed);
        world.fates = Fates { lost, lost_taken, delivered_late: late, ..Fates::default() };
        let place: Place = place.into_iter()
            .map(|(duration, ..)| (duration, true, true, pause))
            .collect();
        add(&mut world, &[vec![place]], Limits::default(), None);
        nothing_is_blocked(&mut world)?;
        checked(oracle::verdicts_are_true(&world))?;
    }
}

#[test]
fn limits_hold_and_nothing_is_blocked() {
    each_of_limits_hold_and_nothing_is_blocked();
    LIMITS.assert_reached();
}

#[test]
fn runs_hold() {
    each_of_runs_hold();
    RUNS.assert_reached();
}

#[test]
fn a_price_that_changes() {
    each_of_a_price_that_changes();
    CHANGES.assert_reached();
}

#[test]
fn other_clients() {
    each_of_other_clients();
    OTHERS.assert_reached();
}

#[test]
fn refusals_that_charge() {
    each_of_refusals_that_charge();
    REFUSALS.assert_reached();
}

#[test]
fn clocks() {
    each_of_clocks();
    CLOCKS.assert_reached();
}

#[test]
fn dates_that_stop() {
    each_of_dates_that_stop();
    STOPPED_DATES.assert_reached();
}

#[test]
fn no_dates() {
    each_of_no_dates();
    NO_DATES.assert_reached();
}
