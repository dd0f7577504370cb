use std::sync::Arc;
use std::time::Duration;

use genrex_ledger::{self as ledger, Account, Entry, Event, Filter, LocalId};
use genrex_proto::{RetrieveRequest, Status};

use super::refused::refused;
use crate::call::{SignedCall, Terms};
use crate::machine::{Keep, Kept, Machine, Outcome, Step};
use crate::session::Session;
use crate::settings::pace::Pace;
use crate::transport::{Moment, Now};
use crate::{Error, ErrorKind, Progress};

/// Waiting for a purchase's turn under a limit, as a machine: ends what nobody carries on, asks after the oldest
/// job that is under way (nobody else may), and waits until the ledger is worth asking again.
#[derive(Debug)]
pub(crate) struct Turn {
    session: Arc<Session>,
    terms: Terms,
    account: Account,
    began: Moment,
    /// Why it is not its turn; the error if there is no time left.
    why: Option<ledger::Error>,
    again_after: Duration,
    is_reported: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    Recovering,
    Listing,
    Asking(Box<SignedCall<RetrieveRequest>>, LocalId),
    Keeping(LocalId, Event),
    Sleeping(Moment),
    Done(Option<Result<(), Error>>),
}

impl Turn {
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
            is_reported: false,
            state: State::Recovering,
        }
    }

    fn listed(&mut self, entries: Vec<Entry>, now: Now) {
        let open = entries.into_iter().next();
        self.state = match open.and_then(|entry| Some((entry.id, entry.query_id?))) {
            Some((local, query_id)) => {
                let mut terms = self.terms;
                terms.retries = false;
                let request = RetrieveRequest::new(query_id);
                let call = SignedCall::new(Arc::clone(&self.session), &request, terms);
                State::Asking(Box::new(call), local)
            }
            None => self.sleeping(now),
        };
    }

    fn asked(&mut self, local: LocalId, status: Option<&Status>, now: Now) {
        self.state = match status {
            Some(Status::Completed) => State::Keeping(local, Event::Completed),
            Some(Status::Failed) => State::Keeping(local, Event::Failed),
            Some(_) | None => {
                // It is still being made: asked after at the usual pace.
                let waited = now.moment.since(self.began);
                self.again_after = self.again_after.max(Pace::Growing.delay(waited));
                self.sleeping(now)
            }
        };
    }

    fn sleeping(&mut self, now: Now) -> State {
        let at = now.moment + self.again_after;
        let is_late = self.terms.deadline.is_some_and(|deadline| at >= deadline);
        match self.why.take() {
            Some(why) if is_late => State::Done(Some(Err(refused(why, None)))),
            why => {
                self.why = why;
                State::Sleeping(at)
            }
        }
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
                    filter.limit = Some(1);
                    return Step::keep(Keep::Entries(filter));
                }
                State::Asking(call, local) => match call.next(now).within() {
                    Ok(step) => return step,
                    Err(result) => {
                        let local = *local;
                        let status = result.ok().map(|answered| answered.answer.status);
                        self.asked(local, status.as_ref(), now);
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
        match (&mut self.state, outcome) {
            (State::Asking(call, _), outcome) => call.receive(now, outcome),
            (State::Recovering, Outcome::Kept(_)) => self.state = State::Listing,
            (State::Listing, Outcome::Kept(Ok(Kept::Entries(entries)))) => {
                self.listed(entries, now);
            }
            (State::Listing | State::Keeping(..), Outcome::Kept(_)) => {
                self.state = self.sleeping(now);
            }
            (State::Sleeping(_), Outcome::Cancelled(_)) => {
                let error = Error::new(ErrorKind::Cancelled, "cancelled; nothing was sent");
                self.state = State::Done(Some(Err(error)));
            }
            (_, _) => {}
        }
    }
}
