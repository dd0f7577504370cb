//! SIGKILL at random times.

use std::thread;
use std::time::Duration;

use super::truth::Scene;
use super::{Findings, Setting};

/// How many kills one batch is put through.
const KILLS: u64 = 4;
const ROWS: u64 = 3;

pub(crate) fn run(setting: &Setting) -> anyhow::Result<Findings> {
    const SHORT: u64 = 40;
    const UNTIL_CAUGHT: u64 = 4000;
    let kills = setting
        .cases
        .unwrap_or(if setting.control { UNTIL_CAUGHT } else { SHORT });
    if setting.control {
        let mut findings = Findings::default();
        for bug in ["journal-after-submit", "resubmit-on-intent"] {
            let mut caught = Findings::default();
            let mut random = fastrand::Rng::with_seed(setting.seed);
            while caught.lost + caught.doubled == 0 {
                anyhow::ensure!(
                    caught.cases < kills,
                    "{bug} was not caught in {kills} kills"
                );
                caught.add(round(setting, &mut random, Some(bug))?);
            }
            println!(
                "  {bug}: {} lost, {} doubled in {} kills",
                caught.lost, caught.doubled, caught.cases
            );
            findings.add(caught);
        }
        return Ok(findings);
    }
    workers(setting, kills)
}

/// Two at a time.
fn workers(setting: &Setting, kills: u64) -> anyhow::Result<Findings> {
    let worker = |seed: u64| {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut findings = Findings::default();
        while findings.cases < kills / 2 {
            findings.add(round(setting, &mut random, None)?);
        }
        anyhow::Ok(findings)
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| worker(setting.seed.wrapping_add(1)));
        let mut findings = worker(setting.seed)?;
        findings.add(
            other
                .join()
                .map_err(|_| anyhow::anyhow!("a worker panicked"))??,
        );
        Ok(findings)
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a process is killed after a time"
)]
fn round(
    setting: &Setting,
    random: &mut fastrand::Rng,
    bug: Option<&str>,
) -> anyhow::Result<Findings> {
    /// Somewhat longer than a run takes.
    const LONGEST_MICROS: u64 = 70_000;
    let scene = Scene::new(ROWS)?;
    for _ in 0..KILLS {
        let mut process = scene.command(setting, bug)?.spawn()?;
        thread::sleep(Duration::from_micros(random.u64(0..LONGEST_MICROS)));
        process.kill()?;
        process.wait()?;
    }
    let mut findings = scene.settle_and_check(setting, bug)?;
    findings.cases = KILLS;
    Ok(findings)
}
