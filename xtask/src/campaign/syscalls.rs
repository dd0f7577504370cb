//! SIGKILL at every system call of a small batch.

use super::strace::Point;
use super::truth::Scene;
use super::{Findings, Setting, strace};

const ROWS: u64 = 1;

pub(crate) fn run(setting: &Setting) -> anyhow::Result<Findings> {
    anyhow::ensure!(
        !setting.control,
        "the control of `syscalls` is that of `kill`: the checks are the same"
    );
    let counts = strace::counts(&Scene::new(ROWS)?, setting)?;
    // A process that never begins is not killed.
    let kills = counts
        .into_iter()
        .filter(|(call, _)| !matches!(call.as_str(), "execve" | "exit_group" | "exit"));
    let points: Vec<Point> = kills
        .flat_map(|(call, count)| {
            (1..=count).map(move |nth| (call.clone(), String::from("signal=KILL"), nth))
        })
        .collect();
    println!("  a batch of {ROWS} makes {} system calls", points.len());
    strace::attack(setting, ROWS, points)
}
