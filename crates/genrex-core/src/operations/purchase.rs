//! A purchase: one machine over the network and the ledger.
//!
//! Its order is the protection: look at the balance, keep the intent, keep `sent`, send, keep the outcome, look
//! again where that shows when the account is charged. What cannot be kept before a request leaves keeps it from
//! leaving.

pub(crate) mod given_up;
mod look;
mod refused;
mod turn;

use std::collections::VecDeque;
use std::sync::Arc;

use genrex_ledger::{self as ledger, Account, Entry, Event, Intent, LocalId, Once, Run};
use genrex_proto::{GenerateRequest, QueryId};

pub(crate) use self::look::{Look, Looked};
use self::refused::refused;
pub(crate) use self::turn::Turn;
use crate::machine::{Keep, Kept, Machine, Outcome, Step};
use crate::operations::call::Terms;
use crate::operations::submit::{Submission, Submit, Wants};
use crate::session::Session;
use crate::transport::Now;
use crate::{BalanceCheck, Error, ErrorKind, Progress};

/// What else is to be said of a purchase that a ledger keeps.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub struct PurchaseOptions {
    /// What it must not be bought beside; nothing unless set.
    pub once: Once,
    /// Whether its row is bought although another batch has bought the same.
    pub anew: bool,
    /// The run that it is of, and what that run may spend.
    pub run: Option<Run>,
    /// Where its audio is to go, for whoever downloads it; the ledger keeps it.
    pub output: Option<String>,
}

/// How a purchase is kept.
#[derive(Debug, Clone)]
pub(crate) struct Keeping {
    pub(crate) balance_check: BalanceCheck,
    pub(crate) options: PurchaseOptions,
}

/// One purchase as a machine. Without a ledger it is a submit and nothing else.
#[derive(Debug)]
pub(crate) struct Purchase {
    session: Arc<Session>,
    request: GenerateRequest,
    terms: Terms,
    keeping: Option<Keeping>,
    /// The same for each try to intend, so that an intent whose answer was lost is found again.
    key: u128,
    /// What is known of the jobs that it had to wait for.
    turn: Option<Box<Turn>>,
    entry: Option<Entry>,
    /// Whether it has looked at the balance since the last attempt, and nothing has come between.
    has_looked_again: bool,
    /// Whether the ledger has just said that it is this one's to send: not before a pause, or a wait for a slot.
    is_ours: bool,
    /// The attempt that was announced, so that each is once.
    announced: u32,
    reports: VecDeque<Progress>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Looking at the balance, and having the look kept.
    Looking(Box<Look>),
    /// Asking whose the key is, where nobody looks at the balance.
    AskingWhose,
    /// Having the intent kept.
    Intending(Box<Intent>),
    /// Waiting for its turn under a limit.
    Waiting(Box<Turn>),
    Submitting(Submit),
    /// `sent` is being kept: nothing has left.
    KeepingSent(LocalId, Submit),
    /// Looking once more before it is sent once more: what was refused may have been charged.
    LookingAgain(Box<Look>, Submit),
    /// An unconfirmed id is being kept.
    KeepingId(LocalId, Submit, QueryId),
    KeepingOutcome(LocalId, Submission),
    /// Looking once more, since this job shows when the account is charged.
    LookingAfter(Box<Look>, Submission),
    Done(Option<Submission>),
}

impl Purchase {
    pub(crate) fn new(
        session: Arc<Session>,
        request: GenerateRequest,
        terms: Terms,
        keeping: Option<Keeping>,
    ) -> Self {
        let state = match &keeping {
            None => State::Submitting(Submit::new(Arc::clone(&session), &request, terms)),
            Some(keeping) => match keeping.balance_check {
                BalanceCheck::Within(_) => {
                    State::Looking(Box::new(Look::new(Arc::clone(&session), terms)))
                }
                BalanceCheck::Skipped => State::AskingWhose,
            },
        };
        Self {
            key: session.unique(),
            session,
            request,
            terms,
            keeping,
            turn: None,
            entry: None,
            has_looked_again: false,
            is_ours: false,
            announced: 0,
            reports: VecDeque::new(),
            state,
        }
    }

    fn intent(&self, account: Account, look: Option<ledger::Look>) -> Intent {
        let text = self.request.text().as_str();
        let duration = self.request.duration().get();
        let mut intent = Intent::new(self.key, account, text, duration, &self.request.to_json());
        intent.look = look;
        if let Some(Keeping {
            balance_check,
            options,
        }) = &self.keeping
        {
            intent.limits = balance_check.limits();
            intent.once = options.once.clone();
            intent.anew = options.anew;
            intent.run.clone_from(&options.run);
            intent.output.clone_from(&options.output);
        }
        intent
    }

    fn look(&self) -> Box<Look> {
        Box::new(Look::new(Arc::clone(&self.session), self.terms))
    }

    fn looked(&mut self, result: Result<Looked, Error>) {
        self.state = match result {
            Ok(looked) => match self.too_long(&looked) {
                Some(error) => State::not_sent(error),
                None => {
                    let intent = self.intent(looked.account, Some(looked.look));
                    State::Intending(Box::new(intent))
                }
            },
            Err(error) => State::not_sent(error),
        };
    }

    /// What the account does not allow is not sent.
    fn too_long(&self, looked: &Looked) -> Option<Error> {
        let (asked, most) = (self.request.duration().get(), looked.longest?);
        (u64::from(asked) > most).then(|| {
            let message =
                format!("the account allows {most} s at most, and not {asked} s; nothing was sent");
            Error::new(ErrorKind::InvalidInput, message)
        })
    }

    fn whose(&mut self, answer: Result<Kept, ledger::Error>) {
        self.state = match answer.and_then(Kept::account) {
            Ok(account) => {
                let account = account.unwrap_or_else(|| self.session.alias().into());
                State::Intending(Box::new(self.intent(account, None)))
            }
            Err(error) => State::not_sent(refused(error, None)),
        };
    }

    fn intended(&mut self, intent: Intent, answer: Result<Kept, ledger::Error>, now: Now) {
        self.state = match answer.and_then(Kept::entry) {
            // The answer to an earlier try may have been lost, but a job that has come further is not ours to send.
            Ok(entry) if entry.state != ledger::State::Intended => {
                let message = format!("job {} is {} already", entry.id, entry.state);
                let taken = ledger::Error::new(ledger::ErrorKind::Taken, message);
                State::not_sent(refused(taken, Some(entry.id)))
            }
            Ok(entry) => {
                self.reports.push_back(Progress::Intended { job: entry.id });
                if intent.is_bounded() && entry.expected_cost.is_none() {
                    let duration = entry.duration;
                    self.reports.push_back(Progress::PriceUnknown { duration });
                }
                self.entry = Some(entry);
                let session = Arc::clone(&self.session);
                State::Submitting(Submit::new(session, &self.request, self.terms))
            }
            Err(error) if error.again_after().is_some() => {
                let turn = match self.turn.take() {
                    Some(turn) => turn.again(intent.account, error),
                    None => Turn::new(
                        Arc::clone(&self.session),
                        self.terms,
                        intent.account,
                        error,
                        now,
                    ),
                };
                State::Waiting(Box::new(turn))
            }
            Err(error) => State::not_sent(refused(error, None)),
        };
    }

    fn waited(&mut self, turn: Box<Turn>, result: Result<(), Error>) {
        self.turn = Some(turn);
        self.state = match result {
            Ok(()) => State::Looking(self.look()),
            Err(error) => State::not_sent(error),
        };
    }

    /// Whether the next attempt follows one that was refused: that may have been charged, so that neither the look
    /// nor what was reserved holds any more.
    fn is_look_old(&self, submit: &Submit) -> bool {
        let entry = self.entry.as_ref();
        let has_look = entry.is_some_and(|entry| entry.look_before.is_some());
        has_look && submit.has_left() && !self.has_looked_again
    }

    fn looked_again(&mut self, mut submit: Submit, result: Result<Looked, Error>) {
        let before = self
            .entry
            .as_ref()
            .map(|entry| (&entry.account, entry.look_before.as_ref()));
        match result {
            Ok(Looked { account, look, .. })
                if before.is_some_and(|(own, before)| {
                    *own == account && before.is_some_and(|before| before.used == look.used)
                }) =>
            {
                self.has_looked_again = true;
                self.is_ours = false;
                self.state = State::Submitting(submit);
            }
            Ok(_) => {
                let why = "the service refused it, and the balance has moved since; it was not sent again";
                let submission = submit.give_up(why, None);
                self.submitted(submission);
            }
            Err(error) => {
                let why = "the service refused it, and the balance could not be looked at again; it was not sent again";
                let submission = submit.give_up(why, Some(error));
                self.submitted(submission);
            }
        }
    }

    fn local(&self) -> Option<LocalId> {
        self.entry.as_ref().map(|entry| entry.id)
    }

    /// What the submit wants; `None` when the state has changed and is to be looked at again.
    fn serve(&mut self, mut submit: Submit, wants: Wants, now: Now) -> Option<Step<Submission>> {
        match wants {
            Wants::Step(step) => match step.within() {
                Ok(step) => {
                    // A look before a pause is an old one after it.
                    let is_wait = !matches!(step, Step::Report(_));
                    self.has_looked_again &= !is_wait;
                    self.is_ours &= !is_wait;
                    self.stay(State::Submitting(submit), step)
                }
                Err(submission) => {
                    self.submitted(submission);
                    None
                }
            },
            Wants::Leave(_) if self.is_look_old(&submit) => {
                let look = Look::within(Arc::clone(&self.session), self.terms);
                self.state = State::LookingAgain(Box::new(look), submit);
                None
            }
            // Once more after each wait: another may have ended it meanwhile.
            Wants::Leave(attempt) => match self.local().filter(|_| !self.is_ours) {
                Some(local) => {
                    self.state = State::KeepingSent(local, submit);
                    None
                }
                None if attempt > self.announced => {
                    self.announced = attempt;
                    let step = Step::Report(Progress::Submitting { attempt });
                    self.stay(State::Submitting(submit), step)
                }
                None => {
                    let wants = submit.send(now);
                    self.serve(submit, wants, now)
                }
            },
            Wants::Keep(id) => {
                match self.local() {
                    Some(local) => self.state = State::KeepingId(local, submit, id),
                    None => self.kept_id(submit, now),
                }
                None
            }
        }
    }

    fn submitted(&mut self, submission: Submission) {
        self.state = match self.local() {
            Some(local) => State::KeepingOutcome(local, submission.about(local)),
            None => self.done(submission),
        };
    }

    /// It is over, and those who watch are told of an id that is worth its price.
    fn done(&mut self, submission: Submission) -> State {
        if let Submission::Accepted(job) = &submission {
            let id = job.id().clone();
            self.reports.push_back(Progress::Accepted { id });
        }
        State::Done(Some(submission))
    }

    fn kept_sent(&mut self, mut submit: Submit, answer: Result<Kept, ledger::Error>) {
        let error = match answer.and_then(Kept::entry) {
            Ok(entry) if entry.state == ledger::State::Sent => {
                self.entry = Some(entry);
                self.is_ours = true;
                self.state = State::Submitting(submit);
                return;
            }
            Ok(entry) => {
                let message = format!("job {} is {}, and not sent", entry.id, entry.state);
                ledger::Error::new(ledger::ErrorKind::Transition, message)
            }
            Err(error) => error,
        };
        let error = refused(error, self.local());
        let entry = self.entry.as_ref();
        if entry.is_some_and(|entry| entry.state == ledger::State::Sent) {
            let why = "the ledger did not let it be sent again";
            let submission = submit.give_up(why, Some(error));
            return self.submitted(submission);
        }
        // Nothing has left, and nothing does.
        self.state = State::not_sent(error);
    }

    fn kept_id(&mut self, mut submit: Submit, now: Now) {
        let salvaged = submit.kept(now);
        self.reports
            .extend(salvaged.map(|id| Progress::Salvaged { id }));
        self.state = State::Submitting(submit);
    }

    fn kept_outcome(&mut self, submission: Submission, answer: Result<Kept, ledger::Error>) {
        let is_alone = self.entry.as_ref().is_some_and(|entry| entry.alone);
        self.state = match (answer.and_then(Kept::entry), submission) {
            (Ok(_), Submission::Accepted(job)) if is_alone => {
                let look = Look::once(Arc::clone(&self.session), self.terms);
                let id = job.id().clone();
                self.reports.push_back(Progress::Accepted { id });
                State::LookingAfter(Box::new(look), Submission::Accepted(job))
            }
            (Ok(_), submission) => self.done(submission),
            (Err(error), submission) => self.done(submission.unkept(&error)),
        };
    }

    /// The step of a state; `None` when it has led to another.
    fn step(&mut self, state: State, now: Now) -> Option<Step<Submission>> {
        match state {
            State::Looking(mut look) => match look.next(now).within() {
                Ok(step) => return self.stay(State::Looking(look), step),
                Err(result) => self.looked(result),
            },
            State::Waiting(mut turn) => match turn.next(now).within() {
                Ok(step) => return self.stay(State::Waiting(turn), step),
                Err(result) => self.waited(turn, result),
            },
            State::Submitting(mut submit) => {
                let wants = submit.wants(now);
                return self.serve(submit, wants, now);
            }
            State::LookingAgain(mut look, submit) => match look.next(now).within() {
                Ok(step) => return self.stay(State::LookingAgain(look, submit), step),
                Err(result) => self.looked_again(submit, result),
            },
            State::LookingAfter(mut look, submission) => match look.next(now).within() {
                Ok(step) => return self.stay(State::LookingAfter(look, submission), step),
                // What it would have shown, a later job shows.
                Err(_) => self.state = State::Done(Some(submission)),
            },
            State::AskingWhose
            | State::Intending(_)
            | State::KeepingSent(..)
            | State::KeepingId(..)
            | State::KeepingOutcome(..) => {
                let step = self.keep(&state).map(Step::keep);
                self.state = state;
                return step;
            }
            State::Done(submission) => {
                let over = || Submission::NotSent(Error::new(ErrorKind::Cancelled, "already over"));
                return Some(Step::Done(submission.unwrap_or_else(over)));
            }
        }
        None
    }

    /// What a state has the ledger do.
    fn keep(&self, state: &State) -> Option<Keep> {
        match state {
            State::AskingWhose => Some(Keep::Account(self.session.alias())),
            State::Intending(intent) => Some(Keep::Intent((**intent).clone())),
            State::KeepingSent(local, _) => Some(Keep::Event(*local, Event::Sent)),
            State::KeepingId(local, _, id) => {
                Some(Keep::Event(*local, Event::Unconfirmed(id.clone())))
            }
            State::KeepingOutcome(local, submission) => {
                Some(Keep::Event(*local, Event::from(submission)))
            }
            State::Looking(_)
            | State::Waiting(_)
            | State::Submitting(_)
            | State::LookingAgain(..)
            | State::LookingAfter(..)
            | State::Done(_) => None,
        }
    }

    fn stay(&mut self, state: State, step: Step<Submission>) -> Option<Step<Submission>> {
        self.state = state;
        Some(step)
    }
}

impl State {
    fn not_sent(error: Error) -> Self {
        Self::Done(Some(Submission::NotSent(error)))
    }
}

impl Machine for Purchase {
    const NAME: &'static str = "purchase";
    type Output = Submission;

    fn next(&mut self, now: Now) -> Step<Submission> {
        loop {
            if let Some(report) = self.reports.pop_front() {
                return Step::Report(report);
            }
            let state = std::mem::replace(&mut self.state, State::Done(None));
            if let Some(step) = self.step(state, now) {
                return step;
            }
        }
    }

    fn receive(&mut self, now: Now, outcome: Outcome) {
        match std::mem::replace(&mut self.state, State::Done(None)) {
            State::Looking(mut look) => {
                look.receive(now, outcome);
                self.state = State::Looking(look);
            }
            State::Waiting(mut turn) => {
                turn.receive(now, outcome);
                self.state = State::Waiting(turn);
            }
            State::Submitting(mut submit) => {
                submit.receive(now, outcome);
                self.state = State::Submitting(submit);
            }
            State::LookingAgain(mut look, submit) => {
                look.receive(now, outcome);
                self.state = State::LookingAgain(look, submit);
            }
            State::LookingAfter(mut look, submission) => {
                look.receive(now, outcome);
                self.state = State::LookingAfter(look, submission);
            }
            State::AskingWhose => self.whose(outcome.kept()),
            State::Intending(intent) => self.intended(*intent, outcome.kept(), now),
            State::KeepingSent(_, submit) => self.kept_sent(submit, outcome.kept()),
            // Kept or not, it goes on: the outcome is kept in any case.
            State::KeepingId(_, submit, _) => self.kept_id(submit, now),
            State::KeepingOutcome(_, submission) => self.kept_outcome(submission, outcome.kept()),
            State::Done(submission) => self.state = State::Done(submission),
        }
    }
}

#[cfg(test)]
mod tests;
