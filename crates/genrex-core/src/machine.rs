use std::fmt;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use genrex_ledger as ledger;

use crate::Progress;
use crate::slots::Share;
use crate::transport::{Cancelled, Moment, Now, SendOptions, TransportError};

/// An operation as decisions only: it says what to do next and is told what came of it.
///
/// A machine performs nothing and reads no clock. [`drive`](crate::driver::drive) performs its steps and holds no
/// decision. After [`Step::Done`] neither method is called again.
pub(crate) trait Machine {
    /// The operation's name, as its span has it.
    const NAME: &'static str;

    /// What it comes to.
    type Output;

    /// What to do now.
    fn next(&mut self, now: Now) -> Step<Self::Output>;

    /// What came of the last step; not called after [`Step::Report`], [`Step::Expect`] and [`Step::Done`].
    fn receive(&mut self, now: Now, outcome: Outcome);
}

/// What a machine wants done.
#[derive(Debug)]
pub(crate) enum Step<T> {
    /// Wait for a slot, which a request in flight has, until this moment at most: [`Outcome::Slot`], [`Outcome::Slept`]
    /// if the time has passed, or [`Outcome::Cancelled`]. The slot is given back when the answer to what is sent has ended, by a
    /// [`Step::Sleep`], and when the machine is done.
    Slot(Share, Option<Moment>),
    /// Send this request once: answered by [`Outcome::Head`] or [`Outcome::SendFailed`].
    Send(Box<Outgoing>),
    /// Read a chunk of the last answer's body: [`Outcome::Chunk`], [`Outcome::End`] or
    /// [`Outcome::ReadFailed`].
    Read,
    /// Wait: [`Outcome::Slept`] or [`Outcome::Cancelled`].
    Sleep(Duration),
    /// Append these bytes to the sink: [`Outcome::Stored`] or [`Outcome::StoreFailed`].
    Write(Bytes),
    /// Empty the sink: [`Outcome::Stored`] or [`Outcome::StoreFailed`].
    Restart,
    /// Make what the sink holds last: [`Outcome::Stored`] or [`Outcome::StoreFailed`].
    Commit,
    /// Tell the sink how long the file will be, where that is known; nothing is answered.
    Expect(Option<u64>),
    /// Ask the ledger, or have it keep something: [`Outcome::Kept`].
    Keep(Box<Keep>),
    /// Tell whoever watches; nothing is answered.
    Report(Progress),
    /// It is over.
    Done(T),
}

impl<T> Step<T> {
    /// The same step of a machine around this one; `Err` with the output if this one is done.
    pub(crate) fn within<U>(self) -> Result<Step<U>, T> {
        Ok(match self {
            Self::Slot(share, until) => Step::Slot(share, until),
            Self::Send(outgoing) => Step::Send(outgoing),
            Self::Read => Step::Read,
            Self::Sleep(duration) => Step::Sleep(duration),
            Self::Write(bytes) => Step::Write(bytes),
            Self::Restart => Step::Restart,
            Self::Commit => Step::Commit,
            Self::Expect(length) => Step::Expect(length),
            Self::Keep(call) => Step::Keep(call),
            Self::Report(progress) => Step::Report(progress),
            Self::Done(output) => return Err(output),
        })
    }

    /// That the ledger is to do this.
    pub(crate) fn keep(call: Keep) -> Self {
        Self::Keep(Box::new(call))
    }
}

/// A request on its way out.
pub(crate) struct Outgoing {
    /// The request, signed if it is to be.
    pub(crate) request: http::Request<Bytes>,
    /// How it is to be carried.
    pub(crate) options: SendOptions,
    /// How often it has been sent before, in this operation.
    pub(crate) resend_count: u32,
    /// Whether its slot is kept when its answer has ended: another request follows at once.
    pub(crate) keeps_slot: bool,
}

impl fmt::Debug for Outgoing {
    /// Without headers, body and query, which hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = genrex_proto::bare_url(&self.request.uri().to_string());
        f.debug_struct("Outgoing")
            .field("method", self.request.method())
            .field("url", &bare)
            .field("options", &self.options)
            .field("resend_count", &self.resend_count)
            .finish_non_exhaustive()
    }
}

/// What a machine asks of the ledger: its calls as data.
#[derive(Debug, Clone)]
pub(crate) enum Keep {
    /// Whose account the key is, as far as it was told.
    Account(ledger::Alias),
    /// That the balance was looked at.
    Look(ledger::Alias, ledger::Account, ledger::Look),
    /// That a submit is about to be made.
    Intent(ledger::Intent),
    /// What happened to a job.
    Event(ledger::LocalId, ledger::Event),
    /// What the last look shows of an ambiguous job.
    Reconcile(ledger::LocalId),
    /// A job, as a list of one; of none if there is no such job.
    Entry(ledger::LocalId),
    /// Some jobs.
    Entries(ledger::Filter),
    /// What is known of an account's credits, and of how long its jobs took.
    Credits(ledger::Account),
    /// What nobody carries on.
    Recover,
}

/// What the ledger answers.
#[derive(Debug)]
pub(crate) enum Kept {
    /// It is kept.
    Done,
    Account(Option<ledger::Account>),
    Entry(Box<ledger::Entry>),
    Entries(Vec<ledger::Entry>),
    Credits(Box<ledger::Credits>),
}

impl Kept {
    /// The job that was asked for.
    pub(crate) fn entry(self) -> Result<ledger::Entry, ledger::Error> {
        match self {
            Self::Entry(entry) => Ok(*entry),
            Self::Done | Self::Account(_) | Self::Entries(_) | Self::Credits(_) => Err(unasked()),
        }
    }

    /// The jobs that were asked for.
    pub(crate) fn entries(self) -> Result<Vec<ledger::Entry>, ledger::Error> {
        match self {
            Self::Entries(entries) => Ok(entries),
            Self::Done | Self::Account(_) | Self::Entry(_) | Self::Credits(_) => Err(unasked()),
        }
    }

    /// The account that was asked for, if it is known.
    pub(crate) fn account(self) -> Result<Option<ledger::Account>, ledger::Error> {
        match self {
            Self::Account(account) => Ok(account),
            Self::Done | Self::Entry(_) | Self::Entries(_) | Self::Credits(_) => Err(unasked()),
        }
    }
}

/// What came of a step.
pub(crate) enum Outcome {
    /// It has a slot.
    Slot,
    /// The answer's head.
    Head(Box<http::response::Parts>),
    /// No answer.
    SendFailed(TransportError),
    /// Bytes of the answer's body.
    Chunk(Bytes),
    /// The proper end of the answer's body.
    End,
    /// The answer's body broke off.
    ReadFailed(TransportError),
    /// The wait is over.
    Slept,
    /// The wait was cut short by the caller.
    Cancelled(Cancelled),
    /// The sink did it.
    Stored,
    /// The sink could not.
    StoreFailed(io::Error),
    /// The ledger did it, or could not.
    Kept(Result<Kept, ledger::Error>),
}

impl Outcome {
    /// What the ledger answered. Where something else came it did not answer, so that what was to be kept counts
    /// as not kept.
    pub(crate) fn kept(self) -> Result<Kept, ledger::Error> {
        match self {
            Self::Kept(answer) => answer,
            Self::Slot
            | Self::Head(_)
            | Self::SendFailed(_)
            | Self::Chunk(_)
            | Self::End
            | Self::ReadFailed(_)
            | Self::Slept
            | Self::Cancelled(_)
            | Self::Stored
            | Self::StoreFailed(_) => Err(unasked()),
        }
    }
}

impl fmt::Debug for Outcome {
    /// Without headers and bytes: a `Location` and a body may hold links.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot => f.write_str("Slot"),
            Self::Head(head) => f.debug_tuple("Head").field(&head.status).finish(),
            Self::SendFailed(error) => f.debug_tuple("SendFailed").field(error).finish(),
            Self::Chunk(bytes) => f.debug_tuple("Chunk").field(&bytes.len()).finish(),
            Self::End => f.write_str("End"),
            Self::ReadFailed(error) => f.debug_tuple("ReadFailed").field(error).finish(),
            Self::Slept => f.write_str("Slept"),
            Self::Cancelled(_) => f.write_str("Cancelled"),
            Self::Stored => f.write_str("Stored"),
            Self::StoreFailed(error) => f.debug_tuple("StoreFailed").field(error).finish(),
            Self::Kept(answer) => f.debug_tuple("Kept").field(answer).finish(),
        }
    }
}

fn unasked() -> ledger::Error {
    let message = "the ledger answered something else than was asked";
    ledger::Error::new(ledger::ErrorKind::Unreadable, message)
}
