use std::io;
use std::time::Duration;

use bytes::Bytes;

use crate::Progress;
use crate::transport::{Cancelled, Now, SendOptions, TransportError};

/// An operation as decisions only: it says what to do next and is told what came of it.
///
/// A machine performs nothing and reads no clock. [`drive`](crate::drive) performs its steps and holds
/// no decision. After [`Step::Done`] neither method is called again.
pub trait Machine {
    /// What it comes to.
    type Output;

    /// What to do now.
    fn next(&mut self, now: Now) -> Step<Self::Output>;

    /// What came of the last step; not called after [`Step::Report`] and [`Step::Done`].
    fn receive(&mut self, now: Now, event: Event);
}

/// What a machine wants done.
#[derive(Debug)]
pub enum Step<T> {
    /// Send this request once: answered by [`Event::Head`] or [`Event::SendFailed`].
    Send(Box<Outgoing>),
    /// Read a chunk of the last answer's body: [`Event::Chunk`], [`Event::End`] or
    /// [`Event::ReadFailed`].
    Read,
    /// Wait: [`Event::Slept`] or [`Event::Cancelled`].
    Sleep(Duration),
    /// Append these bytes to the sink: [`Event::Stored`] or [`Event::StoreFailed`].
    Write(Bytes),
    /// Empty the sink: [`Event::Stored`] or [`Event::StoreFailed`].
    Restart,
    /// Make what the sink holds last: [`Event::Stored`] or [`Event::StoreFailed`].
    Commit,
    /// Tell whoever watches; nothing is answered.
    Report(Progress),
    /// It is over.
    Done(T),
}

impl<T> Step<T> {
    /// The same step of a machine around this one; `Err` with the output if this one is done.
    pub(crate) fn within<U>(self) -> Result<Step<U>, T> {
        Ok(match self {
            Self::Send(outgoing) => Step::Send(outgoing),
            Self::Read => Step::Read,
            Self::Sleep(duration) => Step::Sleep(duration),
            Self::Write(bytes) => Step::Write(bytes),
            Self::Restart => Step::Restart,
            Self::Commit => Step::Commit,
            Self::Report(progress) => Step::Report(progress),
            Self::Done(output) => return Err(output),
        })
    }
}

/// A request on its way out.
#[derive(Debug)]
pub struct Outgoing {
    /// The request, signed if it is to be.
    pub request: http::Request<Bytes>,
    /// How it is to be carried.
    pub options: SendOptions,
    /// How often it has been sent before, in this operation.
    pub resend_count: u32,
}

/// What came of a step.
#[derive(Debug)]
pub enum Event {
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
}
