//! A poll: a signed question over a kept connection, and its answer read.

use std::path::Path;

use crate::bench::Bench;
use crate::bench::process::{Core, Server, on, read};
use crate::bench::series::{Subject, interleaved};
use crate::bench::table::{Goal, Table, Unit};

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Table>> {
    let units = &bench.peers.units;
    let server = Server::start(on(Core::Server, units).args(["respond", "0"]))?;
    let url = server.url.as_str();
    let mut subjects = Vec::new();
    for by in [
        "genrex-async",
        "reqwest",
        "genrex-blocking",
        "ureq",
        "ureq, with a time-out",
    ] {
        let count = bench.count(10_000).to_string();
        subjects.push(Subject::new(by, move || {
            read(on(Core::Client, units).args(["poll", by, url, &count]))
        }));
    }
    let count = bench.count(2_000).to_string();
    if let Some(folder) = &bench.peers.node {
        let count = count.clone();
        subjects.push(Subject::new("node, axios", move || {
            let script = folder.join("poll.js");
            read(
                on(Core::Client, Path::new("node"))
                    .arg(script)
                    .args([url, &count]),
            )
        }));
    }
    if let Some(python) = &bench.peers.python {
        for by in ["requests", "httpx", "aiohttp"] {
            let count = count.clone();
            subjects.push(Subject::new(format!("python, {by}"), move || {
                let script = ["benches/scripts/poll.py", by, url, &count];
                read(on(Core::Client, python).args(script))
            }));
        }
    }
    let readings = interleaved(bench.rounds(15), subjects)?;
    let cpu = Table::of("CPU of a poll", Unit::Nanoseconds, &readings, |reading| {
        reading.cpu
    });
    let cpu = cpu
        .ratio("genrex-async", "reqwest", Some(Goal::AtMost(1.03)))
        .ratio("genrex-blocking", "ureq", Some(Goal::AtMost(1.05)))
        .ratio("genrex-blocking", "ureq, with a time-out", None)
        .ratio("node, axios", "genrex-async", None)
        .ratio("python, requests", "genrex-blocking", None)
        .ratio("python, httpx", "genrex-blocking", None)
        .ratio("python, aiohttp", "genrex-async", None)
        .remark(
            "The server answers at once, from the other core. ureq without a time-out waits for ever; with one, it takes \
             a thread for each call, to look the name up.",
        );
    Ok(vec![cpu])
}
