use std::sync::{Arc, Condvar, Mutex, PoisonError};
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
#[derive(Debug, Clone, Default)]
pub struct Canceller(Arc<(Mutex<bool>, Condvar)>);

impl Canceller {
    /// One that has not been used.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the sleeps under way, and lets no further sleep or request begin.
    pub fn cancel(&self) {
        let (cancelled, waiting) = &*self.0;
        *cancelled.lock().unwrap_or_else(PoisonError::into_inner) = true;
        waiting.notify_all();
    }

    /// Whether it has been used.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        let (cancelled, waiting) = &*self.0;
        let guard = cancelled.lock().unwrap_or_else(PoisonError::into_inner);
        let (cancelled, _) = waiting
            .wait_timeout_while(guard, duration, |cancelled| !*cancelled)
            .unwrap_or_else(PoisonError::into_inner);
        if *cancelled { Err(Cancelled) } else { Ok(()) }
    }
}
