//! Many jobs that wait in one process.

use crate::bench::Bench;
use crate::bench::process::{Core, Reading, Server, on, read};
use crate::bench::series::{Readings, Subject, interleaved};
use crate::bench::table::{Goal, Table, Unit};

const GENREX: &str = "genrex-async";
const CAPPED: &str = "reqwest, 64 in flight";
const ALL_AT_ONCE: &str = "reqwest, all at once";
/// How often each job is asked after; at the last time it is over.
const POLLS: &str = "4";

/// What they take, and how late their polls are.
pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Table>> {
    let subjects = [GENREX, CAPPED].map(|by| Subject::new(by, move || waited(bench, by, None)));
    let readings = interleaved(bench.rounds(3), subjects.into())?;
    let jobs = jobs(bench);
    let of = |what: &str, unit, figure: fn(&Reading) -> f64| {
        Table::of(&format!("{what}, {jobs} jobs"), unit, &readings, figure)
    };
    let goal = Some(Goal::AtMost(1.3));
    Ok(vec![
        of("CPU in all", Unit::Nanoseconds, |reading| reading.cpu)
            .ratio(GENREX, CAPPED, goal)
            .remark(format!(
                "A client for all, with a runtime of two threads; each job is asked after {POLLS} times, each time 5 s \
                 after the answer before."
            )),
        of("The most memory of the process", Unit::Kilobytes, |reading| {
            reading.memory
        })
        .within(GENREX, 40e3),
        of(
            "How late polls are: 99 of 100 are no later",
            Unit::Nanoseconds,
            |reading| reading.other("late_p99_ns"),
        )
        .within(GENREX, 150e6),
        of(
            "How far a signature's `t` is ahead of the clock, at most",
            Unit::Nanoseconds,
            |reading| reading.other("ahead_ns"),
        )
        .within(GENREX, 1e9),
        of("Connections that were opened", Unit::Count, |reading| {
            reading.other("connections")
        }),
    ])
}

/// How many of them come to their end where few files may be open.
pub(crate) fn descriptors(bench: &Bench) -> anyhow::Result<Vec<Table>> {
    const DESCRIPTORS: &str = "1024";
    let subjects = [GENREX, ALL_AT_ONCE];
    let subjects =
        subjects.map(|by| Subject::new(by, move || waited(bench, by, Some(DESCRIPTORS))));
    let readings: Vec<Readings> = interleaved(bench.rounds(2), subjects.into())?;
    let jobs = jobs(bench);
    let caption = format!(
        "Of {jobs} jobs, those that were seen to their end with {DESCRIPTORS} file descriptors"
    );
    let finished = Table::of(&caption, Unit::Count, &readings, |reading| {
        reading.other("finished")
    });
    Ok(vec![finished.all(GENREX, count(jobs))])
}

fn jobs(bench: &Bench) -> u64 {
    bench.count(10_000)
}

fn count(jobs: u64) -> f64 {
    f64::from(u32::try_from(jobs).unwrap_or(u32::MAX))
}

/// Waits for all of them, at a server of its own.
fn waited(bench: &Bench, by: &str, descriptors: Option<&str>) -> anyhow::Result<Reading> {
    let units = &bench.peers.units;
    let pace = if bench.is_quick() { "500" } else { "5000" };
    let server = Server::start(on(Core::Server, units).args(["answer-many", pace, POLLS]))?;
    let (url, jobs) = (server.url.clone(), jobs(bench).to_string());
    let mut command = on(Core::Client, units);
    let mut reading = match descriptors {
        None => read(command.arg("many-jobs").args([by, &url, &jobs, pace]))?,
        Some(most) => {
            let words = [by, &url, &jobs, pace, most];
            read(command.arg("few-descriptors").args(words))?
        }
    };
    reading.add(&server.told()?);
    Ok(reading)
}
