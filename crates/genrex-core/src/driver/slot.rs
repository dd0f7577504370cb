use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::slots::{Acquire, Slot};
use crate::transport::{Cancelled, Moment, Transport};

/// How long a wait for a slot sleeps at a time. Whoever gets one is woken; a transport whose sleep blocks its thread,
/// though it should not, notices after this.
const SLICE: Duration = Duration::from_secs(10);

/// Waits for a slot beside the transport's sleep, which knows of time and of a caller that gives up; `None` if there is
/// none by then.
pub(super) async fn wait<'a>(
    acquire: Acquire<'a>,
    transport: &dyn Transport,
    until: Option<Moment>,
) -> Result<Option<Slot<'a>>, Cancelled> {
    let mut acquire = pin!(acquire);
    let mut sleep = None;
    poll_fn(|context| {
        if let Poll::Ready(slot) = acquire.as_mut().poll(context) {
            return Poll::Ready(Ok(Some(slot)));
        }
        let left = until.map_or(SLICE, |until| until.since(transport.now().moment));
        if left.is_zero() {
            return Poll::Ready(Ok(None));
        }
        let sleeping = sleep.get_or_insert_with(|| transport.sleep(left.min(SLICE)));
        match sleeping.as_mut().poll(context) {
            Poll::Ready(Err(cancelled)) => Poll::Ready(Err(cancelled)),
            Poll::Ready(Ok(())) => {
                // It is looked at again, after others.
                sleep = None;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
