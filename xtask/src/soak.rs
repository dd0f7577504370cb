//! The README's test command, again and again on a machine that is busy: what fails now and then shows here.

use std::collections::BTreeMap;
use std::hint;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context as _, ensure};
use xshell::{Shell, cmd};

/// As many as the smallest machine of the hosted workflow has cores.
const BUSY: usize = 2;

pub(crate) fn run(shell: &Shell, times: u32, package: Option<&str>) -> anyhow::Result<()> {
    let of = &package.map_or(vec!["--workspace"], |package| vec!["--package", package]);
    cmd!(shell, "cargo test --quiet {of...} --no-run")
        .quiet()
        .run()?;
    let kept = shell.create_dir("target/soak")?;
    let mut failures = Failures::default();
    for at in 1..=times {
        let output = beside_busy_threads(|| {
            Command::new(env!("CARGO"))
                .current_dir(shell.current_dir())
                .args(["test", "--no-fail-fast"])
                .args(of)
                .stdin(Stdio::null())
                .output()
        })
        .context("cargo cannot be run")?;
        let failed = failures.add(&output);
        println!("run {at} of {times}: {failed} failed");
        if failed > 0 {
            let file = kept.join(format!("{at}.txt"));
            shell.write_file(&file, [output.stdout, output.stderr].concat())?;
            println!("  its output is in {}", file.display());
        }
    }
    for (what, count) in &failures.0 {
        println!("{count} of {times}: {what}");
    }
    ensure!(failures.0.is_empty(), "{} failed", failures.0.len());
    Ok(())
}

/// Runs it while as many threads as [`BUSY`] take whatever time they get.
fn beside_busy_threads<T>(act: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..BUSY {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
            });
        }
        let done = act();
        is_over.store(true, Ordering::Relaxed);
        done
    })
}

/// How often each test failed.
#[derive(Debug, Default)]
struct Failures(BTreeMap<String, u32>);

impl Failures {
    /// Adds what failed in a run, and says how much.
    fn add(&mut self, output: &Output) -> usize {
        let mut failed = failed(&String::from_utf8_lossy(&output.stdout));
        if !output.status.success() && failed.is_empty() {
            failed.push(format!("no test by its name: cargo {}", output.status));
        }
        let count = failed.len();
        for name in failed {
            *self.0.entry(name).or_default() += 1;
        }
        count
    }
}

/// The tests that a run says have failed.
fn failed(output: &str) -> Vec<String> {
    let names = output.lines().filter_map(|line| {
        let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
        Some(name.to_owned())
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_their_names() {
        let ended = |code: &str, stdout: &str| Output {
            status: Command::new("sh")
                .args(["-c", &format!("exit {code}")])
                .status()
                .expect("a shell"),
            stdout: stdout.into(),
            stderr: Vec::new(),
        };
        let mut failures = Failures::default();
        let one = "test a::b ... FAILED\ntest a::c ... ok\n\nfailures:\n    a::b\n";
        assert_eq!(failures.add(&ended("101", one)), 1);
        assert_eq!(failures.add(&ended("101", one)), 1);
        assert_eq!(failures.add(&ended("0", "test a::c ... ok\n")), 0);
        assert_eq!(failures.0["a::b"], 2);
        assert_eq!(failures.add(&ended("101", "")), 1);
        assert_eq!(failures.0.len(), 2);
    }
}
