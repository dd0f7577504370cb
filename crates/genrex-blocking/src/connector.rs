//! ureq's connectors, so that what fails before a request is sent can be told from what fails after, and a
//! canceller ends a wait.

use std::fmt;
use std::io;
use std::sync::{Arc, Weak};

use ureq::Error;
use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs};
use ureq::unversioned::transport::time::{Duration, Instant};
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, NextTimeout,
    ShutdownHandle, TcpConnector, Transport,
};

use crate::canceller::{SLICE, check, is_in_force};
use crate::interruptible::interruptible;
use crate::resolver::FilteringResolver;
use crate::transport_error::{BeforeSend, GaveUp};

/// Through a proxy or directly, with TLS where the URL asks for it. A target that is reached directly is looked up by
/// `resolver`.
pub(crate) fn connector(resolver: FilteringResolver) -> impl Connector {
    let chain = ();
    #[cfg(feature = "socks")]
    let chain = chain.chain(Sliced::<ureq::unversioned::transport::SocksConnector>::default());
    let chain = chain
        .chain(ConnectProxyConnector::default())
        .chain(Sliced::<TcpConnector>::default());
    #[cfg(feature = "rustls-no-provider")]
    let chain = chain.chain(ureq::unversioned::transport::RustlsConnector::default());
    #[cfg(feature = "native-tls")]
    let chain = chain.chain(ureq::unversioned::transport::NativeTlsConnector::default());
    Marking { chain, resolver }
}

/// Looks a target up, and marks what fails before a request is sent.
#[derive(Debug)]
struct Marking<C> {
    chain: C,
    resolver: FilteringResolver,
}

impl<C: Connector> Connector for Marking<C> {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        let connection = match self.look_up(details)? {
            Some(found) => self.chain.connect(&found, chained),
            None => self.chain.connect(details, chained),
        };
        let connection = connection.map_err(BeforeSend::mark)?;
        Ok(connection.map(|connection| -> Self::Out { Box::new(Strict(connection)) }))
    }
}

impl<C> Marking<C> {
    /// The same connection with the addresses of its target, within what is left of its time; nothing where they are
    /// there, or a proxy is told the name.
    fn look_up<'a>(
        &self,
        details: &ConnectionDetails<'a>,
    ) -> Result<Option<ConnectionDetails<'a>>, Error> {
        let (uri, config) = (details.uri, details.config);
        if !details.addrs.is_empty() || !FilteringResolver::is_direct(config, uri) {
            return Ok(None);
        }
        let addrs = self.resolver.look_up(uri, config, details.timeout)?;
        let now = (details.current_time)();
        let mut timeout = details.timeout;
        if let (Duration::Exact(whole), Instant::Exact(began), Instant::Exact(now)) =
            (timeout.after, details.now, now)
        {
            let left = whole.saturating_sub(now.saturating_duration_since(began));
            if left.is_zero() {
                return Err(BeforeSend::mark_resolve(Error::Timeout(timeout.reason)));
            }
            timeout.after = Duration::Exact(left);
        }
        Ok(Some(ConnectionDetails {
            uri,
            addrs,
            config,
            request_level: details.request_level,
            resolver: details.resolver,
            now,
            timeout,
            current_time: Arc::clone(&details.current_time),
            run_connector: Arc::clone(&details.run_connector),
            register_shutdown: Arc::clone(&details.register_shutdown),
        }))
    }
}

/// A connection that broke off has not ended: ureq takes a reset, and a TLS connection that was cut, for the end of
/// a body that goes on until the connection closes.
#[derive(Debug)]
struct Strict<T>(T);

impl<T: Transport> Transport for Strict<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.0.await_input(timeout).map_err(|error| match error {
            Error::Io(error) => Error::Io(io::Error::other(error)),
            error => error,
        })
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}

/// Connects so that a canceller ends the wait, and later ones on the connection.
struct Sliced<C>(Arc<C>);

impl<C: Default> Default for Sliced<C> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<C: fmt::Debug> fmt::Debug for Sliced<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sliced").field(&self.0).finish()
    }
}

impl<In: Transport, C: Connector<In>> Connector<In> for Sliced<C> {
    type Out = Either<In, SlicedTransport<C::Out>>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        if let Some(chained) = chained {
            return Ok(Some(Either::A(chained)));
        }
        let connection = match is_in_force() {
            false => self.0.connect(details, None)?,
            true => {
                let connector = Arc::clone(&self.0);
                let details = OwnedDetails::new(details);
                interruptible(move || details.connect(&*connector))?
            }
        };
        Ok(connection.map(|inner| Either::B(SlicedTransport(inner))))
    }
}

/// [`ConnectionDetails`] that a thread can take with it.
struct OwnedDetails {
    uri: http::Uri,
    addrs: ResolvedSocketAddrs,
    config: Config,
    request_level: bool,
    now: Instant,
    timeout: NextTimeout,
    current_time: Arc<CurrentTime>,
    run_connector: Arc<RunConnector>,
    register_shutdown: Arc<RegisterShutdown>,
}

type CurrentTime = dyn Fn() -> Instant + Send + Sync;
type RunConnector =
    dyn Fn(&ConnectionDetails<'_>) -> Result<Box<dyn Transport>, Error> + Send + Sync;
type RegisterShutdown = dyn Fn(Weak<dyn ShutdownHandle>) -> Result<(), Error> + Send + Sync;

impl OwnedDetails {
    fn new(details: &ConnectionDetails<'_>) -> Self {
        Self {
            uri: details.uri.clone(),
            addrs: details.addrs.clone(),
            config: details.config.clone(),
            request_level: details.request_level,
            now: details.now,
            timeout: details.timeout,
            current_time: Arc::clone(&details.current_time),
            run_connector: Arc::clone(&details.run_connector),
            register_shutdown: Arc::clone(&details.register_shutdown),
        }
    }

    fn connect<In: Transport, C: Connector<In>>(
        self,
        connector: &C,
    ) -> Result<Option<C::Out>, Error> {
        let details = ConnectionDetails {
            uri: &self.uri,
            addrs: self.addrs,
            config: &self.config,
            request_level: self.request_level,
            // For a proxy's own name: that of the target is resolved already.
            resolver: &DefaultResolver::default(),
            now: self.now,
            timeout: self.timeout,
            current_time: self.current_time,
            run_connector: self.run_connector,
            register_shutdown: self.register_shutdown,
        };
        connector.connect(&details, None)
    }
}

/// A connection whose reads wait in slices, where a canceller is in force, and look in between.
#[derive(Debug)]
struct SlicedTransport<T>(T);

impl<T: Transport> Transport for SlicedTransport<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        if !is_in_force() {
            return self.0.await_input(timeout);
        }
        let whole = timeout.for_read();
        let mut left = whole.after;
        loop {
            check().map_err(|_| GaveUp::error())?;
            let slice = left.min(Duration::Exact(SLICE));
            let within = NextTimeout {
                after: slice,
                per_read: None,
                ..whole
            };
            match (self.0.await_input(within), left) {
                (Err(Error::Timeout(_)), Duration::NotHappening) => {}
                (Err(Error::Timeout(_)), Duration::Exact(rest)) if slice < left => {
                    left = Duration::Exact(rest.saturating_sub(SLICE));
                }
                (read, _) => return read,
            }
        }
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}
