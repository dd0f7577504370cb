use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tracing::Instrument as _;

use crate::machine::{Event, Machine, Step};
use crate::trace::Attempt;
use crate::transport::{Body, Transport, TransportError, TransportErrorKind};
use crate::{Progress, Sink};

/// Performs a machine's steps until it is done.
///
/// Invariant: no decision is taken here; each step leads to one call and each result to one event.
pub async fn drive<M: Machine>(
    machine: &mut M,
    transport: &(impl Transport + ?Sized),
    sink: &mut dyn Sink,
    watcher: &(dyn Fn(&Progress) + Send + Sync),
) -> M::Output {
    let mut body: Option<Box<dyn Body>> = None;
    let mut attempt = Attempt::none();
    loop {
        let event = match machine.next(transport.now()) {
            Step::Send(outgoing) => {
                // What is left of the last answer will not be read: its connection is given up first.
                body = None;
                attempt = Attempt::start(&outgoing);
                let sent = transport.send(outgoing.request, outgoing.options);
                match sent.instrument(attempt.span()).await {
                    Ok(response) => {
                        let (head, rest) = response.into_parts();
                        attempt.answered(&head);
                        body = Some(rest);
                        Event::Head(Box::new(head))
                    }
                    Err(error) => {
                        attempt.failed(&error);
                        Event::SendFailed(error)
                    }
                }
            }
            Step::Read => match read(&mut body).instrument(attempt.span()).await {
                Ok(Some(chunk)) => Event::Chunk(chunk),
                Ok(None) => Event::End,
                Err(error) => {
                    attempt.failed(&error);
                    Event::ReadFailed(error)
                }
            },
            Step::Sleep(duration) => match transport.sleep(duration).await {
                Ok(()) => Event::Slept,
                Err(cancelled) => Event::Cancelled(cancelled),
            },
            Step::Write(bytes) => stored(sink.write(bytes).await),
            Step::Restart => stored(sink.restart().await),
            Step::Commit => stored(sink.commit().await),
            Step::Report(progress) => {
                watcher(&progress);
                continue;
            }
            Step::Done(output) => return output,
        };
        machine.receive(transport.now(), event);
    }
}

/// Runs a future that never has to wait: polls it once.
///
/// Over a transport and a sink whose futures are always ready, as a blocking or a scripted one's are,
/// an operation is such a future. So the blocking client needs no runtime.
///
/// # Panics
///
/// If the future waits for something.
pub fn run_ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a future that should always be ready was pending"),
    }
}

async fn read(body: &mut Option<Box<dyn Body>>) -> Result<Option<bytes::Bytes>, TransportError> {
    match body {
        Some(body) => body.chunk().await,
        None => Err(TransportError::new(TransportErrorKind::Other)),
    }
}

fn stored(result: std::io::Result<()>) -> Event {
    match result {
        Ok(()) => Event::Stored,
        Err(error) => Event::StoreFailed(error),
    }
}
