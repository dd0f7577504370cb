mod copy;
mod status;

use genrex_async::core::proto::Escaped;
use genrex_ledger_postgres::migrate as migrate_database;
use serde_json::json;

use crate::args::{Global, LedgerAction};
use crate::command_error::CommandError;
use crate::ledger::{self, Place};
use crate::output::Output;

pub(crate) async fn run(
    action: Option<LedgerAction>,
    global: &Global,
    output: &Output,
) -> Result<(), CommandError> {
    match action {
        None | Some(LedgerAction::Path) => path(output),
        Some(LedgerAction::Migrate) => migrate(output).await,
        Some(LedgerAction::Status) => status::run(global, output).await,
        Some(LedgerAction::AcceptRestored) => accept_restored(output).await,
        Some(LedgerAction::Copy(arguments)) => copy::run(&arguments, output).await,
    }
}

/// Which ledger is used.
fn path(output: &Output) -> Result<(), CommandError> {
    let place = Place::find()?;
    let told = place.to_string();
    if output.is_json() {
        return output.document(&json!({"path": told, "rescue": place.rescue()?}));
    }
    if place.file().is_none() {
        let rescue = place.rescue()?;
        output.note(format_args!(
            "what the database cannot take is put into {}",
            rescue.display()
        ));
    }
    output.line(told)
}

/// Makes the tables of a database. A file is brought to this version whenever it is opened to buy with.
async fn migrate(output: &Output) -> Result<(), CommandError> {
    let place = Place::find()?;
    let (from, to) = match &place {
        Place::Database(address) => {
            let made = migrate_database(address).await?;
            (Some(made.from), Some(made.to))
        }
        Place::File(_) => {
            drop(ledger::open().await?);
            (None, None)
        }
    };
    if output.is_json() {
        let told = place.to_string();
        return output.document(&json!({"path": told, "from": from, "to": to}));
    }
    match (from, to) {
        (Some(0), Some(to)) => output.line(format_args!(
            "the tables of version {to} were made in {place}; docs/fleet.md lists the rights that who buys needs"
        )),
        (Some(from), Some(to)) if from < to => output.line(format_args!(
            "the tables of {place} were brought from version {from} to version {to}"
        )),
        _ => output.line(format_args!("{place} is of this version")),
    }
}

/// That somebody has looked at a ledger that was restored.
async fn accept_restored(output: &Output) -> Result<(), CommandError> {
    let place = Place::find()?;
    let Place::Database(address) = &place else {
        let message =
            format!("{place} is a file, and only a database is held after it was restored");
        return Err(CommandError::usage(message).hint("which ledger is used: genrex ledger path"));
    };
    let ledger = ledger::connect(address, &place).await?;
    let missing = ledger.accept_restored(&who()).await?;
    if output.is_json() {
        return output.document(&json!({"path": place.to_string(), "missing": missing}));
    }
    output.line(format_args!(
        "{place} may be bought with again. What was missing is kept in it, with who said so and when: {}",
        Escaped(&missing)
    ))
}

/// Who types this, as far as the system says.
fn who() -> String {
    let names = ["USER", "LOGNAME", "USERNAME"];
    let name = names.into_iter().find_map(|name| std::env::var(name).ok());
    name.filter(|name| !name.is_empty())
        .unwrap_or_else(|| String::from("somebody"))
}
