//! What was typed before the command's own arguments, for whoever says what to type next. It is set once, when the
//! program starts: there is one command line.

use std::sync::OnceLock;

use clap::CommandFactory as _;

use crate::args::{Args, Global};
use crate::connect;
use crate::output::Output;

struct Typed {
    flags: String,
    output: Output,
}

static TYPED: OnceLock<Typed> = OnceLock::new();

pub(crate) fn remember(global: &Global, output: Output) {
    let flags = connect::flags(global);
    // Nobody sets it twice.
    let _ = TYPED.set(Typed { flags, output });
}

/// The flags that make another command call where this one does, as the same account: ` --profile NAME`, or nothing.
pub(crate) fn flags() -> &'static str {
    TYPED.get().map_or("", |typed| &typed.flags)
}

/// How to see what the command that was typed takes.
pub(crate) fn help() -> String {
    let commands = Args::command();
    let mut words = std::env::args_os().skip(1);
    let typed = words.find_map(|word| {
        let found = commands.find_subcommand(&word)?;
        Some(found.get_name().to_owned())
    });
    typed.map_or_else(
        || String::from("genrex --help"),
        |name| format!("genrex {name} --help"),
    )
}

/// Says that another process holds the ledger. It is called on the ledger's own thread.
pub(crate) fn say_ledger_is_held() {
    if let Some(typed) = TYPED.get() {
        typed
            .output
            .note("another process is writing to the ledger; waiting for it, 30 s at most");
    }
}
