//! From the start of a program to its answer.

use std::path::Path;
use std::process::Command;

use crate::bench::Bench;
use crate::bench::process::{Core, Server, on, read};
use crate::bench::rows::ledger::with_account;
use crate::bench::series::{Subject, interleaved};
use crate::bench::table::{Goal, Table, Unit};

/// The job that is asked after.
const ID: &str = "QRY_WRXzIXyidD8x9xIEZZ4GppXh";

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Table>> {
    let peers = &bench.peers;
    let server = Server::start(on(Core::Server, &peers.units).args(["respond", "0"]))?;
    let home = bench.folder.join("home");
    std::fs::create_dir_all(&home)?;
    let run = |words: &[&Path]| read(&mut started(bench, &home, &server.url, words));
    let (genrex, url): (&Path, &Path) = (&peers.genrex, server.url.as_ref());
    let status: [&Path; 3] = [genrex, "status".as_ref(), ID.as_ref()];
    let version: [&Path; 2] = [genrex, "--version".as_ref()];
    let nothing: [&Path; 3] = ["node".as_ref(), "--eval".as_ref(), "0".as_ref()];
    let script = peers.node.as_ref().map(|folder| folder.join("poll.js"));
    let answer = format!("{}/v1/text2music/retrieve", server.url);
    let mut subjects = vec![
        Subject::new("genrex status", || run(&status)),
        Subject::new("genrex status, without a certificate store", || {
            let mut command = started(bench, &home, &server.url, &status);
            command
                .env("SSL_CERT_FILE", &home)
                .env("SSL_CERT_DIR", &home);
            read(&mut command)
        }),
        Subject::new("genrex --version", || run(&version)),
    ];
    if let Some(script) = &script {
        let words = ["node".as_ref(), script.as_path(), url, "0".as_ref()];
        subjects.push(Subject::new("node, the same by axios", move || run(&words)));
        subjects.push(Subject::new("node, nothing", || run(&nothing)));
    }
    if let Some(curl) = &peers.curl {
        let (flags, body): ([&Path; 2], &Path) = (["-s".as_ref(), "-d".as_ref()], "{}".as_ref());
        let words: [&Path; 5] = [curl, flags[0], flags[1], body, answer.as_ref()];
        subjects.push(Subject::new(
            "curl, the same without a signature",
            move || run(&words),
        ));
    }
    let readings = interleaved(bench.rounds(31), subjects)?;
    let caption = "From the start of a process to its end";
    let table = Table::of(caption, Unit::Nanoseconds, &readings, |reading| {
        reading.wall
    });
    let [node, store] = [
        "node, the same by axios",
        "genrex status, without a certificate store",
    ];
    Ok(vec![
        table
            .ratio(node, "genrex status", Some(Goal::AtLeast(30.0)))
            .ratio("genrex status", store, None)
            .ratio("node, nothing", "genrex --version", None)
            .within("genrex status", 4e6)
            .within("genrex --version", 2e6),
    ])
}

/// A unit runs the words, as somebody who has an account, and takes its time from the start to the end.
fn started(bench: &Bench, home: &Path, url: &str, words: &[&Path]) -> Command {
    let mut command = on(Core::Client, &bench.peers.units);
    command.arg("measure").args(words);
    with_account(&mut command, home, url, "bench");
    command
}
