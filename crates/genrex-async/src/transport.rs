use std::env;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::sign::UnixMillis;
use genrex_core::{
    BaseUrl, Body, Cancelled, EnvironmentProxy, Error, ErrorKind, Moment, Now, Route, SendOptions,
    Timeouts, Transport, TransportError, TransportErrorKind,
};

use crate::body::Begun;
use crate::clients::Clients;
use crate::connector::Connecting;
use crate::limits::{self, Limits};
use crate::network::Network;
use crate::resolver::Targets;
use crate::tls;
use crate::transport_error::send_failure;

/// A [`Transport`] over reqwest.
///
/// A paid request goes over a connection of its own, and one for an asset reaches only the addresses that
/// it may. Plain `http`, which is spoken to this machine alone, never goes
/// through a proxy that the environment names.
#[derive(Debug, Clone)]
pub struct ReqwestTransport {
    clients: Arc<Clients>,
    /// The hosts that assets are asked of now.
    targets: Targets,
    network: Network,
    began: Instant,
}

impl ReqwestTransport {
    /// A transport whose HTTP clients are built by `configure`, and then told what genrex must be sure
    /// of. It goes through the proxy that the environment names.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] if reqwest cannot be built, or the environment names a proxy that
    /// cannot be used.
    pub fn new(
        configure: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Result<Self, Error> {
        let transport = Self::through_proxy(Wire::default(), configure)?;
        transport.clients.build("http")?;
        transport.clients.build("https")?;
        Ok(transport)
    }

    pub(crate) fn through_proxy(
        wire: Wire,
        configure: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Result<Self, Error> {
        const FOR_HTTP: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
        // reqwest reads it by itself, by the same rules; what it would pass over is refused here.
        EnvironmentProxy::from_variables(|name| env::var_os(name), cfg!(feature = "socks"))?;
        let is_http_proxied = FOR_HTTP.iter().any(|name| env::var_os(name).is_some());
        let plain = |http: reqwest::ClientBuilder| match is_http_proxied {
            true => configure(http.no_proxy()),
            false => configure(http),
        };
        Self::with(wire, &plain, &configure)
    }

    /// One that no proxy of the environment's is for: the API is on this machine.
    pub(crate) fn direct(
        wire: Wire,
        configure: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Result<Self, Error> {
        let direct = |http: reqwest::ClientBuilder| configure(http.no_proxy());
        Self::with(wire, &direct, &direct)
    }

    /// Builds what a call to the API goes over, so that what cannot work is told at once.
    pub(crate) fn built_for(self, base_url: &BaseUrl) -> Result<Self, Error> {
        let scheme = base_url.as_str().split(':').next().unwrap_or_default();
        self.clients.build(scheme)?;
        Ok(self)
    }

    fn with(
        wire: Wire,
        plain: &impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
        secure: &impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Result<Self, Error> {
        tls::check_provider()?;
        let targets = Targets::default();
        let network = Network::start().map_err(|error| {
            Error::new(
                ErrorKind::Configuration,
                "the network's thread cannot be started",
            )
            .with_source(error)
        })?;
        Ok(Self {
            clients: Arc::new(Clients::new(wire, &targets, plain, secure)),
            targets,
            network,
            began: monotonic(),
        })
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        let request = reqwest::Request::try_from(request).map_err(|error| {
            TransportError::with_source(TransportErrorKind::Request, error.without_url())
        })?;
        // Held until the head is here; an address in place of a name is not resolved.
        let _target = match (options.route, request.url().host_str()) {
            (Route::Asset, Some(host)) => Some(self.targets.hold(host, options.addresses)?),
            _ => None,
        };
        let connecting = Connecting::within(options.connect_timeout);
        let client = self.clients.client(&request, options)?;
        let scope = connecting.clone();
        let reads_on = options.route != Route::Asset;
        let sent = async move {
            let response = scope.scope(client.execute(request)).await?;
            Some(match response {
                Ok(response) if reads_on => Ok(Begun::read_on(response).await),
                Ok(response) => Ok(Begun::at_head(response)),
                Err(error) => Err(error),
            })
        };
        // From here on: building a client takes milliseconds, and no time of the service's.
        let limit = Limits::from_now(options);
        let mut exchange = self.network.run(sent);
        let answered = match limit.hold(&mut exchange).await {
            Ok(answered) => answered,
            // The paid client keeps no connections: there was none that it could have left by.
            Err(elapsed) if options.route == Route::Paid && connecting.give_up() => {
                let kind = TransportErrorKind::ConnectTimeout;
                return Err(TransportError::with_source(kind, elapsed));
            }
            Err(_) => exchange.give_up(),
        };
        let begun = match answered.flatten() {
            Some(answered) => answered.map_err(send_failure)?,
            None => return Err(limits::elapsed()),
        };
        Ok(begun.within(limit, self.network.clone()))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is where an async client waits"
    )]
    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        tokio::time::sleep(duration).await;
        Ok(())
    }

    fn now(&self) -> Now {
        Now {
            moment: Moment::new(monotonic().duration_since(self.began)),
            wall: wall(),
        }
    }
}

/// What its user says of the connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wire {
    pub(crate) timeouts: Timeouts,
    /// How many calls may be in flight at once.
    pub(crate) most: usize,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            most: genrex_core::Client::MAX_IN_FLIGHT.get(),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is where an async client's time comes from"
)]
pub(crate) fn monotonic() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is where an async client's time comes from"
)]
fn wall() -> UnixMillis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    UnixMillis::new(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
