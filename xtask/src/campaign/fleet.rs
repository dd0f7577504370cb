//! Many machines on one ledger: PostgreSQL from the system's packages, the storages' suite on it, and workers that are
//! killed, stopped for longer than a lease, and lose their database in between.

mod attack;
mod bucket;
mod cluster;
mod encryption;
mod moves;
mod numbers;
mod partitions;
mod pool;
mod proxy;
mod psql;
mod quiet;
mod restored;
mod scenarios;
mod shared;
mod speed;
mod suite;
pub(crate) mod worker;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, ensure};

use self::cluster::Cluster;
use super::Findings;
use crate::flags::Fleet;

/// What a run is given.
pub(crate) struct Setting {
    /// This program, for the workers: a copy, so that a build meanwhile changes nothing.
    pub(crate) xtask: PathBuf,
    /// How many rows are bought.
    pub(crate) rows: u64,
    /// How many processes buy.
    pub(crate) workers: u64,
    /// The bug that is planted.
    pub(crate) bug: Option<&'static str>,
    pub(crate) seed: u64,
}

/// What the checks must catch.
const CONTROLS: [&str; 4] = [
    "orphans-run-again",
    "no-fence",
    "session-locks",
    "limit-before-intent",
];

/// A part's name, and what it does.
type Part = (&'static str, fn(&Cluster) -> anyhow::Result<()>);

/// What is shown beside the attack, in this order.
const PARTS: [Part; 8] = [
    ("encryption", encryption::check),
    ("scenarios", scenarios::run),
    ("suite", suite::run),
    ("pool", pool::run),
    ("moves", moves::run),
    ("restored", restored::run),
    ("partitions", partitions::run),
    ("numbers", numbers::run),
];
const ATTACK: &str = "attack";
const SHARED: &str = "shared";

pub(crate) fn run(flags: &Fleet) -> anyhow::Result<()> {
    const SHORT: u64 = 1_000;
    /// The shared batches have one row for so many of the attack: their processes are the program's, and take longer.
    const OF_A_SHARED_BATCH: u64 = 5;
    /// A planted bug shows with few rows.
    const UNTIL_A_BUG_SHOWS: u64 = 60;
    let programs = tempfile::tempdir()?;
    let mut setting = Setting {
        xtask: copied(&std::env::current_exe()?, programs.path())?,
        rows: flags.rows.unwrap_or(SHORT),
        workers: 8,
        bug: None,
        seed: flags.seed.unwrap_or_else(|| fastrand::u64(..)),
    };
    let cluster = Cluster::start()?;
    println!("{}", cluster.version()?);
    if flags.speed {
        return speed::run(&cluster, flags.jobs.unwrap_or(speed::JOBS));
    }
    let is_asked = |part: &str| flags.part.as_ref().is_none_or(|asked| asked == part);
    if !flags.control {
        let is_known =
            PARTS.iter().any(|(name, _)| is_asked(name)) || is_asked(ATTACK) || is_asked(SHARED);
        ensure!(is_known, "there is no part of that name");
        for (name, part) in PARTS {
            if is_asked(name) {
                timed(|| part(&cluster))?;
            }
        }
        if is_asked(ATTACK) {
            timed(|| report(&setting, &attack::run(&cluster, &setting)?))?;
        }
    }
    let rows = setting.rows;
    setting.rows = rows.min(UNTIL_A_BUG_SHOWS);
    let controls = CONTROLS.iter().filter(|_| flags.part.is_none());
    for bug in controls {
        setting.bug = Some(bug);
        timed(|| report(&setting, &attack::run(&cluster, &setting)?))?;
    }
    (setting.bug, setting.rows) = (None, rows / OF_A_SHARED_BATCH);
    if is_asked(SHARED) {
        timed(|| shared::run(&cluster, &setting, flags.control))?;
    }
    Ok(())
}

/// Does it, and says how long that took.
#[expect(
    clippy::disallowed_methods,
    reason = "it is told, and nothing depends on it"
)]
fn timed(part: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let begun = Instant::now();
    part()?;
    println!("  in {} s", begun.elapsed().as_secs());
    Ok(())
}

fn copied(program: &Path, folder: &Path) -> anyhow::Result<PathBuf> {
    let copy = folder.join(program.file_name().context("a program has a name")?);
    std::fs::copy(program, &copy)?;
    Ok(copy)
}

fn report(setting: &Setting, findings: &Findings) -> anyhow::Result<()> {
    let Findings {
        cases,
        lost,
        doubled,
        reported,
        wrong,
    } = findings;
    let kind = setting.bug.map_or_else(
        || String::from("fleet"),
        |bug| format!("control fleet: {bug}"),
    );
    println!(
        "{kind}: {cases} rows, {lost} lost, {doubled} silent doubles, {reported} charged and reported as ambiguous, {} \
         otherwise wrong (seed {})",
        wrong.len(),
        setting.seed
    );
    for what in wrong.iter().take(if setting.bug.is_some() { 1 } else { 8 }) {
        println!("  {what}");
    }
    match setting.bug {
        Some(bug) => ensure!(findings.is_caught(), "{bug} was not caught"),
        None => ensure!(!findings.is_caught(), "what must not be was found"),
    }
    Ok(())
}
