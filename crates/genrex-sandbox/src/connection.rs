//! A connection that ends by itself when nothing comes of it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, Sleep};

/// How long a request may take to come whole, once its first byte is here.
const REQUEST: Duration = Duration::from_secs(10);
/// How long a connection may be silent between two requests, or not take what is written to it.
const IDLE: Duration = Duration::from_secs(30);
/// How long either may go on once the server is to stop.
const STOPPING: Duration = Duration::from_secs(1);

/// A stream whose reads and writes fail when the other side is too slow, and its place among the connections.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    stream: S,
    progress: Progress,
    stopped: watch::Receiver<bool>,
    reading: Deadline,
    writing: Deadline,
    _place: Option<OwnedSemaphorePermit>,
}

impl<S> Connection<S> {
    pub(crate) fn new(
        stream: S,
        stopped: watch::Receiver<bool>,
        place: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self {
            stream,
            progress: Progress::default(),
            stopped,
            reading: Deadline::new(),
            writing: Deadline::new(),
            _place: place,
        }
    }

    pub(crate) const fn progress(&self) -> &Progress {
        &self.progress
    }

    fn limit(&self, running: Duration) -> Duration {
        if *self.stopped.borrow() {
            STOPPING
        } else {
            running
        }
    }

    /// Fails once a read has been waited for too long. While a request is being answered, none is due.
    fn poll_overdue(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let limit = match self.progress.load() {
            Progress::ANSWERED => return Poll::Pending,
            Progress::BEGUN => REQUEST,
            _ => IDLE,
        };
        self.reading.poll(context, self.limit(limit)).map(Err)
    }

    /// Fails once a write has been waited for too long.
    fn poll_written(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_pending() {
            let limit = self.limit(IDLE);
            return self.writing.poll(context, limit).map(Err);
        }
        // An answer is being written: what is read from now on is the next request.
        self.progress.store(Progress::IDLE);
        self.reading.clear();
        self.writing.clear();
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_pending() {
            return self.poll_overdue(context);
        }
        if buffer.filled().len() > before {
            self.progress.advance(Progress::IDLE, Progress::BEGUN);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.poll_written(context, written)
    }

    /// A head and a piece go out in one call, and the piece is not copied for that.
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.poll_written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// How far the request of a connection is; a clone is of the same connection.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<AtomicU8>);

impl Progress {
    const IDLE: u8 = 0;
    const BEGUN: u8 = 1;
    const ANSWERED: u8 = 2;

    /// The request is here whole.
    pub(crate) fn read_whole(&self) {
        self.store(Self::ANSWERED);
    }

    fn load(&self) -> u8 {
        self.0.load(Ordering::Acquire)
    }

    fn store(&self, value: u8) {
        self.0.store(value, Ordering::Release);
    }

    fn advance(&self, from: u8, to: u8) {
        // Another state than `from` stays.
        let _ = self
            .0
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
    }
}

/// When one side's wait is too long. It begins with the first poll, and again when the limit is another.
#[derive(Debug)]
struct Deadline {
    end: Option<(Duration, Instant)>,
    /// It is left running when a wait is over: most waits are short, and to set it for each request takes time.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    const fn new() -> Self {
        Self {
            end: None,
            timer: None,
        }
    }

    const fn clear(&mut self) {
        self.end = None;
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is where a connection's time comes from"
    )]
    fn poll(&mut self, context: &mut Context<'_>, limit: Duration) -> Poll<io::Error> {
        let end = match self.end {
            Some((of, end)) if of == limit => end,
            _ => Instant::now() + limit,
        };
        self.end = Some((limit, end));
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(end)));
        if timer.deadline() > end {
            timer.as_mut().reset(end);
        }
        while timer.as_mut().poll(context).is_ready() {
            if timer.deadline() == end {
                return Poll::Ready(timed_out());
            }
            // It was that of a wait before this one.
            timer.as_mut().reset(end);
        }
        Poll::Pending
    }
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the other side is too slow")
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "the clock is a simulated one, which moves when all tasks wait"
)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::time::sleep;

    use super::*;

    struct Pair {
        far: DuplexStream,
        near: Connection<DuplexStream>,
        stop: watch::Sender<bool>,
        began: Instant,
    }

    fn pair() -> Pair {
        let (far, near) = duplex(64);
        let (stop, stopped) = watch::channel(false);
        Pair {
            far,
            near: Connection::new(near, stopped, None),
            stop,
            began: Instant::now(),
        }
    }

    impl Pair {
        /// Reads all that comes, and says how long that was allowed to take.
        async fn read_on(&mut self) -> u64 {
            let error = self.near.read_to_end(&mut Vec::new()).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            self.began.elapsed().as_secs()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_ends_after_30_s() {
        assert_eq!(pair().read_on().await, 30);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_has_begun_has_10_s_however_often_bytes_come() {
        let mut pair = pair();
        let (_, mut drips) = tokio::io::split(std::mem::replace(&mut pair.far, duplex(1).0));
        let dripping = tokio::spawn(async move {
            while drips.write_all(b"x").await.is_ok() {
                sleep(Duration::from_secs(2)).await;
            }
        });
        assert_eq!(pair.read_on().await, 10);
        dripping.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn after_an_answer_the_next_request_has_its_own_time() {
        let mut pair = pair();
        pair.far.write_all(b"request").await.unwrap();
        let _ = pair.near.read(&mut [0; 64]).await.unwrap();
        pair.near.progress().read_whole();
        sleep(Duration::from_secs(100)).await;
        pair.near.write_all(b"answer").await.unwrap();
        assert_eq!(pair.read_on().await, 130);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_taken_is_given_up() {
        let mut pair = pair();
        let error = pair.near.write_all(&[0; 65]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(pair.began.elapsed().as_secs(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_its_own_time_however_many_there_were() {
        let mut pair = pair();
        for _ in 0..3 {
            pair.far.write_all(b"request").await.unwrap();
            let _ = pair.near.read(&mut [0; 64]).await.unwrap();
            pair.near.progress().read_whole();
            pair.near.write_all(b"answer").await.unwrap();
            let mut more = [0; 64];
            let read = tokio::time::timeout(Duration::from_secs(20), pair.near.read(&mut more));
            read.await.unwrap_err();
        }
        assert_eq!(pair.read_on().await, 70);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_leaves_a_second() {
        let mut pair = pair();
        pair.far.write_all(b"half").await.unwrap();
        pair.stop.send_replace(true);
        assert_eq!(pair.read_on().await, 1);
    }
}
