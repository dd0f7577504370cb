use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread;
use std::time::Duration;

use genrex_core::Cancelled;

/// Ends the operations of the clients that were given it, from any thread and for good.
///
/// ```
/// use genrex_blocking::Canceller;
///
/// let canceller = Canceller::new();
/// let handle = canceller.clone();
/// std::thread::spawn(move || handle.cancel()).join().unwrap();
/// assert!(canceller.is_cancelled());
/// ```
#[derive(Clone, Default)]
pub struct Canceller(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_cancelled: bool,
    /// Of the operations that wait for something that is truly asynchronous.
    wakers: Vec<Waker>,
}

/// How long a wait lasts before it looks whether it was cancelled.
pub(crate) const SLICE: Duration = Duration::from_millis(200);

thread_local! {
    /// Those that the operation on this thread runs under.
    static IN_FORCE: RefCell<Vec<Canceller>> = const { RefCell::new(Vec::new()) };
}

impl Canceller {
    /// One that has not been used.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends what is under way, and lets nothing further begin: see
    /// [`Client::cancelled_by`](crate::Client::cancelled_by).
    pub fn cancel(&self) {
        let wakers = {
            let mut state = self.state();
            state.is_cancelled = true;
            std::mem::take(&mut state.wakers)
        };
        self.0.changed.notify_all();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Whether it has been used.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.state().is_cancelled
    }

    /// Puts it in force on this thread until what is returned is dropped.
    pub(crate) fn enter(&self) -> InForce {
        IN_FORCE.with_borrow_mut(|in_force| in_force.push(self.clone()));
        InForce
    }

    /// Wakes `waker` when it is used; at once if it has been.
    pub(crate) fn wake(&self, waker: &Waker) {
        let mut state = self.state();
        if state.is_cancelled {
            waker.wake_by_ref();
        } else if !state.wakers.iter().any(|known| known.will_wake(waker)) {
            state.wakers.push(waker.clone());
        }
    }

    /// Forgets a waker: its operation is over.
    pub(crate) fn forget(&self, waker: &Waker) {
        let mut state = self.state();
        state.wakers.retain(|known| !known.will_wake(waker));
    }

    fn sleep(&self, duration: Duration) {
        let waited = self
            .0
            .changed
            .wait_timeout_while(self.state(), duration, |state| !state.is_cancelled);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceller")
            .field("is_cancelled", &self.is_cancelled())
            .finish()
    }
}

/// While it lives, a canceller is in force on this thread.
#[derive(Debug)]
pub(crate) struct InForce;

impl Drop for InForce {
    fn drop(&mut self) {
        IN_FORCE.with_borrow_mut(Vec::pop);
    }
}

/// Whether a canceller is in force on this thread.
pub(crate) fn is_in_force() -> bool {
    IN_FORCE.with_borrow(|in_force| !in_force.is_empty())
}

/// Whether one that is in force on this thread has been used.
pub(crate) fn check() -> Result<(), Cancelled> {
    match IN_FORCE.with_borrow(|in_force| in_force.iter().any(Canceller::is_cancelled)) {
        true => Err(Cancelled),
        false => Ok(()),
    }
}

/// Sleeps on this thread; a canceller that is in force ends it.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where a blocking client waits"
)]
pub(crate) fn sleep(duration: Duration) -> Result<(), Cancelled> {
    match IN_FORCE.with_borrow(|in_force| in_force.last().cloned()) {
        Some(canceller) => canceller.sleep(duration),
        None => thread::sleep(duration),
    }
    check()
}
