//! A poll: a signed question over a kept connection, and its answer read.

use std::fmt::Write as _;
use std::path::Path;

use crate::bench::Bench;
use crate::bench::process::{Core, Reading, Server, on, read};
use crate::bench::series::{Readings, Subject, interleaved};
use crate::bench::table::{Goal, Table, Unit};

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Table>> {
    let units = &bench.peers.units;
    let server = Server::start(on(Core::Server, units).args(["respond", "0"]))?;
    let url = server.url.as_str();
    let mut subjects = Vec::new();
    for by in [
        "genrex-async",
        "reqwest",
        "hyper",
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
    if let Some(curl) = &bench.peers.curl {
        let polls = bench.folder.join("polls.curl");
        std::fs::write(&polls, curl_polls(url, bench.count(2_000)))?;
        let count = f64::from(u32::try_from(bench.count(2_000))?);
        subjects.push(Subject::new("curl, without a signature", move || {
            let mut command = on(Core::Client, units);
            command.arg("measure").arg(curl).arg("-K").arg(&polls);
            let all = read(&mut command)?;
            Ok(Reading {
                cpu: all.cpu / count,
                wall: all.wall / count,
                ..all
            })
        }));
    }
    let readings = interleaved(bench.rounds(11), subjects)?;
    Ok(vec![compared(&readings)])
}

fn compared(readings: &[Readings]) -> Table {
    let cpu = Table::of("CPU of a poll", Unit::Nanoseconds, readings, |reading| {
        reading.cpu
    });
    cpu
        .ratio("genrex-async", "reqwest", Some(Goal::AtMost(1.03)))
        .ratio("genrex-async", "hyper", None)
        .ratio("genrex-blocking", "ureq", Some(Goal::AtMost(1.05)))
        .ratio("genrex-blocking", "ureq, with a time-out", None)
        .ratio("node, axios", "genrex-async", None)
        .ratio("python, requests", "genrex-blocking", None)
        .ratio("python, httpx", "genrex-blocking", None)
        .ratio("python, aiohttp", "genrex-async", None)
        .ratio("genrex-blocking", "curl, without a signature", None)
        .remark(
            "The server answers at once, from the other core. ureq without a time-out waits for ever; with one, it takes \
             a thread for each call, to look the name up. hyper has one connection, and nothing that looks after it. curl \
             asks again and again in one process, and sends a text for a signature.",
        )
}

/// What makes one curl ask so many times over one connection.
fn curl_polls(url: &str, count: u64) -> String {
    const BODY: &str = r#"{\"queryId\":\"QRY_WRXzIXyidD8x9xIEZZ4GppXh\"}"#;
    let mut text = format!(
        "silent\ndata = \"{BODY}\"\nheader = \"content-type: application/json\"\nheader = \"gx-key: bench-key\"\n\
         header = \"gx-signature: t=1717574785354,v=0\"\n"
    );
    for _ in 0..count {
        // Writing to a string does not fail.
        let _ = writeln!(text, "url = \"{url}/v1/text2music/retrieve\"");
    }
    text
}
