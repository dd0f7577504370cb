use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_sign::{ApiKey, ApiSecret, KeyPair, UnixMillis};

use crate::transport::{
    Body, Cancelled, Moment, Now, SendOptions, Transport, TransportError, TransportErrorKind,
};

/// A key pair for tests: the one of the published vector.
#[must_use]
#[expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "constants that are valid"
)]
pub fn keys() -> KeyPair {
    KeyPair::new(
        ApiKey::new("4nBmZkU2-VdTNrPqL7e9y").unwrap(),
        ApiSecret::new("7Xd9PfMlkanB5ZTuj0qQG").unwrap(),
    )
}

/// A [`Transport`] that answers by a script, on a virtual clock, and keeps what was sent.
///
/// A clone shares the script, the clock and the log.
#[derive(Clone)]
pub struct ScriptedTransport(Arc<Mutex<State>>);

struct State {
    script: Script,
    elapsed: Duration,
    wall_at_start: u64,
    sent: Vec<Sent>,
    slept: Vec<(Duration, Duration)>,
    cancel_at: Option<Duration>,
}

enum Script {
    Replies(VecDeque<Reply>),
    Answering(Box<dyn FnMut(&Sent) -> Reply + Send>),
}

/// A request that was sent.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Sent {
    /// When, on the virtual clock.
    pub at: Duration,
    /// What.
    pub request: http::Request<Bytes>,
    /// How it was to be carried.
    pub options: SendOptions,
}

impl Sent {
    /// The value of a header, as text; empty if it was not sent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let value = self.request.headers().get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// What a request is answered with.
#[derive(Debug)]
pub struct Reply {
    head: Result<http::response::Builder, TransportErrorKind>,
    body: VecDeque<Bytes>,
    breaks: Option<TransportErrorKind>,
    after: Duration,
}

impl Reply {
    /// An answer of this status and body.
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self {
            head: Ok(http::Response::builder().status(status)),
            body: VecDeque::from([body.into()]),
            breaks: None,
            after: Duration::ZERO,
        }
    }

    /// The same, saying that it is JSON.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self::new(status, body).header("content-type", "application/json")
    }

    /// No answer.
    #[must_use]
    pub fn fails(kind: TransportErrorKind) -> Self {
        Self {
            head: Err(kind),
            ..Self::new(200, "")
        }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.head = self.head.map(|head| head.header(name, value));
        self
    }

    /// After so long.
    #[must_use]
    pub const fn after(mut self, latency: Duration) -> Self {
        self.after = latency;
        self
    }

    /// The body in chunks of this size.
    #[must_use]
    pub fn in_chunks(mut self, size: usize) -> Self {
        let cut = |whole: Bytes| {
            let starts = (0..whole.len()).step_by(size);
            let chunks = starts.map(|start| whole.slice(start..whole.len().min(start + size)));
            chunks.collect::<Vec<_>>()
        };
        self.body = self.body.into_iter().flat_map(cut).collect();
        self
    }

    /// The body breaks off where it ends.
    #[must_use]
    pub const fn then_breaks(mut self, kind: TransportErrorKind) -> Self {
        self.breaks = Some(kind);
        self
    }
}

impl ScriptedTransport {
    /// Answers each request with the next reply; one more than there are panics.
    #[must_use]
    pub fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::with(Script::Replies(replies.into_iter().collect()))
    }

    /// Answers each request with what `answer` makes of it.
    #[must_use]
    pub fn answering(answer: impl FnMut(&Sent) -> Reply + Send + 'static) -> Self {
        Self::with(Script::Answering(Box::new(answer)))
    }

    fn with(script: Script) -> Self {
        /// When the published vector was signed.
        const START: u64 = 1_717_574_785_354;
        Self(Arc::new(Mutex::new(State {
            script,
            elapsed: Duration::ZERO,
            wall_at_start: START,
            sent: Vec::new(),
            slept: Vec::new(),
            cancel_at: None,
        })))
    }

    /// The same with the wall clock off by so many milliseconds.
    #[must_use]
    pub fn with_clock_off_by(self, millis: i64) -> Self {
        let mut state = self.state();
        state.wall_at_start = state.wall_at_start.saturating_add_signed(millis);
        drop(state);
        self
    }

    /// The same with every sleep that crosses `at` cut short by the caller.
    #[must_use]
    pub fn cancelled_at(self, at: Duration) -> Self {
        self.state().cancel_at = Some(at);
        self
    }

    /// What was sent so far.
    #[must_use]
    pub fn sent(&self) -> Vec<Sent> {
        self.state().sent.clone()
    }

    /// The sleeps so far: when each began, and for how long it was asked for.
    #[must_use]
    pub fn slept(&self) -> Vec<(Duration, Duration)> {
        self.state().slept.clone()
    }

    /// How far the virtual clock has come.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.state().elapsed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Transport for ScriptedTransport {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        let mut state = self.state();
        let sent = Sent {
            at: state.elapsed,
            request,
            options,
        };
        let reply = match &mut state.script {
            Script::Replies(replies) => replies.pop_front(),
            Script::Answering(answer) => Some(answer(&sent)),
        };
        state.sent.push(sent);
        let Some(reply) = reply else {
            panic!("request {} has no reply in the script", state.sent.len());
        };
        if reply.after >= options.total_timeout {
            state.elapsed += options.total_timeout;
            return Err(TransportError::new(TransportErrorKind::Timeout));
        }
        state.elapsed += reply.after;
        let head = reply.head.map_err(TransportError::new)?;
        let body: Box<dyn Body> = Box::new(ScriptedBody {
            chunks: reply.body,
            breaks: reply.breaks,
        });
        head.body(body)
            .map_err(|error| TransportError::with_source(TransportErrorKind::Malformed, error))
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        let mut state = self.state();
        let began = state.elapsed;
        state.slept.push((began, duration));
        match state.cancel_at {
            Some(at) if at <= began + duration => {
                state.elapsed = began.max(at);
                Err(Cancelled)
            }
            _ => {
                state.elapsed = began + duration;
                Ok(())
            }
        }
    }

    fn now(&self) -> Now {
        let state = self.state();
        let millis = u64::try_from(state.elapsed.as_millis()).unwrap_or(u64::MAX);
        Now {
            moment: Moment::new(state.elapsed),
            wall: UnixMillis::new(state.wall_at_start.saturating_add(millis)),
        }
    }
}

impl fmt::Debug for ScriptedTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedTransport").finish_non_exhaustive()
    }
}

struct ScriptedBody {
    chunks: VecDeque<Bytes>,
    breaks: Option<TransportErrorKind>,
}

#[async_trait]
impl Body for ScriptedBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        match (self.chunks.pop_front(), self.breaks) {
            (Some(chunk), _) => Ok(Some(chunk)),
            (None, Some(kind)) => Err(TransportError::new(kind)),
            (None, None) => Ok(None),
        }
    }
}
