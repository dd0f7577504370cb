//! Every target of `fuzz`, many times: optimised, with overflow checks and debug assertions.

use anyhow::{Context as _, ensure};
use xshell::{Shell, cmd};

/// How many executions all targets have together, unless it is said.
const EXECUTIONS: u64 = 10_000_000;

pub(crate) fn run(
    shell: &Shell,
    executions: Option<u64>,
    only: Option<&str>,
) -> anyhow::Result<()> {
    let folders = shell.read_dir("fuzz/corpus")?;
    let names = folders.iter().filter_map(|path| path.file_name()?.to_str());
    let mut targets: Vec<&str> = names
        .filter(|name| only.is_none_or(|only| only == *name))
        .collect();
    targets.sort_unstable();
    ensure!(!targets.is_empty(), "there is no such target");
    let count = u64::try_from(targets.len())?;
    let each = executions.unwrap_or(EXECUTIONS).div_ceil(count);
    let test = &[
        "--profile",
        "fuzz",
        "--package",
        "genrex-fuzz",
        "--test",
        "bounded",
    ];
    cmd!(shell, "cargo test --quiet {test...} --no-run")
        .quiet()
        .run()?;
    let mut all = 0;
    for target in targets {
        let said = cmd!(
            shell,
            "cargo test --quiet {test...} -- --exact {target} --nocapture"
        )
        .env("GENREX_FUZZ_CASES", each.to_string())
        .quiet()
        .read()
        .with_context(|| format!("{target} found something: its bytes are above"))?;
        let done = executed(&said).with_context(|| format!("{target} did not say how often"))?;
        println!("{target}: {done}");
        all += done;
    }
    println!("fuzz: {all} executions, and nothing found");
    Ok(())
}

/// How often a target was executed, as its test says.
fn executed(output: &str) -> Option<u64> {
    let mut lines = output.lines();
    let count = lines.find_map(|line| line.strip_suffix(" executions"))?;
    count.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_test_says_is_read() {
        let output = "\nrunning 1 test\nrows: 454546 executions\n.\ntest result: ok.";
        assert_eq!(executed(output), Some(454_546));
        assert_eq!(executed("running 0 tests\n"), None);
    }
}
