//! ENOSPC, EIO and EROFS on every write, sync, rename and link of a small batch.

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
    let counts = strace::counts(&Scene::new(ROWS)?, setting)?;
    let mut points = Vec::new();
    for call in CALLS {
        for nth in 1..=counts.get(call).copied().unwrap_or(0) {
            points.extend(ERRORS.map(|error| (call.to_owned(), format!("error={error}"), nth)));
        }
    }
    println!(
        "  a batch of {ROWS} has {} places for such a fault",
        points.len()
    );
    strace::attack(setting, ROWS, points)
}
