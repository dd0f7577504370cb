use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::sign::UnixMillis;
use genrex_core::{
    AddressPolicy, Body, Cancelled, Error, ErrorKind, Moment, Now, Route, SendOptions, Transport,
    TransportError, TransportErrorKind,
};

use crate::failure::{read_failure, send_failure};
use crate::resolver::{FilteringResolver, Targets};

/// A [`Transport`] over reqwest.
///
/// It holds one HTTP client a [`Route`]: the paid one keeps no connection, the one for assets reaches
/// only the addresses that it may.
#[derive(Debug, Clone)]
pub struct ReqwestTransport {
    paid: reqwest::Client,
    api: reqwest::Client,
    asset: reqwest::Client,
    policy: AddressPolicy,
    /// The hosts that assets are asked of now.
    targets: Targets,
    began: Instant,
}

impl ReqwestTransport {
    /// A transport whose HTTP clients are built by `configure`, and then told what genrex must be sure
    /// of.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`] if reqwest cannot be built.
    pub fn new(
        policy: AddressPolicy,
        configure: impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Result<Self, Error> {
        check_provider()?;
        let begin = || configure(with_proxy(with_backend(reqwest::Client::builder()), policy));
        let targets = Targets::default();
        Ok(Self {
            paid: finish(begin().pool_max_idle_per_host(0))?,
            api: finish(begin())?,
            asset: finish(match policy {
                AddressPolicy::Any => begin(),
                _ => {
                    let resolver = FilteringResolver::new(policy, targets.clone());
                    begin().dns_resolver(Arc::new(resolver))
                }
            })?,
            policy,
            targets,
            began: monotonic(),
        })
    }

    fn of(&self, route: Route) -> &reqwest::Client {
        match route {
            Route::Paid => &self.paid,
            Route::Asset => &self.asset,
            _ => &self.api,
        }
    }
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        let mut request = reqwest::Request::try_from(request).map_err(|error| {
            TransportError::with_source(TransportErrorKind::Request, error.without_url())
        })?;
        *request.timeout_mut() = Some(options.total_timeout);
        // Held until the head is here; an address in place of a name is not resolved.
        let _target = match (options.route, request.url().host_str()) {
            (Route::Asset, Some(host)) => Some(self.targets.hold(host, self.policy)?),
            _ => None,
        };
        let sent = self.of(options.route).execute(request);
        let response = match tokio::time::timeout(options.idle_timeout, sent).await {
            Ok(response) => response.map_err(send_failure)?,
            Err(elapsed) => {
                return Err(TransportError::with_source(
                    TransportErrorKind::Timeout,
                    elapsed,
                ));
            }
        };
        let mut head = http::Response::new(());
        *head.status_mut() = response.status();
        *head.version_mut() = response.version();
        head.headers_mut().clone_from(response.headers());
        Ok(head.map(|()| -> Box<dyn Body> {
            Box::new(ReqwestBody {
                response,
                idle_timeout: options.idle_timeout,
            })
        }))
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

struct ReqwestBody {
    response: reqwest::Response,
    idle_timeout: Duration,
}

#[async_trait]
impl Body for ReqwestBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        match tokio::time::timeout(self.idle_timeout, self.response.chunk()).await {
            Ok(chunk) => chunk.map_err(read_failure),
            Err(elapsed) => Err(TransportError::with_source(
                TransportErrorKind::Timeout,
                elapsed,
            )),
        }
    }
}

/// What genrex must be sure of, whatever the caller configured.
fn finish(http: reqwest::ClientBuilder) -> Result<reqwest::Client, Error> {
    http.redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        .connect_timeout(SendOptions::CONNECT_TIMEOUT)
        .build()
        .map_err(|error| {
            Error::new(ErrorKind::Configuration, "the HTTP client cannot be built")
                .with_source(error)
        })
}

/// A call to this machine needs no proxy, and a proxy in the environment would be shown its signature,
/// over plain http. One that the caller configures is the caller's wish.
fn with_proxy(http: reqwest::ClientBuilder, policy: AddressPolicy) -> reqwest::ClientBuilder {
    match policy {
        AddressPolicy::Any => http.no_proxy(),
        _ => http,
    }
}

/// With two TLS libraries compiled in, reqwest would change over to the operating system's.
fn with_backend(http: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
    #[cfg(feature = "rustls-no-provider")]
    let http = http.tls_backend_rustls();
    http
}

/// Without a crypto provider reqwest panics; a library says so instead.
fn check_provider() -> Result<(), Error> {
    #[cfg(all(feature = "rustls-no-provider", not(feature = "rustls")))]
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let message =
            "no rustls crypto provider is installed; install one, or turn on the feature `rustls`";
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is where an async client's time comes from"
)]
fn monotonic() -> Instant {
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
