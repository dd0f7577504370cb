use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_async::core::{
    Body, Cancelled, Now, Route, SendOptions, Transport, TransportError, TransportErrorKind,
};
use tokio::sync::Notify;

use crate::interrupt::Interrupts;
use crate::output::Output;

/// Ends what a client is doing, but for a paid request that is on its way: its answer holds an id that is worth its
/// price.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<State>);

#[derive(Debug, Default)]
struct State {
    asked: AtomicBool,
    told: Notify,
    /// Paid requests on their way.
    paid: AtomicU32,
}

impl Stop {
    /// The same transport, ended by this.
    pub(crate) fn around(&self, inner: Arc<dyn Transport>) -> Stoppable {
        Stoppable {
            inner,
            stop: self.clone(),
        }
    }

    pub(crate) fn ask(&self) {
        self.0.asked.store(true, Ordering::SeqCst);
        self.0.told.notify_waiters();
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst)
    }

    fn is_paid_on_its_way(&self) -> bool {
        self.0.paid.load(Ordering::SeqCst) > 0
    }

    /// Runs work until it is done. The first interrupt ends it at its next step, or when a paid request is
    /// answered; the second gives it up: then there is no result.
    pub(crate) async fn guard<T>(
        &self,
        work: impl Future<Output = T>,
        interrupts: &mut Interrupts,
        output: &Output,
    ) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Some(done),
                () = interrupts.next() => {
                    if self.is_asked() {
                        return None;
                    }
                    self.ask();
                    if self.is_paid_on_its_way() {
                        output.warning(
                            "the submit is on its way and may be charged: waiting for its answer, so that the job is \
                             not lost. Ctrl-C again gives it up",
                        );
                    }
                }
            }
        }
    }

    async fn asked(&self) {
        let told = self.0.told.notified();
        if !self.is_asked() {
            told.await;
        }
    }
}

/// A transport that is ended by a [`Stop`].
#[derive(Clone)]
pub(crate) struct Stoppable {
    inner: Arc<dyn Transport>,
    stop: Stop,
}

#[async_trait]
impl Transport for Stoppable {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        let cancelled = |kind| Err(TransportError::with_source(kind, Cancelled));
        if self.stop.is_asked() {
            return cancelled(TransportErrorKind::Cancelled);
        }
        let is_paid = options.route == Route::Paid;
        let on_its_way = OnItsWay::begin(&self.stop, is_paid);
        let sent = self.inner.send(request, options);
        let response = if is_paid {
            sent.await?
        } else {
            tokio::select! {
                response = sent => response?,
                () = self.stop.asked() => return cancelled(TransportErrorKind::Abandoned),
            }
        };
        let stop = self.stop.clone();
        Ok(response.map(|inner| -> Box<dyn Body> {
            Box::new(StoppableBody {
                inner,
                stop,
                is_paid,
                _on_its_way: on_its_way,
            })
        }))
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        tokio::select! {
            slept = self.inner.sleep(duration) => slept,
            () = self.stop.asked() => Err(Cancelled),
        }
    }

    fn now(&self) -> Now {
        self.inner.now()
    }
}

struct StoppableBody {
    inner: Box<dyn Body>,
    stop: Stop,
    is_paid: bool,
    _on_its_way: OnItsWay,
}

#[async_trait]
impl Body for StoppableBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        if self.is_paid {
            return self.inner.chunk().await;
        }
        tokio::select! {
            chunk = self.inner.chunk() => chunk,
            () = self.stop.asked() => Err(TransportError::with_source(
                TransportErrorKind::Abandoned,
                Cancelled,
            )),
        }
    }
}

/// Counts a paid request for as long as its answer is awaited.
struct OnItsWay(Option<Stop>);

impl OnItsWay {
    fn begin(stop: &Stop, is_paid: bool) -> Self {
        if is_paid {
            stop.0.paid.fetch_add(1, Ordering::SeqCst);
        }
        Self(is_paid.then(|| stop.clone()))
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        if let Some(stop) = &self.0 {
            stop.0.paid.fetch_sub(1, Ordering::SeqCst);
        }
    }
}
