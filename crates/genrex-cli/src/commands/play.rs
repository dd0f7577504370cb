use std::path::{Path, PathBuf};

use genrex_ledger::Entry;
use serde_json::json;

use crate::args::{Open, Play};
use crate::command_error::CommandError;
use crate::connect::quoted;
use crate::files;
use crate::ledger;
use crate::output::Output;
use crate::player::{self, Played};

/// `genrex play`: a piece that is here.
pub(crate) async fn play(play: Play, output: &Output) -> Result<(), CommandError> {
    let path = piece(&play.piece).await?;
    let played = player::play(&path).map_err(|error| gone(&path, &error))?;
    show(&path, &played, "play", output)
}

/// `genrex open`: a piece that is here, or the folder that it is in.
pub(crate) async fn open(open: Open, output: &Output) -> Result<(), CommandError> {
    let mut path = piece(&open.piece).await?;
    if open.folder && !path.is_dir() {
        let path_of = path.canonicalize().map_err(|error| gone(&path, &error))?;
        path = path_of.parent().map_or(path_of.clone(), Path::to_owned);
    }
    let opened = player::open(&path).map_err(|error| gone(&path, &error))?;
    show(&path, &opened, "open", output)
}

/// Plays what was just downloaded. It is here whatever comes of that, so nothing of it is an error.
pub(crate) fn play_all(paths: &[PathBuf], output: &Output) {
    for path in paths {
        match player::play(path) {
            Ok(played) => say(&played, "play", output),
            Err(error) => output.note(format_args!("it cannot be played: {error}")),
        }
    }
}

/// The file of a job, by its number or its id; what is neither is a path.
async fn piece(name: &str) -> Result<PathBuf, CommandError> {
    let path = PathBuf::from(name);
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number && path.exists() {
        return Ok(path);
    }
    let entry = match ledger::open_to_read().await {
        Ok(ledger) => ledger::find(&**ledger, name).await,
        Err(failure) => Err(failure),
    };
    // What looks like a path is one.
    if entry.is_err() && (name.contains(std::path::is_separator) || name.ends_with(".wav")) {
        let message = format!("there is no {}", path.display());
        return Err(CommandError::usage(message).hint("genrex jobs list shows what is here"));
    }
    here(&entry?)
}

/// Where a job's piece lies, if it is here.
fn here(entry: &Entry) -> Result<PathBuf, CommandError> {
    let job = entry.id;
    let path = entry.path.as_ref().map(PathBuf::from);
    if let Some(path) = path.as_ref().filter(|path| path.exists()) {
        return Ok(PathBuf::from(files::from_here(path)));
    }
    let message = match path {
        Some(path) => format!(
            "job {job} was downloaded to {}, which is gone",
            files::from_here(path)
        ),
        None => format!("job {job} is not here: it is {}", entry.state),
    };
    let hint = match &entry.query_id {
        Some(id) => format!(
            "downloading it costs nothing: genrex wait {}",
            quoted(id.as_str())
        ),
        None => format!("what is known of it: genrex jobs show {job}"),
    };
    Err(CommandError::other(message).hint(hint))
}

fn gone(path: &Path, error: &std::io::Error) -> CommandError {
    let message = format!("{} cannot be found", path.display());
    CommandError::usage(message).with_source(error)
}

fn show(path: &Path, played: &Played, what: &str, output: &Output) -> Result<(), CommandError> {
    let program = match played {
        Played::By(name) => Some(name),
        Played::NoProgram(_) => None,
        // Without a desktop there is nothing to open it in, and none is wrong.
        Played::Failed(_) if what == "open" && !player::has_desktop() => None,
        Played::Failed(why) => return Err(CommandError::other(why.clone()).hint(chooses(what))),
    };
    if output.is_json() {
        return output.document(&json!({"path": files::absolute(path), "program": program}));
    }
    say(played, what, output);
    output.line(path.display())
}

fn say(played: &Played, what: &str, output: &Output) {
    match played {
        Played::By(_) => {}
        Played::NoProgram(names) => output.note(format_args!(
            "nothing here can {what} it: install one of {names}{}",
            match what {
                "play" => ", or name your own in GENREX_PLAYER",
                _ => "",
            }
        )),
        Played::Failed(why) => output.note(format_args!("{why}; {}", chooses(what))),
    }
}

fn chooses(what: &str) -> String {
    match what {
        "play" => String::from("GENREX_PLAYER chooses another player"),
        _ => String::from("the path can be opened by hand"),
    }
}
