//! The slots that a client and its clones share: [`Queue`]'s rules, with wakers.

mod queue;

use std::fmt;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

pub(crate) use self::queue::Share;
use self::queue::{Capacity, Queue, Ticket};

/// How many requests may be in flight, and who waits until one is over.
pub(crate) struct Slots(Mutex<Queue<Waker>>);

impl Slots {
    pub(crate) fn new(most: NonZeroUsize) -> Self {
        Self(Mutex::new(Queue::new(Capacity::new(most))))
    }

    /// Waits for a slot.
    pub(crate) const fn acquire(&self, share: Share) -> Acquire<'_> {
        Acquire {
            slots: self,
            share,
            state: State::Coming,
        }
    }

    /// Changes the queue, and wakes whoever may begin by that.
    fn changed(&self, change: impl FnOnce(&mut Queue<Waker>)) {
        change(&mut self.queue());
        // None is woken while the queue is locked.
        while let Some(waker) = self.begin_next() {
            waker.wake();
        }
    }

    fn begin_next(&self) -> Option<Waker> {
        self.queue().begin_next()
    }

    fn queue(&self) -> MutexGuard<'_, Queue<Waker>> {
        // Each method leaves it whole, so a panic elsewhere has not harmed it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to have a request in flight; dropping it gives it back.
pub(crate) struct Slot<'a> {
    slots: &'a Slots,
    share: Share,
}

impl Slot<'_> {
    pub(crate) const fn share(&self) -> Share {
        self.share
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.slots.changed(|queue| queue.end(self.share));
    }
}

/// Waits for a slot. Dropping it gives up the wait, and the slot if it has come.
pub(crate) struct Acquire<'a> {
    slots: &'a Slots,
    share: Share,
    state: State,
}

enum State {
    Coming,
    Waiting(Ticket),
    Over,
}

impl<'a> Future for Acquire<'a> {
    type Output = Slot<'a>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Slot<'a>> {
        let (slots, share) = (self.slots, self.share);
        let mut queue = slots.queue();
        match self.state {
            State::Coming => {
                if let Some(ticket) = queue.enter(share, || context.waker().clone()) {
                    self.state = State::Waiting(ticket);
                    return Poll::Pending;
                }
            }
            State::Waiting(ticket) => {
                if let Some(waker) = queue.waiting(share, ticket) {
                    waker.clone_from(context.waker());
                    return Poll::Pending;
                }
            }
            // It is not polled again after it was ready.
            State::Over => return Poll::Pending,
        }
        self.state = State::Over;
        Poll::Ready(Slot { slots, share })
    }
}

impl Drop for Acquire<'_> {
    fn drop(&mut self) {
        if let State::Waiting(ticket) = self.state {
            self.slots.changed(|queue| queue.leave(self.share, ticket));
        }
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Polls once, and says whether it has its slot.
    fn poll<'a>(acquire: Pin<&mut Acquire<'a>>, woken: &Arc<Woken>) -> Option<Slot<'a>> {
        let waker = Waker::from(Arc::clone(woken));
        match acquire.poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(slot) => Some(slot),
            Poll::Pending => None,
        }
    }

    fn one() -> Slots {
        Slots::new(NonZeroUsize::MIN)
    }

    #[test]
    fn a_slot_that_is_given_back_wakes_the_next() {
        let (slots, woken) = (one(), Arc::new(Woken::default()));
        let mut first = Box::pin(slots.acquire(Share::Free));
        let mut second = pin!(slots.acquire(Share::Free));
        let slot = poll(first.as_mut(), &woken).unwrap();
        assert!(poll(second.as_mut(), &woken).is_none());
        assert_eq!(woken.0.load(Ordering::SeqCst), 0);
        drop(slot);
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        assert!(poll(second.as_mut(), &woken).is_some());
    }

    /// Dropped while it waits, and dropped when its slot has come and it was not polled since.
    #[test]
    fn who_is_dropped_gives_its_slot_to_the_next_at_once() {
        for has_come in [false, true] {
            let (slots, woken) = (one(), Arc::new(Woken::default()));
            let mut first = Box::pin(slots.acquire(Share::Free));
            let mut second = Box::pin(slots.acquire(Share::Free));
            let mut third = pin!(slots.acquire(Share::Free));
            let slot = poll(first.as_mut(), &woken).unwrap();
            assert!(poll(second.as_mut(), &Arc::default()).is_none());
            assert!(poll(third.as_mut(), &woken).is_none());
            let held = (!has_come).then_some(slot);
            drop(second);
            assert_eq!(woken.0.load(Ordering::SeqCst), usize::from(has_come));
            drop(held);
            assert_eq!(woken.0.load(Ordering::SeqCst), 1);
            assert!(poll(third.as_mut(), &woken).is_some());
        }
    }

    #[test]
    fn it_is_the_last_task_that_polled_it_that_is_woken() {
        let (slots, before, after) = (one(), Arc::default(), Arc::default());
        let mut first = Box::pin(slots.acquire(Share::Free));
        let mut second = pin!(slots.acquire(Share::Free));
        let slot = poll(first.as_mut(), &before).unwrap();
        assert!(poll(second.as_mut(), &before).is_none());
        assert!(poll(second.as_mut(), &after).is_none());
        drop(slot);
        let count = |woken: &Arc<Woken>| woken.0.load(Ordering::SeqCst);
        assert_eq!((count(&before), count(&after)), (0, 1));
    }
}
