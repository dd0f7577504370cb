//! SIGKILL at random times.

use std::thread;
use std::time::Duration;

use super::plan::Plan;
use super::truth::Scene;
use super::{Findings, Setting, two_at_a_time};

pub(crate) const CONTROLS: &[&str] = &[
    "journal-after-submit",
    "resubmit-on-intent",
    "id-kept-when-ready",
];

/// How many kills one batch is put through.
const KILLS: u64 = 4;
const ROWS: u64 = 3;

pub(crate) fn run(setting: &Setting) -> anyhow::Result<Findings> {
    const SHORT: u64 = 80;
    const UNTIL_CAUGHT: u64 = 4000;
    let most = if setting.bug.is_some() {
        UNTIL_CAUGHT
    } else {
        SHORT
    };
    let kills = setting.cases.unwrap_or(most);
    two_at_a_time(|worker| {
        let mut random = fastrand::Rng::with_seed(setting.seed.wrapping_add(worker));
        let mut findings = Findings::default();
        while findings.cases < kills / 2 && !(setting.bug.is_some() && findings.is_caught()) {
            findings.add(round(setting, &mut random)?);
        }
        Ok(findings)
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a process is killed after a time"
)]
fn round(setting: &Setting, random: &mut fastrand::Rng) -> anyhow::Result<Findings> {
    /// Somewhat longer than a run takes.
    const LONGEST_MICROS: u64 = 100_000;
    let plan = match setting.bug {
        None => Plan::varied(ROWS, random),
        Some(_) => Plan::plain(ROWS),
    };
    let mut scene = Scene::new(plan, random.u64(..))?;
    for _ in 0..KILLS {
        scene.service.begin_run();
        let mut process = scene.command(setting).spawn()?;
        thread::sleep(Duration::from_micros(random.u64(0..LONGEST_MICROS)));
        process.kill()?;
        let ended = process.wait()?;
        scene.service.end_run(ended.code().is_none());
        scene.perhaps_move()?;
    }
    let mut findings = scene.settle_and_check(setting, "")?;
    findings.cases = KILLS;
    Ok(findings)
}
