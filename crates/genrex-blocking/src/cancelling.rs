use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::{
    Body, Cancelled, Now, SendOptions, Transport, TransportError, TransportErrorKind,
};

use crate::Canceller;
use crate::canceller::SLICE;

/// A transport whose requests and sleeps a canceller ends.
///
/// Whatever blocks this thread has to look for itself, as ureq's connections do here. Over a transport of
/// the user's own a sleep is asked for in slices, and what is truly asynchronous is dropped.
pub(crate) struct Cancelling {
    inner: Arc<dyn Transport>,
    canceller: Canceller,
}

impl Cancelling {
    pub(crate) const fn new(inner: Arc<dyn Transport>, canceller: Canceller) -> Self {
        Self { inner, canceller }
    }
}

#[async_trait]
impl Transport for Cancelling {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        if self.canceller.is_cancelled() {
            return Err(TransportError::with_source(
                TransportErrorKind::Cancelled,
                Cancelled,
            ));
        }
        let sent = self.inner.send(request, options);
        let response = until(&self.canceller, sent).await.map_err(abandoned)??;
        Ok(response.map(|inner| -> Box<dyn Body> {
            Box::new(CancellingBody {
                inner,
                canceller: self.canceller.clone(),
            })
        }))
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        let mut left = duration;
        loop {
            let slice = left.min(SLICE);
            until(&self.canceller, self.inner.sleep(slice)).await??;
            if self.canceller.is_cancelled() {
                return Err(Cancelled);
            }
            left -= slice;
            if left.is_zero() {
                return Ok(());
            }
        }
    }

    fn now(&self) -> Now {
        self.inner.now()
    }
}

struct CancellingBody {
    inner: Box<dyn Body>,
    canceller: Canceller,
}

#[async_trait]
impl Body for CancellingBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        if self.canceller.is_cancelled() {
            return Err(abandoned(Cancelled));
        }
        until(&self.canceller, self.inner.chunk())
            .await
            .map_err(abandoned)?
    }
}

fn abandoned(cancelled: Cancelled) -> TransportError {
    TransportError::with_source(TransportErrorKind::Abandoned, cancelled)
}

/// Polls a future with the canceller in force, until it is ready or the canceller is used.
async fn until<F: Future>(canceller: &Canceller, future: F) -> Result<F::Output, Cancelled> {
    let mut future = pin!(future);
    let mut waiting = Waiting {
        canceller,
        waker: None,
    };
    poll_fn(|context| {
        let in_force = canceller.enter();
        let polled = future.as_mut().poll(context);
        drop(in_force);
        match polled {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if canceller.is_cancelled() => Poll::Ready(Err(Cancelled)),
            Poll::Pending => {
                waiting.waits(context.waker());
                Poll::Pending
            }
        }
    })
    .await
}

/// A waker that the canceller knows, until this is dropped.
struct Waiting<'a> {
    canceller: &'a Canceller,
    waker: Option<Waker>,
}

impl Waiting<'_> {
    fn waits(&mut self, waker: &Waker) {
        self.canceller.wake(waker);
        self.waker = Some(waker.clone());
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(waker) = &self.waker {
            self.canceller.forget(waker);
        }
    }
}
