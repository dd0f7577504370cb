//! The thread on which a transport's connections are read.
//!
//! An HTTP client that is flooded reads for as long as more is there: with informational answers, tens of
//! megabytes at a time. On the caller's own runtime nothing else would run meanwhile, no timer either.

use std::convert::Infallible;
use std::io;
use std::panic;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A runtime of one thread; a clone is of the same one. It ends with the last clone.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    runtime: Handle,
    _ends_when_dropped: Arc<oneshot::Sender<Infallible>>,
}

impl Network {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (alive, ended) = oneshot::channel();
        thread::Builder::new()
            .name(String::from("genrex-network"))
            // That nothing is sent is how it ends.
            .spawn(move || drop(runtime.block_on(ended)))?;
        Ok(Self {
            runtime: handle,
            _ends_when_dropped: Arc::new(alive),
        })
    }

    /// Begins an exchange there.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        exchange: impl Future<Output = T> + Send + 'static,
    ) -> Exchange<T> {
        Exchange(self.runtime.spawn(exchange))
    }
}

/// An exchange on its way; dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Exchange<T>(JoinHandle<T>);

impl<T> Exchange<T> {
    /// Gives it up and waits until nothing of it runs any more: what it came to, if it was over by then.
    pub(crate) async fn give_up(mut self) -> Option<T> {
        self.0.abort();
        (&mut self).await
    }
}

/// What it came to; nothing if it was given up.
impl<T> Future for Exchange<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        match ready!(Pin::new(&mut self.0).poll(context)) {
            Ok(output) => Poll::Ready(Some(output)),
            Err(error) => match error.try_into_panic() {
                Ok(payload) => panic::resume_unwind(payload),
                Err(_) => Poll::Ready(None),
            },
        }
    }
}

impl<T> Drop for Exchange<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
