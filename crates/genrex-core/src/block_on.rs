use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// Runs a future to its end on this thread: polls it, and parks the thread until it is woken.
///
/// A blocking client needs no more of a runtime: a ledger with a thread of its own, or a sink that waits for
/// something, wakes this one. Where every future is ready at once, one poll is enough.
///
/// ```
/// assert_eq!(genrex_core::block_on(async { 1 + 1 }), 2);
/// ```
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Parked(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            // A wake that came before it leaves a token, so none is lost.
            Poll::Pending => thread::park(),
        }
    }
}

struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_future_that_is_woken_by_another_thread_ends() {
        let ready = Arc::new(AtomicBool::new(false));
        let mut began = false;
        let future = std::future::poll_fn(|context| {
            if ready.load(Ordering::SeqCst) {
                return Poll::Ready(7);
            }
            if !began {
                began = true;
                let (ready, waker) = (Arc::clone(&ready), context.waker().clone());
                thread::spawn(move || {
                    ready.store(true, Ordering::SeqCst);
                    waker.wake();
                });
            }
            Poll::Pending
        });
        assert_eq!(block_on(future), 7);
    }
}
