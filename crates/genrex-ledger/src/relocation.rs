//! Moving all that a ledger holds to another storage, so that at each moment one of both can be bought with, and
//! never both.

use async_trait::async_trait;

use crate::error::ErrorKind;
use crate::{Account, Alias, Credits, Entry, Error, Filter, Hold, HoldKind, Ledger, LocalId, Past};

/// All that a ledger holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// The ledger's own name: who takes the contents over takes the name, since files of batches carry it.
    pub name: String,
    /// The jobs, oldest first.
    pub jobs: Vec<KeptJob>,
    /// What happened to them, oldest first.
    pub history: Vec<(LocalId, Past)>,
    /// Which account an alias belongs to, and since when that is known, in milliseconds since 1970.
    pub aliases: Vec<(Alias, Account, u64)>,
    /// What is known of each account's credits.
    pub credits: Vec<(Account, Credits)>,
}

/// A job, and the key of its intent where one is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptJob {
    /// The key of its intent; a storage of an older version kept none.
    pub key: Option<u128>,
    /// The job.
    pub entry: Entry,
}

/// A storage whose contents can be moved to another.
///
/// `testing::relocation` holds one to these words.
#[async_trait]
pub trait Portable: Ledger {
    /// Why nothing may be bought with it, if there is a reason.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`].
    async fn hold(&self) -> Result<Option<Hold>, Error>;

    /// Holds the ledger, or lets it go. From when it returns on, no call of anybody writes what the hold does not
    /// [allow](Hold::allow).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Moved`] if the hold is not the `expected` one, and [`ErrorKind::InFlight`] if it is to be
    /// [`HoldKind::Moving`] while a job is in flight: nothing was changed then.
    async fn change_hold(
        &self,
        expected: Option<&Hold>,
        next: Option<&Hold>,
        now: u64,
    ) -> Result<(), Error>;

    /// All that it holds, as one state of it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`], [`ErrorKind::Unreadable`].
    async fn contents(&self) -> Result<Contents, Error>;

    /// Takes the contents of another, and its name, whole or not at all, and is held from then on. Numbers of jobs
    /// stay what they are.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Taken`] if there is a job, an account or a hold in it.
    async fn fill(&self, contents: &Contents, hold: &Hold, now: u64) -> Result<(), Error>;
}

/// From where to where, in words for people, and what to type to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where the ledger is.
    pub from: String,
    /// Where it is to be.
    pub to: String,
    /// What a person types to go on with this move.
    pub command: String,
    /// What a person does who comes to the old one when it has been left. It may name another role than moves the
    /// ledger, and has to say all that leads to the new place.
    pub use_it: String,
    /// Random; another for each move.
    pub token: String,
}

/// What one step of a move has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Moved {
    /// The old one is held: nothing is written to it any more.
    Held,
    /// The new one holds all that the old one does, and is held too.
    Filled,
    /// The old one is left for good.
    Left,
    /// The new one may be bought with.
    Opened,
}

/// Takes the next step of a move, wherever it stands; `None` if it is at its end. A crash between two steps leaves
/// it where it is, and the same call goes on.
///
/// # Errors
///
/// [`ErrorKind::InFlight`] while a job is in flight in the old one, [`ErrorKind::Taken`] if the new one is not empty,
/// [`ErrorKind::Moved`] if either is in another move, [`ErrorKind::Restored`], and what the storages return.
pub async fn step(
    from: &dyn Portable,
    to: &dyn Portable,
    route: &Route,
    now: u64,
) -> Result<Option<Moved>, Error> {
    let (old, new) = (from.hold().await?, to.hold().await?);
    match (&old, &new) {
        (None, None) => {
            refuse_what_is_not_empty(from, to, route).await?;
            let moving = hold(HoldKind::Moving, &route.to, &route.command, &route.token);
            from.change_hold(None, Some(&moving), now).await?;
            Ok(Some(Moved::Held))
        }
        (Some(moving), None) if moving.kind == HoldKind::Moving => {
            refuse_other_route(moving, route)?;
            let contents = from.contents().await?;
            let arriving = hold(
                HoldKind::Arriving,
                &route.from,
                &route.command,
                &moving.token,
            );
            to.fill(&contents, &arriving, now).await?;
            Ok(Some(Moved::Filled))
        }
        (Some(moving), Some(arriving)) if moving.kind == HoldKind::Moving => {
            refuse_other_token(moving, arriving, route)?;
            let left = hold(HoldKind::Moved, &route.to, &route.use_it, &moving.token);
            from.change_hold(old.as_ref(), Some(&left), now).await?;
            Ok(Some(Moved::Left))
        }
        (Some(left), Some(arriving)) if left.kind == HoldKind::Moved => {
            refuse_other_token(left, arriving, route)?;
            to.change_hold(new.as_ref(), None, now).await?;
            Ok(Some(Moved::Opened))
        }
        (Some(left), None) if left.kind == HoldKind::Moved => is_there(from, to, left).await,
        (Some(other), _) => Err(of(other)),
        (None, Some(other)) => Err(given_up(other, route)),
    }
}

/// Gives up a move that has not left the old ledger: that may be bought with again. What the new one holds by then
/// stays held there for ever.
///
/// # Errors
///
/// [`ErrorKind::Moved`] if it has been left, or is not being moved.
pub async fn give_up(from: &dyn Portable, now: u64) -> Result<(), Error> {
    match from.hold().await? {
        Some(hold) if hold.kind == HoldKind::Moving => {
            from.change_hold(Some(&hold), None, now).await
        }
        Some(other) => Err(of(&other)),
        None => Err(Error::new(
            ErrorKind::Moved,
            "the ledger is not being moved: there is nothing to give up",
        )),
    }
}

fn hold(kind: HoldKind, detail: &str, command: &str, token: &str) -> Hold {
    Hold {
        kind,
        token: token.to_owned(),
        detail: detail.to_owned(),
        command: command.to_owned(),
    }
}

async fn refuse_what_is_not_empty(
    from: &dyn Portable,
    to: &dyn Portable,
    route: &Route,
) -> Result<(), Error> {
    if from.name().await? == to.name().await? {
        let message = format!("{} and {} are the same ledger", route.from, route.to);
        return Err(Error::new(ErrorKind::Taken, message));
    }
    let any = Filter {
        limit: Some(1),
        ..Filter::default()
    };
    match to.entries(&any).await?.first() {
        None => Ok(()),
        Some(job) => {
            let message = format!(
                "{} holds jobs already, job {} of {} among them: a ledger is copied into an empty one only, where its \
                 jobs keep their numbers; nothing was changed",
                route.to, job.id, job.account
            );
            Err(Error::new(ErrorKind::Taken, message))
        }
    }
}

/// A move to another place has to be gone on with, or given up, first.
fn refuse_other_route(moving: &Hold, route: &Route) -> Result<(), Error> {
    if moving.detail == route.to {
        return Ok(());
    }
    Err(of(moving))
}

fn refuse_other_token(old: &Hold, new: &Hold, route: &Route) -> Result<(), Error> {
    if new.kind == HoldKind::Arriving && new.token == old.token {
        return Ok(());
    }
    Err(given_up(new, route))
}

async fn is_there(
    from: &dyn Portable,
    to: &dyn Portable,
    left: &Hold,
) -> Result<Option<Moved>, Error> {
    if from.name().await? == to.name().await? {
        return Ok(None);
    }
    Err(of(left))
}

/// What a hold says to a move that is not its own.
fn of(hold: &Hold) -> Error {
    let kind = match hold.kind {
        HoldKind::Restored => ErrorKind::Restored,
        HoldKind::Moving | HoldKind::Moved | HoldKind::Arriving => ErrorKind::Moved,
    };
    hold.to_error(kind)
}

fn given_up(new: &Hold, route: &Route) -> Error {
    match new.kind {
        HoldKind::Arriving => {
            let message = format!(
                "{} holds a copy of {} of a move that was given up, or another's: nothing can be bought with it; copy \
                 into an empty ledger",
                route.to, new.detail
            );
            Error::new(ErrorKind::Taken, message)
        }
        HoldKind::Moving | HoldKind::Moved | HoldKind::Restored => of(new),
    }
}
