//! What a job of a batch takes, by how many there are.

use std::fs;
use std::path::Path;

use crate::bench::process::{Core, Reading, Server, on, read};
use crate::bench::rows::ledger::with_account;
use crate::bench::series::{Subject, interleaved};
use crate::bench::table::{Goal, Table, Unit};
use crate::bench::{Bench, Extent};

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Table>> {
    let (sizes, rounds): (&[u32], usize) = match bench.extent {
        Extent::Quick => (&[10, 100], 1),
        Extent::Usual => (&[100, 1_000, 10_000], 2),
        Extent::Large => (&[100, 1_000, 10_000, 100_000], 1),
    };
    let flat = Some(Goal::Between(0.8, 1.2));
    // What a job takes less of, the more there are, is better than flat.
    let no_more = Some(Goal::AtMost(1.2));
    let mut tables = Vec::new();
    for is_limited in [false, true] {
        let subjects = sizes
            .iter()
            .map(|jobs| Subject::new(format!("{jobs} jobs"), || batch(bench, *jobs, is_limited)));
        let readings = interleaved(rounds, subjects.collect())?;
        let how = if is_limited {
            "within limits"
        } else {
            "without limits"
        };
        let cpu = format!("CPU a job of a batch, {how}");
        let cpu = Table::of(&cpu, Unit::Nanoseconds, &readings, |reading| reading.cpu);
        let memory = format!("The most memory that a batch takes, {how}");
        let memory = Table::of(&memory, Unit::Kilobytes, &readings, |reading| {
            reading.memory
        });
        tables.push(cpu.ratio("10000 jobs", "1000 jobs", flat).ratio(
            "100000 jobs",
            "1000 jobs",
            flat,
        ));
        let grown = readings.iter().skip(1).zip(&readings).zip(sizes.windows(2));
        let grown = grown.map(|((more, fewer), sizes)| {
            let jobs = f64::from(sizes[1] - sizes[0]);
            let pairs = more.of.iter().zip(&fewer.of);
            let a_job = pairs.map(|(more, fewer)| (more.memory - fewer.memory) / jobs);
            (format!("a job more than {}", fewer.name), a_job.collect())
        });
        let memory = grown.fold(memory, |table, (name, a_job)| table.with(&name, a_job));
        let more_than = |jobs: u32| format!("a job more than {jobs} jobs");
        tables.push(
            memory
                .ratio(&more_than(1_000), &more_than(100), no_more)
                .ratio(&more_than(10_000), &more_than(1_000), no_more),
        );
    }
    Ok(tables)
}

/// A batch of so many, against a server that answers at once: its processor time a job, and its memory in all.
fn batch(bench: &Bench, jobs: u32, is_limited: bool) -> anyhow::Result<Reading> {
    let folder = bench.folder.join("growth");
    // It may not be there.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("config/genrex"))?;
    let units = &bench.peers.units;
    let server = Server::start(on(Core::Server, units).args(["respond", "46"]))?;
    let rows: String = (0..jobs).map(|row| format!("piece {row}\n")).collect();
    fs::write(folder.join("rows.txt"), rows)?;
    if is_limited {
        let limits = "[limits]\nday = 1000000\nmonth = 1000000\ntotal = 1000000\nper_job = 1\n";
        fs::write(folder.join("config/genrex/config.toml"), limits)?;
    }
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
    let mut command = on(Core::Client, units);
    command.arg("measure").arg(&bench.peers.genrex).args(batch);
    command
        .args(["--poll-interval", "50ms"])
        .current_dir(&folder);
    let home: &Path = &folder;
    let reading = read(with_account(&mut command, home, &server.url, "bench"))?;
    fs::remove_dir_all(&folder)?;
    Ok(Reading {
        cpu: reading.cpu / f64::from(jobs),
        wall: reading.wall / f64::from(jobs),
        ..reading
    })
}
