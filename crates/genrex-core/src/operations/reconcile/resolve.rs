use std::sync::Arc;

use genrex_ledger::{self as ledger, Entry, Event, Filter, LocalId, Resolution};
use genrex_proto::{Generation, QueryId, RetrieveRequest};

use super::entry_of;
use super::link::is_of;
use crate::machine::{Keep, Kept, Machine, Outcome, Step};
use crate::operations::call::{SignedCall, Terms};
use crate::session::Session;
use crate::transport::Now;
use crate::{Error, ErrorKind};

/// Settling a job by hand, as a machine.
///
/// An id that a person names is asked after first. It is not taken if the service says of it that it is of another
/// prompt or duration, or if another job of the account has it: from there no way leads back.
#[derive(Debug)]
pub(crate) struct Resolve {
    id: LocalId,
    resolution: Resolution,
    why: String,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Asking the service after the id.
    Asking(Box<SignedCall<RetrieveRequest>>, QueryId),
    /// Asking the ledger for the job.
    Comparing(Box<Generation>),
    /// Asking the ledger for jobs that have the id, of the job's account.
    Looking(Box<Entry>, QueryId),
    Keeping,
    Done(Option<Box<Result<Entry, Error>>>),
}

impl Resolve {
    pub(crate) fn new(
        session: Arc<Session>,
        terms: Terms,
        id: LocalId,
        resolution: Resolution,
        why: String,
    ) -> Self {
        let state = match &resolution {
            Resolution::Accepted(query_id) => {
                let request = RetrieveRequest::new(query_id.clone());
                let call = SignedCall::new(session, &request, terms);
                State::Asking(Box::new(call), query_id.clone())
            }
            _ => State::Keeping,
        };
        Self {
            id,
            resolution,
            why,
            state,
        }
    }

    fn compared(&self, told: &Generation, answer: Result<Kept, ledger::Error>) -> State {
        match answer.and_then(Kept::entries).map(|mut found| found.pop()) {
            Ok(Some(entry)) if is_of(&entry, told) => {
                State::Looking(Box::new(entry), told.id.clone())
            }
            Ok(Some(_)) => {
                let message = format!(
                    "the service says that {} is of another prompt or duration than job {}; nothing was settled",
                    told.id, self.id
                );
                self.failed(Error::new(ErrorKind::InvalidInput, message))
            }
            // That there is no such job, the ledger says itself.
            Ok(None) => State::Keeping,
            Err(error) => self.failed(error.into()),
        }
    }

    fn looked(&self, query_id: &QueryId, answer: Result<Kept, ledger::Error>) -> State {
        let found = match answer.and_then(Kept::entries) {
            Ok(found) => found,
            Err(error) => return self.failed(error.into()),
        };
        match found.iter().find(|entry| entry.id != self.id) {
            Some(other) => {
                let message = format!(
                    "{query_id} is the id of job {}; nothing was settled",
                    other.id
                );
                self.failed(Error::new(ErrorKind::InvalidInput, message))
            }
            None => State::Keeping,
        }
    }

    fn failed(&self, error: Error) -> State {
        State::done(Err(error.with_local_id(self.id)))
    }
}

impl State {
    fn done(result: Result<Entry, Error>) -> Self {
        Self::Done(Some(Box::new(result)))
    }
}

impl Machine for Resolve {
    const NAME: &'static str = "resolve";
    type Output = Result<Entry, Error>;

    fn next(&mut self, now: Now) -> Step<Self::Output> {
        loop {
            match &mut self.state {
                State::Asking(call, query_id) => match call.next(now).within() {
                    Ok(step) => return step,
                    Err(Ok(answered)) if answered.answer.id == *query_id => {
                        self.state = State::Comparing(Box::new(answered.answer));
                    }
                    Err(Ok(_)) => {
                        let message = "the answer is about another job; nothing was settled";
                        self.state = self.failed(Error::new(ErrorKind::UnexpectedAnswer, message));
                    }
                    Err(Err(failure)) => self.state = self.failed(failure.into_error()),
                },
                State::Comparing(_) => return Step::keep(Keep::Entry(self.id)),
                State::Looking(entry, query_id) => {
                    let mut filter = Filter::named(query_id.as_str());
                    filter.account = Some(entry.account.clone());
                    return Step::keep(Keep::Entries(filter));
                }
                State::Keeping => {
                    let event = Event::Resolved(self.resolution.clone(), self.why.clone());
                    return Step::keep(Keep::Event(self.id, event));
                }
                State::Done(result) => {
                    let over = || Box::new(Err(Error::new(ErrorKind::Cancelled, "already over")));
                    return Step::Done(*result.take().unwrap_or_else(over));
                }
            }
        }
    }

    fn receive(&mut self, now: Now, outcome: Outcome) {
        match &mut self.state {
            State::Asking(call, _) => call.receive(now, outcome),
            State::Comparing(told) => {
                let told = told.clone();
                self.state = self.compared(&told, outcome.kept());
            }
            State::Looking(_, query_id) => {
                let query_id = query_id.clone();
                self.state = self.looked(&query_id, outcome.kept());
            }
            State::Keeping => self.state = State::done(entry_of(outcome)),
            State::Done(_) => {}
        }
    }
}
