use std::sync::Arc;

use genrex_ledger::{self as ledger, Account, Entry, Event, Filter, LocalId};
use genrex_proto::{QueryId, RetrieveRequest};

use super::{left_open, open_or_unclear};
use crate::machine::{Keep, Kept, Machine, Outcome, Step};
use crate::operations::call::{SignedCall, Terms};
use crate::session::Session;
use crate::transport::Now;
use crate::{Error, ErrorKind};

/// Finding what was left open, as a machine: ends what nobody carries on, asks once after each id that stood in a
/// broken answer, and lists what is unclear, to be waited for, or to be downloaded.
///
/// It is about one account: another's jobs are not this service's to be asked after.
#[derive(Debug)]
pub(crate) struct Recover {
    session: Arc<Session>,
    terms: Terms,
    /// Jobs whose unconfirmed id is still to be asked after.
    unconfirmed: Vec<(LocalId, QueryId)>,
    state: State,
}

#[derive(Debug)]
enum State {
    Recovering,
    AskingWhose,
    Listing(Account),
    Asking(Account, LocalId, QueryId, Box<SignedCall<RetrieveRequest>>),
    Keeping(Account, LocalId, Event),
    /// The list once more, since it may have changed.
    ListingAgain(Account),
    Done(Option<Result<Vec<Entry>, Error>>),
}

impl Recover {
    pub(crate) const fn new(session: Arc<Session>, mut terms: Terms) -> Self {
        // What is not told at once stays unconfirmed, and is asked after by the next who recovers.
        terms.retries = false;
        Self {
            session,
            terms,
            unconfirmed: Vec::new(),
            state: State::Recovering,
        }
    }

    fn whose(&self, answer: Result<Kept, ledger::Error>) -> State {
        match answer.and_then(Kept::account) {
            Ok(Some(account)) => State::Listing(account),
            Ok(None) => State::Listing(self.session.alias().into()),
            Err(error) => State::Done(Some(Err(error.into()))),
        }
    }

    fn listed(&mut self, account: Account, entries: Vec<Entry>) -> State {
        let unclear = entries.iter().filter(|entry| entry.is_unclear());
        let unconfirmed =
            unclear.filter_map(|entry| Some((entry.id, entry.unconfirmed_id.clone()?)));
        self.unconfirmed = unconfirmed.collect();
        if self.unconfirmed.is_empty() {
            done(entries)
        } else {
            self.ask(account)
        }
    }

    /// Asks after the next unconfirmed id, if one is left.
    fn ask(&mut self, account: Account) -> State {
        match self.unconfirmed.pop() {
            Some((local, query_id)) => {
                let request = RetrieveRequest::new(query_id.clone());
                let call = SignedCall::new(Arc::clone(&self.session), &request, self.terms);
                State::Asking(account, local, query_id, Box::new(call))
            }
            None => State::ListingAgain(account),
        }
    }
}

impl Machine for Recover {
    const NAME: &'static str = "recover";
    type Output = Result<Vec<Entry>, Error>;

    fn next(&mut self, now: Now) -> Step<Self::Output> {
        loop {
            match &mut self.state {
                State::Recovering => return Step::keep(Keep::Recover),
                State::AskingWhose => return Step::keep(Keep::Account(self.session.alias())),
                State::Listing(account) | State::ListingAgain(account) => {
                    return Step::keep(Keep::Entries(open_of(account.clone())));
                }
                State::Asking(account, local, query_id, call) => match call.next(now).within() {
                    Ok(step) => return step,
                    Err(Ok(answered)) if answered.answer.id == *query_id => {
                        let event = Event::Accepted(query_id.clone());
                        self.state = State::Keeping(account.clone(), *local, event);
                    }
                    // It stays ambiguous, with the id: support can tell more.
                    Err(Ok(_) | Err(_)) => {
                        let account = account.clone();
                        self.state = self.ask(account);
                    }
                },
                State::Keeping(_, local, event) => {
                    return Step::keep(Keep::Event(*local, event.clone()));
                }
                State::Done(result) => {
                    let over = || Err(Error::new(ErrorKind::Cancelled, "already over"));
                    return Step::Done(result.take().unwrap_or_else(over));
                }
            }
        }
    }

    fn receive(&mut self, now: Now, outcome: Outcome) {
        self.state = match std::mem::replace(&mut self.state, State::Done(None)) {
            State::Asking(account, local, query_id, mut call) => {
                call.receive(now, outcome);
                State::Asking(account, local, query_id, call)
            }
            State::Recovering => match outcome.kept() {
                Ok(_) => State::AskingWhose,
                Err(error) => State::Done(Some(Err(error.into()))),
            },
            State::AskingWhose => self.whose(outcome.kept()),
            State::Listing(account) => match outcome.kept().and_then(Kept::entries) {
                Ok(entries) => self.listed(account, entries),
                Err(error) => State::Done(Some(Err(error.into()))),
            },
            State::ListingAgain(_) => match outcome.kept().and_then(Kept::entries) {
                Ok(entries) => done(entries),
                Err(error) => State::Done(Some(Err(error.into()))),
            },
            // What could not be kept is found again by the next who recovers.
            State::Keeping(account, ..) => self.ask(account),
            State::Done(result) => State::Done(result),
        };
    }
}

/// The account's jobs that may be left open.
fn open_of(account: Account) -> Filter {
    let mut filter = open_or_unclear();
    filter.account = Some(account);
    filter
}

fn done(entries: Vec<Entry>) -> State {
    State::Done(Some(Ok(left_open(entries))))
}
