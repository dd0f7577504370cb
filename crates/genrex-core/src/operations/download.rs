//! One download: resumed where it broke off, renewed where the link expired, each redirect followed and checked.

pub(crate) mod asset_url;
mod downloaded;
mod judge;
mod keep;
mod received;
mod renew;
mod request;
pub(crate) mod wav;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use genrex_ledger::LocalId;
use genrex_proto::RetrieveRequest;

use self::asset_url::AssetUrl;
pub use self::downloaded::{Downloaded, Sha256Digest};
use self::received::Received;
use crate::failure::Counters;
use crate::job::allowance::Allowance;
use crate::job::find::Find;
use crate::machine::{Machine, Outcome, Step};
use crate::operations::call::retries::Retries;
use crate::operations::call::{SignedCall, Terms};
use crate::session::Session;
use crate::slots::Share;
use crate::transport::{Moment, Now};
use crate::{Audio, Error, ErrorKind, Progress};

/// One download as a machine: resumes what broke off, renews what expired, follows and checks each
/// redirect, and lets nothing be committed that is not the whole of a WAVE file.
#[derive(Debug)]
pub(crate) struct Download {
    session: Arc<Session>,
    audio: Audio,
    terms: Terms,
    /// Until then it must be here, whatever is retried and renewed.
    until: Moment,
    allowance: Arc<Allowance>,
    /// Where the sink puts it, for the ledger to keep; `None` without a ledger or a place.
    destination: Option<String>,
    retries: Retries,
    url: Option<AssetUrl>,
    received: Received,
    /// Whether it waits for a slot before it is sent.
    is_queued: bool,
    /// Whether the next request has its slot.
    has_slot: bool,
    sent: u32,
    counters: Counters,
    reports: VecDeque<Progress>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// To be asked for at this moment, or at once.
    Due(Option<Moment>),
    AwaitingHead,
    /// The sink is to be told how long the file is.
    Announcing,
    Reading,
    Writing(Bytes),
    /// Emptying the sink, and then as this says.
    Restarting(Then),
    Renewing(Box<SignedCall<RetrieveRequest>>),
    Committing,
    /// Finding the job in the ledger.
    Finding(Find, Downloaded),
    Keeping(LocalId, Downloaded),
    Done(Option<Box<Result<Downloaded, Error>>>),
}

/// What follows when the sink has been emptied.
#[derive(Debug, Clone, Copy)]
enum Then {
    ReadOn,
    AskAgain(Option<Moment>),
}

impl Download {
    pub(crate) fn new(
        session: Arc<Session>,
        audio: Audio,
        terms: Terms,
        allowance: Arc<Allowance>,
        now: Now,
    ) -> Self {
        let until = allowance.audio_until(now.moment);
        let terms = Terms {
            deadline: Some(until),
            ..terms
        };
        let url = AssetUrl::new(audio.url(), session.base().address_policy());
        let mut machine = Self {
            session,
            audio,
            until,
            allowance,
            destination: None,
            retries: Retries::new(terms.settings.backoff, terms.deadline),
            terms,
            url: None,
            received: Received::default(),
            is_queued: true,
            has_slot: false,
            sent: 0,
            counters: Counters::default(),
            reports: VecDeque::new(),
            state: State::Due(None),
        };
        match url {
            Ok(url) => machine.url = Some(url),
            Err(error) => machine.over(error),
        }
        machine
    }

    /// The same, waiting for a slot or not: where somebody else takes the bytes, who sets the pace, it must not keep
    /// others waiting.
    pub(crate) const fn queued(mut self, is_queued: bool) -> Self {
        self.is_queued = is_queued;
        self
    }

    /// The same, with the place kept in the ledger when the audio is there.
    pub(crate) fn kept_at(mut self, destination: Option<String>) -> Self {
        self.destination = destination;
        self
    }

    fn over(&mut self, error: Error) {
        let error = error.with_query_id(self.audio.job());
        let error = match self.audio.local_id() {
            Some(local) => error.with_local_id(local),
            None => error,
        };
        self.state = State::Done(Some(Box::new(Err(error))));
    }
}

impl Machine for Download {
    const NAME: &'static str = "download";
    type Output = Result<Downloaded, Error>;

    fn next(&mut self, now: Now) -> Step<Self::Output> {
        loop {
            if let Some(report) = self.reports.pop_front() {
                return Step::Report(report);
            }
            let out_of_time = self.time_left(now).is_zero();
            match &mut self.state {
                State::Due(Some(at)) if now.moment < *at => {
                    self.has_slot = false;
                    return Step::Sleep(at.since(now.moment));
                }
                State::Due(_) if out_of_time => {
                    let message = "the time for it was over before the audio was here";
                    self.over(Error::new(ErrorKind::Deadline, message));
                }
                State::Due(_) if self.is_queued && !self.has_slot => {
                    return Step::Slot(Share::Audio, Some(self.until));
                }
                State::Due(_) => return self.send(now),
                State::Announcing => {
                    self.state = State::Reading;
                    return Step::Expect(self.received.total);
                }
                State::AwaitingHead | State::Reading => return Step::Read,
                State::Writing(bytes) => return Step::Write(bytes.clone()),
                State::Restarting(_) => return Step::Restart,
                State::Renewing(call) => match call.next(now).within() {
                    Ok(step) => return step,
                    Err(Ok(answered)) => self.renewed(answered.answer),
                    Err(Err(failure)) => self.over(failure.into_error()),
                },
                State::Committing => return Step::Commit,
                State::Finding(find, _) => return Step::keep(find.ask()),
                State::Keeping(id, downloaded) => {
                    let destination = self.destination.clone().unwrap_or_default();
                    return keep::step(*id, destination, downloaded);
                }
                State::Done(result) => {
                    let over = || Box::new(Err(Error::new(ErrorKind::Cancelled, "already over")));
                    return Step::Done(*result.take().unwrap_or_else(over));
                }
            }
        }
    }

    fn receive(&mut self, now: Now, outcome: Outcome) {
        match (&mut self.state, outcome) {
            (State::Done(_), _) | (State::Due(_), Outcome::Slept) => {}
            (State::Due(_), Outcome::Slot) => self.has_slot = true,
            (State::Renewing(call), outcome) => call.receive(now, outcome),
            (State::AwaitingHead, Outcome::Head(head)) => self.head(&head, now),
            (State::Reading, Outcome::Chunk(bytes)) => self.chunk(bytes, now),
            (State::Reading, Outcome::End) => self.body_ended(now),
            (
                State::AwaitingHead | State::Reading,
                Outcome::SendFailed(error) | Outcome::ReadFailed(error),
            ) => self.broke_off(error, now),
            (State::Writing(bytes), Outcome::Stored) => {
                let bytes = bytes.clone();
                self.stored(&bytes);
            }
            (State::Restarting(then), Outcome::Stored) => {
                self.state = match *then {
                    Then::ReadOn => State::Announcing,
                    Then::AskAgain(at) => State::Due(at),
                };
            }
            (State::Committing, Outcome::Stored) => self.committed(),
            (State::Finding(find, downloaded), Outcome::Kept(answer)) => {
                if let Some(found) = find.told(answer) {
                    let downloaded = downloaded.clone();
                    self.found(downloaded, found);
                }
            }
            (State::Keeping(id, downloaded), Outcome::Kept(answer)) => {
                let (id, downloaded) = (*id, downloaded.clone());
                self.kept(id, downloaded, answer);
            }
            (_, Outcome::StoreFailed(error)) => {
                let failed = Error::new(ErrorKind::Storage, "the audio could not be stored");
                self.over(failed.with_source(error));
            }
            (_, Outcome::Cancelled(_)) => {
                let error = Error::new(ErrorKind::Cancelled, "the download was cancelled");
                self.over(error);
            }
            // An outcome that no step asked for: it ends, since going on might never end.
            (_, _) => self.over(unexpected(
                "the download was told of something it did not ask for",
            )),
        }
    }
}

fn unexpected(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::UnexpectedAnswer, message)
}
