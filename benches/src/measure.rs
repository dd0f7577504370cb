use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use serde_json::json;

/// Runs a command, and prints what it took: time, processor, and memory at its most.
pub fn run(words: &[String]) -> anyhow::Result<()> {
    let (program, args) = words.split_first().context("measure what?")?;
    let began = Instant::now();
    let status = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    let wall = began.elapsed();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    let cpu = Duration::from_micros(u64::try_from(micros)?);
    println!(
        "{}",
        json!({
            "count": 1,
            "wall_ns": wall.as_secs_f64() * 1e9,
            "cpu_ns": cpu.as_secs_f64() * 1e9,
            "most_kb": usage.max_rss(),
            "code": status.code(),
        })
    );
    Ok(())
}
