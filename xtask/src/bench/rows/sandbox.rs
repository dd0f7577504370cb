//! The sandbox, as a server.

use crate::bench::Bench;
use crate::bench::process::{Core, Reading, Server, on, read};
use crate::bench::series::{Subject, interleaved};
use crate::bench::table::{Goal, Table, Unit};

/// `getBalance`, beside a server that does nothing but answer.
pub(crate) fn balance(bench: &Bench) -> anyhow::Result<Vec<Table>> {
    let units = &bench.peers.units;
    let sandbox = sandbox(bench)?;
    let axum = Server::start(on(Core::Server, units).arg("axum"))?;
    let count = bench.count(60_000).to_string();
    let ask = |server: &Server| {
        let before = server.cpu()?;
        let asked = ["load", "getBalance", &server.url, &count, "16"];
        let reading = read(on(Core::Client, units).args(asked))?;
        let cpu = (server.cpu()? - before) / count.parse::<f64>()?;
        anyhow::Ok(Reading {
            server_cpu: cpu,
            ..reading
        })
    };
    let subjects = vec![
        Subject::new("sandbox", || ask(&sandbox)),
        Subject::new("bare axum", || ask(&axum)),
    ];
    let readings = interleaved(bench.rounds(11), subjects)?;
    let wall = Table::of(
        "Time an answer of `getBalance`, over 16 connections",
        Unit::Nanoseconds,
        &readings,
        |reading| reading.wall,
    );
    let cpu = Table::of(
        "CPU of the server an answer",
        Unit::Nanoseconds,
        &readings,
        |reading| reading.server_cpu,
    );
    Ok(vec![
        // In answers a second.
        wall.ratio("bare axum", "sandbox", Some(Goal::AtLeast(0.8))),
        cpu.ratio("bare axum", "sandbox", None)
            .remark("The sandbox verifies each signature; axum answers whatever comes."),
    ])
}

/// A submit, with no other job and with many.
pub(crate) fn held(bench: &Bench) -> anyhow::Result<Vec<Table>> {
    let units = &bench.peers.units;
    let (empty, full) = (sandbox(bench)?, sandbox(bench)?);
    let many = bench.count(100_000);
    let submit = |server: &Server, count: u64, connections: &str| {
        let count = count.to_string();
        let asked = ["load", "generateMusic", &server.url, &count, connections];
        read(on(Core::Client, units).args(asked))
    };
    submit(&full, many, "16")?;
    let once = bench.count(1_000);
    let names = ["0 and a few".to_owned(), format!("{many} and a few")];
    let subjects = vec![
        Subject::new(names[0].as_str(), || submit(&empty, once, "1")),
        Subject::new(names[1].as_str(), || submit(&full, once, "1")),
    ];
    let readings = interleaved(bench.rounds(11), subjects)?;
    let table = Table::of(
        "Time a submit to the sandbox, by the jobs that it holds",
        Unit::Nanoseconds,
        &readings,
        |reading| reading.wall,
    );
    let flat = Some(Goal::AtMost(1.2));
    Ok(vec![
        table
            .ratio(&names[1], &names[0], flat)
            .remark(format!("Each run submits {once} more.")),
    ])
}

fn sandbox(bench: &Bench) -> anyhow::Result<Server> {
    let flags = [
        "sandbox",
        "--json",
        "--seed",
        "5",
        "--quota",
        "1000000000000",
        "--render-time",
        "1h",
    ];
    Server::start(on(Core::Server, &bench.peers.genrex).args(flags))
}
