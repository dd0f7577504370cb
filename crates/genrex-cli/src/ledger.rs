mod place;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use genrex_async::Client;
use genrex_ledger::relocation::Portable;
use genrex_ledger::{Entry, ErrorKind, Filter, Ledger, LocalId};
use genrex_ledger_postgres::{self as postgres, Address, PostgresLedger};
use genrex_ledger_sqlite::{Options, SqliteLedger};

pub(crate) use self::place::Place;
use crate::command_error::{Code, CommandError};
use crate::output::Output;
use crate::typed;

/// How long another process that writes is waited for, and a database that is away.
const LONGEST: Duration = Duration::from_secs(30);

/// A ledger that was opened.
pub(crate) struct Opened {
    ledger: Arc<dyn Ledger>,
    place: Place,
}

impl Opened {
    /// Where it is.
    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn into_ledger(self) -> Arc<dyn Ledger> {
        self.ledger
    }
}

impl Deref for Opened {
    type Target = Arc<dyn Ledger>;

    fn deref(&self) -> &Arc<dyn Ledger> {
        &self.ledger
    }
}

/// Opens the ledger to buy with.
pub(crate) async fn open() -> Result<Opened, CommandError> {
    open_within(LONGEST).await
}

/// The same, and waits no longer than this for another process that writes to it.
pub(crate) async fn open_within(limit: Duration) -> Result<Opened, CommandError> {
    let place = Place::find()?;
    let limit = limit.min(LONGEST);
    let ledger: Arc<dyn Ledger> = match &place {
        Place::File(path) => {
            let options = Options::new()
                .busy_timeout(limit)
                .on_wait(typed::say_ledger_is_held);
            Arc::new(SqliteLedger::open_with(path, &options)?)
        }
        Place::Database(address) => {
            let options = postgres::Options::new()
                .timeout(limit)
                .rescue(place.rescue()?);
            Arc::new(PostgresLedger::connect_with(address, &options).await?)
        }
    };
    Ok(Opened { ledger, place })
}

/// Opens the ledger to look into it: that needs no lock and no right to write.
pub(crate) async fn open_to_read() -> Result<Opened, CommandError> {
    let place = Place::find()?;
    let path = match &place {
        Place::File(path) => path,
        Place::Database(address) => {
            let ledger = Arc::new(connect_to_read(address).await?);
            return Ok(Opened { ledger, place });
        }
    };
    // One that is not there yet is empty, and one of an older version is brought to this one.
    let read = path
        .exists()
        .then(|| SqliteLedger::open_to_read(path))
        .transpose();
    match read {
        Ok(Some(ledger)) => Ok(Opened {
            ledger: Arc::new(ledger),
            place,
        }),
        Err(error) if error.kind() != ErrorKind::Storage => Err(error.into()),
        Ok(None) | Err(_) => open().await,
    }
}

/// Opens a ledger at a place, to move what it holds.
pub(crate) async fn open_portable(place: &Place) -> Result<Box<dyn Portable>, CommandError> {
    Ok(match place {
        Place::File(path) => {
            let options = Options::new().on_wait(typed::say_ledger_is_held);
            Box::new(SqliteLedger::open_with(path, &options)?)
        }
        Place::Database(address) => Box::new(connect(address, place).await?),
    })
}

/// Connects to a database to write to it.
pub(crate) async fn connect(
    address: &Address,
    place: &Place,
) -> Result<PostgresLedger, CommandError> {
    let options = postgres::Options::new().rescue(place.rescue()?);
    Ok(PostgresLedger::connect_with(address, &options).await?)
}

/// Connects to a database to look into it.
pub(crate) async fn connect_to_read(address: &Address) -> Result<PostgresLedger, CommandError> {
    let options = postgres::Options::new();
    Ok(PostgresLedger::connect_to_read(address, &options).await?)
}

/// Finds what an ended process left, and says what may have been charged, and what could not be kept.
pub(crate) async fn recover(client: &Client, output: &Output) -> Result<(), CommandError> {
    // What is unconfirmed is asked after, but nobody waits long for that.
    const SHORT: Duration = Duration::from_secs(10);
    if client.ledger().is_none() {
        return Ok(());
    }
    warn_of_set_aside(output)?;
    let mut settings = *client.settings();
    settings.deadline = Some(SHORT);
    let found = client.with_settings(settings).recover().await?;
    let unclear = found.iter().filter(|entry| entry.is_unclear()).count();
    if unclear > 0 {
        output.warning(format_args!(
            "{unclear} earlier submits ended without an outcome and may have been charged: genrex jobs recover"
        ));
    }
    Ok(())
}

/// Says where outcomes are that the ledger could not take: one may be the only place of an id that was paid for.
pub(crate) fn warn_of_set_aside(output: &Output) -> Result<(), CommandError> {
    warn_of_set_aside_at(&Place::find()?, output)
}

/// The same of a ledger at a place.
pub(crate) fn warn_of_set_aside_at(place: &Place, output: &Output) -> Result<(), CommandError> {
    for file in genrex_ledger_sqlite::set_aside(&place.rescued()?) {
        output.warning(format_args!(
            "{} holds outcomes of jobs that are not in this ledger: it is damaged, or of another ledger that was here. An id \
             in it may have been paid for: read it, settle its jobs by genrex jobs resolve, and move it away",
            file.display()
        ));
    }
    Ok(())
}

/// Says that nothing is bought with the ledger, and why, if that is so.
pub(crate) async fn warn_of_hold(output: &Output) -> Result<(), CommandError> {
    let hold = match Place::find()? {
        Place::File(path) => SqliteLedger::open_to_read(path)?.hold().await?,
        Place::Database(address) => connect_to_read(&address).await?.hold().await?,
    };
    if let Some(hold) = hold {
        output.warning(hold);
    }
    Ok(())
}

/// A job by its number in the ledger, or by its id at the service.
pub(crate) async fn find(ledger: &dyn Ledger, name: &str) -> Result<Entry, CommandError> {
    let found = match name.parse::<LocalId>() {
        Ok(id) => ledger.entry(id).await?,
        Err(_) => {
            let mut filter = Filter::named(name);
            filter.limit = Some(1);
            ledger.entries(&filter).await?.into_iter().next()
        }
    };
    found.ok_or_else(|| {
        let name = genrex_async::core::proto::Escaped(name);
        let message = format!("the ledger holds no job {name}");
        CommandError::usage(message).hint("what it holds: genrex jobs list")
    })
}

impl From<genrex_ledger::Error> for CommandError {
    fn from(error: genrex_ledger::Error) -> Self {
        let message = match error.kind() {
            // Its own words are about the state machine.
            ErrorKind::Transition => in_that_state(&error),
            _ => error.to_string(),
        };
        let failure = match error.kind() {
            ErrorKind::NotFound => Self::usage(message).hint("what it holds: genrex jobs list"),
            ErrorKind::Transition => Self::usage(message).hint(match error.job() {
                Some(job) => format!("what is known of it: genrex jobs show {job}"),
                None => String::from("what it holds: genrex jobs list"),
            }),
            kind => Self::new(Code::Other, "ledger", message).hint(remedy(kind)),
        };
        match std::error::Error::source(&error) {
            Some(cause) => failure.with_source(cause),
            None => failure,
        }
    }
}

/// A job on which a person asks for what its state does not allow; where it stands is said first.
fn in_that_state(error: &genrex_ledger::Error) -> String {
    let message = error.to_string();
    let stands = message.split([':', ',']).next().unwrap_or_default();
    format!("{stands}, and what is in that state cannot be settled by hand; nothing was changed")
}

/// What to do about a ledger that cannot be used; what was bought before is in it, and nothing is bought without it.
pub(crate) fn remedy(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Busy => {
            "another program is writing to it: end that one, or wait for it, and run the same command again. It can be \
             read meanwhile: genrex jobs list"
        }
        ErrorKind::Missing => {
            "put it back from where it went, or name its new place by GENREX_LEDGER; to begin anew, move the files that \
             are named away together"
        }
        ErrorKind::Full => {
            "make room on its disk, and run the same command again. What it holds can be read: genrex jobs list"
        }
        ErrorKind::Denied if matches!(Place::find(), Ok(Place::Database(_))) => {
            "the address names the role, the host and the database; the password is in it, in PGPASSWORD or in the file \
             that PGPASSFILE names (~/.pgpass); docs/fleet.md lists the rights that a role needs. Another ledger does not \
             know what was bought"
        }
        ErrorKind::Denied => {
            "give yourself the right to read and write it, and the folder that it is in, or name another place by \
             GENREX_LEDGER; another ledger does not know what was bought"
        }
        ErrorKind::Damaged => {
            "copy it and the files beside it to a safe place, and put a backup there, or name another file by \
             GENREX_LEDGER; another ledger does not know what was bought"
        }
        ErrorKind::NotMigrated => {
            "its owner makes the tables: genrex ledger migrate; docs/fleet.md says with which rights"
        }
        ErrorKind::NotOwned => {
            "nothing was sent; another process has the job, or this one stood still for too long: genrex jobs list shows \
             where it stands"
        }
        ErrorKind::InFlight => "wait until it has ended, and run the same command again",
        ErrorKind::Moved => {
            "what is said above is to be typed; what it holds can be read here as before: genrex jobs list"
        }
        ErrorKind::Restored => {
            "hold what the service says was charged against genrex jobs list: docs/fleet.md says how. What was bought can \
             be waited for meanwhile: genrex wait --open"
        }
        ErrorKind::Newer => {
            "use the genrex that wrote it, or a newer one; nothing in it was changed"
        }
        _ => {
            "mend what is said above, and run the same command again; what was bought before stays known"
        }
    }
}
