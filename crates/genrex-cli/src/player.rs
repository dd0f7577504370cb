//! Programs of this machine that play a piece or open it.
//!
//! Invariants: no shell reads a path; a path is absolute, so that no program takes it for an option; what is started
//! knows neither key nor secret.

use std::env;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The players that are looked for, in this order, each with what makes it play and nothing else.
const PLAYERS: [&[&str]; 6] = [
    &["pw-play"],
    &["paplay"],
    &["mpv", "--no-video"],
    &["ffplay", "-nodisp", "-autoexit", "-loglevel", "error"],
    &["afplay"],
    &["aplay", "-q"],
];

/// What opens a file or a folder as a double click does.
const OPENERS: &[&[&str]] = if cfg!(target_os = "macos") {
    &[&["open"]]
} else if cfg!(windows) {
    &[&["explorer"]]
} else {
    &[&["xdg-open"]]
};

/// Names the player to use; more words are its first arguments.
const CHOSEN: &str = "GENREX_PLAYER";

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Played {
    /// By this program.
    By(String),
    /// None of these is here.
    NoProgram(String),
    /// What was started says that it could not, and why nothing else was tried.
    Failed(String),
}

/// Plays a piece, and waits until it is over.
pub(crate) fn play(path: &Path) -> io::Result<Played> {
    let path = path.canonicalize()?;
    let chosen = env::var(CHOSEN).unwrap_or_default();
    let chosen: Vec<&str> = chosen.split_whitespace().collect();
    if chosen.is_empty() {
        return Ok(first_of(&PLAYERS, &path));
    }
    Ok(first_of(&[&chosen], &path))
}

/// Opens a file or a folder with the program that the desktop has for it.
pub(crate) fn open(path: &Path) -> io::Result<Played> {
    let path = path.canonicalize()?;
    Ok(first_of(OPENERS, &path))
}

/// Whether there may be a desktop to open something on: where one is a server of its own, the environment names it.
pub(crate) fn has_desktop() -> bool {
    let is_named = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(any(target_os = "macos", windows)) || is_named("DISPLAY") || is_named("WAYLAND_DISPLAY")
}

/// The first that is here and does it: one that is here may find nothing to play on.
fn first_of(programs: &[&[&str]], path: &PathBuf) -> Played {
    let mut failed = None;
    for words in programs {
        let Some((name, arguments)) = words.split_first() else {
            continue;
        };
        let stdin = match io::stdin().is_terminal() {
            true => Stdio::inherit(),
            false => Stdio::null(),
        };
        let ended = Command::new(name)
            .args(arguments)
            .arg(path)
            .env_remove("GENREX_API_KEY")
            .env_remove("GENREX_API_SECRET")
            .stdin(stdin)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match ended {
            Ok(status) if status.success() => return Played::By((*name).to_owned()),
            // Without a code it was ended by a signal: whoever stopped it wants no other.
            Ok(status) if status.code().is_none() => return Played::By((*name).to_owned()),
            Ok(status) => {
                failed.get_or_insert_with(|| format!("{name} ended with {status}"));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                failed.get_or_insert_with(|| format!("{name} cannot be started: {error}"));
            }
        }
    }
    match failed {
        Some(why) => Played::Failed(why),
        None => {
            let names = programs.iter().filter_map(|words| words.first().copied());
            Played::NoProgram(names.collect::<Vec<_>>().join(", "))
        }
    }
}
