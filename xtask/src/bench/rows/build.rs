//! What it takes to compile a program that uses a client, with nothing compiled before.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use crate::bench::process::{Core, Reading, on, read};
use crate::bench::series::{Subject, interleaved};
use crate::bench::table::{Goal, Table, Unit};
use crate::bench::{Bench, Extent};

/// A program: its name, what it depends on, as its manifest says, and a type of that.
type Program = (&'static str, &'static [&'static str], &'static str);

const UREQ: &str =
    r#"ureq = { version = "~3.5", default-features = false, features = ["rustls"] }"#;
const REQWEST: &str = r#"reqwest = { version = "0.13", default-features = false, features = ["http2", "rustls", "system-proxy"] }"#;
/// What a program signs with that has no library for it, and reads answers with.
const BY_HAND: &str = r#"serde = { version = "1", features = ["derive"] }
serde_json = "1"
hmac = "0.13"
sha2 = "0.11"
hex = "0.4""#;

const PROGRAMS: [Program; 6] = [
    (
        "genrex-blocking",
        &[r#"genrex-blocking = { path = "CRATES/genrex-blocking" }"#],
        "genrex_blocking::Client",
    ),
    ("ureq", &[UREQ], "ureq::Agent"),
    ("ureq, by hand", &[UREQ, BY_HAND], "ureq::Agent"),
    (
        "genrex-async",
        &[r#"genrex-async = { path = "CRATES/genrex-async" }"#],
        "genrex_async::Client",
    ),
    ("reqwest", &[REQWEST], "reqwest::Client"),
    ("reqwest, by hand", &[REQWEST, BY_HAND], "reqwest::Client"),
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
            .ratio("genrex-blocking", "ureq, by hand", Some(Goal::AtMost(1.3)))
            .ratio("genrex-blocking", "ureq", None)
            .ratio("genrex-async", "reqwest, by hand", Some(Goal::AtMost(1.2)))
            .ratio("genrex-async", "reqwest", None)
            .remark(
                "By `cargo build`, without optimisation, and with the same features of the HTTP client. By hand: with serde, \
                 serde_json, hmac, sha2 and hex beside it, which a program without a library signs and reads answers with.",
            ),
    ])
}

/// Builds it from nothing.
fn built(bench: &Bench, (name, sources, ty): Program) -> anyhow::Result<Reading> {
    let root = bench.folder.ancestors().nth(2).context("no folder")?;
    let folder = bench.folder.join("build");
    // It may not be there.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("src"))?;
    let crates = root.join("crates");
    let sources = sources.join("\n").replace("CRATES", path(&crates)?);
    let manifest = format!(
        "[package]\nname = \"program\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{sources}\n"
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
