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

/// Many connections at once, each held open and asked over.
pub(crate) fn connections(bench: &Bench) -> anyhow::Result<Vec<Table>> {
    let units = &bench.peers.units;
    let many = bench.count(10_000);
    let ask = |server: Server| {
        let mut reading =
            read(on(Core::Client, units).args(["connections", &server.url, &many.to_string()]))?;
        reading.memory = server.memory()?;
        anyhow::Ok(reading)
    };
    let subjects = vec![
        Subject::new("sandbox", || ask(sandbox(bench)?)),
        Subject::new("bare axum", || {
            ask(Server::start(on(Core::Server, units).arg("axum"))?)
        }),
    ];
    let readings = interleaved(bench.rounds(5), subjects)?;
    let caption = format!("Answered within 4 s, of {many} connections that are all held open");
    let answered = Table::of(&caption, Unit::Count, &readings, |reading| {
        reading.other("answered")
    });
    let memory = Table::of(
        "The most memory of the server",
        Unit::Kilobytes,
        &readings,
        |reading| reading.memory,
    );
    let all = f64::from(u32::try_from(many)?);
    Ok(vec![
        answered.all("sandbox", all).remark(
            "It takes a hard limit of 20,000 descriptors: a quarter of them is kept for the storage, and as many for \
             other work.",
        ),
        memory.ratio("sandbox", "bare axum", None),
    ])
}

/// What others would wait for, were it made before they are answered.
const MAKING_ONE: &str = "a piece, made for who asks";

/// Pieces of 60 s, and who asks for something else while they are made.
pub(crate) fn pieces(bench: &Bench) -> anyhow::Result<Vec<Table>> {
    let units = &bench.peers.units;
    let retrieves = bench.count(100).to_string();
    let ask = |how: &str| {
        let server = sandbox_that_takes(bench, Core::Any, "1s")?;
        let words = ["pieces", &server.url, how, &retrieves];
        read(on(Core::Any, units).args(words))
    };
    let [made, kept] = ["one that is made for it", "one that was made before"];
    let subjects = vec![
        Subject::new(made, || ask("made")),
        Subject::new(kept, || ask("kept")),
    ];
    let readings = interleaved(bench.rounds(7), subjects)?;
    let retrieve = Table::of(
        "Time of a `retrieve` of a piece of 60 s",
        Unit::Nanoseconds,
        &readings,
        |reading| reading.wall,
    );
    let [making, idle] = ["while pieces are made", "while none is"];
    let mut others = Table::new(
        "Time of `getBalance` beside it, that 99 of 100 do not exceed",
        Unit::Nanoseconds,
    );
    for (name, readings) in [making, idle].into_iter().zip(&readings) {
        let late = readings
            .of
            .iter()
            .map(|reading| reading.other("other_p99_ns"));
        others = others.with(name, late.collect());
    }
    let whole = readings.iter().take(1).flat_map(|readings| &readings.of);
    let others = others.with(MAKING_ONE, whole.map(|reading| reading.wall).collect());
    Ok(vec![
        retrieve.ratio(kept, made, Some(Goal::AtMost(0.1))).remark(
            "A piece is made while its job is processing, and again if so many others were asked for since that it is \
             not kept. Both cores serve both.",
        ),
        others
            .ratio(making, idle, None)
            .ratio(making, MAKING_ONE, Some(Goal::AtMost(0.2))),
    ])
}

/// In which no job is over for an hour.
fn sandbox(bench: &Bench) -> anyhow::Result<Server> {
    sandbox_that_takes(bench, Core::Server, "1h")
}

fn sandbox_that_takes(bench: &Bench, core: Core, time: &str) -> anyhow::Result<Server> {
    let flags = [
        "sandbox",
        "--json",
        "--seed",
        "5",
        "--quota",
        "1000000000000",
        "--render-time",
        time,
    ];
    Server::start(on(core, &bench.peers.genrex).args(flags))
}
