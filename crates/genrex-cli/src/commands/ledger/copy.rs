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

/// Stands for the role that buys: there is none of this name, so that what is typed as it is printed is refused.
const BUYER: &str = "ROLE";

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
    let route = route(&from, &to);
    if old.hold().await?.is_none() {
        // What an ended process left in flight is not in flight.
        recover_offline(&*old, clock::now()).await?;
    }
    warn_of_set_aside_at(&from, output)?;
    let mut is_any = false;
    while let Some(moved) = step(&*old, &*new, &route, clock::now())
        .await
        .map_err(|error| explained(error, &route, &from))?
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
        "{jobs} jobs are in {to}, under the numbers that they had; on each machine{}: export {}",
        as_whom(&to),
        setting(&to)
    ))
}

fn route(from: &Place, to: &Place) -> Route {
    let [source, target] = [from, to].map(|place| quoted(&typed(place)));
    Route {
        from: from.to_string(),
        to: to.to_string(),
        command: format!("genrex ledger copy {source} {target}"),
        use_it: format!("use the other{}: {}", as_whom(to), setting(to)),
        token: random_name(),
    }
}

/// What leads to a place when it is typed.
fn typed(place: &Place) -> String {
    match place {
        Place::File(path) => path.display().to_string(),
        Place::Database(address) => address.to_url(),
    }
}

/// What leads to a place whoever buys. Who moves a ledger owns its tables, and nobody is to buy with that right.
fn setting(place: &Place) -> String {
    let name = match place {
        Place::File(_) => typed(place),
        Place::Database(address) => address.to_url_as(BUYER),
    };
    format!("GENREX_LEDGER={}", quoted(&name))
}

const fn as_whom(place: &Place) -> &'static str {
    match place {
        Place::File(_) => "",
        Place::Database(_) => ", with the role that buys in place of ROLE (docs/fleet.md)",
    }
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
fn explained(error: Error, route: &Route, from: &Place) -> CommandError {
    let hint = match error.kind() {
        ErrorKind::InFlight => format!("when it has ended: {}", route.command),
        ErrorKind::Taken => String::from(
            "make an empty database, and its tables by genrex ledger migrate, or name a file that is not there",
        ),
        ErrorKind::Moved | ErrorKind::Restored => return error.into(),
        _ => format!(
            "to go on: {}. To stay with the old one: genrex ledger copy {} --give-up",
            route.command,
            quoted(&typed(from))
        ),
    };
    CommandError::from(error).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_keeps_the_encryption_and_never_buys_as_the_owner() {
        let mode = "sslmode=verify-full&sslrootcert=system";
        let url = format!("postgres://postgres:hidden@db.example/genrex?{mode}");
        let (file, database) = (place("/ledger.db", "FROM"), place(&url, "TO"));
        let (file, database) = (file.unwrap(), database.unwrap());
        let there = route(&file, &database);
        assert_eq!(
            there.command,
            format!("genrex ledger copy /ledger.db 'postgres://postgres@db.example/genrex?{mode}'")
        );
        let buys = format!("GENREX_LEDGER='postgres://ROLE@db.example/genrex?{mode}'");
        assert!(there.use_it.ends_with(&buys), "{}", there.use_it);
        assert!(
            there.use_it.contains("the role that buys"),
            "{}",
            there.use_it
        );
        let back = route(&database, &file);
        assert_eq!(
            back.command,
            format!("genrex ledger copy 'postgres://postgres@db.example/genrex?{mode}' /ledger.db")
        );
        assert_eq!(back.use_it, "use the other: GENREX_LEDGER=/ledger.db");
        for route in [there, back] {
            assert!(!format!("{route:?}").contains("hidden"), "{route:?}");
        }
    }
}
