use std::fs::File;
use std::io::Read as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// What a piece of work takes: by the clock, and by the processor, in all threads of this process.
pub struct Meter {
    began: Instant,
    cpu: Duration,
}

impl Meter {
    pub fn start() -> anyhow::Result<Self> {
        Ok(Self {
            cpu: cpu()?,
            began: Instant::now(),
        })
    }

    /// Prints what it took to do the work so many times.
    pub fn told(&self, count: u64) -> anyhow::Result<()> {
        self.told_with(count, &json!({}))
    }

    /// The same, and other figures.
    pub fn told_with(&self, count: u64, others: &Value) -> anyhow::Result<()> {
        let wall = self.began.elapsed();
        tell(count, wall, cpu()? - self.cpu, others);
        Ok(())
    }
}

pub fn tell(count: u64, wall: Duration, cpu: Duration, others: &Value) {
    let (wall, cpu) = (wall.as_secs_f64() * 1e9, cpu.as_secs_f64() * 1e9);
    let mut told = json!({"count": count, "wall_ns": wall, "cpu_ns": cpu});
    let others = others.as_object().cloned().unwrap_or_default();
    if let Some(told) = told.as_object_mut() {
        told.extend(others);
    }
    println!("{told}");
}

/// The memory of this process: opened before there may be no descriptor left.
pub struct Memory(File);

impl Memory {
    pub fn watch() -> anyhow::Result<Self> {
        Ok(Self(File::open("/proc/self/status")?))
    }

    /// The most so far.
    pub fn most_kilobytes(mut self) -> anyhow::Result<u64> {
        let mut status = String::new();
        self.0.read_to_string(&mut status)?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        Ok(number.context("the kernel does not say")?.parse()?)
    }
}

pub fn cpu() -> anyhow::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}
