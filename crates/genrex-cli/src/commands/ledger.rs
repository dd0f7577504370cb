use genrex_async::core::proto::Escaped;
use genrex_ledger::{Filter, State};
use genrex_ledger_postgres::{Holder, Status, migrate as migrate_database};
use serde_json::json;

use crate::args::LedgerAction;
use crate::command_error::CommandError;
use crate::ledger::{self, Place};
use crate::output::Output;

pub(crate) async fn run(action: Option<LedgerAction>, output: &Output) -> Result<(), CommandError> {
    match action {
        None | Some(LedgerAction::Path) => path(output),
        Some(LedgerAction::Migrate) => migrate(output).await,
        Some(LedgerAction::Status) => status(output).await,
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

/// Who uses the ledger, and what is in flight.
async fn status(output: &Output) -> Result<(), CommandError> {
    let place = Place::find()?;
    match &place {
        Place::Database(address) => {
            let ledger = ledger::connect_to_read(address).await?;
            let status = ledger.status().await?;
            if output.is_json() {
                return output.document(&document(&place, &status));
            }
            show(&place, &status, output)
        }
        Place::File(_) => {
            let ledger = ledger::open_to_read().await?;
            let entries = ledger.entries(&Filter::default()).await?;
            let count = |state| entries.iter().filter(|entry| entry.state == state).count();
            let counts = State::ALL.map(|state| (state.as_str(), count(state)));
            if output.is_json() {
                let jobs: serde_json::Map<_, _> = counts
                    .into_iter()
                    .filter(|(_, count)| *count > 0)
                    .map(|(state, count)| (state.to_owned(), json!(count)))
                    .collect();
                let name = ledger.name().await?;
                return output.document(&json!({
                    "path": place.to_string(), "name": name, "jobs": jobs,
                }));
            }
            output.line(&place)?;
            counts
                .into_iter()
                .filter(|(_, count)| *count > 0)
                .try_for_each(|(state, count)| output.line(format_args!("{count:>8} {state}")))
        }
    }
}

fn document(place: &Place, status: &Status) -> serde_json::Value {
    let jobs: serde_json::Map<_, _> = status
        .jobs
        .iter()
        .map(|(state, count)| (state.clone(), json!(count)))
        .collect();
    let machines: Vec<_> = status
        .holders
        .iter()
        .map(|holder| {
            json!({
                "name": holder.name,
                "epoch": holder.epoch,
                "seenAt": holder.seen_at,
                "inFlight": holder.in_flight,
                "leaseLeftMs": holder.lease_left,
            })
        })
        .collect();
    json!({
        "path": place.to_string(),
        "name": status.name,
        "version": status.version,
        "now": status.now,
        "machines": machines,
        "jobs": jobs,
        "orphans": status.orphans,
        "oldestTransactionMs": status.oldest_transaction,
    })
}

fn show(place: &Place, status: &Status, output: &Output) -> Result<(), CommandError> {
    output.line(format_args!("{place}, version {}", status.version))?;
    for (state, count) in &status.jobs {
        output.line(format_args!("{count:>8} {state}"))?;
    }
    for holder in &status.holders {
        output.line(told(holder, status.now))?;
    }
    if status.orphans > 0 {
        output.warning(format_args!(
            "{} jobs in flight are nobody's any more: genrex jobs recover",
            status.orphans
        ));
    }
    match status.oldest_transaction {
        Some(age) => output.line(format_args!(
            "the oldest transaction has been open for {} s",
            age / 1000
        )),
        None => Ok(()),
    }
}

fn told(holder: &Holder, now: u64) -> String {
    let seen = now.saturating_sub(holder.seen_at) / 1000;
    let name = Escaped(&holder.name);
    let lease = match holder.lease_left {
        Some(left) if left > 0 => format!(", the first lease ends in {} s", left / 1000),
        Some(_) => String::from(", a lease has ended"),
        None => String::new(),
    };
    format!(
        "{name} has {} in flight{lease}; heard of {seen} s ago",
        holder.in_flight
    )
}
