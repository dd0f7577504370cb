//! What was left unclear: holding it against the balance, settling it by hand, finding it.

pub(crate) mod link;
pub(crate) mod offline;
mod recover;
mod resolve;

use std::sync::Arc;

use genrex_ledger::{self as ledger, Entry, Filter, LocalId};

pub(crate) use self::recover::Recover;
pub(crate) use self::resolve::Resolve;
use crate::Error;
use crate::machine::{Keep, Kept, Machine, Outcome, Step};
use crate::operations::call::Terms;
use crate::operations::purchase::Look;
use crate::session::Session;
use crate::transport::Now;

/// A reconciliation as a machine: looks at the balance, and has the ledger hold an ambiguous job against it.
#[derive(Debug)]
pub(crate) struct Reconcile {
    id: LocalId,
    look: Option<Box<Look>>,
    done: Option<Result<Entry, Error>>,
}

impl Reconcile {
    pub(crate) fn new(session: Arc<Session>, terms: Terms, id: LocalId) -> Self {
        Self {
            id,
            look: Some(Box::new(Look::new(session, terms))),
            done: None,
        }
    }
}

impl Machine for Reconcile {
    const NAME: &'static str = "reconcile";
    type Output = Result<Entry, Error>;

    fn next(&mut self, now: Now) -> Step<Self::Output> {
        if let Some(result) = self.done.take() {
            return Step::Done(result);
        }
        if let Some(look) = &mut self.look {
            match look.next(now).within() {
                Ok(step) => return step,
                Err(Ok(_)) => self.look = None,
                Err(Err(error)) => return Step::Done(Err(error.with_local_id(self.id))),
            }
        }
        Step::keep(Keep::Reconcile(self.id))
    }

    fn receive(&mut self, now: Now, outcome: Outcome) {
        match &mut self.look {
            Some(look) => look.receive(now, outcome),
            None => self.done = Some(entry_of(outcome)),
        }
    }
}

fn entry_of(outcome: Outcome) -> Result<Entry, Error> {
    Ok(outcome.kept().and_then(Kept::entry)?)
}

/// The jobs of which some are still open or unclear, oldest first.
fn open_or_unclear() -> Filter {
    let mut filter = Filter::default().states([
        ledger::State::Ambiguous,
        ledger::State::Accepted,
        ledger::State::Completed,
    ]);
    filter.oldest_first = true;
    filter
}

/// What of these is still to be done or to be settled.
fn left_open(entries: Vec<Entry>) -> Vec<Entry> {
    let open = |entry: &Entry| is_to_be_settled(entry) || entry.state.is_open();
    entries.into_iter().filter(open).collect()
}

/// Whether a submit may have been charged, or was, without a job to show for it, and nobody has settled it: by hand,
/// or by buying in its place.
#[must_use]
pub const fn is_to_be_settled(entry: &Entry) -> bool {
    matches!(entry.state, ledger::State::Ambiguous)
        && entry.superseded_by.is_none()
        && !entry.resolved_by_hand
}
