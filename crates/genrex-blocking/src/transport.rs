use std::io::Read as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::sign::UnixMillis;
use genrex_core::{
    AddressPolicy, Body, Cancelled, Error, Moment, Now, Route, SendOptions, Transport,
    TransportError, TransportErrorKind,
};
use ureq::Agent;
use ureq::config::Config;
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector};

use crate::Canceller;
use crate::failure::{BeforeSend, read_failure, send_failure};
use crate::resolver::FilteringResolver;

/// ureq's own configuration, being built.
pub type HttpBuilder = ureq::config::ConfigBuilder<ureq::typestate::AgentScope>;

/// A [`Transport`] over ureq. Its futures are always ready: they block.
///
/// It holds one HTTP client a [`Route`]: the paid one keeps no connection, the one for assets reaches
/// only the addresses that it may.
#[derive(Debug, Clone)]
pub struct UreqTransport {
    paid: Agent,
    api: Agent,
    asset: Agent,
    canceller: Canceller,
    began: Instant,
}

impl UreqTransport {
    /// A transport whose HTTP clients are configured by `configure`, and then told what genrex must be
    /// sure of.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](genrex_core::ErrorKind) if there is no crypto provider.
    pub fn new(
        policy: AddressPolicy,
        configure: impl Fn(HttpBuilder) -> HttpBuilder,
    ) -> Result<Self, Error> {
        check_provider()?;
        let begin = || configure(with_proxy(with_backend(Config::builder()), policy));
        Ok(Self {
            paid: finish(begin().max_idle_connections(0), AddressPolicy::Any),
            api: finish(begin(), AddressPolicy::Any),
            asset: finish(begin(), policy),
            canceller: Canceller::new(),
            began: monotonic(),
        })
    }

    pub(crate) fn cancelled_by(&self, canceller: &Canceller) -> Self {
        Self {
            canceller: canceller.clone(),
            ..self.clone()
        }
    }

    fn of(&self, route: Route) -> &Agent {
        match route {
            Route::Paid => &self.paid,
            Route::Asset => &self.asset,
            _ => &self.api,
        }
    }

    fn run(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<ureq::Body>, ureq::Error> {
        let agent = self.of(options.route);
        let (head, body) = request.into_parts();
        // To ureq an empty body is a body, and a GET would have a Content-Length.
        if body.is_empty() {
            agent.run(limit(agent, http::Request::from_parts(head, ()), options))
        } else {
            agent.run(limit(
                agent,
                http::Request::from_parts(head, &body[..]),
                options,
            ))
        }
    }
}

#[async_trait]
impl Transport for UreqTransport {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        if self.canceller.is_cancelled() {
            return Err(TransportError::with_source(
                TransportErrorKind::Cancelled,
                Cancelled,
            ));
        }
        let response = self.run(request, options).map_err(send_failure)?;
        Ok(response.map(|body| -> Box<dyn Body> {
            Box::new(UreqBody {
                reader: body.into_reader(),
            })
        }))
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        self.canceller.sleep(duration)
    }

    fn now(&self) -> Now {
        Now {
            moment: Moment::new(monotonic().duration_since(self.began)),
            wall: wall(),
        }
    }
}

struct UreqBody {
    reader: ureq::BodyReader<'static>,
}

#[async_trait]
impl Body for UreqBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        const SIZE: usize = 16 * 1024;
        let mut buffer = vec![0; SIZE];
        match self.reader.read(&mut buffer) {
            Ok(0) => Ok(None),
            Ok(length) => {
                buffer.truncate(length);
                Ok(Some(buffer.into()))
            }
            Err(error) => Err(read_failure(error)),
        }
    }
}

/// Marks what fails before a request is sent.
#[derive(Debug)]
struct Marking(DefaultConnector);

impl Connector for Marking {
    type Out = <DefaultConnector as Connector>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        self.0.connect(details, chained).map_err(BeforeSend::mark)
    }
}

/// What genrex must be sure of, whatever the caller configured.
fn finish(http: HttpBuilder, policy: AddressPolicy) -> Agent {
    let config = http
        .max_redirects(0)
        .http_status_as_error(false)
        .save_redirect_history(false)
        // The empty name means that the header is not sent.
        .accept_encoding("")
        .timeout_connect(Some(SendOptions::CONNECT_TIMEOUT))
        .build();
    let connector = Marking(DefaultConnector::default());
    Agent::with_parts(config, connector, FilteringResolver::new(policy))
}

fn limit<S: ureq::AsSendBody>(
    agent: &Agent,
    request: http::Request<S>,
    options: SendOptions,
) -> http::Request<S> {
    agent
        .configure_request(request)
        .timeout_per_call(Some(options.total_timeout))
        .timeout_per_read(Some(options.idle_timeout))
        .build()
}

/// A call to this machine needs no proxy, and a proxy in the environment would be shown its signature,
/// over plain http. One that the caller configures is the caller's wish.
fn with_proxy(http: HttpBuilder, policy: AddressPolicy) -> HttpBuilder {
    match policy {
        AddressPolicy::Any => http.proxy(None),
        _ => http,
    }
}

fn with_backend(http: HttpBuilder) -> HttpBuilder {
    #[cfg(all(feature = "native-tls", not(feature = "rustls-no-provider")))]
    let http = {
        let native = ureq::tls::TlsConfig::builder().provider(ureq::tls::TlsProvider::NativeTls);
        http.tls_config(native.build())
    };
    http
}

/// Without a crypto provider ureq panics; a library says so instead.
fn check_provider() -> Result<(), Error> {
    #[cfg(all(feature = "rustls-no-provider", not(feature = "rustls")))]
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let message =
            "no rustls crypto provider is installed; install one, or turn on the feature `rustls`";
        return Err(Error::new(genrex_core::ErrorKind::Configuration, message));
    }
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is where a blocking client's time comes from"
)]
fn monotonic() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is where a blocking client's time comes from"
)]
fn wall() -> UnixMillis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    UnixMillis::new(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
