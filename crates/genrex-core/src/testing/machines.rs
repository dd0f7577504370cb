//! The machines over any seams, told now and then what they did not ask for: for a fuzzer. It is no interface.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use genrex_ledger::{self as ledger, Ledger};
use genrex_proto::GenerateRequest;

use crate::driver::{Ports, drive};
use crate::job::allowance::Allowance;
use crate::machine::{Kept, Machine, Outcome, Step};
use crate::operations::call::Terms;
use crate::operations::download::Download;
use crate::operations::purchase::{Keeping, Purchase};
use crate::operations::wait::Wait;
use crate::session::Session;
use crate::slots::Slots;
use crate::testing::keys;
use crate::transport::{Cancelled, Now, TransportError, TransportErrorKind};
use crate::{
    Audio, BalanceCheck, BaseUrl, Downloaded, Error, Job, PurchaseOptions, Settings, Sink,
    Submission, Track, Transport,
};

/// What a machine is told in place of what came of its step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unasked {
    /// An answer's head.
    Head(u16),
    /// No answer.
    SendFailed,
    /// Bytes of a body.
    Chunk(&'static [u8]),
    /// The end of a body.
    End,
    /// A body broke off.
    ReadFailed,
    /// A wait is over.
    Slept,
    /// A wait was cut short.
    Cancelled,
    /// The sink did it.
    Stored,
    /// The sink could not.
    StoreFailed,
    /// The ledger did it.
    Kept,
    /// The ledger could not.
    NotKept,
}

/// What the last step was, as far as it says what may come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A request was to be sent, or more of its answer read.
    Exchange,
    /// It wanted to wait.
    Sleep,
    /// The sink was to do something.
    Store,
    /// The ledger was.
    Keep,
    /// Nothing.
    Nothing,
}

impl Asked {
    /// Whether this may come of it.
    #[must_use]
    pub const fn may_become(self, unasked: Unasked) -> bool {
        match unasked {
            Unasked::Head(_)
            | Unasked::SendFailed
            | Unasked::Chunk(_)
            | Unasked::End
            | Unasked::ReadFailed => matches!(self, Self::Exchange),
            Unasked::Slept | Unasked::Cancelled => matches!(self, Self::Sleep),
            Unasked::Stored | Unasked::StoreFailed => matches!(self, Self::Store),
            Unasked::Kept | Unasked::NotKept => matches!(self, Self::Keep),
        }
    }
}

/// What machines run over.
#[expect(missing_debug_implementations, reason = "what it holds has none")]
pub struct Bench<'a> {
    /// The network and the clocks.
    pub transport: &'a dyn Transport,
    /// What keeps their purchases.
    pub ledger: Option<&'a dyn Ledger>,
    /// How they go about it.
    pub settings: Settings,
    /// What is random in it comes of this, the names of intents too.
    pub seed: u64,
    /// Asked after each step. What may come of that step is not told in its place: it would be no surprise.
    pub unasked: &'a mut dyn FnMut(Asked) -> Option<Unasked>,
}

impl Bench<'_> {
    /// Submits, with the ledger if there is one.
    pub async fn submit(
        &mut self,
        request: &GenerateRequest,
        balance_check: BalanceCheck,
        options: &PurchaseOptions,
    ) -> Submission {
        let keeping = self.ledger.map(|_| Keeping {
            balance_check,
            options: options.clone(),
        });
        let machine = Purchase::new(self.session(), request.clone(), self.terms(), keeping);
        self.run(machine, &mut crate::sink::NoSink).await
    }

    /// Waits for a job.
    ///
    /// # Errors
    ///
    /// As `Client::wait`'s.
    pub async fn wait(&mut self, job: &Job) -> Result<Track, Error> {
        let is_kept = self.ledger.is_some();
        let machine = Wait::new(self.session(), job.clone(), self.terms(), is_kept);
        self.run(machine, &mut crate::sink::NoSink).await
    }

    /// Downloads audio.
    ///
    /// # Errors
    ///
    /// As `Client::download`'s.
    pub async fn download(
        &mut self,
        audio: &Audio,
        sink: &mut dyn Sink,
    ) -> Result<Downloaded, Error> {
        let terms = self.terms();
        let allowance = Arc::new(Allowance::until(terms.deadline));
        let now = self.transport.now();
        let destination = sink.location().filter(|_| self.ledger.is_some());
        let machine = Download::new(self.session(), audio.clone(), terms, allowance, now);
        self.run(machine.kept_at(destination), sink).await
    }

    #[expect(clippy::unwrap_used, reason = "constants that are valid")]
    fn session(&self) -> Arc<Session> {
        Arc::new(Session::new(BaseUrl::default(), keys(), self.seed).unwrap())
    }

    fn terms(&self) -> Terms {
        let deadline = self.settings.deadline;
        let deadline = deadline.map(|limit| self.transport.now().moment + limit);
        Terms::free(deadline, self.settings)
    }

    async fn run<M: Machine>(&mut self, machine: M, sink: &mut dyn Sink) -> M::Output {
        let mut misled = Misled {
            machine,
            unasked: &mut *self.unasked,
            asked: Asked::Nothing,
        };
        let ports = Ports {
            transport: self.transport,
            ledger: self.ledger,
            slots: &Slots::new(NonZeroUsize::MIN),
            watcher: &|_| (),
        };
        let output = drive(&mut misled, ports, sink).await;
        stays_done(&mut misled.machine, self.transport.now());
        output
    }
}

/// Whatever it is told from here on, it is over.
fn stays_done<M: Machine>(machine: &mut M, now: Now) {
    for unasked in [Unasked::Slept, Unasked::Kept, Unasked::Stored] {
        machine.receive(now, unasked.outcome());
        let is_done = (0..100).any(|_| matches!(machine.next(now), Step::Done(_)));
        assert!(is_done, "{} goes on after it was done", M::NAME);
        let later = Now::new(now.moment + Duration::from_secs(1), now.wall);
        assert!(
            matches!(machine.next(later), Step::Done(_)),
            "{} wakes up after it was done",
            M::NAME
        );
    }
}

/// A machine that is told something else now and then.
struct Misled<'a, M> {
    machine: M,
    unasked: &'a mut dyn FnMut(Asked) -> Option<Unasked>,
    asked: Asked,
}

impl<M: Machine> Machine for Misled<'_, M> {
    const NAME: &'static str = M::NAME;
    type Output = M::Output;

    fn next(&mut self, now: Now) -> Step<Self::Output> {
        let step = self.machine.next(now);
        self.asked = match step {
            Step::Send(_) | Step::Read => Asked::Exchange,
            Step::Slot(..) | Step::Sleep(_) => Asked::Sleep,
            Step::Write(_) | Step::Restart | Step::Commit => Asked::Store,
            Step::Keep(_) => Asked::Keep,
            Step::Expect(_) | Step::Report(_) | Step::Done(_) => Asked::Nothing,
        };
        step
    }

    fn receive(&mut self, now: Now, outcome: Outcome) {
        let asked = self.asked;
        let unasked = (self.unasked)(asked).filter(|unasked| !asked.may_become(*unasked));
        let outcome = unasked.map_or(outcome, Unasked::outcome);
        self.machine.receive(now, outcome);
    }
}

impl Unasked {
    fn outcome(self) -> Outcome {
        let failed = || TransportError::new(TransportErrorKind::Closed);
        match self {
            Self::Head(status) => {
                let mut head = http::Response::new(()).into_parts().0;
                head.status = http::StatusCode::from_u16(status).unwrap_or_default();
                Outcome::Head(Box::new(head))
            }
            Self::SendFailed => Outcome::SendFailed(failed()),
            Self::Chunk(bytes) => Outcome::Chunk(Bytes::from_static(bytes)),
            Self::End => Outcome::End,
            Self::ReadFailed => Outcome::ReadFailed(failed()),
            Self::Slept => Outcome::Slept,
            Self::Cancelled => Outcome::Cancelled(Cancelled),
            Self::Stored => Outcome::Stored,
            Self::StoreFailed => Outcome::StoreFailed(std::io::ErrorKind::StorageFull.into()),
            Self::Kept => Outcome::Kept(Ok(Kept::Done)),
            Self::NotKept => Outcome::Kept(Err(ledger::Error::new(
                ledger::ErrorKind::Storage,
                "told unasked",
            ))),
        }
    }
}
