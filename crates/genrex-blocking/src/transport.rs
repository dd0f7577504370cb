use std::env;
use std::future::poll_fn;
use std::io::Read as _;
use std::num::NonZeroUsize;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::sign::UnixMillis;
use genrex_core::{
    AddressPolicy, Body, Cancelled, EnvironmentProxy, Error, Moment, Now, Route, SendOptions,
    Transport, TransportError, wake_within,
};
use ureq::Agent;
use ureq::config::Config;

use crate::connector::connector;
use crate::resolver::FilteringResolver;
use crate::transport_error::{read_failure, send_failure};
use crate::{canceller, proxy, tls};

/// ureq's own configuration, being built.
pub type HttpBuilder = ureq::config::ConfigBuilder<ureq::typestate::AgentScope>;

/// A [`Transport`] over ureq. Its requests block the thread that polls them. Its sleeps block nothing under
/// [`block_on`](genrex_core::block_on), and the thread elsewhere.
///
/// A paid request goes over a connection of its own, and one for an asset reaches only the addresses that
/// it may. Plain `http`, which is spoken to this machine alone, never goes
/// through a proxy that the environment names.
///
/// ureq takes a `100 Continue` that has fields for a broken answer: a submit that meets one is
/// [ambiguous](genrex_core::ErrorKind::Ambiguous).
#[derive(Debug, Clone)]
pub struct UreqTransport {
    agents: Agents,
    /// For plain `http`, where the environment names a proxy.
    without_proxy: Option<Agents>,
    began: Instant,
}

impl UreqTransport {
    /// A transport whose HTTP clients are configured by `configure`, and then told what genrex must be
    /// sure of. It goes through the proxy that the environment names.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Configuration`](genrex_core::ErrorKind) for TLS that cannot work, and if the
    /// environment names a proxy that cannot be used.
    pub fn new(configure: impl Fn(HttpBuilder) -> HttpBuilder) -> Result<Self, Error> {
        Self::through_proxy(genrex_core::Client::MAX_IN_FLIGHT, configure)
    }

    /// The same with so many calls in flight at once.
    pub(crate) fn through_proxy(
        most: NonZeroUsize,
        configure: impl Fn(HttpBuilder) -> HttpBuilder,
    ) -> Result<Self, Error> {
        let socks = cfg!(feature = "socks");
        let named = EnvironmentProxy::from_variables(|name| env::var_os(name), socks)?;
        let Some(named) = named else {
            return Self::direct(most, configure);
        };
        let named = proxy::named(&named)?;
        let proxied = |http: HttpBuilder| configure(http.proxy(Some(named.clone())));
        Ok(Self {
            agents: Agents::new(most, &proxied)?,
            without_proxy: Some(Agents::new(most, &without_proxy(&configure))?),
            began: monotonic(),
        })
    }

    /// One that no proxy of the environment's is for: the API is on this machine.
    pub(crate) fn direct(
        most: NonZeroUsize,
        configure: impl Fn(HttpBuilder) -> HttpBuilder,
    ) -> Result<Self, Error> {
        Ok(Self {
            agents: Agents::new(most, &without_proxy(&configure))?,
            without_proxy: None,
            began: monotonic(),
        })
    }

    fn run(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<ureq::Body>, ureq::Error> {
        let agents = match &self.without_proxy {
            Some(without_proxy) if request.uri().scheme_str() == Some("http") => without_proxy,
            _ => &self.agents,
        };
        let agent = agents.of(options);
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
        let response = self.run(request, options).map_err(send_failure)?;
        Ok(response.map(|body| -> Box<dyn Body> {
            Box::new(UreqBody {
                reader: body.into_reader(),
            })
        }))
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        let until = self.now().moment + duration;
        poll_fn(|_| {
            canceller::check()?;
            let left = until.since(self.now().moment);
            if left.is_zero() {
                Poll::Ready(Ok(()))
            } else if wake_within(left) {
                Poll::Pending
            } else {
                // Under another runtime nobody polls it again when its time has come.
                Poll::Ready(canceller::sleep(left))
            }
        })
        .await
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

/// What the caller configures, begun without the proxy that ureq finds in the environment.
fn without_proxy(
    configure: &impl Fn(HttpBuilder) -> HttpBuilder,
) -> impl Fn(HttpBuilder) -> HttpBuilder {
    |http| configure(http.proxy(None))
}

/// One HTTP client a way to go.
#[derive(Debug, Clone)]
struct Agents {
    /// Keeps no connection.
    alone: Agent,
    kept_alive: Agent,
    /// Reaches public addresses alone.
    public: Agent,
}

impl Agents {
    fn new(
        most: NonZeroUsize,
        configure: &impl Fn(HttpBuilder) -> HttpBuilder,
    ) -> Result<Self, Error> {
        let most = most.get();
        let begin = || configure(tls::with_backend(Config::builder()));
        Ok(Self {
            alone: finish(begin().max_idle_connections(0), AddressPolicy::Any)?,
            // No more are idle than may be in use again.
            kept_alive: finish(
                begin()
                    .max_idle_connections(most)
                    .max_idle_connections_per_host(most),
                AddressPolicy::Any,
            )?,
            public: finish(begin(), AddressPolicy::PublicOnly)?,
        })
    }

    fn of(&self, options: SendOptions) -> &Agent {
        match (options.route, options.addresses) {
            (Route::Paid, _) | (Route::Asset, AddressPolicy::Any) => &self.alone,
            (Route::Api, _) => &self.kept_alive,
            // A route or a policy that is not known yet gets the strictest.
            (_, _) => &self.public,
        }
    }
}

/// What genrex must be sure of, whatever the caller configured.
fn finish(http: HttpBuilder, policy: AddressPolicy) -> Result<Agent, Error> {
    let config = http
        .max_redirects(0)
        .http_status_as_error(false)
        .save_redirect_history(false)
        // The empty name means that the header is not sent.
        .accept_encoding("")
        .build();
    tls::check(&config)?;
    proxy::check(&config)?;
    let resolver = FilteringResolver::new(policy);
    Ok(Agent::with_parts(config, connector(), resolver))
}

fn limit<S: ureq::AsSendBody>(
    agent: &Agent,
    request: http::Request<S>,
    options: SendOptions,
) -> http::Request<S> {
    agent
        .configure_request(request)
        .timeout_resolve(Some(options.connect_timeout))
        .timeout_connect(Some(options.connect_timeout))
        .timeout_recv_response(Some(options.idle_timeout))
        .timeout_per_read(Some(options.idle_timeout))
        .timeout_per_call(Some(options.total_timeout))
        .build()
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
