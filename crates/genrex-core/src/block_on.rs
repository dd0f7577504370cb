use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

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
    let running = Running::begin();
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            // A wake that came before it leaves a token, so none is lost.
            Poll::Pending => match running.take() {
                Some(duration) => thread::park_timeout(duration),
                None => thread::park(),
            },
        }
    }
}

/// Has the [`block_on`] that runs on this thread poll its future again after so long, or sooner; `false` where none
/// runs, and then nothing is done.
///
/// A transport without a timer of its own waits by this: it is polled, asks to be polled again when its time has come,
/// and blocks nothing meanwhile.
///
/// ```
/// use std::task::Poll;
/// use std::time::Duration;
/// use genrex_core::{block_on, wake_within};
///
/// assert!(!wake_within(Duration::ZERO));
/// let mut polls = 0;
/// block_on(std::future::poll_fn(|_| {
///     polls += 1;
///     match polls {
///         3 => Poll::Ready(()),
///         _ if wake_within(Duration::from_millis(1)) => Poll::Pending,
///         _ => unreachable!("it runs"),
///     }
/// }));
/// ```
#[must_use = "where it is false, nobody polls again"]
pub fn wake_within(duration: Duration) -> bool {
    let sooner = |asked: Asked| match asked {
        Asked::NotRunning => Asked::NotRunning,
        Asked::Nothing => Asked::Within(duration),
        Asked::Within(other) => Asked::Within(other.min(duration)),
    };
    ASKED.set(sooner(ASKED.get()));
    !matches!(ASKED.get(), Asked::NotRunning)
}

thread_local! {
    static ASKED: Cell<Asked> = const { Cell::new(Asked::NotRunning) };
}

/// What the futures on this thread ask of the innermost `block_on`.
#[derive(Debug, Clone, Copy)]
enum Asked {
    NotRunning,
    Nothing,
    Within(Duration),
}

/// While it lives, one runs on this thread; then the one around it does.
struct Running {
    outer: Asked,
}

impl Running {
    fn begin() -> Self {
        Self {
            outer: ASKED.replace(Asked::Nothing),
        }
    }

    /// The soonest that was asked for since.
    fn take(&self) -> Option<Duration> {
        match ASKED.replace(Asked::Nothing) {
            Asked::Within(duration) => Some(duration),
            Asked::Nothing | Asked::NotRunning => None,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        ASKED.set(self.outer);
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

    /// Nobody else wakes it. What an inner one was asked for is not taken for what the outer one was.
    #[test]
    fn a_future_is_polled_again_when_it_asked_to_be() {
        let polled_twice = |of: &mut u32| {
            *of += 1;
            match *of {
                1 => {
                    assert!(wake_within(Duration::from_millis(1)));
                    Poll::Pending
                }
                _ => Poll::Ready(()),
            }
        };
        let (mut outer, mut inner) = (0, 0);
        block_on(std::future::poll_fn(|_| {
            let polled = polled_twice(&mut outer);
            block_on(std::future::poll_fn(|_| polled_twice(&mut inner)));
            inner = 0;
            polled
        }));
        assert_eq!(outer, 2);
        assert!(!wake_within(Duration::ZERO), "none runs any more");
    }
}
