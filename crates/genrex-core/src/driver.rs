mod slot;

use std::convert::Infallible;

use genrex_ledger::{self as ledger, Ledger, LocalId};
use tracing::Instrument as _;

use crate::machine::{Keep, Kept, Machine, Outcome, Outgoing, Step};
use crate::slots::{Share, Slot, Slots};
use crate::trace::Attempt;
use crate::transport::{Body, Moment, Transport, TransportError, TransportErrorKind};
use crate::{Progress, Sink};

/// What a machine is driven over.
pub(crate) struct Ports<'a> {
    pub(crate) transport: &'a dyn Transport,
    pub(crate) ledger: Option<&'a dyn Ledger>,
    pub(crate) slots: &'a Slots,
    pub(crate) watcher: &'a (dyn Fn(&Progress) + Send + Sync),
}

/// Performs a machine's steps until it is done.
///
/// Invariant: no decision is taken here; each step leads to one call and each result to one outcome. If the future
/// is dropped, the job that it holds in the ledger is released.
pub(crate) async fn drive<M: Machine>(
    machine: &mut M,
    ports: Ports<'_>,
    sink: &mut dyn Sink,
) -> M::Output {
    let transport = ports.transport;
    let mut exchange = Exchange::new(transport, ports.slots);
    let mut held = Held {
        ports: &ports,
        job: None,
    };
    loop {
        // What it comes to is large, and is not held while it waits.
        let step = match machine.next(transport.now()).within::<Infallible>() {
            Ok(step) => step,
            Err(output) => return output,
        };
        let outcome = match step {
            Step::Slot(share, until) => exchange.begin(share, until).await,
            Step::Send(outgoing) => exchange.send(*outgoing).await,
            Step::Read => exchange.read().await,
            Step::Sleep(duration) => {
                exchange.end();
                match transport.sleep(duration).await {
                    Ok(()) => Outcome::Slept,
                    Err(cancelled) => Outcome::Cancelled(cancelled),
                }
            }
            Step::Write(bytes) => stored(sink.write(bytes).await),
            Step::Restart => stored(sink.restart().await),
            Step::Commit => stored(sink.commit().await),
            // It is rare and large: apart, so that one that waits is small.
            Step::Keep(call) => Outcome::Kept(Box::pin(held.keep(*call)).await),
            Step::Expect(length) => {
                sink.expect(length);
                continue;
            }
            Step::Report(progress) => {
                (ports.watcher)(&progress);
                continue;
            }
            Step::Done(never) => match never {},
        };
        machine.receive(transport.now(), outcome);
    }
}

/// The last request that was sent, and what is left of its answer.
struct Exchange<'a> {
    transport: &'a dyn Transport,
    slots: &'a Slots,
    /// Held while it is in flight.
    slot: Option<Slot<'a>>,
    keeps_slot: bool,
    attempt: Attempt,
    body: Option<Box<dyn Body>>,
}

impl<'a> Exchange<'a> {
    fn new(transport: &'a dyn Transport, slots: &'a Slots) -> Self {
        Self {
            transport,
            slots,
            slot: None,
            keeps_slot: false,
            attempt: Attempt::none(),
            body: None,
        }
    }

    /// Waits for a slot; one of this share that is still held is gone on with.
    async fn begin(&mut self, share: Share, until: Option<Moment>) -> Outcome {
        if self.slot.as_ref().is_none_or(|slot| slot.share() != share) {
            self.end();
            // Apart, so that one that sleeps is small.
            let wait = slot::wait(self.slots.acquire(share), self.transport, until);
            match Box::pin(wait).await {
                Ok(Some(slot)) => self.slot = Some(slot),
                Ok(None) => return Outcome::Slept,
                Err(cancelled) => return Outcome::Cancelled(cancelled),
            }
        }
        Outcome::Slot
    }

    /// Nothing is in flight any more. What is left of the last answer will not be read, and its connection is given up
    /// before the slot.
    fn end(&mut self) {
        self.body = None;
        self.slot = None;
    }

    /// The answer has ended.
    fn answered(&mut self) {
        if !self.keeps_slot {
            self.end();
        }
    }

    fn send(&mut self, outgoing: Outgoing) -> impl Future<Output = Outcome> {
        // What is left of the last answer will not be read: its connection is given up first.
        self.body = None;
        self.keeps_slot = outgoing.keeps_slot;
        self.attempt = Attempt::start(&outgoing);
        let sent = self.transport.send(outgoing.request, outgoing.options);
        let sent = sent.instrument(self.attempt.span());
        // The request is not held beside the future that sends it.
        async move {
            match sent.await {
                Ok(response) => {
                    let (head, body) = response.into_parts();
                    self.attempt.answered(&head);
                    self.body = Some(body);
                    Outcome::Head(Box::new(head))
                }
                Err(error) => {
                    self.attempt.failed(&error);
                    self.answered();
                    Outcome::SendFailed(error)
                }
            }
        }
    }

    async fn read(&mut self) -> Outcome {
        let span = self.attempt.span();
        match read(&mut self.body).instrument(span).await {
            Ok(Some(chunk)) => Outcome::Chunk(chunk),
            Ok(None) => {
                self.answered();
                Outcome::End
            }
            Err(error) => {
                self.attempt.failed(&error);
                self.answered();
                Outcome::ReadFailed(error)
            }
        }
    }
}

/// The job in flight that a future holds in the ledger; released with it.
struct Held<'a> {
    ports: &'a Ports<'a>,
    job: Option<LocalId>,
}

impl Held<'_> {
    async fn keep(&mut self, call: Keep) -> Result<Kept, ledger::Error> {
        let Some(ledger) = self.ports.ledger else {
            let message = "the client has no ledger";
            return Err(ledger::Error::new(ledger::ErrorKind::Storage, message));
        };
        let now = self.now();
        let one = |entry| Kept::Entry(Box::new(entry));
        match call {
            Keep::Account(alias) => ledger.account(&alias).await.map(Kept::Account),
            Keep::Look(alias, account, look) => {
                let kept = ledger.observe(&alias, &account, &look, now).await;
                kept.map(|()| Kept::Done)
            }
            Keep::Intent(intent) => {
                let entry = ledger.intend(&intent, now).await?;
                self.job = Some(entry.id);
                Ok(one(entry))
            }
            Keep::Event(id, event) => {
                let entry = ledger.record(id, &event, now).await?;
                if event.is_outcome() && self.job == Some(id) {
                    self.job = None;
                }
                Ok(one(entry))
            }
            Keep::Reconcile(id) => ledger.reconcile(id, now).await.map(one),
            Keep::Entry(id) => {
                let entry = ledger.entry(id).await;
                entry.map(|entry| Kept::Entries(entry.into_iter().collect()))
            }
            Keep::Entries(filter) => ledger.entries(&filter).await.map(Kept::Entries),
            Keep::Recover => ledger.recover(now).await.map(Kept::Entries),
            Keep::Credits(account) => {
                let credits = ledger.credits(&account).await;
                credits.map(|credits| Kept::Credits(Box::new(credits)))
            }
        }
    }

    fn now(&self) -> u64 {
        self.ports.transport.now().wall.get()
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let (Some(job), Some(ledger)) = (self.job, self.ports.ledger) {
            ledger.release(job, self.now());
        }
    }
}

async fn read(body: &mut Option<Box<dyn Body>>) -> Result<Option<bytes::Bytes>, TransportError> {
    match body {
        Some(body) => body.chunk().await,
        None => Err(TransportError::new(TransportErrorKind::Other)),
    }
}

fn stored(result: std::io::Result<()>) -> Outcome {
    match result {
        Ok(()) => Outcome::Stored,
        Err(error) => Outcome::StoreFailed(error),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::block_on;
    use crate::sink::NoSink;
    use crate::testing::ScriptedTransport;
    use crate::transport::Now;

    /// Counts down, reporting nothing: the smallest machine.
    struct Countdown {
        left: u32,
        is_done: bool,
    }

    impl Machine for Countdown {
        const NAME: &'static str = "countdown";
        type Output = &'static str;

        fn next(&mut self, _: Now) -> Step<Self::Output> {
            assert!(!self.is_done, "asked after it was done");
            if self.left > 0 {
                return Step::Sleep(Duration::from_secs(1));
            }
            self.is_done = true;
            Step::Done("over")
        }

        fn receive(&mut self, _: Now, outcome: Outcome) {
            assert!(matches!(outcome, Outcome::Slept));
            self.left -= 1;
        }
    }

    #[test]
    fn the_driver_does_nothing_after_done() {
        let wire = ScriptedTransport::new([]);
        let mut machine = Countdown {
            left: 3,
            is_done: false,
        };
        let ports = Ports {
            transport: &wire,
            ledger: None,
            slots: &Slots::new(std::num::NonZeroUsize::MIN),
            watcher: &|_| (),
        };
        assert_eq!(block_on(drive(&mut machine, ports, &mut NoSink)), "over");
        assert_eq!(wire.elapsed(), Duration::from_secs(3));
    }
}
