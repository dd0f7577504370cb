//! A purchase: one machine over the network and the ledger.
//!
//! Its order is the protection: look at the balance, keep the intent, keep `sent`, send, keep the outcome, look
//! again where that shows when the account is charged. What cannot be kept before a request leaves keeps it from
//! leaving.

pub(crate) mod given_up;
mod look;
mod refused;
mod turn;

use std::sync::Arc;

use genrex_ledger::{self as ledger, Account, Entry, Event, Intent, Limits, LocalId, Once, Run};
use genrex_proto::{GenerateRequest, QueryId};

pub(crate) use self::look::{Look, Looked};
use self::refused::refused;
use self::turn::Turn;
use crate::call::Terms;
use crate::machine::{Keep, Kept, Machine, Outcome, Step};
use crate::session::Session;
use crate::submit::{Submission, Submit, Wants};
use crate::transport::Now;
use crate::{Error, ErrorKind, Progress};

/// What else is to be said of a purchase that a ledger keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PurchaseOptions {
    /// What it must not be bought beside; nothing unless set.
    pub once: Once,
    /// The run that it is of, and what that run may spend.
    pub run: Option<Run>,
}

/// How a purchase is kept.
#[derive(Debug, Clone)]
pub(crate) struct Keeping {
    pub(crate) limits: Limits,
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
    entry: Option<Entry>,
    /// The attempt that was announced, so that each is once.
    announced: u32,
    report: Option<Progress>,
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
    KeepingSent(Submit),
    /// An unconfirmed id is being kept.
    KeepingId(Submit, QueryId),
    KeepingOutcome(Submission),
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
            Some(_) if terms.settings.balance_check => {
                State::Looking(Box::new(Look::new(Arc::clone(&session), terms)))
            }
            Some(_) => State::AskingWhose,
        };
        Self {
            key: session.unique(),
            session,
            request,
            terms,
            keeping,
            entry: None,
            announced: 0,
            report: None,
            state,
        }
    }

    fn intent(&self, account: Account, look: Option<ledger::Look>) -> Intent {
        let text = self.request.text().as_str();
        let duration = self.request.duration().get();
        let mut intent = Intent::new(self.key, account, text, duration, &self.request.to_json());
        intent.look = look;
        if let Some(Keeping { limits, options }) = &self.keeping {
            intent.limits = *limits;
            intent.once = options.once.clone();
            intent.run.clone_from(&options.run);
        }
        intent
    }

    fn looked(&mut self, result: Result<Looked, Error>) {
        self.state = match result {
            Ok(Looked { account, look }) => {
                State::Intending(Box::new(self.intent(account, Some(look))))
            }
            Err(error) => State::done(Submission::NotSent(error)),
        };
    }

    fn whose(&mut self, answer: Result<Kept, ledger::Error>) {
        self.state = match answer {
            Ok(Kept::Account(account)) => {
                let account = account.unwrap_or_else(|| self.session.alias().into());
                State::Intending(Box::new(self.intent(account, None)))
            }
            Ok(_) => State::done(Submission::NotSent(refused(unexpected(), None))),
            Err(error) => State::done(Submission::NotSent(refused(error, None))),
        };
    }

    fn intended(&mut self, answer: Result<Kept, ledger::Error>, account: Account, now: Now) {
        self.state = match answer {
            // The answer to an earlier try may have been lost, but a job that has come further is not ours to send.
            Ok(Kept::Entry(entry)) if entry.state != ledger::State::Intended => {
                let message = format!("job {} is {} already", entry.id, entry.state);
                let taken = ledger::Error::new(ledger::ErrorKind::Taken, message);
                State::done(Submission::NotSent(refused(taken, Some(entry.id))))
            }
            Ok(Kept::Entry(entry)) => {
                self.report = Some(Progress::Intended { job: entry.id });
                self.entry = Some(*entry);
                let session = Arc::clone(&self.session);
                State::Submitting(Submit::new(session, &self.request, self.terms))
            }
            Err(error) if error.again_after().is_some() => {
                let session = Arc::clone(&self.session);
                State::Waiting(Box::new(Turn::new(
                    session, self.terms, account, error, now,
                )))
            }
            Err(error) => State::done(Submission::NotSent(refused(error, None))),
            Ok(_) => State::done(Submission::NotSent(refused(unexpected(), None))),
        };
    }

    fn waited(&mut self, result: Result<(), Error>) {
        self.state = match result {
            Ok(()) => State::Looking(Box::new(Look::new(Arc::clone(&self.session), self.terms))),
            Err(error) => State::done(Submission::NotSent(error)),
        };
    }

    fn local(&self) -> Option<LocalId> {
        self.entry.as_ref().map(|entry| entry.id)
    }

    fn is_to_be_kept_as_sent(&self) -> bool {
        let state = self.entry.as_ref().map(|entry| entry.state);
        state == Some(ledger::State::Intended)
    }

    /// What the submit wants; `None` when the state has changed and is to be looked at again.
    fn submit(&mut self, mut submit: Submit, now: Now) -> Option<Step<Submission>> {
        let wants = submit.wants(now);
        self.serve(submit, wants, now)
    }

    fn serve(&mut self, mut submit: Submit, wants: Wants, now: Now) -> Option<Step<Submission>> {
        match wants {
            Wants::Step(step) => match step.within() {
                Ok(step) => {
                    self.state = State::Submitting(submit);
                    Some(step)
                }
                Err(submission) => {
                    self.submitted(submission);
                    None
                }
            },
            Wants::Leave(_) if self.is_to_be_kept_as_sent() => {
                self.state = State::KeepingSent(submit);
                None
            }
            Wants::Leave(attempt) if attempt > self.announced => {
                self.announced = attempt;
                self.state = State::Submitting(submit);
                Some(Step::Report(Progress::Submitting { attempt }))
            }
            Wants::Leave(_) => {
                let wants = submit.send(now);
                self.serve(submit, wants, now)
            }
            Wants::Keep(id) => {
                self.state = State::KeepingId(submit, id);
                None
            }
        }
    }

    fn submitted(&mut self, submission: Submission) {
        self.state = match self.local() {
            Some(local) => State::KeepingOutcome(submission.about(local)),
            None => self.done(submission),
        };
    }

    /// It is over, and those who watch are told of an id that is worth its price.
    fn done(&mut self, submission: Submission) -> State {
        if let Submission::Accepted(job) = &submission {
            let id = job.id().clone();
            self.report = Some(Progress::Accepted { id });
        }
        State::done(submission)
    }

    fn kept_sent(&mut self, submit: Submit, answer: Result<Kept, ledger::Error>) {
        self.state = match answer {
            Ok(Kept::Entry(entry)) => {
                self.entry = Some(*entry);
                State::Submitting(submit)
            }
            // Nothing has left, and nothing does.
            Ok(_) => State::done(Submission::NotSent(refused(unexpected(), self.local()))),
            Err(error) => State::done(Submission::NotSent(refused(error, self.local()))),
        };
    }

    fn kept_id(&mut self, mut submit: Submit, now: Now) {
        let salvaged = submit.kept(now);
        self.report = salvaged.map(|id| Progress::Salvaged { id });
        self.state = State::Submitting(submit);
    }

    fn kept_outcome(&mut self, submission: Submission, answer: Result<Kept, ledger::Error>) {
        let is_alone = self.entry.as_ref().is_some_and(|entry| entry.alone);
        self.state = match (answer, submission) {
            (Ok(_), Submission::Accepted(job)) if is_alone => {
                let look = Look::once(Arc::clone(&self.session), self.terms);
                let id = job.id().clone();
                self.report = Some(Progress::Accepted { id });
                State::LookingAfter(Box::new(look), Submission::Accepted(job))
            }
            (Ok(_), submission) => self.done(submission),
            (Err(error), submission) => self.done(submission.unkept(&error)),
        };
    }

    fn keep_outcome(submission: &Submission, local: LocalId) -> Step<Submission> {
        Step::keep(Keep::Event(local, Event::from(submission)))
    }
}

impl State {
    fn done(submission: Submission) -> Self {
        Self::Done(Some(submission))
    }
}

impl Machine for Purchase {
    const NAME: &'static str = "purchase";
    type Output = Submission;

    fn next(&mut self, now: Now) -> Step<Submission> {
        loop {
            if let Some(report) = self.report.take() {
                return Step::Report(report);
            }
            match std::mem::replace(&mut self.state, State::Done(None)) {
                State::Looking(mut look) => match look.next(now).within() {
                    Ok(step) => return self.back(State::Looking(look), step),
                    Err(result) => self.looked(result),
                },
                State::AskingWhose => {
                    let step = Step::keep(Keep::Account(self.session.alias()));
                    return self.back(State::AskingWhose, step);
                }
                State::Intending(intent) => {
                    let step = Step::keep(Keep::Intent((*intent).clone()));
                    return self.back(State::Intending(intent), step);
                }
                State::Waiting(mut turn) => match turn.next(now).within() {
                    Ok(step) => return self.back(State::Waiting(turn), step),
                    Err(result) => self.waited(result),
                },
                State::Submitting(submit) => {
                    if let Some(step) = self.submit(submit, now) {
                        return step;
                    }
                }
                State::KeepingSent(submit) => match self.local() {
                    Some(local) => {
                        let step = Step::keep(Keep::Event(local, Event::Sent));
                        return self.back(State::KeepingSent(submit), step);
                    }
                    None => self.state = State::Submitting(submit),
                },
                State::KeepingId(submit, id) => match self.local() {
                    Some(local) => {
                        let step = Step::keep(Keep::Event(local, Event::Unconfirmed(id.clone())));
                        return self.back(State::KeepingId(submit, id), step);
                    }
                    None => self.kept_id(submit, now),
                },
                State::KeepingOutcome(submission) => match self.local() {
                    Some(local) => {
                        let step = Self::keep_outcome(&submission, local);
                        return self.back(State::KeepingOutcome(submission), step);
                    }
                    None => self.state = State::done(submission),
                },
                State::LookingAfter(mut look, submission) => match look.next(now).within() {
                    Ok(step) => return self.back(State::LookingAfter(look, submission), step),
                    // What it would have shown, a later job shows.
                    Err(_) => self.state = State::done(submission),
                },
                State::Done(submission) => {
                    let over =
                        || Submission::NotSent(Error::new(ErrorKind::Cancelled, "already over"));
                    return Step::Done(submission.unwrap_or_else(over));
                }
            }
        }
    }

    fn receive(&mut self, now: Now, outcome: Outcome) {
        match (
            std::mem::replace(&mut self.state, State::Done(None)),
            outcome,
        ) {
            (State::Looking(mut look), outcome) => {
                look.receive(now, outcome);
                self.state = State::Looking(look);
            }
            (State::Waiting(mut turn), outcome) => {
                turn.receive(now, outcome);
                self.state = State::Waiting(turn);
            }
            (State::Submitting(mut submit), outcome) => {
                submit.receive(now, outcome);
                self.state = State::Submitting(submit);
            }
            (State::LookingAfter(mut look, submission), outcome) => {
                look.receive(now, outcome);
                self.state = State::LookingAfter(look, submission);
            }
            (State::AskingWhose, Outcome::Kept(answer)) => self.whose(answer),
            (State::Intending(intent), Outcome::Kept(answer)) => {
                self.intended(answer, intent.account, now);
            }
            (State::KeepingSent(submit), Outcome::Kept(answer)) => self.kept_sent(submit, answer),
            // Kept or not, it goes on: the outcome is kept in any case.
            (State::KeepingId(submit, _), Outcome::Kept(_)) => self.kept_id(submit, now),
            (State::KeepingOutcome(submission), Outcome::Kept(answer)) => {
                self.kept_outcome(submission, answer);
            }
            // An outcome that no step asked for changes nothing.
            (state, _) => self.state = state,
        }
    }
}

impl Purchase {
    fn back(&mut self, state: State, step: Step<Submission>) -> Step<Submission> {
        self.state = state;
        step
    }
}

fn unexpected() -> ledger::Error {
    let message = "the ledger answered something else than was asked";
    ledger::Error::new(ledger::ErrorKind::Unreadable, message)
}
