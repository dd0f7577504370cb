//! The project's own tasks: `cargo xtask --help`.

#![expect(clippy::print_stdout, reason = "tasks say what they found")]

mod bench;
#[cfg(feature = "campaign")]
mod campaign;
mod dependencies;
mod features;
mod flags;
mod fuzz;
mod layers;
mod mutants;
mod package;
mod public_api;
mod quick_start;
#[cfg(target_os = "linux")]
mod recording;
mod sizes;
mod soak;
mod source;
mod tokens;
mod vectors;

use crate::flags::{
    Bench, Features, Fuzz, Mutants, Package, PublicApi, QuickStart, Soak, Vectors, Xtask, XtaskCmd,
};

fn main() -> anyhow::Result<()> {
    if let Some(ended) = public_api::as_rustdoc() {
        return ended;
    }
    let shell = xshell::Shell::new()?;
    let from = shell.current_dir();
    shell.change_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    shell.change_dir(shell.current_dir().canonicalize()?);
    match Xtask::from_env_or_exit().subcommand {
        XtaskCmd::Layers(_) => layers::check(&shell),
        XtaskCmd::Sizes(_) => sizes::check(&shell),
        XtaskCmd::PublicApi(PublicApi { library, check }) => {
            public_api::run(&shell, library.as_deref(), check)
        }
        XtaskCmd::Soak(Soak {
            times,
            at_once,
            package,
        }) => {
            let runs = soak::Runs {
                times: times.unwrap_or(20),
                at_once: at_once.unwrap_or(1),
            };
            soak::run(&shell, runs, package.as_deref())
        }
        XtaskCmd::Fuzz(Fuzz { executions, target }) => {
            fuzz::run(&shell, executions, target.as_deref())
        }
        XtaskCmd::Mutants(Mutants {
            package,
            changed,
            most,
            minutes,
        }) => {
            let bounds = mutants::Bounds { minutes, most };
            mutants::run(&shell, package.as_deref(), changed.as_deref(), bounds)
        }
        XtaskCmd::Package(Package { no_verify }) => package::run(&shell, no_verify),
        XtaskCmd::Dependencies(_) => dependencies::check(&shell),
        XtaskCmd::Features(Features { without }) => features::check(&shell, without.as_deref()),
        XtaskCmd::Vectors(Vectors { check }) => vectors::run(&shell, check),
        XtaskCmd::QuickStart(QuickStart { file }) => quick_start::run(&shell, &from.join(file)),
        XtaskCmd::Bench(bench) => measured(&shell, &bench),
        #[cfg(target_os = "linux")]
        XtaskCmd::Recording(_) => recording::run(&shell),
        #[cfg(not(target_os = "linux"))]
        XtaskCmd::Recording(_) => anyhow::bail!("a recording is made on Linux"),
        attack @ (XtaskCmd::Campaign(_)
        | XtaskCmd::Planted(_)
        | XtaskCmd::Fleet(_)
        | XtaskCmd::FleetWorker(_)) => attacks(&shell, &from, attack),
    }
}

#[cfg(feature = "campaign")]
fn attacks(shell: &xshell::Shell, from: &std::path::Path, attack: XtaskCmd) -> anyhow::Result<()> {
    match attack {
        XtaskCmd::Campaign(campaign) => campaign::run(shell, &campaign),
        #[cfg(target_os = "linux")]
        XtaskCmd::Fleet(fleet) => campaign::fleet::run(&fleet),
        #[cfg(target_os = "linux")]
        XtaskCmd::FleetWorker(worker) => campaign::fleet::worker::run(&worker),
        XtaskCmd::Planted(planted) => {
            let folder = from.join(planted.folder);
            campaign::planted::run(&planted.bug, &folder, &planted.url, &planted.file)
        }
        _ => anyhow::bail!("a fleet is run on Linux"),
    }
}

/// Builds this program with the campaigns in it, and hands them the same arguments. What is measured, or long, is built as
/// it is released.
#[cfg(not(feature = "campaign"))]
fn attacks(
    _shell: &xshell::Shell,
    _from: &std::path::Path,
    attack: XtaskCmd,
) -> anyhow::Result<()> {
    /// With more rows, what each of thousands of processes reads at its start takes longer than the build.
    const ROWS_IN_DEV: u64 = 1_000;
    let is_released = matches!(attack, XtaskCmd::Fleet(fleet)
        if fleet.speed || fleet.rows.is_some_and(|rows| rows > ROWS_IN_DEV));
    let profile = if is_released { "release" } else { "dev" };
    let status = std::process::Command::new(env!("CARGO"))
        .args(["run", "--quiet", "--profile", profile, "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        .arg("--")
        .args(std::env::args_os().skip(1))
        .status()?;
    anyhow::ensure!(status.success(), "the campaign ended with {status}");
    Ok(())
}

fn measured(shell: &xshell::Shell, bench: &Bench) -> anyhow::Result<()> {
    if bench.counts {
        return bench::counts::check(shell);
    }
    let extent = bench::Extent::of(bench.quick, bench.large)?;
    bench::run(shell, bench.only.as_deref(), extent)
}
