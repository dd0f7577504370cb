//! The program `genrex`: music from a prompt, in a shell.
//!
//! Results go to standard output and everything else to standard error. What each exit code means is in
//! [`command_error::Code`]; scripts rely on it.
//!
//! Invariant: this crate decides nothing about the wire. It reads what was typed, calls the async
//! client, and says what came of it.

mod account_flags;
mod args;

mod clock;
mod command_error;
mod commands;
mod config;
mod confirm;
mod connect;
mod files;
mod help;
mod interrupt;
mod ledger;
mod metrics;
mod name;
mod next_step;
mod output;
mod player;
mod progress;
mod random_name;
#[cfg(feature = "otel")]
mod spans;
mod stop;
mod store;
mod typed;

use std::process::ExitCode;

use clap::FromArgMatches as _;

use crate::args::{Args, Command};
use crate::command_error::{Code, CommandError};
use crate::output::Output;

fn main() -> ExitCode {
    hide();
    let parsed = help::command().try_get_matches();
    let args = match parsed.and_then(|matches| Args::from_arg_matches(&matches)) {
        Ok(args) => args,
        Err(error) => return output::usage(error),
    };
    let output = Output::new(&args.global);
    let done = run(args, &output);
    #[cfg(feature = "otel")]
    spans::end();
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Who has read enough need not be told; but an id that could not be given out must be.
        Err(failure) if failure.code == Code::PipeClosed && failure.query_id.is_none() => {
            ExitCode::from(Code::PipeClosed as u8)
        }
        Err(failure) => output.failure(&failure),
    }
}

/// Keeps the secrets in this process from other processes of the same user, and from a dump of its memory: its
/// memory and environment are root's to read, and root's alone.
#[cfg(target_os = "linux")]
fn hide() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    // Where the kernel does not know it, the program is as private as any other.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

#[cfg(not(target_os = "linux"))]
const fn hide() {}

fn run(args: Args, output: &Output) -> Result<(), CommandError> {
    let global = &args.global;
    typed::remember(global, *output);
    output::trace(global);
    match args.command {
        // These need neither a runtime nor TLS, and do not wait for either.
        Command::Sign(sign) => commands::sign::run(&sign, global, output),
        Command::Verify(verify) => commands::verify::run(&verify, global, output),
        Command::Completions { shell } => commands::pages::completions(shell, output),
        Command::Man(man) => commands::pages::man(&man, output),
        Command::Help { topic } => help::run(&topic, output),
        Command::Generate(generate) => {
            on_runtime(commands::generate::run(*generate, global, output))
        }
        Command::Batch(batch) => on_runtime(commands::batch::run(*batch, global, output)),
        Command::Wait(wait) => on_runtime(commands::wait::run(wait, global, output)),
        Command::Work(work) => on_runtime(commands::work::run(work, global, output)),
        Command::Status(which) => on_runtime(commands::status::run(which, global, output)),
        Command::Play(play) => on_runtime(commands::play::play(play, output)),
        Command::Open(open) => on_runtime(commands::play::open(open, output)),
        Command::Jobs(jobs) => on_runtime(commands::jobs::run(jobs, global, output)),
        Command::Balance(balance) => {
            on_runtime(commands::account::balance(&balance, global, output))
        }
        Command::Config { action } => commands::config::run(action.as_ref(), output),
        Command::Login(login) => on_runtime(commands::login::run(login, global, output)),
        Command::Ledger { action } => on_runtime(commands::ledger::run(action, global, output)),
        Command::Sandbox(sandbox) => on_runtime(commands::sandbox::run(*sandbox, output)),
    }
}

fn on_runtime(work: impl Future<Output = Result<(), CommandError>>) -> Result<(), CommandError> {
    // A second installation is refused, and harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CommandError::other("the program cannot start").with_source(&error))?;
    let result = runtime.block_on(work);
    // What still runs, such as a sandbox rendering, is not worth waiting for.
    runtime.shutdown_background();
    result
}
