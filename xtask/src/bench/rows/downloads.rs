//! A large file onto the disk.

use std::fs;

use crate::bench::Bench;
use crate::bench::process::{Core, Server, on, read};
use crate::bench::series::{Subject, interleaved};
use crate::bench::table::{Goal, Table, Unit};

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Table>> {
    let units = &bench.peers.units;
    let folder = bench.folder.join("downloads");
    fs::create_dir_all(&folder)?;
    let length = bench.count(256 << 20).to_string();
    let server = Server::start(on(Core::Server, units).args(["respond", &length]))?;
    let url = server.url.as_str();
    let mut subjects = Vec::new();
    for by in ["genrex-async", "reqwest", "genrex-blocking", "ureq"] {
        let folder = &folder;
        subjects.push(Subject::new(by, move || {
            read(
                on(Core::Client, units)
                    .args(["download", by, url])
                    .arg(folder),
            )
        }));
    }
    if let Some(curl) = &bench.peers.curl {
        let (url, file) = (format!("{url}/audio/a.wav"), folder.join("curl.wav"));
        subjects.push(Subject::new("curl, neither hashed nor synced", move || {
            let mut command = on(Core::Client, units);
            command
                .arg("measure")
                .arg(curl)
                .args(["-s", "-o"])
                .arg(&file)
                .arg(&url);
            read(&mut command)
        }));
    }
    let readings = interleaved(bench.rounds(11), subjects)?;
    fs::remove_dir_all(&folder)?;
    let megabytes = length.parse::<f64>()? / f64::from(1 << 20);
    let of = |what: &str| format!("{what} of a download of {megabytes:.0} MiB, hashed and synced");
    let wall = Table::of(&of("Time"), Unit::Nanoseconds, &readings, |reading| {
        reading.wall
    });
    let cpu = Table::of(&of("CPU"), Unit::Nanoseconds, &readings, |reading| {
        reading.cpu
    });
    let goal = Some(Goal::AtMost(1.05));
    Ok([wall, cpu]
        .into_iter()
        .map(|table| {
            table
                .ratio("genrex-async", "reqwest", goal)
                .ratio("genrex-blocking", "ureq", goal)
        })
        .collect())
}
