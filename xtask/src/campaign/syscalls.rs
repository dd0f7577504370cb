//! SIGKILL at every system call of a small batch within a limit.

use super::strace::Point;
use super::{Findings, Setting, strace};

pub(crate) fn run(setting: &Setting) -> anyhow::Result<Findings> {
    let counts = strace::counts(setting)?;
    // A process that never begins is not killed.
    let kills = counts
        .into_iter()
        .filter(|(call, _)| !matches!(call.as_str(), "execve" | "exit_group" | "exit"));
    let points: Vec<Point> = kills
        .flat_map(|(call, count)| {
            (1..=count).map(move |nth| (call.clone(), String::from("signal=KILL"), nth))
        })
        .collect();
    println!(
        "  a batch of {} makes {} system calls",
        strace::ROWS,
        points.len()
    );
    strace::attack(setting, points)
}
