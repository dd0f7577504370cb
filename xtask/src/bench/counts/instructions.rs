//! Instructions, by valgrind: it runs a processor of its own, so that they are nearly the same on every machine.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use xshell::Shell;

use crate::bench::process::{Core, Server, on};
use crate::bench::rows::ledger::with_account;

pub(super) fn count(
    shell: &Shell,
    valgrind: &Path,
    folder: &Path,
) -> anyhow::Result<BTreeMap<String, f64>> {
    const FEW: u32 = 20;
    const MANY: u32 = 220;
    let target = shell.current_dir().join("target");
    let counts = target.join("debug/examples/counts");
    let mut counted = BTreeMap::new();
    for (name, what) in [
        ("sign_instructions", "signatures"),
        ("verify_instructions", "verifications"),
        ("scripted_poll_instructions", "scripted-polls"),
    ] {
        let of = |times: u32| {
            let mut command = Command::new(valgrind);
            executed(under(&mut command, &counts).args([what, &times.to_string()]))
        };
        // What starts and ends is in both.
        let of_one = (of(MANY)? - of(FEW)?) / f64::from(MANY - FEW);
        counted.insert(name.to_owned(), of_one.round());
    }
    let genrex = target.join("release/genrex");
    if genrex.exists() {
        let status = status(valgrind, &genrex, &folder.join("status"))?;
        counted.insert(String::from("status_instructions"), status);
    } else {
        println!("NOT RUN: instructions of the program: it is not built with --release");
    }
    Ok(counted)
}

/// From the start of `genrex status` to its answer.
fn status(valgrind: &Path, genrex: &Path, home: &Path) -> anyhow::Result<f64> {
    std::fs::create_dir_all(home)?;
    let flags = ["sandbox", "--json", "--seed", "5", "--render-time", "1h"];
    let sandbox = Server::start(on(Core::Any, genrex).args(flags))?;
    let mut bought = Command::new(genrex);
    bought.args([
        "generate",
        "some music",
        "--duration",
        "5",
        "--no-wait",
        "--json",
    ]);
    let bought = with_account(&mut bought, home, &sandbox.url, "sandbox").output()?;
    let told = String::from_utf8_lossy(&bought.stderr);
    ensure!(bought.status.success(), "nothing was bought: {told}");
    let told: Value = serde_json::from_slice(&bought.stdout)?;
    let id = told["queryId"]
        .as_str()
        .with_context(|| format!("no id in {told}"))?;
    let mut command = Command::new(valgrind);
    under(&mut command, genrex).args(["status", id]);
    executed(with_account(&mut command, home, &sandbox.url, "sandbox"))
}

fn under<'a>(valgrind: &'a mut Command, program: &Path) -> &'a mut Command {
    valgrind
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
}

/// How many instructions it says that a program took, which has to succeed.
fn executed(command: &mut Command) -> anyhow::Result<f64> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {said}");
    collected(&said).with_context(|| format!("valgrind does not say how many: {said}"))
}

fn collected(said: &str) -> Option<f64> {
    let (_, count) = said.split_once("Collected :")?;
    count.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_what_valgrind_says() {
        let said = "==7== Events    : Ir\n==7== Collected : 5421907\n==7== \n==7== I   refs:      5,421,907\n";
        assert_eq!(collected(said), Some(5_421_907.0));
        assert_eq!(collected("==7== no such thing"), None);
    }
}
