//! What it takes to compile a program that uses a client, with nothing compiled before.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::bench::process::{Core, Reading, on, read};
use crate::bench::series::{Subject, interleaved};
use crate::bench::table::{Goal, Table, Unit};
use crate::bench::{Bench, Extent};

/// A program: what it depends on, as its manifest says, and a type of that.
type Program = (&'static str, &'static str, &'static str);

const PROGRAMS: [Program; 4] = [
    (
        "genrex-blocking",
        r#"{ path = "CRATES/genrex-blocking" }"#,
        "genrex_blocking::Client",
    ),
    (
        "ureq",
        r#"{ version = "~3.5", default-features = false, features = ["rustls"] }"#,
        "ureq::Agent",
    ),
    (
        "genrex-async",
        r#"{ path = "CRATES/genrex-async" }"#,
        "genrex_async::Client",
    ),
    (
        "reqwest",
        r#"{ version = "0.13", default-features = false, features = ["http2", "rustls", "system-proxy"] }"#,
        "reqwest::Client",
    ),
];

pub(crate) fn measure(bench: &Bench) -> anyhow::Result<Vec<Table>> {
    let rounds = match bench.extent {
        Extent::Quick => 1,
        Extent::Usual | Extent::Large => 2,
    };
    let subjects = PROGRAMS.map(|program| Subject::new(program.0, move || built(bench, program)));
    let readings = interleaved(rounds, subjects.into())?;
    let caption = "CPU of a program's first build, with the crates fetched";
    let table = Table::of(caption, Unit::Nanoseconds, &readings, |reading| reading.cpu);
    Ok(vec![
        table
            .ratio("genrex-blocking", "ureq", Some(Goal::AtMost(1.3)))
            .ratio("genrex-async", "reqwest", Some(Goal::AtMost(1.2)))
            .remark(
                "By `cargo build`, without optimisation, and with the same features of the HTTP client. A program without a \
                 library needs what signs and reads JSON beside it.",
            ),
    ])
}

/// Builds it from nothing.
fn built(bench: &Bench, (name, source, ty): Program) -> anyhow::Result<Reading> {
    let root = bench.folder.ancestors().nth(2).context("no folder")?;
    let folder = bench.folder.join("build");
    // It may not be there.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("src"))?;
    let crates = root.join("crates");
    let source = source.replace("CRATES", path(&crates)?);
    let manifest = format!(
        "[package]\nname = \"program\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{name} = {source}\n"
    );
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(
        folder.join("src/main.rs"),
        format!("fn main() {{\n    println!(\"{{}}\", std::any::type_name::<{ty}>());\n}}\n"),
    )?;
    // The versions are those of the units, which are fetched.
    fs::copy(root.join("benches/Cargo.lock"), folder.join("Cargo.lock"))?;
    let mut command = on(Core::Any, &bench.peers.units);
    command
        .args(["measure", "cargo", "build", "--quiet", "--offline"])
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .current_dir(&folder);
    let reading = read(&mut command).with_context(|| format!("{name} does not build"))?;
    fs::remove_dir_all(&folder)?;
    Ok(reading)
}

fn path(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("the path is not text")
}
