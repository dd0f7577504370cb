use std::sync::Arc;
use std::time::Duration;

use genrex_ledger::{self as ledger, Account};
use genrex_proto::{Balance, BalanceRequest};

use super::refused::refused;
use crate::machine::{Keep, Kept, Machine, Outcome, Step};
use crate::operations::call::{Answered, SignedCall, Terms};
use crate::session::Session;
use crate::transport::Now;
use crate::{Error, ErrorKind, Progress};

/// A look at the balance as a machine: asks the service, and has the ledger keep what it said.
#[derive(Debug)]
pub(crate) struct Look {
    session: Arc<Session>,
    /// To be told.
    report: Option<Progress>,
    state: State,
}

/// What a look showed.
#[derive(Debug, Clone)]
pub(crate) struct Looked {
    pub(crate) account: Account,
    pub(crate) look: ledger::Look,
    /// The longest piece that the account may have, in seconds, where the service says so.
    pub(crate) longest: Option<u64>,
}

#[derive(Debug)]
enum State {
    Asking(Box<SignedCall<BalanceRequest>>),
    /// The service did not say whose the key is; the ledger may have learned it before.
    AskingWhose(ledger::Look, Option<u64>),
    Keeping(Looked),
    Done(Option<Result<Looked, Error>>),
}

impl Look {
    pub(crate) fn new(session: Arc<Session>, terms: Terms) -> Self {
        let call = SignedCall::new(Arc::clone(&session), &BalanceRequest, terms);
        Self {
            session,
            report: None,
            state: State::Asking(Box::new(call)),
        }
    }

    /// A look of a purchase that has its slot already, and goes on with it.
    pub(crate) fn within(session: Arc<Session>, mut terms: Terms) -> Self {
        terms.borrows_slot = true;
        Self::new(session, terms)
    }

    /// A look that nothing depends on: one try, and a short one.
    pub(crate) fn once(session: Arc<Session>, mut terms: Terms) -> Self {
        const SHORT: Duration = Duration::from_secs(5);
        terms.retries = false;
        terms.settings.timeouts.answer = terms.settings.timeouts.answer.min(SHORT);
        Self::new(session, terms)
    }

    fn answered(&mut self, answered: Answered<Balance>) {
        let Answered { answer, date } = answered;
        self.report = Some(Progress::Looked {
            balance: answer.clone(),
        });
        let mut look = ledger::Look::new(answer.credits_used);
        look.changed = answer.updated_at.map(|changed| changed.to_string());
        look.at = date
            .and_then(|seconds| u64::try_from(seconds).ok())
            .and_then(|seconds| seconds.checked_mul(1000));
        let longest = answer.max_duration_seconds;
        self.state = match answer.user_id {
            Some(user) => {
                let account = Account::new(&self.session.base().origin(), &user);
                State::Keeping(Looked {
                    account,
                    look,
                    longest,
                })
            }
            None => State::AskingWhose(look, longest),
        };
    }

    /// The account that was learned before; the key itself, if none was.
    fn whose(
        &self,
        look: ledger::Look,
        longest: Option<u64>,
        answer: Result<Kept, ledger::Error>,
    ) -> State {
        match answer.and_then(Kept::account) {
            Ok(account) => {
                let account = account.unwrap_or_else(|| self.session.alias().into());
                State::Keeping(Looked {
                    account,
                    look,
                    longest,
                })
            }
            Err(error) => State::Done(Some(Err(refused(error, None)))),
        }
    }
}

impl Machine for Look {
    const NAME: &'static str = "look";
    type Output = Result<Looked, Error>;

    fn next(&mut self, now: Now) -> Step<Self::Output> {
        loop {
            if let Some(report) = self.report.take() {
                return Step::Report(report);
            }
            match &mut self.state {
                State::Asking(call) => match call.next(now).within() {
                    Ok(step) => return step,
                    Err(Ok(answered)) => self.answered(answered),
                    Err(Err(failure)) => self.state = State::Done(Some(Err(failure.into_error()))),
                },
                State::AskingWhose(..) => return Step::keep(Keep::Account(self.session.alias())),
                State::Keeping(Looked { account, look, .. }) => {
                    let alias = self.session.alias();
                    return Step::keep(Keep::Look(alias, account.clone(), look.clone()));
                }
                State::Done(result) => {
                    let over = || Err(Error::new(ErrorKind::Cancelled, "already over"));
                    return Step::Done(result.take().unwrap_or_else(over));
                }
            }
        }
    }

    fn receive(&mut self, now: Now, outcome: Outcome) {
        match &mut self.state {
            State::Asking(call) => call.receive(now, outcome),
            State::AskingWhose(look, longest) => {
                let (look, longest) = (look.clone(), *longest);
                self.state = self.whose(look, longest, outcome.kept());
            }
            State::Keeping(looked) => {
                let looked = looked.clone();
                let result = outcome.kept().map(|_| looked);
                self.state = State::Done(Some(result.map_err(|error| refused(error, None))));
            }
            State::Done(_) => {}
        }
    }
}
