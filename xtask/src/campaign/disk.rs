//! ENOSPC, EIO and EROFS on every write, sync, rename and link of a small batch.

use std::thread;

use super::truth::Scene;
use super::{Findings, Setting, strace};

const ROWS: u64 = 1;
const CALLS: [&str; 10] = [
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "ftruncate",
    "rename",
    "linkat",
    "openat",
    "mkdir",
    "fallocate",
];
const ERRORS: [&str; 3] = ["ENOSPC", "EIO", "EROFS"];

pub(crate) fn run(setting: &Setting) -> anyhow::Result<Findings> {
    anyhow::ensure!(
        !setting.control,
        "the control of `disk` is that of `kill`: the checks are the same"
    );
    const SHORT: u64 = 40;
    let counts = strace::counts(&Scene::new(ROWS)?, setting)?;
    let mut points = Vec::new();
    for call in CALLS {
        for nth in 1..=counts.get(call).copied().unwrap_or(0) {
            points.extend(ERRORS.map(|error| (call, error, nth)));
        }
    }
    println!(
        "  a batch of {ROWS} has {} places for such a fault",
        points.len()
    );
    fastrand::Rng::with_seed(setting.seed).shuffle(&mut points);
    points.truncate(usize::try_from(setting.cases.unwrap_or(SHORT))?);
    let at = |points: &[(&str, &str, u64)]| {
        let mut findings = Findings::default();
        for (call, error, nth) in points {
            let scene = Scene::new(ROWS)?;
            let plain = scene.command(setting, None)?;
            strace::injected(&plain, call, &format!("error={error}"), *nth).status()?;
            let mut found = scene.settle_and_check(setting, None)?;
            found.cases = 1;
            for what in &mut found.wrong {
                what.push_str(&format!(" ({error} at {call} {nth})"));
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
