//! The header's value, and its verification.

use std::path::Path;

use crate::bench::Bench;
use crate::bench::process::{Core, on, read};
use crate::bench::series::{Subject, interleaved};
use crate::bench::table::{Goal, Table, Unit};

pub(crate) fn sign(bench: &Bench) -> anyhow::Result<Vec<Table>> {
    let by = ["genrex", "direct", "hmac", "ring", "aws-lc-rs"];
    let table = measured(bench, "sign", &by, "The header's value")?;
    let table = table
        .ratio("genrex", "direct", Some(Goal::AtMost(1.2)))
        .ratio("genrex", "hmac", None)
        .ratio("genrex", "ring", None)
        .ratio("genrex", "aws-lc-rs", None)
        .ratio("node", "genrex", Some(Goal::AtLeast(9.0)));
    Ok(vec![table])
}

pub(crate) fn verify(bench: &Bench) -> anyhow::Result<Vec<Table>> {
    let by = ["genrex", "direct", "ring", "aws-lc-rs"];
    let table = measured(bench, "verify", &by, "A verification")?;
    let table = table
        .ratio("genrex", "direct", Some(Goal::AtMost(1.2)))
        .ratio("genrex", "ring", None)
        .ratio("genrex", "aws-lc-rs", None)
        .ratio("node", "genrex", Some(Goal::AtLeast(12.0)));
    Ok(vec![table])
}

fn measured(bench: &Bench, what: &str, by: &[&str], caption: &str) -> anyhow::Result<Table> {
    let unit = |by: &str| {
        let by = by.to_owned();
        Subject::new(by.clone(), move || {
            let count = bench.count(2_000_000).to_string();
            read(on(Core::Client, &bench.peers.units).args([what, &by, &count]))
        })
    };
    let mut subjects: Vec<Subject<'_>> = by.iter().map(|by| unit(by)).collect();
    if let Some(folder) = &bench.peers.node {
        let count = bench.count(300_000).to_string();
        subjects.push(Subject::new("node", move || {
            read(
                on(Core::Client, Path::new("node"))
                    .arg(folder.join("sign.js"))
                    .args([what, &count]),
            )
        }));
    }
    let readings = interleaved(bench.rounds(15), subjects)?;
    Ok(Table::of(
        &format!("{caption}, of a body of 44 bytes, with a kept key"),
        Unit::Nanoseconds,
        &readings,
        |reading| reading.wall,
    ))
}
