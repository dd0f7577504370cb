use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use genrex_core::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::RootCerts;
use ureq::unversioned::resolver::{DefaultResolver, Resolver as _};
use ureq::unversioned::transport::time::Instant;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector as _, LazyBuffers, NativeTlsConnector, NextTimeout,
    Transport,
};

use super::refused;

/// Has ureq make its connector, as it does at the first connection, over a connection that leads nowhere.
pub(super) fn check(config: &Config) -> Result<(), Error> {
    let tls = config.tls_config();
    if let RootCerts::Specific(certificates) = tls.root_certs()
        && !tls.disable_verification()
    {
        let is_readable = |root: &ureq::tls::Certificate<'_>| {
            native_tls::Certificate::from_der(root.der()).is_ok()
        };
        if !certificates.iter().any(is_readable) {
            return Err(refused("there is no root certificate that can be read"));
        }
    }
    let uri = Uri::from_static("https://localhost/");
    let resolver = DefaultResolver::default();
    let details = ConnectionDetails {
        uri: &uri,
        addrs: resolver.empty(),
        config,
        request_level: false,
        resolver: &resolver,
        now: Instant::AlreadyHappened,
        timeout: NextTimeout::default(),
        current_time: Arc::new(|| Instant::AlreadyHappened),
        run_connector: Arc::new(|_| Err(Reached::error())),
        register_shutdown: Arc::new(|_| Ok(())),
    };
    match NativeTlsConnector::default().connect(&details, Some(Nowhere::new())) {
        Err(ureq::Error::Other(other)) if other.is::<Reached>() => Ok(()),
        Ok(_) => Ok(()),
        Err(error) => Err(refused("TLS cannot be set up as it was configured").with_source(error)),
    }
}

/// A connection that nothing can be sent over.
struct Nowhere(LazyBuffers);

impl Nowhere {
    fn new() -> Self {
        const SIZE: usize = 16 * 1024;
        Self(LazyBuffers::new(SIZE, SIZE))
    }
}

impl Transport for Nowhere {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.0
    }

    fn transmit_output(&mut self, _: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        Err(Reached::error())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        Err(Reached::error())
    }

    fn is_open(&mut self) -> bool {
        false
    }
}

impl fmt::Debug for Nowhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nowhere").finish_non_exhaustive()
    }
}

/// The connector stands, and begins to speak.
#[derive(Debug)]
struct Reached;

impl Reached {
    fn error() -> ureq::Error {
        ureq::Error::Other(Box::new(Self))
    }
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this connection leads nowhere")
    }
}

impl StdError for Reached {}
