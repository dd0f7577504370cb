//! The learned pace, against services that take their time in many ways.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::ops::Range;
use std::sync::OnceLock;
use std::time::Duration;

use genrex_core::Pace;
use genrex_tests::pacing::{ALL, Found, Optimal, Summary, Times, wait_by, wait_for};

const JOBS: u32 = 130;
const SEEDS: Range<u64> = 1..4;
/// What is learned after 50 jobs is enough.
const LATER: Range<usize> = 50..130;

/// What the learned pace finds, by kind of service and by seed.
fn all_learned() -> &'static [Vec<Vec<Found>>] {
    static FOUND: OnceLock<Vec<Vec<Vec<Found>>>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let of = |times: &Times| {
            SEEDS
                .map(|seed| wait_for(Pace::Learned, &times.draw(seed, JOBS)).unwrap())
                .collect()
        };
        ALL.iter().map(of).collect()
    })
}

/// Each kind of service, and what the learned pace finds of the jobs in this range.
fn learned(jobs: Range<usize>) -> impl Iterator<Item = (Times, Summary)> {
    ALL.into_iter()
        .zip(all_learned())
        .map(move |(times, found)| {
            let found: Vec<Found> = found
                .iter()
                .flat_map(|found| found[jobs.clone()].to_vec())
                .collect();
            (times, Summary::of(&found))
        })
}

/// The same of polls at any times.
fn polled(times: Times, jobs: Range<usize>, next: impl Fn(u8, f64) -> f64) -> Summary {
    let of = |seed| wait_by(&times.draw(seed, JOBS)[jobs.clone()], &next);
    Summary::of(&SEEDS.flat_map(of).collect::<Vec<_>>())
}

fn fixed(times: Times, jobs: Range<usize>, seconds: f64) -> Summary {
    polled(times, jobs, |_, elapsed| elapsed + seconds)
}

#[test]
fn after_50_jobs_it_costs_at_most_a_quarter_more_than_the_optimum() {
    for (times, learned) in learned(LATER).filter(|(times, _)| times.is_stationary) {
        // Made from other jobs of the same kind.
        let schedule = Optimal::of(&times.draw(77, 4_000));
        let optimal = polled(times, LATER, |makes, elapsed| schedule.next(makes, elapsed));
        let ratio = learned.cost() / optimal.cost();
        assert!(
            ratio <= 1.25,
            "{}: {ratio:.3}, {learned:?}, {optimal:?}",
            times.name
        );
    }
}

#[test]
fn tight_times_take_half_the_polls_of_a_fixed_pace_that_sees_them_as_early() {
    for (times, learned) in learned(LATER).filter(|(times, _)| times.is_tight) {
        // A fixed pace sees 95 of 100 within 95 hundredths of its interval.
        let alike = fixed(times, LATER, learned.late_p95 / 0.95);
        let of_5_s = fixed(times, LATER, 5.0);
        assert!(
            learned.polls <= alike.polls / 2.0,
            "{}: {learned:?}, {alike:?}",
            times.name
        );
        assert!(
            learned.late_p95 <= of_5_s.late_p95,
            "{}: {learned:?}, {of_5_s:?}",
            times.name
        );
    }
}

#[test]
fn no_fixed_pace_is_better_in_both() {
    for (times, learned) in learned(LATER) {
        for seconds in [0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0] {
            let fixed = fixed(times, LATER, seconds);
            assert!(
                learned.polls < fixed.polls || learned.late < fixed.late,
                "{}, each {seconds} s: {learned:?}, {fixed:?}",
                times.name
            );
        }
    }
}

#[test]
fn the_first_jobs_cost_at_most_a_tenth_more_than_at_a_fixed_pace_of_5_s() {
    for jobs in [0..1, 1..10] {
        for (times, learned) in learned(jobs.clone()) {
            let fixed = fixed(times, jobs.clone(), 5.0);
            assert!(
                learned.cost() <= fixed.cost() * 1.1,
                "{}, jobs {jobs:?}: {learned:?}, {fixed:?}",
                times.name
            );
        }
    }
}

/// Where times change, what was learned is never worth less than nothing.
#[test]
fn where_times_change_it_costs_less_than_any_fixed_pace() {
    for (times, learned) in learned(LATER).filter(|(times, _)| !times.is_stationary) {
        for seconds in [0.5, 3.0, 5.0, 6.0, 8.0] {
            let fixed = fixed(times, LATER, seconds);
            assert!(
                learned.cost() < 0.8 * fixed.cost(),
                "{}, each {seconds} s: {learned:?}, {fixed:?}",
                times.name
            );
        }
    }
}

/// When a service is suddenly three times as slow, no job is unseen for long, and soon it is as before.
#[test]
fn a_sudden_slowdown_is_learned_within_20_jobs() {
    let (times, found) = (ALL[7], &all_learned()[7]);
    for (seed, found) in SEEDS.zip(found) {
        let latest = found.iter().map(|found| found.late).fold(0.0, f64::max);
        assert!(latest <= 30.5, "{latest}");
        let (first, then) = (Summary::of(&found[70..75]), Summary::of(&found[90..130]));
        assert!(then.cost() < first.cost(), "{first:?}, {then:?}");
        let fixed = wait_by(&times.draw(seed, JOBS)[90..130], |_, elapsed| elapsed + 5.0);
        let fixed = Summary::of(&fixed);
        assert!(then.cost() < 0.7 * fixed.cost(), "{then:?}, {fixed:?}");
    }
}

/// What a client does at a fixed pace is what is computed of one.
#[test]
fn a_client_keeps_the_pace_that_it_is_given() {
    let times = ALL[2].draw(5, 40);
    let found = wait_for(Pace::Fixed(Duration::from_secs(3)), &times).unwrap();
    let computed = wait_by(&times, |_, elapsed| elapsed + 3.0);
    for (found, computed) in found.iter().zip(&computed) {
        assert_eq!(found.polls, computed.polls);
        assert!((found.late - computed.late).abs() < 1e-6);
    }
}
