//! The SQLite ledger, and what it asks of the disk.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};

use crate::bench::Bench;
use crate::bench::process::{Core, Server, on, read};
use crate::bench::series::{Subject, interleaved};
use crate::bench::table::{Goal, Table, Unit};

/// `intend` within limits, by the jobs that the ledger holds.
pub(crate) fn intend(bench: &Bench) -> anyhow::Result<Vec<Table>> {
    let folder = bench.folder.join("ledgers");
    let sizes = ["100", "100000", "1000000"];
    let sizes = if bench.is_quick() {
        &sizes[..2]
    } else {
        &sizes[..]
    };
    let count = bench.count(50).to_string();
    let subjects = sizes.iter().map(|rows| {
        Subject::new(*rows, || {
            let unit = [folder.as_os_str(), rows.as_ref(), count.as_ref()];
            read(on(Core::Any, &bench.peers.units).arg("intend").args(unit))
        })
    });
    let readings = interleaved(bench.rounds(11), subjects.collect())?;
    let flat = Some(Goal::AtMost(1.2));
    let wall = Table::of(
        "Time of `intend` within limits, its sync included, by the jobs held",
        Unit::Nanoseconds,
        &readings,
        |reading| reading.wall,
    );
    let cpu = Table::of("CPU of `intend`", Unit::Nanoseconds, &readings, |reading| {
        reading.cpu
    });
    Ok([wall, cpu]
        .into_iter()
        .map(|table| {
            table
                .ratio("100000", "100", flat)
                .ratio("1000000", "100", flat)
        })
        .collect())
}

/// What is kept a second by one ledger that many write to, beside bare syncs.
pub(crate) fn group(bench: &Bench) -> anyhow::Result<Vec<Table>> {
    let folder = bench.folder.join("group");
    let units = &bench.peers.units;
    let [jobs, syncs] = [bench.count(20_000), bench.count(3_000)].map(|count| count.to_string());
    let subjects = vec![
        Subject::new("a call to the ledger, 64 at once", || {
            let unit = [folder.as_os_str(), jobs.as_ref(), "64".as_ref()];
            read(on(Core::Any, units).arg("group").args(unit))
        }),
        Subject::new("a page and fdatasync", || {
            let unit = [folder.as_os_str(), syncs.as_ref()];
            read(on(Core::Any, units).arg("fdatasync").args(unit))
        }),
    ];
    let readings = interleaved(bench.rounds(11), subjects)?;
    let table = Table::of(
        "Time of what is kept, synced to the disk",
        Unit::Nanoseconds,
        &readings,
        |reading| reading.wall,
    );
    // In calls a second.
    Ok(vec![table.ratio(
        "a page and fdatasync",
        "a call to the ledger, 64 at once",
        Some(Goal::AtLeast(3.0)),
    )])
}

/// Syncs of the disk a job, in a batch with 16 in flight.
pub(crate) fn syncs(bench: &Bench) -> anyhow::Result<Vec<Table>> {
    let table = Table::new("Syncs a job, in a batch with 16 in flight", Unit::Count);
    let Some(strace) = &bench.peers.strace else {
        return Ok(vec![table.remark("Not counted: strace is missing.")]);
    };
    let folder = bench.folder.join("syncs");
    let mut counts = Vec::new();
    for _ in 0..bench.rounds(5) {
        counts.push(syncs_of_a_batch(strace, &bench.peers.genrex, &folder, 64)?);
    }
    Ok(vec![
        table
            .with("genrex batch", counts)
            .within("genrex batch", 2.0),
    ])
}

/// How often a batch of so many jobs syncs, a job.
pub(crate) fn syncs_of_a_batch(
    strace: &Path,
    genrex: &Path,
    folder: &Path,
    jobs: u32,
) -> anyhow::Result<f64> {
    // It may not be there.
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder)?;
    let flags = ["sandbox", "--json", "--seed", "5", "--render-time", "1s"];
    let sandbox = Server::start(on(Core::Any, genrex).args(flags))?;
    let rows: String = (0..jobs).map(|row| format!("piece {row}\n")).collect();
    fs::write(folder.join("rows.txt"), rows)?;
    let log = folder.join("strace.log");
    let batch = [
        "batch",
        "rows.txt",
        "--duration",
        "5",
        "--concurrency",
        "16",
        "--out-dir",
        "out",
    ];
    let mut command = on(Core::Any, strace);
    command
        .args(["-f", "-qq", "-e", "trace=fsync,fdatasync", "-o"])
        .arg(&log)
        .arg(genrex)
        .args(batch)
        .current_dir(folder);
    let output = with_account(&mut command, folder, &sandbox.url, "sandbox").output()?;
    ensure!(
        output.status.success(),
        "the batch ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    let log = fs::read_to_string(&log).context("strace wrote nothing")?;
    let calls = log.lines().filter(|line| line.contains("sync(")).count();
    Ok(f64::from(u32::try_from(calls)?) / f64::from(jobs))
}

/// A command as somebody who has an account and no other settings runs it.
pub(crate) fn with_account<'a>(
    command: &'a mut std::process::Command,
    home: &Path,
    url: &str,
    account: &str,
) -> &'a mut std::process::Command {
    command
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home.join("config"))
        .env("XDG_DATA_HOME", home.join("data"))
        .env("XDG_STATE_HOME", home.join("state"))
        .env("GENREX_BASE_URL", url)
        .env("GENREX_API_KEY", format!("{account}-key"))
        .env("GENREX_API_SECRET", format!("{account}-secret"))
}
