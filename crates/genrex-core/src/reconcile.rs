pub(crate) mod link;
pub(crate) mod offline;

use std::sync::Arc;

use genrex_ledger::{self as ledger, Entry, Event, LocalId, Resolution};
use genrex_proto::RetrieveRequest;

use crate::call::{SignedCall, Terms};
use crate::machine::{Keep, Kept, Machine, Outcome, Step};
use crate::purchase::Look;
use crate::session::Session;
use crate::transport::Now;
use crate::{Error, ErrorKind};

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
        match (&mut self.look, outcome) {
            (Some(look), outcome) => look.receive(now, outcome),
            (None, Outcome::Kept(answer)) => self.done = Some(entry_of(answer)),
            (None, _) => {}
        }
    }
}

/// Settling an ambiguous job by hand, as a machine: an id that a person names is asked after first.
#[derive(Debug)]
pub(crate) struct Resolve {
    id: LocalId,
    resolution: Resolution,
    why: String,
    asking: Option<Box<SignedCall<RetrieveRequest>>>,
    done: Option<Result<Entry, Error>>,
}

impl Resolve {
    pub(crate) fn new(
        session: Arc<Session>,
        terms: Terms,
        id: LocalId,
        resolution: Resolution,
        why: String,
    ) -> Self {
        let asking = match &resolution {
            Resolution::Accepted(query_id) => {
                let request = RetrieveRequest::new(query_id.clone());
                Some(Box::new(SignedCall::new(session, &request, terms)))
            }
            _ => None,
        };
        Self {
            id,
            resolution,
            why,
            asking,
            done: None,
        }
    }
}

impl Machine for Resolve {
    const NAME: &'static str = "resolve";
    type Output = Result<Entry, Error>;

    fn next(&mut self, now: Now) -> Step<Self::Output> {
        if let Some(result) = self.done.take() {
            return Step::Done(result);
        }
        if let Some(call) = &mut self.asking {
            match call.next(now).within() {
                Ok(step) => return step,
                Err(Ok(_)) => self.asking = None,
                Err(Err(failure)) => {
                    return Step::Done(Err(failure.into_error().with_local_id(self.id)));
                }
            }
        }
        let event = Event::Resolved(self.resolution.clone(), self.why.clone());
        Step::keep(Keep::Event(self.id, event))
    }

    fn receive(&mut self, now: Now, outcome: Outcome) {
        match (&mut self.asking, outcome) {
            (Some(call), outcome) => call.receive(now, outcome),
            (None, Outcome::Kept(answer)) => self.done = Some(entry_of(answer)),
            (None, _) => {}
        }
    }
}

/// Finding what was left open, as a machine: ends what nobody carries on, asks after each id that stood in a broken
/// answer, and lists what is unclear, to be waited for, or to be downloaded.
#[derive(Debug)]
pub(crate) struct Recover {
    session: Arc<Session>,
    terms: Terms,
    /// Jobs whose unconfirmed id is still to be asked after.
    unconfirmed: Vec<Entry>,
    state: Recovering,
}

#[derive(Debug)]
enum Recovering {
    Ending,
    Listing,
    Asking(Box<SignedCall<RetrieveRequest>>, LocalId),
    Keeping(LocalId, Event),
    Again,
    Done(Option<Result<Vec<Entry>, Error>>),
}

impl Recover {
    pub(crate) const fn new(session: Arc<Session>, terms: Terms) -> Self {
        Self {
            session,
            terms,
            unconfirmed: Vec::new(),
            state: Recovering::Ending,
        }
    }

    fn listed(&mut self, entries: Vec<Entry>) {
        let ambiguous = entries
            .iter()
            .filter(|entry| entry.is_unclear() && entry.unconfirmed_id.is_some());
        self.unconfirmed = ambiguous.cloned().collect();
        self.state = self.ask(entries);
    }

    /// Asks after the next unconfirmed id; without one these are the answer.
    fn ask(&mut self, entries: Vec<Entry>) -> Recovering {
        let next = self.unconfirmed.pop();
        match next.and_then(|entry| Some((entry.unconfirmed_id?, entry.id))) {
            Some((query_id, local)) => {
                let request = RetrieveRequest::new(query_id);
                let call = SignedCall::new(Arc::clone(&self.session), &request, self.terms);
                Recovering::Asking(Box::new(call), local)
            }
            None => Recovering::Done(Some(Ok(left_open(entries)))),
        }
    }

    /// After one that was asked after: the next, or the list once more, since it may have changed.
    fn go_on(&mut self) {
        self.state = match self.ask(Vec::new()) {
            Recovering::Done(_) => Recovering::Again,
            asking => asking,
        };
    }
}

impl Machine for Recover {
    const NAME: &'static str = "recover";
    type Output = Result<Vec<Entry>, Error>;

    fn next(&mut self, now: Now) -> Step<Self::Output> {
        loop {
            match &mut self.state {
                Recovering::Ending => return Step::keep(Keep::Recover),
                Recovering::Listing | Recovering::Again => {
                    return Step::keep(Keep::Entries(open_or_unclear()));
                }
                Recovering::Asking(call, local) => match call.next(now).within() {
                    Ok(step) => return step,
                    Err(Ok(answered)) => {
                        let event = Event::Accepted(answered.answer.id);
                        self.state = Recovering::Keeping(*local, event);
                    }
                    // It stays ambiguous, with the id: support can tell more.
                    Err(Err(_)) => self.go_on(),
                },
                Recovering::Keeping(id, event) => {
                    return Step::keep(Keep::Event(*id, event.clone()));
                }
                Recovering::Done(result) => {
                    let over = || Err(Error::new(ErrorKind::Cancelled, "already over"));
                    return Step::Done(result.take().unwrap_or_else(over));
                }
            }
        }
    }

    fn receive(&mut self, now: Now, outcome: Outcome) {
        match (&mut self.state, outcome) {
            (Recovering::Asking(call, _), outcome) => call.receive(now, outcome),
            (Recovering::Ending, Outcome::Kept(answer)) => {
                self.state = match answer {
                    Ok(_) => Recovering::Listing,
                    Err(error) => Recovering::Done(Some(Err(error.into()))),
                };
            }
            (Recovering::Listing, Outcome::Kept(Ok(Kept::Entries(entries)))) => {
                self.listed(entries);
            }
            (Recovering::Again, Outcome::Kept(Ok(Kept::Entries(entries)))) => {
                self.state = Recovering::Done(Some(Ok(left_open(entries))));
            }
            (Recovering::Listing | Recovering::Again, Outcome::Kept(Err(error))) => {
                self.state = Recovering::Done(Some(Err(error.into())));
            }
            (Recovering::Keeping(..), Outcome::Kept(_)) => self.go_on(),
            (_, _) => {}
        }
    }
}

/// The jobs of which some are still open or unclear, oldest first.
fn open_or_unclear() -> ledger::Filter {
    let states = [
        ledger::State::Ambiguous,
        ledger::State::Accepted,
        ledger::State::Completed,
    ];
    let mut filter = ledger::Filter::default().states(states);
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

fn entry_of(answer: Result<Kept, ledger::Error>) -> Result<Entry, Error> {
    match answer {
        Ok(Kept::Entry(entry)) => Ok(*entry),
        Ok(_) => Err(Error::new(
            ErrorKind::Ledger,
            "the ledger answered something else than was asked",
        )),
        Err(error) => Err(error.into()),
    }
}
