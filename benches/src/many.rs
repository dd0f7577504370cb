//! Many jobs that wait in one process: what they take, and what the service sees of them.

mod clients;
mod server;

use std::time::Duration;

use anyhow::Context as _;
use nix::sys::resource::{Resource, setrlimit};
use serde_json::json;

pub use self::server::serve;
use crate::meter::{Memory, Meter};

/// Waits for so many jobs by a client, with so long from an answer to the next poll. Prints what it took, and how many
/// came to their end.
pub fn run(by: &str, url: &str, jobs: u64, pace: Duration) -> anyhow::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build()?;
    let (meter, memory) = (Meter::start()?, Memory::watch()?);
    let finished = runtime.block_on(clients::wait(by, url, jobs, pace))?;
    meter.told_with(
        1,
        &json!({ "most_kb": memory.most_kilobytes()?, "finished": finished }),
    )
}

/// The same with no more than so many file descriptors.
pub fn run_within(
    descriptors: u64,
    by: &str,
    url: &str,
    jobs: u64,
    pace: Duration,
) -> anyhow::Result<()> {
    setrlimit(Resource::RLIMIT_NOFILE, descriptors, descriptors).context("no such limit")?;
    run(by, url, jobs, pace)
}
