//! From the start of a program to its answer.

use std::path::Path;

use crate::bench::Bench;
use crate::bench::process::{Core, Server, on, read};
use crate::bench::series::{Subject, interleaved};
use crate::bench::table::{Goal, Table, Unit};

/// The job that is asked after.
const ID: &str = "QRY_WRXzIXyidD8x9xIEZZ4GppXh";

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Table>> {
    let peers = &bench.peers;
    let server = Server::start(on(Core::Server, &peers.units).args(["respond", "0"]))?;
    let home = bench.folder.join("home");
    std::fs::create_dir_all(&home)?;
    // A unit runs the program, and takes its time from the start to the end.
    let run = |words: &[&Path], stores: Option<&Path>| {
        let mut command = on(Core::Client, &peers.units);
        command
            .arg("measure")
            .args(words)
            .env("HOME", &home)
            .env("XDG_CONFIG_HOME", &home)
            .env("GENREX_BASE_URL", &server.url)
            .env("GENREX_API_KEY", "bench-key")
            .env("GENREX_API_SECRET", "bench-secret");
        if let Some(stores) = stores {
            command
                .env("SSL_CERT_FILE", stores)
                .env("SSL_CERT_DIR", stores);
        }
        read(&mut command)
    };
    let genrex: &Path = &peers.genrex;
    let script = peers.node.as_ref().map(|folder| folder.join("poll.js"));
    let mut subjects = vec![
        Subject::new("genrex status", || {
            run(&[genrex, "status".as_ref(), ID.as_ref()], None)
        }),
        Subject::new("genrex status, without a certificate store", || {
            run(&[genrex, "status".as_ref(), ID.as_ref()], Some(&home))
        }),
        Subject::new("genrex --version", || {
            run(&[genrex, "--version".as_ref()], None)
        }),
    ];
    if let Some(script) = &script {
        let url: &Path = server.url.as_ref();
        let words = ["node".as_ref(), script.as_path(), url, "0".as_ref()];
        subjects.push(Subject::new("node, the same by axios", move || {
            run(&words, None)
        }));
        let words: [&Path; 3] = ["node".as_ref(), "--eval".as_ref(), "0".as_ref()];
        subjects.push(Subject::new("node, nothing", move || run(&words, None)));
    }
    if let Some(curl) = &peers.curl {
        let url = format!("{}/v1/text2music/retrieve", server.url);
        subjects.push(Subject::new(
            "curl, the same without a signature",
            move || {
                let body: &Path = "{}".as_ref();
                run(
                    &[curl, "-s".as_ref(), "-d".as_ref(), body, url.as_ref()],
                    None,
                )
            },
        ));
    }
    let readings = interleaved(bench.rounds(31), subjects)?;
    let table = Table::of(
        "From the start of a process to its end",
        Unit::Nanoseconds,
        &readings,
        |reading| reading.wall,
    );
    Ok(vec![
        table
            .ratio(
                "node, the same by axios",
                "genrex status",
                Some(Goal::AtLeast(30.0)),
            )
            .ratio(
                "genrex status",
                "genrex status, without a certificate store",
                None,
            )
            .within("genrex status", 4e6)
            .within("genrex --version", 2e6),
    ])
}
