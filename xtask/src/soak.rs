//! The README's test command, again and again on a machine that is busy: what fails now and then shows here.

use std::collections::BTreeMap;
use std::fs;
use std::hint;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use anyhow::{Context as _, ensure};
use xshell::{Shell, cmd};

/// As many as the smallest machine of the hosted workflow has cores.
const BUSY: usize = 2;

/// How often the tests run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Runs {
    pub(crate) times: u32,
    pub(crate) at_once: u32,
}

pub(crate) fn run(shell: &Shell, runs: Runs, package: Option<&str>) -> anyhow::Result<()> {
    let is_any = runs.times > 0 && runs.at_once > 0;
    ensure!(
        is_any,
        "nothing would run: --times and --at-once are 1 at least"
    );
    let of = &package.map_or(vec!["--workspace"], |package| vec!["--package", package]);
    cmd!(shell, "cargo test --quiet {of...} --no-run")
        .quiet()
        .run()?;
    let kept = shell.create_dir("target/soak")?;
    let (begun, failures) = (AtomicU32::new(0), Mutex::new(Failures::default()));
    let root = shell.current_dir();
    let one_after_another = || -> anyhow::Result<()> {
        loop {
            let at = begun.fetch_add(1, Ordering::Relaxed) + 1;
            if at > runs.times {
                return Ok(());
            }
            let output = test(&root, of)?;
            let mut failures = failures.lock().expect("no run panics while it counts");
            let failed = failures.add(&output);
            drop(failures);
            println!("run {at} of {}: {failed} failed", runs.times);
            if failed > 0 {
                let file = kept.join(format!("{at}.txt"));
                fs::write(&file, [output.stdout, output.stderr].concat())?;
                println!("  its output is in {}", file.display());
            }
        }
    };
    // Several are load enough for each other.
    let busy = if runs.at_once > 1 { 0 } else { BUSY };
    beside_busy_threads(busy, || {
        thread::scope(|scope| {
            let workers: Vec<_> = (0..runs.at_once)
                .map(|_| scope.spawn(one_after_another))
                .collect();
            let ended = workers
                .into_iter()
                .map(|worker| worker.join().expect("no run panics"));
            ended.collect::<anyhow::Result<()>>()
        })
    })?;
    let Failures(failures) = failures.into_inner()?;
    for (what, count) in &failures {
        println!("{count} of {}: {what}", runs.times);
    }
    ensure!(failures.is_empty(), "{} failed", failures.len());
    Ok(())
}

fn test(root: &Path, of: &[&str]) -> anyhow::Result<Output> {
    Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["test", "--no-fail-fast"])
        .args(of)
        .stdin(Stdio::null())
        .output()
        .context("cargo cannot be run")
}

/// Runs it while so many threads take whatever time they get.
fn beside_busy_threads<T>(busy: usize, act: impl FnOnce() -> T) -> T {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..busy {
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
