//! The thread on which a transport's connections are read.
//!
//! An HTTP client that is flooded reads for as long as more is there: with informational answers, tens of
//! megabytes at a time. On the caller's own runtime nothing else would run meanwhile, no timer either.

use std::future::poll_fn;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::thread;

use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A runtime of one thread; a clone is of the same one. It ends with the last clone.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    /// Waking the thread is a call to the system, also where it is awake: whatever is handed over before it looks
    /// here costs one.
    tasks: mpsc::UnboundedSender<Task>,
}

impl Network {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (tasks, mut handed_over) = mpsc::unbounded_channel::<Task>();
        let begin_each = async move {
            while let Some(task) = handed_over.recv().await {
                tokio::spawn(task);
            }
        };
        thread::Builder::new()
            .name(String::from("genrex-network"))
            .spawn(move || runtime.block_on(begin_each))?;
        Ok(Self { tasks })
    }

    /// Begins an exchange there.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        exchange: impl Future<Output = T> + Send + 'static,
    ) -> Exchange<T> {
        let (result, outcome) = oneshot::channel();
        // While there is a `Network`, its thread takes what is sent; without it, the outcome is that there is none.
        let _ = self.tasks.send(Box::pin(carry_out(exchange, result)));
        Exchange(outcome)
    }
}

/// Runs it to its end, or until nobody waits for it.
async fn carry_out<T>(
    exchange: impl Future<Output = T>,
    mut result: oneshot::Sender<thread::Result<T>>,
) {
    // Nobody waits for what was given up before its turn came.
    if result.is_closed() {
        return;
    }
    let output = {
        let mut exchange = pin!(exchange);
        poll_fn(|context| {
            let polled = AssertUnwindSafe(|| exchange.as_mut().poll(context));
            match panic::catch_unwind(polled) {
                Ok(Poll::Ready(output)) => Poll::Ready(Some(Ok(output))),
                Ok(Poll::Pending) => result.poll_closed(context).map(|()| None),
                Err(payload) => Poll::Ready(Some(Err(payload))),
            }
        })
        .await
        // The exchange is gone before its end is told.
    };
    if let Some(output) = output {
        // Nobody may wait any more.
        let _ = result.send(output);
    }
}

/// An exchange on its way; dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Exchange<T>(oneshot::Receiver<thread::Result<T>>);

impl<T> Exchange<T> {
    /// Gives it up: what it came to, if that is here by now. Something of it may run on for a moment.
    pub(crate) fn give_up(mut self) -> Option<T> {
        self.0.close();
        let outcome = self.0.try_recv().ok()?;
        Some(outcome.unwrap_or_else(|payload| panic::resume_unwind(payload)))
    }
}

/// What it came to; nothing if it was given up.
impl<T> Future for Exchange<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        match ready!(Pin::new(&mut self.0).poll(context)) {
            Ok(Ok(output)) => Poll::Ready(Some(output)),
            Ok(Err(payload)) => panic::resume_unwind(payload),
            Err(_) => Poll::Ready(None),
        }
    }
}
