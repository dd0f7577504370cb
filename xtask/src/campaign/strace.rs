//! Running a command under strace: to count its system calls, and to make one of them fail or kill.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::plan::Plan;
use super::truth::Scene;
use super::{Findings, Setting, two_at_a_time};

/// How many rows the batch has.
pub(crate) const ROWS: u64 = 2;

/// The batch that is put through a fault: within a limit, and everything else as it comes.
fn scene(random: &mut fastrand::Rng) -> anyhow::Result<Scene> {
    let plan = Plan::varied(ROWS, random).bounded(random);
    Scene::new(plan, random.u64(..))
}

/// How often each system call is made by the thread that makes it most often.
pub(crate) fn counts(setting: &Setting) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut random = fastrand::Rng::with_seed(setting.seed);
    let mut scene = Scene::new(Plan::plain(ROWS).bounded(&mut random), random.u64(..))?;
    let log = scene.folder.path().join("strace.log");
    let plain = scene.command(setting);
    let flags = ["-f", "-qq", "-o", &log.to_string_lossy()].map(str::to_owned);
    let ended = under(&plain, &flags)
        .status()
        .context("strace cannot be run: is it installed?")?;
    ensure!(
        matches!(ended.code(), Some(0 | 6)),
        "the run to count in ended with {ended}"
    );
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
    for line in std::fs::read_to_string(&log)?.lines() {
        let mut words = line.split_whitespace();
        let (Some(thread), Some(call)) = (words.next(), words.next()) else {
            continue;
        };
        if let Some((name, _)) = call.split_once('(') {
            *counts
                .entry((name.to_owned(), thread.to_owned()))
                .or_default() += 1;
        }
    }
    let mut most: BTreeMap<String, u64> = BTreeMap::new();
    for ((name, _), count) in counts {
        let so_far = most.entry(name).or_default();
        *so_far = count.max(*so_far);
    }
    let has_sync = ["fsync", "fdatasync"]
        .iter()
        .any(|call| most.contains_key(*call));
    ensure!(has_sync, "no sync was seen: the count is not credible");
    Ok(most)
}

/// A place for a fault: the system call, what happens at it, and which of its like it is.
pub(crate) type Point = (String, String, u64);

/// Puts a batch of its own through a fault at each of so many of these places, two at a time.
pub(crate) fn attack(setting: &Setting, mut points: Vec<Point>) -> anyhow::Result<Findings> {
    // The short form takes a few from everywhere.
    const SHORT: u64 = 40;
    fastrand::Rng::with_seed(setting.seed).shuffle(&mut points);
    points.truncate(usize::try_from(setting.cases.unwrap_or(SHORT))?);
    let (one, two) = points.split_at(points.len() / 2);
    two_at_a_time(|worker| {
        let mut random = fastrand::Rng::with_seed(setting.seed.wrapping_add(worker));
        let mut findings = Findings::default();
        for point in if worker == 0 { one } else { two } {
            findings.add(put_through(setting, point, &mut random)?);
        }
        Ok(findings)
    })
}

fn put_through(
    setting: &Setting,
    (call, fault, nth): &Point,
    random: &mut fastrand::Rng,
) -> anyhow::Result<Findings> {
    let mut scene = scene(random)?;
    let plain = scene.command(setting);
    scene.service.begin_run();
    let mut command = injected(&plain, call, fault, *nth);
    let limit = if call == "write" {
        LIMIT_OF_WAKES
    } else {
        LIMIT
    };
    let (ended, hung) = within(limit, command.stderr(Stdio::piped()))?;
    // strace dies of the signal that it has sent.
    scene.service.end_run(ended.status.code().is_none());
    scene.perhaps_move()?;
    let told = String::from_utf8_lossy(&ended.stderr).into_owned();
    let mut found = scene.settle_and_check(setting, &told)?;
    found.cases = 1;
    // The wake of a thread is a `write` too, and one that fails is a fault that no disk has: it counts as a kill.
    if hung && call != "write" {
        found.wrong.push("it did not end".to_owned());
    }
    for what in &mut found.wrong {
        *what = format!("{what} ({fault} at {call} {nth})");
    }
    Ok(found)
}

/// The program itself gives up after a minute.
const LIMIT: Duration = Duration::from_secs(90);

/// How long is waited where a thread may have lost its wake, and the run counts as killed.
const LIMIT_OF_WAKES: Duration = Duration::from_secs(20);

/// Runs a command to its end; kills it, and says so, if that does not come.
fn within(limit: Duration, command: &mut Command) -> anyhow::Result<(Output, bool)> {
    let child = command.process_group(0).spawn()?;
    let group = format!("-{}", child.id());
    let (ended, is_over) = mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let hung = is_over.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
        if hung {
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        }
        hung
    });
    let output = child.wait_with_output()?;
    drop(ended);
    let hung = watch.join().unwrap_or(false);
    Ok((output, hung))
}

/// The same command with a fault at the `nth` call of this name.
fn injected(plain: &Command, call: &str, fault: &str, nth: u64) -> Command {
    let inject = format!("inject={call}:{fault}:when={nth}");
    let trace = format!("trace={call}");
    under(
        plain,
        &["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject].map(str::to_owned),
    )
}

fn under(plain: &Command, flags: &[String]) -> Command {
    let mut command = Command::new("strace");
    command
        .args(flags)
        .arg(plain.get_program())
        .args(plain.get_args());
    if let Some(folder) = plain.get_current_dir() {
        command.current_dir(folder);
    }
    command.envs(
        plain
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}
