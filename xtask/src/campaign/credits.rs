//! The program against a service whose rules about credits are any that may be, within limits: what is promised of
//! limits holds, nothing is bought twice, nothing is blocked for ever, and the reports add up.

mod drive;
mod fixed;
mod promise;
mod script;

use std::time::Duration;

use genrex_sandbox::{Incident, Others, PriceChange, Trouble};

use self::drive::Case;
use super::plan::{self, Limits, Plan, pick};
use super::{Findings, Setting, at_once};

pub(crate) const CONTROLS: &[&str] = &[
    "check-then-post",
    "price-is-a-law",
    "not-charged-without-look",
];

/// A case mostly waits, so many go at once.
const WORKERS: u64 = 12;

pub(crate) fn run(setting: &Setting) -> anyhow::Result<Findings> {
    const SHORT: u64 = 60;
    if let Some(bug) = setting.bug {
        return control(setting, bug);
    }
    let cases = setting.cases.unwrap_or(SHORT);
    let mut findings = at_once(WORKERS, |worker| fixed::run(setting, worker, WORKERS))?;
    println!("  {} fixed cases", findings.cases);
    findings.add(at_once(WORKERS, |worker| {
        let mut findings = Findings::default();
        for case in (worker..cases).step_by(usize::try_from(WORKERS)?) {
            let seed = setting.seed.wrapping_add(case);
            let mut random = fastrand::Rng::with_seed(seed);
            let case = drawn(&mut random, seed);
            findings.add(case.run(setting, &mut random)?);
        }
        Ok(findings)
    })?);
    Ok(findings)
}

/// Cases in which the bug must show, until it does.
fn control(setting: &Setting, bug: &str) -> anyhow::Result<Findings> {
    const UNTIL_CAUGHT: u64 = 200;
    let mut findings = Findings::default();
    let mut random = fastrand::Rng::with_seed(setting.seed);
    while findings.cases < setting.cases.unwrap_or(UNTIL_CAUGHT) && !findings.is_caught() {
        let mut plan = Plan::plain(12);
        plan.limits.total = Some(30);
        let mut case = Case::new(bug, plan);
        match bug {
            "price-is-a-law" => {
                case.plan.options.price = genrex_sandbox::Price::Flat(10);
                case.plan.rows[0].seconds = 60;
            }
            "not-charged-without-look" => {
                case.plan.options.charge = plan::charge(&mut random, Duration::from_secs(2));
                case.plan.options.incidents = vec![Incident {
                    submit: 2,
                    what: Trouble::TakenLater(Duration::from_secs(33)),
                }];
                case.plan.limits = Limits::default();
            }
            // Several on one limit.
            _ => case.processes = 4,
        }
        let mut found = case.run(setting, &mut random)?;
        if bug == "check-then-post" {
            // It is to be caught by the limit, and not by what several do with the same rows.
            found.doubled = 0;
        }
        findings.add(found);
    }
    Ok(findings)
}

/// A case with everything that may vary.
fn drawn(random: &mut fastrand::Rng, seed: u64) -> Case {
    let mut plan = Plan::varied(random.u64(2..9), random);
    let durations = [5, 6, 10, 15];
    let kinds = random.usize(1..4);
    for row in &mut plan.rows {
        row.seconds = durations[random.usize(..kinds)];
    }
    let options = &mut plan.options;
    options.render_time = Duration::from_millis(pick(random, &[0, 5, 300, 20_000]));
    options.charge = plan::charge(random, Duration::from_secs(60));
    // A clock that is far off is another campaign's.
    options.clock_offset = pick(random, &[0, 0, -1_200_000, 3_600_000, -36_000_000]);
    options.tolerance = Duration::from_secs(pick(random, &[300, 30 * 24 * 3600]));
    if random.u8(..) < 64 {
        options.price_change = Some(PriceChange {
            after: random.u64(1..6),
            price: plan::price(random),
        });
    }
    if random.u8(..) < 48 {
        options.others = Some(Others {
            most: random.u64(1..8),
            every: Duration::from_secs(random.u64(5..60)),
        });
    }
    for submit in 1..10 {
        if random.u8(..) < 16 {
            options.incidents.push(Incident {
                submit,
                what: trouble(random),
            });
        }
    }
    let mut case = Case::new(&format!("case of seed {seed}"), plan);
    case.speed = pick(random, &[1, 10, 60]);
    if case.speed > 1 {
        // Minutes pass between a signature and its check.
        case.plan.options.tolerance = Duration::from_secs(30 * 24 * 3600);
    }
    case.moves_folder = random.bool();
    case.processes = pick(random, &[1, 1, 2]);
    bound(&mut case, random);
    case
}

fn trouble(random: &mut fastrand::Rng) -> Trouble {
    match random.u8(0..4) {
        0 => Trouble::SeeOther,
        1 => Trouble::ChargedRefusal,
        2 => Trouble::TakenLater(Duration::from_secs(random.u64(1..120))),
        _ => Trouble::Others(random.i64(-6..12)),
    }
}

/// A limit that some of the rows fit into.
fn bound(case: &mut Case, random: &mut fastrand::Rng) {
    let price = case.plan.options.price;
    let cost: u64 = case.plan.rows.iter().map(|row| price.of(row.seconds)).sum();
    let most = random.u64(1..=cost + cost / 4 + 1);
    match random.u8(0..4) {
        0 => case.run_limit = Some(most),
        1 => case.plan.limits.day = Some(most),
        _ => case.plan.limits.total = Some(most),
    }
    if random.u8(..) < 64 && case.run_limit.is_none() {
        let costs = case.plan.rows.iter().map(|row| price.of(row.seconds));
        let dearest = costs.max().unwrap_or(1);
        case.plan.limits.per_job = Some(dearest + random.u64(0..3));
    }
    // The verdicts of a batch wait by this machine's clock: the service's is behind, so that they wait for a second.
    if random.u8(..) < 64 {
        case.policy = "resubmit-if-uncharged";
        case.plan.options.clock_offset = -36_000_000;
        case.plan.options.tolerance = Duration::from_secs(30 * 24 * 3600);
        case.speed = 600;
    }
}
