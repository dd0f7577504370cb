//! The thread that makes pieces, so that no other work waits for them.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::Response;
use tokio::sync::oneshot;

use crate::piece::Piece;
use crate::reply::Reply;

/// One thread, which ends with this.
#[derive(Debug)]
pub(crate) struct Renderer {
    queue: Arc<Queue>,
}

/// A piece could not be made.
#[derive(Debug)]
pub(crate) struct Failed;

impl Renderer {
    pub(crate) fn start() -> io::Result<Self> {
        let renderer = Self::without_thread();
        let queue = Arc::clone(&renderer.queue);
        std::thread::Builder::new()
            .name(String::from("sandbox music"))
            .spawn(move || queue.make_all())?;
        Ok(renderer)
    }

    pub(crate) fn without_thread() -> Self {
        Self {
            queue: Arc::default(),
        }
    }

    /// The answer, which waits for its piece if it needs one that is not made.
    pub(crate) async fn answer(&self, reply: Reply) -> Result<Response<Bytes>, Failed> {
        match reply {
            Reply::Ready(response) => Ok(response),
            Reply::Ahead(response, piece) => {
                self.queue.push(Order { piece, made: None });
                Ok(response)
            }
            Reply::Of(piece, answer) => match piece.made() {
                Some(audio) => Ok(answer.to(audio)),
                None => {
                    self.made(&piece).await?;
                    Ok(answer.to(piece.made().ok_or(Failed)?))
                }
            },
        }
    }

    async fn made(&self, piece: &Arc<Piece>) -> Result<(), Failed> {
        let (made, waiting) = oneshot::channel();
        self.queue.push(Order {
            piece: Arc::clone(piece),
            made: Some(made),
        });
        waiting.await.map_err(|_| Failed)
    }
}

impl Drop for Renderer {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// A piece to be made, and who waits for it, if somebody does.
#[derive(Debug)]
struct Order {
    piece: Arc<Piece>,
    made: Option<oneshot::Sender<()>>,
}

impl Order {
    fn make(self) {
        if self.made.as_ref().is_some_and(oneshot::Sender::is_closed) {
            // Nobody waits for it any more.
            return;
        }
        // What cannot be made is the failure of who asked: `made` is dropped, which says so.
        let is_made = catch_unwind(AssertUnwindSafe(|| self.piece.make())).is_ok();
        if let (true, Some(made)) = (is_made, self.made) {
            // Whoever waited may be gone.
            let _ = made.send(());
        }
    }
}

#[derive(Debug, Default)]
struct Queue {
    orders: Mutex<Orders>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Orders {
    /// Somebody waits for these.
    asked: VecDeque<Order>,
    ahead: VecDeque<Order>,
    is_closed: bool,
}

impl Queue {
    fn push(&self, order: Order) {
        let mut orders = self.locked();
        match order.made {
            Some(_) => orders.asked.push_back(order),
            None => orders.ahead.push_back(order),
        }
        self.changed.notify_one();
    }

    fn close(&self) {
        self.locked().is_closed = true;
        self.changed.notify_one();
    }

    /// Makes what is ordered until it is closed.
    fn make_all(&self) {
        while let Some(order) = self.next() {
            order.make();
        }
    }

    /// What is made next: what somebody waits for comes first. Waits for an order; `None` is the end.
    fn next(&self) -> Option<Order> {
        let is_idle = |orders: &mut Orders| {
            !orders.is_closed && orders.asked.is_empty() && orders.ahead.is_empty()
        };
        let waited = self.changed.wait_while(self.locked(), is_idle);
        let mut orders = waited.unwrap_or_else(PoisonError::into_inner);
        if orders.is_closed {
            return None;
        }
        let asked = orders.asked.pop_front();
        asked.or_else(|| orders.ahead.pop_front())
    }

    fn locked(&self) -> MutexGuard<'_, Orders> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::piece::Pieces;

    impl Renderer {
        /// Makes what is ordered, and says how many orders there were.
        pub(crate) fn make_waiting(&self) -> usize {
            let orders = std::mem::take(&mut *self.queue.locked());
            let orders = orders.asked.into_iter().chain(orders.ahead);
            orders.map(Order::make).count()
        }

        /// Fails at what is ordered.
        pub(crate) fn forget_waiting(&self) {
            *self.queue.locked() = Orders::default();
        }
    }

    #[test]
    fn what_somebody_waits_for_is_made_first() {
        let (queue, mut pieces) = (Queue::default(), Pieces::new(0));
        let mut order = |text: &str, made| {
            let piece = pieces.asked(text, 5);
            queue.push(Order { piece, made });
        };
        let waiting = || Some(oneshot::channel().0);
        order("ahead 1", None);
        order("asked 1", waiting());
        order("ahead 2", None);
        order("asked 2", waiting());
        let next = || queue.next().map(|order| order.piece.text().to_owned());
        let made: Vec<_> = (0..4).filter_map(|_| next()).collect();
        assert_eq!(made, ["asked 1", "asked 2", "ahead 1", "ahead 2"]);
        queue.close();
        assert_eq!(next(), None);
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_not_made() {
        let piece = Pieces::new(0).asked("music", 5);
        let order = |made| Order {
            piece: Arc::clone(&piece),
            made: Some(made),
        };
        let (made, gone) = oneshot::channel();
        drop(gone);
        order(made).make();
        assert!(piece.made().is_none());
        let (made, _waiting) = oneshot::channel();
        order(made).make();
        assert!(piece.made().is_some());
    }

    #[test]
    fn the_thread_makes_what_is_asked_for_and_ends_with_its_owner() {
        let renderer = Renderer::start().unwrap();
        let piece = Pieces::new(0).asked("music", 5);
        let queue = Arc::clone(&renderer.queue);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(renderer.made(&piece)).unwrap();
        assert!(piece.made().is_some());
        drop(renderer);
        assert!(queue.locked().is_closed);
    }
}
