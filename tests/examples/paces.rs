//! What each pace comes to against each kind of service, as JSON: `cargo xtask bench --only paces` draws it.

use std::time::Duration;

use genrex_core::Pace;
use genrex_tests::pacing::{ALL, Found, Optimal, Summary, Times, wait_by, wait_for};
use serde_json::{Value, json};

const JOBS: u32 = 130;
const SEEDS: std::ops::Range<u64> = 1..4;
/// Those before teach the pace that learns.
const FIRST: usize = 50;

fn main() -> Result<(), genrex_core::Error> {
    let mut services = Vec::new();
    for times in ALL {
        services.push(json!({"name": times.name, "paces": paces(times)?}));
    }
    let services = Value::from(services);
    #[expect(clippy::print_stdout, reason = "this is what it is for")]
    {
        println!("{services}");
    }
    Ok(())
}

fn paces(times: Times) -> Result<Vec<Value>, genrex_core::Error> {
    let optimal = Optimal::of(&times.draw(77, 4_000));
    let mut paces = vec![
        summary("learned", &waited(Pace::Learned, times)?),
        summary("growing", &waited(Pace::Growing, times)?),
    ];
    for (name, seconds) in [("0.5 s", 0.5), ("3 s", 3.0), ("5 s", 5.0), ("6 s", 6.0)] {
        let fixed = Pace::Fixed(Duration::from_secs_f64(seconds));
        paces.push(summary(name, &waited(fixed, times)?));
    }
    paces.push(summary("exponential", &polled(times, exponential)));
    paces.push(summary("curve", &polled(times, curve)));
    // It knows the times, if they do not change.
    if times.is_stationary {
        paces.push(summary(
            "optimal",
            &polled(times, |makes, elapsed| optimal.next(makes, elapsed)),
        ));
    }
    Ok(paces)
}

/// From half a second, twice as long each time, up to half a minute.
fn exponential(_: u8, elapsed: f64) -> f64 {
    elapsed + (elapsed + 0.5).min(30.0)
}

/// From half a second to five, in the first minute.
fn curve(_: u8, elapsed: f64) -> f64 {
    elapsed + 0.5 + 4.5 * (elapsed / 60.0).min(1.0)
}

/// By a client, on a virtual clock.
fn waited(pace: Pace, times: Times) -> Result<Vec<Found>, genrex_core::Error> {
    let mut all = Vec::new();
    for seed in SEEDS {
        let found = wait_for(pace, &times.draw(seed, JOBS))?;
        all.extend_from_slice(found.get(FIRST..).unwrap_or_default());
    }
    Ok(all)
}

fn polled(times: Times, next: impl Fn(u8, f64) -> f64) -> Vec<Found> {
    let of = |seed| {
        wait_by(
            times.draw(seed, JOBS).get(FIRST..).unwrap_or_default(),
            &next,
        )
    };
    SEEDS.flat_map(of).collect()
}

fn summary(name: &str, found: &[Found]) -> Value {
    let Summary {
        polls,
        late,
        late_p95,
    } = Summary::of(found);
    json!({"name": name, "polls": polls, "late": late, "late_p95": late_p95})
}
