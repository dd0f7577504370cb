use genrex_async::QueryId;
use genrex_ledger::{Entry, Filter, Ledger, LocalId, State};

use crate::account_flags::AccountFlags;
use crate::args::JobName;
use crate::command_error::{Code, CommandError};
use crate::commands::advice::advice;
use crate::output::Output;

/// A job that can be asked after, and what the ledger knows of it.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) id: QueryId,
    pub(crate) entry: Option<Entry>,
}

/// The jobs that were named, each once; what has no id at the service is refused. `doing` is the command's name.
pub(crate) async fn named(
    names: &[JobName],
    ledger: Option<&dyn Ledger>,
    accounts: Option<&AccountFlags>,
    doing: &str,
) -> Result<Vec<Named>, CommandError> {
    let mut all: Vec<Named> = Vec::new();
    for name in names {
        let found = match (name, ledger) {
            (JobName::Number(number), Some(ledger)) => {
                by_number(*number, ledger, accounts, doing).await?
            }
            (JobName::Number(number), None) => {
                let message = format!("{number} is a number of the ledger, which is not read here");
                return Err(CommandError::usage(message).hint("name the job by its id, QRY_…"));
            }
            (JobName::Id(id), Some(ledger)) => {
                let mut filter = Filter::named(id.as_str());
                filter.limit = Some(1);
                let entry = ledger.entries(&filter).await?.into_iter().next();
                Named {
                    id: id.clone(),
                    entry,
                }
            }
            (JobName::Id(id), None) => Named {
                id: id.clone(),
                entry: None,
            },
        };
        if all.iter().all(|named| named.id != found.id) {
            all.push(found);
        }
    }
    Ok(all)
}

/// All jobs of the command's account that are paid for and not here yet.
pub(crate) async fn open(
    ledger: &dyn Ledger,
    accounts: &AccountFlags,
    doing: &str,
    output: &Output,
) -> Result<Vec<Named>, CommandError> {
    let mut filter = Filter::default().states([State::Accepted, State::Completed]);
    filter.oldest_first = true;
    let mut all = Vec::new();
    for entry in ledger.entries(&filter).await? {
        if accounts.own() == Some(&entry.account) {
            all.extend(entry.query_id.clone().map(|id| Named {
                id,
                entry: Some(entry),
            }));
        } else if !accounts.is_of_past_sandbox(&entry) {
            let flags = accounts.of(&entry.account);
            output.note(format_args!(
                "job {id} is on another account: genrex {doing} {id}{flags}",
                id = entry.id
            ));
        }
    }
    Ok(all)
}

async fn by_number(
    number: LocalId,
    ledger: &dyn Ledger,
    accounts: Option<&AccountFlags>,
    doing: &str,
) -> Result<Named, CommandError> {
    let Some(entry) = ledger.entry(number).await? else {
        let message = format!("the ledger holds no job {number}");
        return Err(CommandError::usage(message).hint("what it holds: genrex jobs list"));
    };
    let flags = accounts.map_or_else(String::new, |accounts| accounts.of(&entry.account));
    let Some(id) = entry.query_id.clone() else {
        return Err(without_id(&entry, &flags));
    };
    let elsewhere = accounts.filter(|accounts| {
        let own = accounts.own();
        own.is_some_and(|own| *own != entry.account)
    });
    if let Some(accounts) = elsewhere {
        return Err(accounts.is_elsewhere(&entry, &format!("{doing} {number}")));
    }
    Ok(Named {
        id,
        entry: Some(entry),
    })
}

/// There is nothing to ask the service after.
fn without_id(entry: &Entry, flags: &str) -> CommandError {
    let (number, state) = (entry.id, entry.state);
    let message = format!("job {number} is {state}, and has no id at the service to ask after");
    let failure = match state {
        State::Ambiguous => CommandError::new(Code::Ambiguous, "ambiguous", message),
        _ => CommandError::usage(message),
    };
    failure.hint(
        advice(entry, flags)
            .unwrap_or_else(|| format!("what is known of it: genrex jobs show {number}")),
    )
}
