//! The project's own chores: `cargo xtask --help`.

#![expect(clippy::print_stdout, reason = "chores say what they found")]

mod campaign;
mod dependencies;
mod features;
mod flags;
mod quick_start;
mod vectors;

use std::path::PathBuf;

use crate::flags::{Planted, QuickStart, Vectors, Xtask, XtaskCmd};

fn main() -> anyhow::Result<()> {
    let shell = xshell::Shell::new()?;
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let from = shell.current_dir();
    shell.change_dir(root.join(".."));
    shell.change_dir(shell.current_dir().canonicalize()?);
    match Xtask::from_env_or_exit().subcommand {
        XtaskCmd::Dependencies(_) => dependencies::check(&shell),
        XtaskCmd::Features(_) => features::check(&shell),
        XtaskCmd::Campaign(campaign) => campaign::run(&shell, &campaign),
        XtaskCmd::Planted(Planted {
            bug,
            folder,
            url,
            rows,
        }) => campaign::planted::run(&bug, &from.join(folder), &url, rows),
        XtaskCmd::Vectors(Vectors { check }) => vectors::run(&shell, check),
        XtaskCmd::QuickStart(QuickStart { file }) => quick_start::run(&shell, &from.join(file)),
    }
}
