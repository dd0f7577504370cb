//! What does not depend on the machine, held against a budget.

mod instructions;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use xshell::{Shell, cmd};

use super::peers;
use super::rows::ledger::syncs_of_a_batch;

const BUDGET: &str = "xtask/budget.toml";

pub(crate) fn check(shell: &Shell) -> anyhow::Result<()> {
    let budget = budget(&shell.read_file(BUDGET)?)?;
    let folder = shell.current_dir().join("target/bench/counts");
    shell.create_dir(&folder)?;
    let mut counted = allocations(shell)?;
    let mut not_run = Vec::new();
    match peers::installed(shell, "strace") {
        Ok(strace) => {
            cmd!(shell, "cargo build --quiet --package genrex-cli")
                .quiet()
                .run()?;
            let target = shell.current_dir().join("target/debug");
            counted.extend(polls(&strace, &target.join("examples/counts"), &folder)?);
            let (genrex, batch) = (target.join("genrex"), folder.join("batch"));
            let syncs = syncs_of_a_batch(&strace, &genrex, &batch, 64)?;
            counted.insert(String::from("batch_syncs_a_job"), syncs);
        }
        Err(_) => not_run.push("system calls: strace is missing"),
    }
    match fs::metadata(shell.current_dir().join("target/release/genrex")) {
        Ok(program) => {
            let kilobytes = f64::from(u32::try_from(program.len().div_ceil(1_000))?);
            counted.insert(String::from("program_kilobytes"), kilobytes);
        }
        Err(_) => not_run.push("the program's size: it is not built with --release"),
    }
    match peers::installed(shell, "valgrind") {
        Ok(valgrind) => counted.extend(instructions::count(shell, &valgrind, &folder)?),
        Err(_) => not_run.push("instructions: valgrind is missing"),
    }
    for what in not_run {
        println!("NOT RUN: {what}");
    }
    held(&counted, &budget)
}

/// Whether each count is known and within its budget.
fn held(counted: &BTreeMap<String, f64>, budget: &BTreeMap<String, f64>) -> anyhow::Result<()> {
    let mut over = Vec::new();
    for (name, count) in counted {
        let most = budget
            .get(name)
            .with_context(|| format!("{BUDGET} has no {name}"))?;
        println!("{name}: {count}, at most {most}");
        if count > most {
            over.push(name.as_str());
        }
    }
    ensure!(
        over.is_empty(),
        "more than {BUDGET} allows: {}",
        over.join(", ")
    );
    Ok(())
}

fn budget(text: &str) -> anyhow::Result<BTreeMap<String, f64>> {
    let table: toml::Table = text.parse()?;
    let number = |value: &toml::Value| match value {
        toml::Value::Float(number) => Some(*number),
        toml::Value::Integer(number) => Some(f64::from(u32::try_from(*number).ok()?)),
        _ => None,
    };
    let numbers = table.iter().map(|(name, value)| {
        let number = number(value).with_context(|| format!("{name} is no count"))?;
        Ok((name.clone(), number))
    });
    numbers.collect()
}

fn allocations(shell: &Shell) -> anyhow::Result<BTreeMap<String, f64>> {
    let run = cmd!(
        shell,
        "cargo run --quiet --package genrex-tests --example counts -- allocations"
    );
    let told: Value = serde_json::from_str(&run.quiet().read()?)?;
    let told = told.as_object().context("no counts were told")?;
    let counts = told.iter().map(|(name, count)| {
        let count = count
            .as_f64()
            .with_context(|| format!("{name} is no count"))?;
        Ok((name.clone(), count))
    });
    counts.collect()
}

/// What one poll more does, of system calls: what many do, without what a few do.
fn polls(strace: &Path, counts: &Path, folder: &Path) -> anyhow::Result<BTreeMap<String, f64>> {
    const FEW: u32 = 20;
    const MANY: u32 = 220;
    let log = folder.join("polls.log");
    let calls = |polls: u32| {
        let output = std::process::Command::new(strace)
            .args(["-f", "-qq", "-o"])
            .arg(&log)
            .arg(counts)
            .args(["polls", &polls.to_string()])
            .output()?;
        ensure!(
            output.status.success(),
            "{polls} polls ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        let calls = Calls::of(&fs::read_to_string(&log)?);
        ensure!(
            calls.threads > 0.0 && calls.lookups > 0.0,
            "{calls:?} is not credible"
        );
        Ok(calls)
    };
    let (few, many) = (calls(FEW)?, calls(MANY)?);
    let a_poll = |count: fn(&Calls) -> f64| (count(&many) - count(&few)) / f64::from(MANY - FEW);
    let counts = [
        ("blocking_poll_threads", a_poll(|calls| calls.threads)),
        ("blocking_poll_lookups", a_poll(|calls| calls.lookups)),
        ("blocking_poll_system_calls", a_poll(|calls| calls.all)),
    ];
    Ok(counts.map(|(name, count)| (name.to_owned(), count)).into())
}

/// What a trace shows.
#[derive(Debug, PartialEq)]
struct Calls {
    threads: f64,
    lookups: f64,
    /// Of the main thread, all of them.
    all: f64,
}

impl Calls {
    fn of(trace: &str) -> Self {
        let count = |of: &dyn Fn(&str) -> bool| {
            let lines = trace.lines().filter(|line| of(line)).count();
            f64::from(u32::try_from(lines).unwrap_or(u32::MAX))
        };
        let main = trace.split_whitespace().next().unwrap_or_default();
        let begins = |line: &str, name: &str| {
            line.split_whitespace()
                .nth(1)
                .is_some_and(|call| call.starts_with(name))
        };
        Self {
            threads: count(&|line| begins(line, "clone3(") || begins(line, "clone(")),
            // A name is looked for in this file first.
            lookups: count(&|line| begins(line, "openat(") && line.contains("/etc/hosts\"")),
            all: count(&|line| {
                let is_begun = !line.contains(" resumed>");
                line.split_whitespace().next() == Some(main) && is_begun
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_once_and_by_what_they_do() {
        let trace = "10 execve(\"counts\") = 0\n\
                     10 clone3({flags=CLONE_VM}) = 11\n\
                     11 openat(AT_FDCWD, \"/etc/hosts\", O_RDONLY) = 5\n\
                     10 read(3,  <unfinished ...>\n\
                     11 close(5) = 0\n\
                     10 <... read resumed>\"x\", 1) = 1\n";
        let counted = Calls {
            threads: 1.0,
            lookups: 1.0,
            all: 3.0,
        };
        assert_eq!(Calls::of(trace), counted);
    }

    #[test]
    fn a_count_above_its_budget_fails_and_so_does_one_without_a_budget() {
        let counts = |count: f64| BTreeMap::from([(String::from("a"), count)]);
        let budget = budget("# so many\na = 2\nb = 7.5\n").unwrap();
        held(&counts(2.0), &budget).unwrap();
        held(&counts(2.5), &budget).unwrap_err();
        let unknown = BTreeMap::from([(String::from("c"), 0.0)]);
        held(&unknown, &budget).unwrap_err();
    }

    #[test]
    fn the_budget_can_be_read() {
        let kept = budget(include_str!("../../budget.toml")).unwrap();
        assert!(kept.contains_key("blocking_poll_threads"));
    }
}
