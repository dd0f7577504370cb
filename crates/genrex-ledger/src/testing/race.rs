//! Several calls at once, without a runtime.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::{Ledger, LocalId};

/// A call on its way.
pub(super) type Call<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Waits for a future on this thread: for a storage that needs no runtime.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// How calls are made at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// In one task, in turn whenever one waits.
    InTurn,
    /// Each on a thread of its own.
    Threads,
}

impl Way {
    /// The ways that make sense for a storage. One that never waits cannot be interleaved in one task; on
    /// threads it blocks none but its own, as it does anyway.
    pub(super) async fn of<L: Ledger>(ledger: &L) -> &'static [Self] {
        let mut call = ledger.entry(LocalId(1));
        let is_immediate = poll_fn(|context| {
            let is_ready = call.as_mut().poll(context).is_ready();
            Poll::Ready(is_ready)
        })
        .await;
        if is_immediate {
            return &[Self::InTurn, Self::Threads];
        }
        let _ = call.await;
        &[Self::InTurn]
    }

    /// Makes calls at once; what came of each.
    pub(super) async fn all<T: Send>(self, calls: Vec<Call<'_, T>>) -> Vec<T> {
        match self {
            Self::InTurn => in_turn(calls).await,
            Self::Threads => on_threads(calls),
        }
    }
}

async fn in_turn<T>(calls: Vec<Call<'_, T>>) -> Vec<T> {
    let mut calls: Vec<_> = calls.into_iter().map(|call| (call, None)).collect();
    poll_fn(|context| {
        let mut is_done = true;
        for (call, output) in &mut calls {
            if output.is_none() {
                match call.as_mut().poll(context) {
                    Poll::Ready(ready) => *output = Some(ready),
                    Poll::Pending => is_done = false,
                }
            }
        }
        if is_done {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    calls.into_iter().filter_map(|(_, output)| output).collect()
}

fn on_threads<T: Send>(calls: Vec<Call<'_, T>>) -> Vec<T> {
    thread::scope(|scope| {
        let threads: Vec<_> = calls
            .into_iter()
            .map(|call| scope.spawn(|| block_on(call)))
            .collect();
        threads
            .into_iter()
            .map(|thread| match thread.join() {
                Ok(output) => output,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}
