pub(crate) mod address;
mod error;

use std::ops::{Add, Sub};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_sign::UnixMillis;

pub use self::address::AddressPolicy;
pub use self::error::{TransportError, TransportErrorKind};

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

// The futures are handed on as they are, without one around each: what waits is small, and each request costs less.
macro_rules! forwarded {
    ($($pointer:ty),*) => {$(
        impl<T: Transport + ?Sized> Transport for $pointer {
            fn send<'life0, 'async_trait>(
                &'life0 self,
                request: http::Request<Bytes>,
                options: SendOptions,
            ) -> Promised<'async_trait, Result<http::Response<Box<dyn Body>>, TransportError>>
            where
                Self: 'async_trait,
                'life0: 'async_trait,
            {
                (**self).send(request, options)
            }

            fn sleep<'life0, 'async_trait>(
                &'life0 self,
                duration: Duration,
            ) -> Promised<'async_trait, Result<(), Cancelled>>
            where
                Self: 'async_trait,
                'life0: 'async_trait,
            {
                (**self).sleep(duration)
            }

            fn now(&self) -> Now {
                (**self).now()
            }
        }
    )*};
}

forwarded!(Box<T>, Arc<T>, &T);

/// What an asynchronous method of an object-safe trait returns.
type Promised<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SendOptions {
    /// Until a connection stands, TLS included.
    pub connect_timeout: Duration,
    /// Until the head, and between two chunks of the body.
    pub idle_timeout: Duration,
    /// Until the body's last byte, from the start.
    pub total_timeout: Duration,
    /// Which way the request goes.
    pub route: Route,
    /// Which addresses a request on [`Route::Asset`] may be sent to, checked on the address that is connected to.
    pub addresses: AddressPolicy,
}

impl SendOptions {
    /// On this route, within this time in all, to these addresses.
    #[must_use]
    pub const fn new(route: Route, total_timeout: Duration, addresses: AddressPolicy) -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            idle_timeout: total_timeout,
            total_timeout,
            route,
            addresses,
        }
    }

    /// With so long until a connection stands.
    #[must_use]
    pub const fn connect_within(mut self, connect_timeout: Duration) -> Self {
        self.connect_timeout = connect_timeout;
        self
    }

    /// With at most so long until the head and between two chunks.
    #[must_use]
    pub fn idle_within(mut self, idle_timeout: Duration) -> Self {
        self.idle_timeout = idle_timeout.min(self.total_timeout);
        self
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
    /// addresses that [`SendOptions::addresses`] allows.
    Asset,
}

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Now {
    /// The monotonic clock: for delays and deadlines.
    pub moment: Moment,
    /// The wall clock: for signatures, until a refusal's `Date` has corrected it.
    pub wall: UnixMillis,
}

impl Now {
    /// Both readings.
    #[must_use]
    pub const fn new(moment: Moment, wall: UnixMillis) -> Self {
        Self { moment, wall }
    }
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
