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
    is_quick: bool,
}

impl Bench {
    /// How many rounds there are of something, in the short form a few.
    fn rounds(&self, whole: usize) -> usize {
        if self.is_quick { whole.min(3) } else { whole }
    }

    /// How many times a thing is done in one run.
    fn count(&self, whole: u64) -> u64 {
        if self.is_quick {
            whole.div_ceil(10)
        } else {
            whole
        }
    }
}

pub(crate) fn run(shell: &Shell, only: Option<&str>, is_quick: bool) -> anyhow::Result<()> {
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
        is_quick,
    };
    for row in rows {
        measure(shell, &bench, row).with_context(|| format!("{} cannot be measured", row.name))?;
    }
    for missing in &bench.peers.missing {
        println!("NOT RUN: {missing}");
    }
    Ok(())
}

fn measure(shell: &Shell, bench: &Bench, row: &Row) -> anyhow::Result<()> {
    println!("== {}", row.name);
    let before = Machine::read(shell)?;
    let tables = (row.measure)(bench)?;
    let after = Machine::read(shell)?;
    let quick = if bench.is_quick { " --quick" } else { "" };
    let command = format!("cargo xtask bench --only {}{quick}", row.name);
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
    if !bench.is_quick {
        let text = page::with_block(&shell.read_file(PAGE)?, row.name, &block)?;
        shell.write_file(PAGE, text)?;
    }
    Ok(())
}
