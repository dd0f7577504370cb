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
    let kills = setting.cases.unwrap_or(SHORT);
    if setting.control {
        let mut findings = Findings::default();
        for bug in ["journal-after-submit", "resubmit-on-intent"] {
            let caught = workers(setting, kills, Some(bug))?;
            anyhow::ensure!(
                caught.lost + caught.doubled > 0,
                "{bug} was not caught in {kills} kills"
            );
            println!(
                "  {bug}: {} lost, {} doubled in {} kills",
                caught.lost, caught.doubled, caught.cases
            );
            findings.add(caught);
        }
        return Ok(findings);
    }
    workers(setting, kills, None)
}

/// Two at a time.
fn workers(setting: &Setting, kills: u64, bug: Option<&str>) -> anyhow::Result<Findings> {
    let worker = |seed: u64| {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut findings = Findings::default();
        while findings.cases < kills / 2 {
            findings.add(round(setting, &mut random, bug)?);
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
