use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::{
    Body, Cancelled, Now, SendOptions, Transport, TransportError, TransportErrorKind,
};
use genrex_sign::UnixMillis;

/// A transport around another that keeps what went through it, and makes waiting short: a sleep takes
/// no time but moves both clocks, and an exchange that is to time out has two seconds. A clone keeps the same
/// record.
#[derive(Clone)]
pub struct Recorder<T> {
    inner: T,
    trace: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    seen: Vec<Seen>,
    skipped: Duration,
    clock_off: i64,
    sent: usize,
    /// Which exchanges are never answered.
    unanswered: Vec<usize>,
}

impl State {
    /// How long the next exchange may take.
    fn next_limit(&mut self) -> Duration {
        let is_unanswered = self.unanswered.contains(&self.sent);
        self.sent += 1;
        Duration::from_secs(if is_unanswered { 2 } else { 60 })
    }
}

/// What went through a [`Recorder`], in the terms in which transports must agree.
pub type Trace = Vec<Seen>;

/// One thing that went through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// A request: its method and path, its headers' names in order, its body.
    Sent(String, Vec<String>, Bytes),
    /// An answer's head.
    Status(u16),
    /// No head: whether the request may have left, and why.
    Failed(bool, TransportErrorKind),
    /// A body came whole: so many bytes.
    Whole(usize),
    /// A body broke off.
    BrokeOff,
    /// A sleep.
    Slept,
}

impl<T: Transport> Recorder<T> {
    /// Around `inner`.
    pub fn new(inner: T) -> Self {
        Self {
            inner,
            trace: Arc::default(),
        }
    }

    /// The same with the wall clock off by so many milliseconds.
    #[must_use]
    pub fn with_clock_off_by(self, millis: i64) -> Self {
        self.with(|state| state.clock_off = millis);
        self
    }

    /// The same, knowing which exchanges, counted from 0, are never answered. All others have a minute, however
    /// busy the machine is.
    #[must_use]
    pub fn with_unanswered(self, exchanges: impl IntoIterator<Item = usize>) -> Self {
        self.with(|state| state.unanswered.extend(exchanges));
        self
    }

    /// What went through so far.
    #[must_use]
    pub fn trace(&self) -> Trace {
        self.with(|state| state.seen.clone())
    }

    fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        act(&mut self.trace.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn push(&self, seen: Seen) {
        self.with(|state| state.seen.push(seen));
    }
}

#[async_trait]
impl<T: Transport> Transport for Recorder<T> {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        mut options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        let longest = self.with(State::next_limit);
        options.total_timeout = options.total_timeout.min(longest);
        options.idle_timeout = options.idle_timeout.min(longest);
        let mut names: Vec<_> = request.headers().keys().map(ToString::to_string).collect();
        names.sort();
        let line = format!("{} {}", request.method(), request.uri().path());
        self.push(Seen::Sent(line, names, request.body().clone()));
        match self.inner.send(request, options).await {
            Ok(response) => {
                self.push(Seen::Status(response.status().as_u16()));
                let trace = Arc::clone(&self.trace);
                Ok(response.map(|inner| -> Box<dyn Body> {
                    Box::new(RecordedBody {
                        inner,
                        trace,
                        length: 0,
                    })
                }))
            }
            Err(error) => {
                self.push(Seen::Failed(error.kind().may_have_left(), error.kind()));
                Err(error)
            }
        }
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        self.with(|state| state.skipped += duration);
        self.push(Seen::Slept);
        self.inner.sleep(Duration::ZERO).await
    }

    fn now(&self) -> Now {
        let Now { moment, wall } = self.inner.now();
        self.with(|state| {
            let skipped = u64::try_from(state.skipped.as_millis()).unwrap_or(u64::MAX);
            Now {
                moment: moment + state.skipped,
                wall: UnixMillis::new(
                    (wall.get() + skipped).saturating_add_signed(state.clock_off),
                ),
            }
        })
    }
}

impl<T> std::fmt::Debug for Recorder<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

struct RecordedBody {
    inner: Box<dyn Body>,
    trace: Arc<Mutex<State>>,
    length: usize,
}

#[async_trait]
impl Body for RecordedBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        let chunk = self.inner.chunk().await;
        let seen = match &chunk {
            Ok(Some(bytes)) => {
                self.length += bytes.len();
                return chunk;
            }
            Ok(None) => Seen::Whole(self.length),
            Err(_) => Seen::BrokeOff,
        };
        self.trace
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .seen
            .push(seen);
        chunk
    }
}
