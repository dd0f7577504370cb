//! Mutation testing: each small change of the code that decides must be caught by a test of its own package, or be
//! explained in `docs/mutants.md`. What is examined is in `.cargo/mutants.toml`.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;

use anyhow::{Context as _, bail, ensure};
use xshell::{Shell, cmd};

/// The newest that was tried; a newer one makes other mutants.
const VERSION: &str = "27.1.0";

/// The packages that are examined, each with those of its tests that its mutants are held against.
const PACKAGES: [(&str, &[&str]); 4] = [
    // The suite `conformance` looks for mistakes in a verifier's own code for half a minute. The rest catches them too.
    (
        "genrex-sign",
        &[
            "--lib",
            "--test",
            "api",
            "--test",
            "properties",
            "--test",
            "vectors",
        ],
    ),
    ("genrex-proto", &["--lib", "--tests"]),
    ("genrex-ledger", &["--lib", "--tests"]),
    // The suite for transports is about sockets.
    ("genrex-core", &["--lib", "--test", "machines"]),
];

/// How many cases a property is tried with: as few as still find what is wrong always, and not now and then.
const CASES: &str = "32";

/// Where mutants are built: kept, so that what they depend on is built once, for all packages and all runs.
const BUILT: &str = "target/mutants/build";

/// In how much time, and how many mutants.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bounds {
    pub(crate) minutes: Option<u32>,
    pub(crate) most: Option<usize>,
}

/// Runs the mutants of one package or of all; of the whole code, or of what has changed since a revision.
pub(crate) fn run(
    shell: &Shell,
    only: Option<&str>,
    changed: Option<&str>,
    bounds: Bounds,
) -> anyhow::Result<()> {
    let packages = PACKAGES.iter();
    let packages: Vec<_> = packages
        .filter(|(name, _)| only.is_none_or(|only| only == *name))
        .collect();
    ensure!(!packages.is_empty(), "there is no such package");
    let diff = match changed {
        Some(base) => match changes(shell, base)? {
            Some(diff) => Some(diff),
            None => return Ok(()),
        },
        None => None,
    };
    if let Err(error) = installed(shell) {
        println!("NOT RUN: the mutants: cargo-mutants {VERSION} could not be installed: {error}");
        return Ok(());
    }
    let explained = explained(&shell.read_file("docs/mutants.md")?);
    forget_copies(shell)?;
    let mut survived = Vec::new();
    for (package, tests) in packages {
        survived.extend(examine(shell, package, tests, diff.as_deref(), bounds)?);
    }
    survived.retain(|mutant| !explained.contains(&without_place(mutant)));
    ensure!(
        survived.is_empty(),
        "no test catches these; write one, or explain them in docs/mutants.md:\n{}",
        survived.join("\n")
    );
    println!("mutants: each is caught, or explained");
    Ok(())
}

/// Writes down what has changed since a revision; `None`, said plainly, if there is nothing to examine.
fn changes(shell: &Shell, base: &str) -> anyhow::Result<Option<String>> {
    let commit = format!("{base}^{{commit}}");
    let known = cmd!(shell, "git rev-parse --quiet --verify {commit}").quiet();
    if base.is_empty() || known.ignore_stdout().ignore_stderr().run().is_err() {
        println!(
            "NOT RUN: the mutants of what has changed: there is no revision {base:?} to compare with"
        );
        return Ok(None);
    }
    let examined = PACKAGES.map(|(package, _)| format!("crates/{package}/src"));
    let diff = cmd!(shell, "git diff {base} -- {examined...}");
    let diff = diff.quiet().read()?;
    if diff.is_empty() {
        println!("mutants: nothing that is examined has changed since {base}");
        return Ok(None);
    }
    let file = shell.create_dir("target/mutants")?.join("changes.diff");
    shell.write_file(&file, diff + "\n")?;
    Ok(Some(file.display().to_string()))
}

/// The mutants of a package that no test has caught.
fn examine(
    shell: &Shell,
    package: &str,
    tests: &[&str],
    diff: Option<&str>,
    bounds: Bounds,
) -> anyhow::Result<Vec<String>> {
    let mut args = vec!["--package", package];
    args.extend(diff.into_iter().flat_map(|diff| ["--in-diff", diff]));
    let listed = &args;
    let listed = cmd!(shell, "cargo mutants --list {listed...}")
        .quiet()
        .read()?;
    let count = listed.lines().filter(|line| line.contains(".rs:")).count();
    if count == 0 {
        println!("{package}: no mutant");
        return Ok(Vec::new());
    }
    let shard = shard(count, bounds.most);
    if let Some((shard, left_out)) = &shard {
        println!(
            "NOT RUN: {left_out} of the {count} mutants of {package}: they are more than --most"
        );
        args.extend(["--shard", shard]);
    }
    let output = format!("target/mutants/{package}");
    let ended = try_each(shell, &args, tests, &output, bounds.minutes)?;
    print!("{}", String::from_utf8_lossy(&ended.stdout));
    let results = Path::new(&output).join("mutants.out");
    let of = |name: &str| -> anyhow::Result<Vec<String>> {
        let text = shell.read_file(results.join(name))?;
        Ok(text.lines().map(str::to_owned).collect())
    };
    let survived = of("missed.txt")?;
    // Tests that no longer end are noticed.
    let noticed = of("caught.txt")?.len() + of("timeout.txt")?.len();
    let tried = survived.len() + noticed + of("unviable.txt")?.len();
    match ended.status.code() {
        // All were caught, or some were not, or their tests did not end.
        Some(0 | 2 | 3) => println!("{package}: {tried} mutants, {} survived", survived.len()),
        Some(124) => {
            println!("NOT RUN: more than {tried} of the mutants of {package}: the time was over");
        }
        _ => bail!(
            "cargo-mutants could not examine {package}: {}",
            String::from_utf8_lossy(&ended.stderr)
        ),
    }
    Ok(survived)
}

/// Runs the tests against each mutant, for so many minutes at most.
fn try_each(
    shell: &Shell,
    args: &[&str],
    tests: &[&str],
    output: &str,
    minutes: Option<u32>,
) -> anyhow::Result<Output> {
    // Of both the build and the run: what is not run need not be linked.
    let tests = tests.iter().map(|test| format!("--cargo-arg={test}"));
    let tests: Vec<String> = tests.collect();
    shell.remove_path(output)?;
    shell.create_dir(output)?;
    let limit = minutes.map(|minutes| format!("{minutes}m"));
    let limit = limit
        .iter()
        .flat_map(|limit| ["timeout", "--signal", "INT", limit]);
    let command: Vec<&str> = limit.chain(["cargo", "mutants"]).collect();
    let (program, rest) = command.split_first().context("there is a program")?;
    let run = cmd!(
        shell,
        "{program} {rest...} {args...} {tests...} --output {output} --colors never --no-shuffle"
    );
    let run = run.env("CARGO_TARGET_DIR", shell.current_dir().join(BUILT));
    Ok(run.env("PROPTEST_CASES", CASES).ignore_status().output()?)
}

/// Removes what was built of the workspace's own packages. cargo-mutants copies them to another place each time, so that
/// it is of no use to the next run, which needs only what they depend on.
fn forget_copies(shell: &Shell) -> anyhow::Result<()> {
    let built = Path::new(BUILT).join("debug");
    shell.remove_path(built.join("incremental"))?;
    for kind in ["deps", "build", ".fingerprint"] {
        let dir = built.join(kind);
        if !shell.path_exists(&dir) {
            continue;
        }
        for path in shell.read_dir(dir)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if is_of_a_copy(kind, &name) {
                shell.remove_path(&path)?;
            }
        }
    }
    Ok(())
}

/// Besides what has a package's name, that is its tests: programs, without an extension.
fn is_of_a_copy(kind: &str, name: &str) -> bool {
    let bare = name.strip_prefix("lib").unwrap_or(name);
    bare.starts_with("genrex") || (kind == "deps" && !name.contains('.'))
}

/// Which part is run where there are too many, and how many are left out by it.
fn shard(count: usize, most: Option<usize>) -> Option<(String, usize)> {
    let most = most.filter(|most| *most > 0 && count > *most)?;
    let parts = count.div_ceil(most);
    Some((format!("0/{parts}"), count - count.div_ceil(parts)))
}

/// The mutants that a page explains: what stands between backquotes in the first cell of a row.
fn explained(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows.filter_map(|row| row.split_once("` |").map(|(name, _)| name));
    names.map(|name| name.replace("\\|", "|")).collect()
}

/// A mutant's name without its line and column, which change with what stands above it.
fn without_place(mutant: &str) -> String {
    let Some((file, rest)) = mutant.split_once(".rs:") else {
        return mutant.to_owned();
    };
    let name = rest.split_once(": ").map_or(rest, |(_, name)| name);
    format!("{file}.rs: {name}")
}

/// Has the tool at hand, in the pinned version.
fn installed(shell: &Shell) -> anyhow::Result<()> {
    let tools = shell.current_dir().join("target/tools");
    let path = shell.var_os("PATH").unwrap_or_default();
    let own = tools.join("bin");
    let all = std::iter::once(own).chain(std::env::split_paths(&path));
    shell.set_var("PATH", std::env::join_paths(all)?);
    let said = cmd!(shell, "cargo mutants --version")
        .quiet()
        .ignore_stderr();
    if said.read().is_ok_and(|said| said.trim().ends_with(VERSION)) {
        return Ok(());
    }
    cmd!(
        shell,
        "cargo install --quiet --locked --root {tools} --version {VERSION} cargo-mutants"
    )
    .run()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_is_explained_by_its_name_wherever_it_stands() {
        let page = "| mutant | why |\n| --- | --- |\n| `crates/a/src/b.rs: replace c -> bool with x \\|\\| y` | same |\n";
        let survived = "crates/a/src/b.rs:12:5: replace c -> bool with x || y";
        assert!(explained(page).contains(&without_place(survived)));
        let other = "crates/a/src/b.rs:12:5: replace c -> bool with true";
        assert!(!explained(page).contains(&without_place(other)));
    }

    #[test]
    fn what_packages_depend_on_is_kept_and_they_are_not() {
        for (kind, name, expected) in [
            ("deps", "libgenrex_core-0a1b.rlib", true),
            ("deps", "genrex_core-0a1b.d", true),
            ("deps", "machines-0a1b", true),
            ("deps", "libserde_derive-0a1b.so", false),
            ("deps", "libserde-0a1b.rmeta", false),
            (".fingerprint", "genrex-core-0a1b", true),
            (".fingerprint", "serde-0a1b", false),
            ("build", "libc-0a1b", false),
        ] {
            assert_eq!(is_of_a_copy(kind, name), expected, "{kind}/{name}");
        }
    }

    #[test]
    fn too_many_are_cut_to_a_part_and_the_rest_is_counted() {
        assert_eq!(shard(20, Some(20)), None);
        assert_eq!(shard(20, None), None);
        assert_eq!(shard(41, Some(20)), Some((String::from("0/3"), 27)));
    }
}
