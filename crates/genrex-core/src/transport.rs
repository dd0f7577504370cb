use std::error::Error as StdError;
use std::ops::{Add, Sub};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_sign::UnixMillis;

/// The seam between decisions and the network: sends one request once, waits, tells the time.
///
/// # Contract
///
/// - [`send`](Self::send) makes **one** attempt: no retry, no redirect, no decompression. A transport
///   reports and never judges.
/// - Every HTTP status is `Ok`. `Err` means that no usable response came, and its
///   [kind](TransportErrorKind) says whether the request **may have left this machine**; what is not
///   proved not to have left may have.
/// - The limits of [`SendOptions`] are kept, for the body too.
/// - Dropping a future or a [`Body`] gives up the exchange.
///
/// It is object-safe: a transport can wrap another, to record, to inject faults, to trace.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends `request` once, and returns its response as soon as the head is there.
    ///
    /// # Errors
    ///
    /// When no head came.
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError>;

    /// Waits.
    ///
    /// # Errors
    ///
    /// [`Cancelled`] when the caller gave up meanwhile.
    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled>;

    /// Reads both clocks.
    fn now(&self) -> Now;
}

#[async_trait]
impl<T: Transport + ?Sized> Transport for Box<T> {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        (**self).send(request, options).await
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        (**self).sleep(duration).await
    }

    fn now(&self) -> Now {
        (**self).now()
    }
}

/// A response's body, chunk by chunk.
#[async_trait]
pub trait Body: Send {
    /// The next bytes; `None` at the body's proper end.
    ///
    /// # Errors
    ///
    /// When the body broke off, or a limit of [`SendOptions`] passed.
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError>;
}

/// How one request is to be carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendOptions {
    /// Until the body's last byte, from the start.
    pub total_timeout: Duration,
    /// Until the head, and between two chunks of the body.
    pub idle_timeout: Duration,
    /// Which way the request goes.
    pub route: Route,
}

impl SendOptions {
    /// Until a connection stands, TLS included: for every route.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

    /// A small answer: one limit covers all of it.
    pub(crate) const fn call(route: Route, timeout: Duration) -> Self {
        Self {
            total_timeout: timeout,
            idle_timeout: timeout,
            route,
        }
    }

    /// A large one, which may take long as long as it comes.
    pub(crate) fn download(total_timeout: Duration) -> Self {
        const IDLE: Duration = Duration::from_secs(20);
        Self {
            total_timeout,
            idle_timeout: IDLE.min(total_timeout),
            route: Route::Asset,
        }
    }
}

/// Which way a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Route {
    /// To the API, for credits: over a connection of its own. A kept-alive one may have been closed by
    /// the peer, and a client that learns so only after sending cannot tell whether it has paid.
    Paid,
    /// To the API, for free: over any connection.
    Api,
    /// To the object storage, unsigned: this route has no way to the credentials, and reaches only the
    /// addresses that the [`AddressPolicy`](crate::AddressPolicy) allows.
    Asset,
}

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The monotonic clock: for delays and deadlines.
    pub moment: Moment,
    /// The wall clock: for signatures, until a refusal's `Date` has corrected it.
    pub wall: UnixMillis,
}

/// A reading of a transport's monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

impl Moment {
    /// The moment `elapsed` after the transport's own beginning.
    #[must_use]
    pub const fn new(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// The time since `earlier`; zero if that is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, delay: Duration) -> Self {
        Self(self.0.saturating_add(delay))
    }
}

impl Sub<Duration> for Moment {
    type Output = Self;

    fn sub(self, lead: Duration) -> Self {
        Self(self.0.saturating_sub(lead))
    }
}

/// The caller gave up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled by the caller")]
pub struct Cancelled;

/// Why no usable response came.
#[derive(Debug, thiserror::Error)]
#[error("{kind}")]
pub struct TransportError {
    kind: TransportErrorKind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl TransportError {
    /// An error of this kind, without a cause.
    #[must_use]
    pub const fn new(kind: TransportErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// An error of this kind, with the HTTP client's own as its cause.
    pub fn with_source(
        kind: TransportErrorKind,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self {
            kind,
            source: Some(source.into()),
        }
    }

    /// What went wrong.
    #[must_use]
    pub const fn kind(&self) -> TransportErrorKind {
        self.kind
    }
}

/// The kinds of [`TransportError`], told apart by what may have happened on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The host's name has no address. Nothing left.
    #[error("the host's name could not be resolved")]
    Resolve,
    /// No connection stood. Nothing left.
    #[error("no connection could be made")]
    Connect,
    /// No connection stood in time. Nothing left.
    #[error("no connection could be made in time")]
    ConnectTimeout,
    /// The connection was cut before TLS stood. Nothing left.
    #[error("TLS could not be set up")]
    Tls,
    /// The peer's certificate was refused. Nothing left.
    #[error("the server's certificate was refused")]
    Certificate,
    /// The address lies where this route may not go. Nothing left.
    #[error("the address is not a public one")]
    ForbiddenAddress,
    /// The caller gave up before the request was sent. Nothing left.
    #[error("cancelled by the caller")]
    Cancelled,
    /// The request could not be put into HTTP. Nothing left.
    #[error("the request could not be built")]
    Request,
    /// A limit of [`SendOptions`] passed. The request may have left.
    #[error("no answer came in time")]
    Timeout,
    /// The connection died. The request may have left.
    #[error("the connection broke off")]
    Closed,
    /// What came is not HTTP. The request may have left.
    #[error("the answer is not HTTP")]
    Malformed,
    /// Anything else. The request may have left.
    #[error("the exchange failed")]
    Other,
}

impl TransportErrorKind {
    /// Whether the request may have left this machine.
    #[must_use]
    pub const fn may_have_left(self) -> bool {
        matches!(
            self,
            Self::Timeout | Self::Closed | Self::Malformed | Self::Other
        )
    }

    /// Whether it was a limit that passed.
    #[must_use]
    pub const fn is_timeout(self) -> bool {
        matches!(self, Self::ConnectTimeout | Self::Timeout)
    }
}
