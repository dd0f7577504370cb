//! Attacks on what must never lose or double a paid job. Each prints how many cases it ran, each has a
//! control: a planted bug that the same checks must catch.

mod cap;
mod credits;
mod disk;
#[cfg(target_os = "linux")]
pub(crate) mod fleet;
mod kill;
mod plan;
pub(crate) mod planted;
mod power;
mod report;
mod service;
mod strace;
mod syscalls;
mod truth;
mod wire;

use std::path::PathBuf;

use anyhow::ensure;
use xshell::{Shell, cmd};

use crate::flags::Campaign;

/// What a campaign found.
#[derive(Debug, Default, Clone)]
pub(crate) struct Findings {
    pub(crate) cases: u64,
    /// Charged at the service, and known to nobody here.
    pub(crate) lost: u64,
    /// Charged more than once for one wish.
    pub(crate) doubled: u64,
    /// Charged, without an id, and reported as ambiguous.
    pub(crate) reported: u64,
    /// Anything else that must not be, in words.
    pub(crate) wrong: Vec<String>,
}

impl Findings {
    pub(crate) fn add(&mut self, other: Self) {
        self.cases += other.cases;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.reported += other.reported;
        self.wrong.extend(other.wrong);
    }

    /// Whether something was found that must not be.
    pub(crate) const fn is_caught(&self) -> bool {
        self.lost > 0 || self.doubled > 0 || !self.wrong.is_empty()
    }
}

/// What a campaign is given.
pub(crate) struct Setting {
    /// The program, as its users have it.
    pub(crate) genrex: PathBuf,
    /// This program, for workers with a planted bug.
    pub(crate) xtask: PathBuf,
    pub(crate) cases: Option<u64>,
    /// The bug that is planted.
    pub(crate) bug: Option<&'static str>,
    pub(crate) seed: u64,
}

/// A campaign's name, what runs it, and which bugs its checks must catch.
type Attack = (
    &'static str,
    fn(&Setting) -> anyhow::Result<Findings>,
    &'static [&'static str],
);

/// `disk` and `syscalls` use the checks of `kill`, so its controls are theirs.
const ATTACKS: [Attack; 7] = [
    ("kill", kill::run, kill::CONTROLS),
    ("syscalls", syscalls::run, &[]),
    ("disk", disk::run, &[]),
    ("power", power::run, power::CONTROLS),
    ("wire", wire::run, wire::CONTROLS),
    ("cap", cap::run, cap::CONTROLS),
    ("credits", credits::run, credits::CONTROLS),
];

pub(crate) fn run(shell: &Shell, flags: &Campaign) -> anyhow::Result<()> {
    cmd!(shell, "cargo build --quiet --release --package genrex-cli")
        .quiet()
        .run()?;
    let mut setting = Setting {
        genrex: shell.current_dir().join("target/release/genrex"),
        xtask: std::env::current_exe()?,
        cases: flags.cases,
        bug: None,
        seed: flags.seed.unwrap_or_else(|| fastrand::u64(..)),
    };
    let wanted = |(name, ..): &&Attack| flags.which == "all" || flags.which == *name;
    let attacks: Vec<&Attack> = ATTACKS.iter().filter(wanted).collect();
    let names = ATTACKS.map(|(name, ..)| name);
    ensure!(
        !attacks.is_empty(),
        "{:?} is no campaign; there are all and {names:?}",
        flags.which
    );
    for (name, run, controls) in attacks {
        if !flags.control {
            report(name, &setting, &run(&setting)?)?;
            continue;
        }
        ensure!(
            flags.which == "all" || !controls.is_empty(),
            "the controls of {name} are those of kill: the checks are the same"
        );
        for bug in *controls {
            setting.bug = Some(bug);
            report(name, &setting, &run(&setting)?)?;
        }
    }
    Ok(())
}

/// Runs two workers at once.
fn two_at_a_time(
    work: impl Fn(u64) -> anyhow::Result<Findings> + Sync,
) -> anyhow::Result<Findings> {
    at_once(2, work)
}

/// Runs so many workers at once, each with its number.
fn at_once(
    workers: u64,
    work: impl Fn(u64) -> anyhow::Result<Findings> + Sync,
) -> anyhow::Result<Findings> {
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..workers)
            .map(|worker| scope.spawn(move || work(worker)))
            .collect();
        let mut findings = Findings::default();
        for thread in threads {
            let found = thread.join();
            findings.add(found.map_err(|_| anyhow::anyhow!("a worker panicked"))??);
        }
        Ok(findings)
    })
}

fn report(which: &str, setting: &Setting, findings: &Findings) -> anyhow::Result<()> {
    let Findings {
        cases,
        lost,
        doubled,
        reported,
        wrong,
    } = findings;
    let kind = setting.bug.map_or_else(
        || format!("campaign {which}"),
        |bug| format!("control {which}: {bug}"),
    );
    println!(
        "{kind}: {cases} cases, {lost} lost, {doubled} silent doubles, {reported} charged and reported as ambiguous, \
         {} otherwise wrong (seed {})",
        wrong.len(),
        setting.seed
    );
    for what in wrong.iter().take(if setting.bug.is_some() { 1 } else { 8 }) {
        println!("  {what}");
    }
    ensure!(*cases > 0, "{which} ran nothing");
    match setting.bug {
        Some(bug) => ensure!(findings.is_caught(), "{bug} was not caught by {which}"),
        None => ensure!(!findings.is_caught(), "{which} found what must not be"),
    }
    Ok(())
}
