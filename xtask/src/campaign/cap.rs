//! Many processes on one limit, each with rows of its own.

use std::process::{Child, Stdio};

use super::plan::{self, Limits, Plan, Row};
use super::truth::Scene;
use super::{Findings, Setting, planted};

pub(crate) const CONTROLS: &[&str] = &["check-then-post"];

const SECONDS: u8 = 5;

pub(crate) fn run(setting: &Setting) -> anyhow::Result<Findings> {
    const SHORT: u64 = 6 * 20;
    const ROWS: u64 = 200;
    let wanted = setting.cases.unwrap_or(SHORT);
    let rows = ROWS.min(wanted / 6).max(1);
    let processes = wanted.div_ceil(rows);
    let mut plan = Plan::plain(0);
    if setting.bug.is_none() {
        let mut random = fastrand::Rng::with_seed(setting.seed);
        plan.options.price = plan::price(&mut random);
    }
    let price = plan.options.price.of(SECONDS).max(1);
    // Some rows are to be left over, and it is to end in the middle of a price.
    let limit = wanted * price * 6 / 10 + price / 2;
    plan.limits = Limits {
        total: Some(limit),
        ..Limits::default()
    };
    let mut scene = Scene::new(plan, setting.seed)?;
    // Whoever waits for its turn among many is not to give up.
    scene.timeout = "30m";
    let running: Vec<Child> = (0..processes)
        .map(|process| start(&mut scene, setting, process, rows, limit))
        .collect::<anyhow::Result<_>>()?;
    let mut codes = Vec::new();
    for mut process in running {
        codes.push(process.wait()?.code());
    }
    scene.service.wait_until_idle();
    let used = scene.service.credits_used();
    println!(
        "  {wanted} rows of {processes} processes under a limit of {limit} credits, {price} each: {used} used"
    );
    let mut findings = Findings {
        cases: wanted,
        ..Findings::default()
    };
    if used > limit {
        let what = format!("{used} credits used, and {limit} allowed");
        findings.wrong.push(what);
    }
    if setting.bug.is_none() {
        findings
            .wrong
            .extend(reached(&scene, &codes, limit - used.min(limit), price));
    }
    Ok(findings)
}

/// Starts a process on rows that no other has: they are a batch of their own.
fn start(
    scene: &mut Scene,
    setting: &Setting,
    process: u64,
    rows: u64,
    limit: u64,
) -> anyhow::Result<Child> {
    let file = format!("batch {process}.csv");
    let own: Vec<Row> = (0..rows)
        .map(|row| Row {
            text: format!("piece {row} of {process}"),
            seconds: SECONDS,
        })
        .collect();
    std::fs::write(scene.folder.path().join(&file), plan::csv(&own))?;
    let mut command = scene.command_on(&file, &format!("out {process}"), setting);
    command.env(planted::LIMIT, limit.to_string());
    Ok(command.stderr(Stdio::null()).spawn()?)
}

/// What shows that the limit was not reached by several: then nothing was tried.
fn reached(scene: &Scene, codes: &[Option<i32>], left: u64, price: u64) -> Vec<String> {
    let mut wrong = Vec::new();
    if left >= price {
        wrong.push(format!(
            "one more at {price} would fit into the {left} that are left"
        ));
    }
    // 6 has reached the limit, 0 had bought all its rows before.
    for code in codes.iter().filter(|code| !matches!(code, Some(0 | 6))) {
        wrong.push(format!("a process ended with {code:?}"));
    }
    let refused = codes.iter().filter(|code| **code == Some(6)).count();
    if refused < 2 {
        wrong.push(format!("{refused} processes came to the limit"));
    }
    let jobs = scene.service.jobs();
    let mut buyers: Vec<&str> = jobs
        .iter()
        .filter_map(|(_, text)| Some(text.rsplit_once(' ')?.1))
        .collect();
    buyers.sort_unstable();
    buyers.dedup();
    if buyers.len() < 2 {
        wrong.push(format!("{} processes bought anything", buyers.len()));
    }
    wrong
}
