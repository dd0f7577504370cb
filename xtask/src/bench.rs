//! Measures genrex and what it is held against, one after the other and again, and writes what came of it to
//! `target/bench` as JSON and into `docs/performance.md` as tables.
//!
//! What is measured is a process of its own each time: a unit of the package in `benches`, a script beside it, or the
//! program. So no run warms up another's.

pub(crate) mod counts;
mod machine;
mod paces;
mod page;
mod peers;
mod process;
mod rows;
mod series;
mod table;

use std::time::Instant;

use anyhow::{Context as _, ensure};
use xshell::Shell;

use self::machine::Machine;
use self::peers::Peers;
use self::rows::Row;

/// Where the tables are.
const PAGE: &str = "docs/performance.md";
/// Where everything else is.
const FOLDER: &str = "target/bench";

/// What a row is measured with.
#[derive(Debug)]
pub(crate) struct Bench {
    peers: Peers,
    /// Where files are made.
    folder: std::path::PathBuf,
    extent: Extent,
}

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// As little as shows that it works: its numbers are nobody's.
    Quick,
    Usual,
    /// With what takes an hour.
    Large,
}

impl Extent {
    pub(crate) fn of(is_quick: bool, is_large: bool) -> anyhow::Result<Self> {
        match (is_quick, is_large) {
            (true, true) => anyhow::bail!("it is quick or large"),
            (true, false) => Ok(Self::Quick),
            (false, true) => Ok(Self::Large),
            (false, false) => Ok(Self::Usual),
        }
    }
}

impl Bench {
    /// How many rounds there are of something, in the short form a few.
    fn rounds(&self, whole: usize) -> usize {
        match self.extent {
            Extent::Quick => whole.min(2),
            Extent::Usual | Extent::Large => whole,
        }
    }

    /// How many times a thing is done in one run.
    fn count(&self, whole: u64) -> u64 {
        match self.extent {
            Extent::Quick => whole.div_ceil(10),
            Extent::Usual | Extent::Large => whole,
        }
    }

    fn is_quick(&self) -> bool {
        self.extent == Extent::Quick
    }
}

pub(crate) fn run(shell: &Shell, only: Option<&str>, extent: Extent) -> anyhow::Result<()> {
    ensure!(cfg!(target_os = "linux"), "it is measured on Linux");
    let rows: Vec<&Row> = rows::ALL
        .iter()
        .filter(|row| only.is_none_or(|only| only == row.name))
        .collect();
    let has_paces = only.is_none_or(|only| only == paces::NAME);
    if has_paces {
        paces::run(shell)?;
    }
    if rows.is_empty() {
        let names: Vec<&str> = rows::ALL.iter().map(|row| row.name).collect();
        ensure!(
            has_paces,
            "there is no such row; there are {names:?} and {}",
            paces::NAME
        );
        return Ok(());
    }
    let folder = shell.current_dir().join(FOLDER);
    shell.create_dir(&folder)?;
    let bench = Bench {
        peers: Peers::prepare(shell, &folder)?,
        folder,
        extent,
    };
    for row in rows {
        measure(shell, &bench, row).with_context(|| format!("{} cannot be measured", row.name))?;
    }
    for missing in &bench.peers.missing {
        println!("NOT RUN: {missing}");
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "it says how long a row takes")]
fn measure(shell: &Shell, bench: &Bench, row: &Row) -> anyhow::Result<()> {
    println!("== {}", row.name);
    let before = Machine::read(shell)?;
    let began = Instant::now();
    let tables = (row.measure)(bench)?;
    println!("It took {:.0} s.", began.elapsed().as_secs_f64());
    let after = Machine::read(shell)?;
    let how = match bench.extent {
        Extent::Quick => " --quick",
        Extent::Usual => "",
        Extent::Large => " --large",
    };
    let command = format!("cargo xtask bench --only {}{how}", row.name);
    let taken = page::Taken {
        command: &command,
        before: &before,
        after: &after,
        missing: &bench.peers.missing,
    };
    let json = page::json(row.name, &tables, &taken);
    let kept = bench.folder.join(format!("{}.json", row.name));
    shell.write_file(kept, format!("{json:#}\n"))?;
    let block = page::block(&tables, &taken);
    println!("{block}");
    // A short form is to see that it works: its numbers are nobody's.
    if !bench.is_quick() {
        let text = page::with_block(&shell.read_file(PAGE)?, row.name, &block)?;
        shell.write_file(PAGE, text)?;
    }
    Ok(())
}
