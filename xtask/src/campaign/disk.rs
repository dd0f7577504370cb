//! ENOSPC, EIO and EROFS on every write, sync, rename and link of a small batch within a limit.

use super::{Findings, Setting, strace};

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
    let counts = strace::counts(setting)?;
    let mut points = Vec::new();
    for call in CALLS {
        for nth in 1..=counts.get(call).copied().unwrap_or(0) {
            points.extend(ERRORS.map(|error| (call.to_owned(), format!("error={error}"), nth)));
        }
    }
    println!(
        "  a batch of {} has {} places for such a fault",
        strace::ROWS,
        points.len()
    );
    strace::attack(setting, points)
}
