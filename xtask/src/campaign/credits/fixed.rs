//! The cases in which limits were once passed, prompts bought twice, ids lost, or purchases blocked for ever. They are
//! run each time.

use std::time::Duration;

use genrex_sandbox::{ChargeTime, Incident, Options, Price, PriceChange};

use super::drive::Case;
use super::script;
use crate::campaign::plan::{self, Limits, Plan, Row};
use crate::campaign::{Findings, Setting};

/// Runs each case of this worker's share.
pub(super) fn run(setting: &Setting, worker: u64, workers: u64) -> anyhow::Result<Findings> {
    let mut findings = Findings::default();
    let mut random = fastrand::Rng::with_seed(setting.seed.wrapping_add(worker));
    let (from, step) = (usize::try_from(worker)?, usize::try_from(workers)?);
    for case in cases().into_iter().skip(from).step_by(step) {
        findings.add(case.run(setting, &mut random)?);
    }
    for (name, script) in script::ALL.into_iter().skip(from).step_by(step) {
        let mut found = script(setting, &mut random)?;
        for wrong in &mut found.wrong {
            *wrong = format!("{name}: {wrong}");
        }
        findings.add(found);
    }
    Ok(findings)
}

fn cases() -> Vec<Case> {
    let mut cases = prices();
    cases.extend(times());
    cases.extend(answers());
    cases.extend(first_purchases());
    cases
}

/// Rows of these durations.
fn rows(durations: &[u8]) -> Vec<Row> {
    let rows = durations.iter().enumerate();
    rows.map(|(row, seconds)| Row {
        text: format!("piece {row}"),
        seconds: *seconds,
    })
    .collect()
}

fn case(name: &str, durations: &[u8], total: u64, set: impl FnOnce(&mut Options)) -> Case {
    let mut plan = Plan {
        rows: rows(durations),
        options: plan::options(),
        limits: Limits {
            total: Some(total),
            ..Limits::default()
        },
    };
    plan.options.tolerance = Duration::from_secs(30 * 24 * 3600);
    set(&mut plan.options);
    Case::new(name, plan)
}

/// The price is not what one would think.
fn prices() -> Vec<Case> {
    let mut longest_first = vec![60];
    longest_first.extend([5; 40]);
    let stepped = |options: &mut Options| {
        options.price = Price::Stepped {
            base: 8,
            per_five: 1,
        };
    };
    let mixed = [60, 5, 5, 5, 5, 5, 10, 10, 10, 5, 5, 5, 5, 5, 5, 5];
    let mut of_run = case("8 and 1 per 5 s, one run", &mixed, 0, stepped);
    of_run.plan.limits = Limits::default();
    of_run.run_limit = Some(100);
    let mut of_day = case("1 at first and then 10, a day", &[5; 8], 20, |options| {
        options.price = Price::Flat(1);
        options.price_change = Some(PriceChange {
            after: 1,
            price: Price::Flat(10),
        });
    });
    of_day.plan.limits = Limits {
        day: Some(20),
        ..Limits::default()
    };
    vec![
        case("flat, the longest first", &longest_first, 60, |options| {
            options.price = Price::Flat(10);
        }),
        case("8 and 1 per 5 s", &mixed, 100, stepped),
        of_run,
        of_day,
        case("5, later 15", &[5; 20], 60, |options| {
            options.price = Price::Flat(5);
            options.price_change = Some(PriceChange {
                after: 5,
                price: Price::Flat(15),
            });
        }),
    ]
}

/// The charge comes in parts, late, or while others move the balance.
fn times() -> Vec<Case> {
    let incident = |text: &str| text.parse::<Incident>().ok();
    let resubmits = |mut case: Case| {
        case.policy = "resubmit-if-uncharged";
        case.plan.options.clock_offset = -36_000_000;
        case.speed = 600;
        case
    };
    vec![
        case("1 at the submit, 4 when done", &[5; 12], 20, |options| {
            options.price = Price::Flat(5);
            options.charge = ChargeTime::InParts(1);
            options.render_time = Duration::from_millis(400);
        }),
        case("a refund while the price shows", &[5; 20], 60, |options| {
            options.price = Price::Flat(5);
            options.incidents.extend(incident("1:others:-4"));
        }),
        resubmits(case("late charges, one unclear", &[5; 4], 100, |options| {
            options.charge = ChargeTime::Late(Duration::from_secs(60));
            options.incidents.extend(incident("2:303"));
        })),
        resubmits(case(
            "an earlier charge lands late",
            &[5; 4],
            100,
            |options| {
                options.charge = ChargeTime::AtCompletion;
                options.render_time = Duration::from_secs(30);
                options.incidents.extend(incident("2:504+20s"));
            },
        )),
        resubmits(case(
            "a gateway delivers late",
            &[5, 6, 7, 5, 6],
            100,
            |options| {
                options.render_time = Duration::from_secs(600);
                options.incidents.extend(incident("4:504+45s"));
            },
        )),
    ]
}

/// The answer is not what it seems.
fn answers() -> Vec<Case> {
    let with = |name: &str, incidents: &[&str]| {
        case(name, &[5; 8], 25, |options| {
            let parsed = incidents
                .iter()
                .filter_map(|text| text.parse::<Incident>().ok());
            options.incidents.extend(parsed);
        })
    };
    vec![
        with("a 303 that has taken it", &["3:303"]),
        with("a 429 that charges", &["3:429"]),
        with("a 429 that charges, at first", &["1:429"]),
        with("both, and late", &["2:429", "3:504+40s", "5:303"]),
    ]
}

/// What was to show the price cannot: the next does.
fn first_purchases() -> Vec<Case> {
    let mut fails = case("the first one fails", &[5; 4], 100, |options| {
        options.refunds_failures = true;
    });
    fails.plan.rows[0].text = String::from("sandbox:fail piece");
    let mut fails_unpaid = case("the first one fails, unpaid", &[5; 4], 100, |options| {
        options.charge = ChargeTime::AtCompletion;
    });
    fails_unpaid.plan.rows[0].text = String::from("sandbox:fail piece");
    vec![
        fails,
        fails_unpaid,
        case("the first one is unclear", &[5; 4], 100, |options| {
            options
                .incidents
                .extend("1:504+30s".parse::<Incident>().ok());
        }),
        case("all are free", &[5; 4], 100, |options| {
            options.price = Price::Flat(0);
        }),
    ]
}
