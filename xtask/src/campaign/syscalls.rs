//! SIGKILL at every system call of a small batch.

use std::thread;

use super::truth::Scene;
use super::{Findings, Setting, strace};

const ROWS: u64 = 1;

pub(crate) fn run(setting: &Setting) -> anyhow::Result<Findings> {
    anyhow::ensure!(
        !setting.control,
        "the control of `syscalls` is that of `kill`: the checks are the same"
    );
    let mut points = points(setting)?;
    println!("  a batch of {ROWS} makes {} system calls", points.len());
    // The short form takes a few from everywhere.
    const SHORT: u64 = 40;
    let wanted = setting.cases.unwrap_or(SHORT);
    fastrand::Rng::with_seed(setting.seed).shuffle(&mut points);
    points.truncate(usize::try_from(wanted)?);
    let at = |points: &[(String, u64)]| {
        let mut findings = Findings::default();
        for (call, nth) in points {
            let scene = Scene::new(ROWS)?;
            let plain = scene.command(setting, None)?;
            strace::injected(&plain, call, "signal=KILL", *nth).status()?;
            let mut found = scene.settle_and_check(setting, None)?;
            found.cases = 1;
            for what in &mut found.wrong {
                what.push_str(&format!(" (killed at {call} {nth})"));
            }
            findings.add(found);
        }
        anyhow::Ok(findings)
    };
    let (one, two) = points.split_at(points.len() / 2);
    thread::scope(|scope| {
        let other = scope.spawn(|| at(two));
        let mut findings = at(one)?;
        findings.add(
            other
                .join()
                .map_err(|_| anyhow::anyhow!("a worker panicked"))??,
        );
        Ok(findings)
    })
}

/// Each call's name, and which of its like it is.
fn points(setting: &Setting) -> anyhow::Result<Vec<(String, u64)>> {
    let scene = Scene::new(ROWS)?;
    let counts = strace::counts(&scene, setting)?;
    let each = counts
        .into_iter()
        .flat_map(|(call, count)| (1..=count).map(move |nth| (call.clone(), nth)));
    // A process that never begins is not killed.
    Ok(each
        .filter(|(call, _)| call != "execve" && call != "exit_group" && call != "exit")
        .collect())
}
