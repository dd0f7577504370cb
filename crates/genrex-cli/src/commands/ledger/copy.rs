//! `genrex ledger copy`: all that a ledger holds, at another place. `genrex_ledger::relocation` decides what may follow
//! what; this says it.

use genrex_async::core::recover_offline;
use genrex_ledger::relocation::{Moved, Portable, Route, give_up, step};
use genrex_ledger::{Error, ErrorKind, Filter, Ledger as _};
use serde_json::json;

use crate::args::CopyLedger;
use crate::clock;
use crate::command_error::CommandError;
use crate::connect::quoted;
use crate::ledger::{self, Place, warn_of_set_aside_at};
use crate::output::Output;
use crate::random_name::random_name;

pub(crate) async fn run(arguments: &CopyLedger, output: &Output) -> Result<(), CommandError> {
    let from = place(&arguments.from, "FROM")?;
    if let Some(path) = from.file().filter(|path| !path.exists()) {
        let message = format!("there is no ledger at {}", path.display());
        return Err(CommandError::usage(message).hint("which one is used: genrex ledger path"));
    }
    let old = ledger::open_portable(&from).await?;
    let Some(to) = arguments.to.as_deref().filter(|_| !arguments.give_up) else {
        return give_it_up(&from, &*old, output).await;
    };
    let to = place(to, "TO")?;
    let new = ledger::open_portable(&to).await?;
    let route = Route {
        from: from.to_string(),
        to: to.to_string(),
        command: format!(
            "genrex ledger copy {} {}",
            quoted(&from.to_string()),
            quoted(&to.to_string())
        ),
        token: random_name(),
    };
    if old.hold().await?.is_none() {
        // What an ended process left in flight is not in flight.
        recover_offline(&*old, clock::now()).await?;
    }
    warn_of_set_aside_at(&from, output)?;
    let mut is_any = false;
    while let Some(moved) = step(&*old, &*new, &route, clock::now())
        .await
        .map_err(|error| explained(error, &route))?
    {
        is_any = true;
        output.note(said(moved, &route));
    }
    let jobs = new.entries(&Filter::default()).await?.len();
    if output.is_json() {
        return output.document(&json!({"from": route.from, "to": route.to, "jobs": jobs}));
    }
    if !is_any {
        output.note(format_args!(
            "it was copied before, and nothing was left to do"
        ));
    }
    output.line(format_args!(
        "{jobs} jobs are in {to}, under the numbers that they had; on each machine: export GENREX_LEDGER={}",
        quoted(&route.to)
    ))
}

async fn give_it_up(from: &Place, old: &dyn Portable, output: &Output) -> Result<(), CommandError> {
    give_up(old, clock::now()).await?;
    if output.is_json() {
        return output.document(&json!({"from": from.to_string(), "gaveUp": true}));
    }
    output.line(format_args!(
        "{from} may be bought with again; what was copied by then stays held"
    ))
}

/// A path from wherever the next command is typed.
fn place(named: &str, what: &str) -> Result<Place, CommandError> {
    match Place::named(named, what)? {
        Place::File(path) => {
            let path = std::path::absolute(&path).map_err(|error| {
                CommandError::usage(format!("{what} is no path")).with_source(&error)
            })?;
            Ok(Place::File(path))
        }
        database @ Place::Database(_) => Ok(database),
    }
}

fn said(moved: Moved, route: &Route) -> String {
    let Route { from, to, .. } = route;
    match moved {
        Moved::Held => format!("{from} is held: nothing is bought with it from here on"),
        Moved::Filled => format!("{to} holds all that {from} does"),
        Moved::Left => format!("{from} is left for good"),
        _ => format!("{to} may be bought with"),
    }
}

/// What stands in the way, and the command that goes on.
fn explained(error: Error, route: &Route) -> CommandError {
    let hint = match error.kind() {
        ErrorKind::InFlight => format!("when it has ended: {}", route.command),
        ErrorKind::Taken => String::from(
            "make an empty database, and its tables by genrex ledger migrate, or name a file that is not there",
        ),
        ErrorKind::Moved | ErrorKind::Restored => return error.into(),
        _ => format!(
            "to go on: {}. To stay with the old one: genrex ledger copy {} --give-up",
            route.command,
            quoted(&route.from)
        ),
    };
    CommandError::from(error).hint(hint)
}
