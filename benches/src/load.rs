//! Asks a server as fast as it answers, over connections that are kept; or over many connections at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::bail;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;

use crate::meter::Meter;
use crate::wire::Connection;

/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The operation so many times over so many connections, as the sandbox's own key.
pub fn run(operation: &str, url: &str, count: u64, connections: u64) -> anyhow::Result<()> {
    let body = match operation {
        "getBalance" => "{}",
        "generateMusic" => r#"{"duration":5,"text":"some music for walk"}"#,
        _ => bail!("{operation} is not asked for"),
    };
    let left = Arc::new(AtomicU64::new(count));
    let meter = Meter::start()?;
    let threads: Vec<_> = (0..connections)
        .map(|_| {
            let (operation, url) = (operation.to_owned(), url.to_owned());
            let left = Arc::clone(&left);
            std::thread::spawn(move || ask(&operation, &url, body, &left))
        })
        .collect();
    for thread in threads {
        thread
            .join()
            .map_err(|_| anyhow::anyhow!("a thread panicked"))??;
    }
    meter.told(count)
}

fn ask(operation: &str, url: &str, body: &'static str, left: &AtomicU64) -> anyhow::Result<()> {
    let mut connection = Connection::open(url, TIMEOUT)?;
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        })
        .is_ok()
    {
        connection.ask(operation, body)?;
    }
    Ok(())
}

/// Opens so many connections, holds all of them, and asks once over each. Tells over how many an answer came within
/// four seconds.
pub fn connections(url: &str, count: u64) -> anyhow::Result<()> {
    const TIMEOUT: Duration = Duration::from_secs(4);
    raise_descriptors()?;
    let meter = Meter::start()?;
    let mut held = Vec::new();
    for _ in 0..count {
        // One that cannot be opened is one without an answer.
        held.extend(Connection::open(url, TIMEOUT));
    }
    let mut answered = 0_u64;
    for connection in &mut held {
        answered += u64::from(connection.ask("getBalance", "{}").is_ok());
    }
    meter.told_with(count, &json!({ "answered": answered }))
}

/// As many descriptors as this process may have.
pub fn raise_descriptors() -> anyhow::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, most, most)?)
}
