//! Attacks on what must never lose or double a paid job. Each prints how many cases it ran, each has a
//! control: a planted bug that the same checks must catch.

mod cap;
mod disk;
mod kill;
pub(crate) mod planted;
mod power;
mod strace;
mod syscalls;
mod truth;
mod wire;

use std::path::PathBuf;

use anyhow::{bail, ensure};
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

    const fn is_clean(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.wrong.is_empty()
    }
}

/// What a campaign is given.
pub(crate) struct Setting {
    /// The program, as its users have it.
    pub(crate) genrex: PathBuf,
    /// This program, for workers with a planted bug.
    pub(crate) xtask: PathBuf,
    pub(crate) cases: Option<u64>,
    pub(crate) control: bool,
    pub(crate) seed: u64,
}

pub(crate) fn run(shell: &Shell, flags: &Campaign) -> anyhow::Result<()> {
    cmd!(shell, "cargo build --quiet --release --package genrex-cli")
        .quiet()
        .run()?;
    let setting = Setting {
        genrex: shell.current_dir().join("target/release/genrex"),
        xtask: std::env::current_exe()?,
        cases: flags.cases,
        control: flags.control,
        seed: flags.seed.unwrap_or_else(|| fastrand::u64(..)),
    };
    let all = ["kill", "syscalls", "disk", "power", "wire", "cap"];
    let wanted: Vec<&str> = match flags.which.as_str() {
        "all" => all.to_vec(),
        one => vec![one],
    };
    for which in wanted {
        let findings = match which {
            "kill" => kill::run(&setting)?,
            "syscalls" => syscalls::run(&setting)?,
            "disk" => disk::run(&setting)?,
            "power" => power::run(&setting)?,
            "wire" => wire::run(&setting)?,
            "cap" => cap::run(&setting)?,
            other => bail!("{other:?} is no campaign; there are {all:?}"),
        };
        report(which, &setting, &findings)?;
    }
    Ok(())
}

fn report(which: &str, setting: &Setting, findings: &Findings) -> anyhow::Result<()> {
    let Findings {
        cases,
        lost,
        doubled,
        reported,
        wrong,
    } = findings;
    let kind = if setting.control {
        "control"
    } else {
        "campaign"
    };
    println!(
        "{kind} {which}: {cases} cases, {lost} lost, {doubled} silent doubles, {reported} charged and reported as \
         ambiguous, {} otherwise wrong (seed {})",
        wrong.len(),
        setting.seed
    );
    for what in wrong.iter().take(5) {
        println!("  {what}");
    }
    ensure!(*cases > 0, "{which} ran nothing");
    if setting.control {
        ensure!(
            !findings.is_clean(),
            "the planted bug was not caught by {which}"
        );
        println!("  the planted bug was caught, as it should be");
    } else {
        ensure!(findings.is_clean(), "{which} found what must not be");
    }
    Ok(())
}
