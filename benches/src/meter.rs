use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use serde_json::json;

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
        let wall = self.began.elapsed();
        let cpu = cpu()? - self.cpu;
        tell(count, wall, cpu);
        Ok(())
    }
}

pub fn tell(count: u64, wall: Duration, cpu: Duration) {
    let (wall, cpu) = (wall.as_secs_f64() * 1e9, cpu.as_secs_f64() * 1e9);
    println!(
        "{}",
        json!({"count": count, "wall_ns": wall, "cpu_ns": cpu})
    );
}

pub fn cpu() -> anyhow::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)?.into())
}
