//! Outcomes that are put aside on this machine while the database says nothing, and how they are applied.

use genrex_ledger::{Error, ErrorKind, Event, State};
use genrex_ledger_rescue::{Line, Rescue};

use crate::failure::Failure;
use crate::request::Ask;
use crate::store::Store;

/// Where outcomes are kept on this machine, and under whose names.
pub(crate) struct Aside {
    pub(crate) rescue: Option<Rescue>,
    pub(crate) ledger: String,
    pub(crate) owner: String,
}

impl Aside {
    /// Keeps an outcome, once.
    pub(crate) fn put(&self, asked: &mut dyn Ask) {
        if let Some(note) = self.line(asked).and_then(|line| self.keep(&line)) {
            *asked.note() = Some(note);
        }
    }

    /// What is to be kept of a call, if that has not been done.
    pub(crate) fn line(&self, asked: &mut dyn Ask) -> Option<Line> {
        if asked.note().is_some() {
            return None;
        }
        let (id, event, at) = asked.outcome()?;
        Some(Line {
            ledger: self.ledger.clone(),
            key: None,
            owner: self.owner.clone(),
            local_id: id,
            event: event.clone(),
            at,
        })
    }

    /// Keeps a line, and says where it is.
    pub(crate) fn keep(&self, line: &Line) -> Option<String> {
        let rescue = self.rescue.as_ref()?;
        Some(match rescue.keep(line) {
            Ok(path) => format!(
                "; what happened is kept in {}, and given to the database by the next command that buys",
                path.display()
            ),
            Err(error) => {
                let path = rescue.path().display();
                format!("; and what happened could not be kept in {path} either: {error}")
            }
        })
    }
}

/// Applies a line inside a transaction.
pub(crate) async fn apply(store: Store<'_>, line: &Line, ledger: &str) -> Result<(), Failure> {
    let is_of_this = line.ledger == ledger
        && (line.key.is_none() || line.key == store.key(line.local_id).await?);
    if !is_of_this {
        let message = format!("job {} is of another ledger", line.local_id);
        return Err(Error::new(ErrorKind::NotFound, message).into());
    }
    let stands = store.lock_job(line.local_id).await?.entry.state;
    // It may be applied twice, and what has happened since is later.
    let is_over = match line.event {
        Event::Downloaded { .. } => stands == State::Downloaded,
        Event::Ambiguous(_) | Event::Refused(..) => {
            matches!(
                stands,
                State::Accepted | State::Failed | State::Completed | State::Downloaded
            )
        }
        Event::Completed | Event::CompletedBetween { .. } => stands == State::Failed,
        Event::NotSent(_) | Event::Crashed => !stands.is_in_flight(),
        _ => false,
    };
    if is_over {
        return Ok(());
    }
    store.record(line.local_id, &line.event).await.map(drop)
}
