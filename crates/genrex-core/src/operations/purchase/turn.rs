use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use genrex_ledger::{self as ledger, Account, Entry, Event, Filter, LocalId};
use genrex_proto::{Generation, QueryId, RetrieveRequest, Status};

use super::refused::refused;
use crate::failure::{Class, Counters, Follows, Free, retrieve};
use crate::machine::{Keep, Kept, Machine, Outcome, Step};
use crate::operations::call::{Answered, CallError, SignedCall, Terms};
use crate::session::Session;
use crate::settings::pace::Pace;
use crate::transport::{Moment, Now};
use crate::{Error, ErrorKind, Progress};

/// Waiting for a purchase's turn under a limit, as a machine: ends what nobody carries on, asks after a job that is
/// under way (nobody else may), and waits until the ledger is worth asking again.
///
/// The job that stands in the way is asked after first, and the account's others in turn. One that the service does
/// not know is not asked after for ever.
#[derive(Debug)]
pub(crate) struct Turn {
    session: Arc<Session>,
    terms: Terms,
    account: Account,
    began: Moment,
    /// Why it is not its turn; the error if there is no time left.
    why: Option<ledger::Error>,
    again_after: Duration,
    /// What the jobs that were asked after have come to.
    asked: BTreeMap<LocalId, Asked>,
    /// Whether a job is left that was not asked after in this round.
    has_more: bool,
    is_reported: bool,
    state: State,
}

/// What is known of a job that was asked after.
#[derive(Debug, Default)]
struct Asked {
    counters: Counters,
    /// Whether it was asked after in this round.
    is_asked: bool,
    /// Whether no answer is to be had.
    is_given_up: bool,
}

#[derive(Debug)]
enum State {
    Recovering,
    Listing,
    Asking(Box<SignedCall<RetrieveRequest>>, LocalId, QueryId),
    Keeping(LocalId, Event),
    Sleeping(Moment),
    Done(Option<Result<(), Error>>),
}

impl Turn {
    /// So many jobs of an account are known one by one: a ledger lets no more run at once under a limit.
    const MOST: u32 = 256;

    /// `why` says after how long to ask again.
    pub(crate) fn new(
        session: Arc<Session>,
        terms: Terms,
        account: Account,
        why: ledger::Error,
        now: Now,
    ) -> Self {
        Self {
            session,
            terms,
            account,
            began: now.moment,
            again_after: why.again_after().unwrap_or_default(),
            why: Some(why),
            asked: BTreeMap::new(),
            has_more: false,
            is_reported: false,
            state: State::Recovering,
        }
    }

    /// It is not its turn yet.
    pub(crate) fn again(self, account: Account, why: ledger::Error) -> Self {
        let before = self.why.as_ref().and_then(ledger::Error::job);
        Self {
            account,
            again_after: why.again_after().unwrap_or_default(),
            is_reported: self.is_reported && before == why.job(),
            why: Some(why),
            state: State::Recovering,
            ..self
        }
    }

    fn listed(&mut self, entries: Vec<Entry>, now: Now) -> State {
        let named = self.why.as_ref().and_then(ledger::Error::job);
        let jobs = entries
            .into_iter()
            .filter_map(|entry| Some((entry.id, entry.query_id?)));
        let mut open: Vec<_> = jobs
            .filter(|(local, _)| !self.of(*local).is_given_up)
            .collect();
        if open.iter().all(|(local, _)| self.of(*local).is_asked) {
            for asked in self.asked.values_mut() {
                asked.is_asked = false;
            }
        }
        open.retain(|(local, _)| !self.of(*local).is_asked);
        self.has_more = open.len() > 1;
        let is_named = |(local, _): &(LocalId, QueryId)| Some(*local) == named;
        let first = open.iter().position(is_named).unwrap_or(0);
        match open.into_iter().nth(first) {
            Some((local, query_id)) => self.ask(local, query_id),
            None => self.sleeping(now),
        }
    }

    fn of(&mut self, local: LocalId) -> &mut Asked {
        self.asked.entry(local).or_default()
    }

    fn ask(&mut self, local: LocalId, query_id: QueryId) -> State {
        self.of(local).is_asked = true;
        let mut terms = self.terms;
        terms.retries = false;
        let request = RetrieveRequest::new(query_id.clone());
        let call = SignedCall::new(Arc::clone(&self.session), &request, terms);
        State::Asking(Box::new(call), local, query_id)
    }

    fn answered(
        &mut self,
        local: LocalId,
        query_id: &QueryId,
        result: Result<Answered<Generation>, Box<CallError<Free>>>,
        now: Now,
    ) -> State {
        match result {
            Ok(Answered { answer, .. }) if answer.id != *query_id => {
                let class = Class::Unreadable;
                self.judged(local, retrieve(class), class, now)
            }
            Ok(Answered { answer, .. }) => {
                self.of(local).counters.went_well();
                match answer.status {
                    Status::Completed => State::Keeping(local, Event::Completed),
                    Status::Failed => State::Keeping(local, Event::Failed),
                    // It is still being made.
                    _ => self.later(now),
                }
            }
            Err(failure) => match failure.verdict {
                Some(verdict) => self.judged(local, verdict, failure.class, now),
                None if failure.kind == ErrorKind::Deadline => self.out_of_time(),
                None => State::Done(Some(Err(failure.into_error()))),
            },
        }
    }

    fn judged(&mut self, local: LocalId, verdict: Free, class: Class, now: Now) -> State {
        let asked = self.of(local);
        match asked.counters.judge(verdict, class, now) {
            Follows::Over(ErrorKind::Cancelled) => cancelled(),
            Follows::Again | Follows::WaitOut => self.later(now),
            Follows::Over(_)
            | Follows::Accepted
            | Follows::CorrectClock
            | Follows::FromZero
            | Follows::Redirect
            | Follows::FreshLink => {
                asked.is_given_up = true;
                self.later(now)
            }
        }
    }

    /// When all were asked after, they are again at the usual pace.
    fn later(&mut self, now: Now) -> State {
        if !self.has_more {
            let waited = now.moment.since(self.began);
            self.again_after = self.again_after.max(Pace::growing(waited));
        }
        self.sleeping(now)
    }

    fn sleeping(&mut self, now: Now) -> State {
        let at = now.moment + self.again_after;
        if self.terms.deadline.is_some_and(|deadline| at >= deadline) {
            self.out_of_time()
        } else {
            State::Sleeping(at)
        }
    }

    fn out_of_time(&mut self) -> State {
        let late = || {
            Error::new(
                ErrorKind::Deadline,
                "the time given was over; nothing was sent",
            )
        };
        let why = self.why.take().map(|why| refused(why, None));
        State::Done(Some(Err(why.unwrap_or_else(late))))
    }
}

impl Machine for Turn {
    const NAME: &'static str = "turn";
    type Output = Result<(), Error>;

    fn next(&mut self, now: Now) -> Step<Self::Output> {
        if !self.is_reported {
            self.is_reported = true;
            let job = self.why.as_ref().and_then(ledger::Error::job);
            return Step::Report(Progress::WaitingForPrice { job });
        }
        loop {
            match &mut self.state {
                State::Recovering => return Step::keep(Keep::Recover),
                State::Listing => {
                    let mut filter = Filter::of(self.account.clone());
                    filter.states = vec![ledger::State::Accepted];
                    filter.oldest_first = true;
                    filter.limit = Some(Self::MOST);
                    return Step::keep(Keep::Entries(filter));
                }
                State::Asking(call, local, query_id) => match call.next(now).within() {
                    Ok(step) => return step,
                    Err(result) => {
                        let (local, query_id) = (*local, query_id.clone());
                        self.state = self.answered(local, &query_id, result, now);
                    }
                },
                State::Keeping(local, event) => {
                    return Step::keep(Keep::Event(*local, event.clone()));
                }
                State::Sleeping(at) if now.moment < *at => {
                    return Step::Sleep(at.since(now.moment));
                }
                State::Sleeping(_) => self.state = State::Done(Some(Ok(()))),
                State::Done(result) => {
                    let over = || Err(Error::new(ErrorKind::Cancelled, "already over"));
                    return Step::Done(result.take().unwrap_or_else(over));
                }
            }
        }
    }

    fn receive(&mut self, now: Now, outcome: Outcome) {
        let is_slept = matches!(outcome, Outcome::Slept);
        self.state = match (&mut self.state, outcome) {
            (State::Asking(call, ..), outcome) => return call.receive(now, outcome),
            (State::Recovering, outcome) => match outcome.kept() {
                Ok(_) => State::Listing,
                Err(error) => State::Done(Some(Err(refused(error, None)))),
            },
            (State::Listing, outcome) => match outcome.kept().and_then(Kept::entries) {
                Ok(entries) => self.listed(entries, now),
                Err(error) => State::Done(Some(Err(refused(error, None)))),
            },
            // That it is over is free to find out again.
            (State::Keeping(..), _) => self.sleeping(now),
            (State::Sleeping(_), Outcome::Cancelled(_)) => cancelled(),
            (State::Sleeping(_), _) if !is_slept => {
                let message = "it was told of something that it did not ask for; nothing was sent";
                State::Done(Some(Err(Error::new(ErrorKind::UnexpectedAnswer, message))))
            }
            (State::Sleeping(_) | State::Done(_), _) => return,
        };
    }
}

fn cancelled() -> State {
    let error = Error::new(ErrorKind::Cancelled, "cancelled; nothing was sent");
    State::Done(Some(Err(error)))
}

#[cfg(test)]
mod tests;
