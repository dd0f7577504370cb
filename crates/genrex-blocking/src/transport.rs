use std::env;
use std::future::poll_fn;
use std::io::Read as _;
use std::num::NonZeroUsize;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
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
        Ok(response.map(|body| -> Box<dyn Body> { Box::new(UreqBody::new(body)) }))
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
    /// How much is to come, where the answer says it.
    left: Option<u64>,
    /// The last chunk, whose memory is used again once nobody else has it.
    last: Bytes,
}

impl UreqBody {
    fn new(body: ureq::Body) -> Self {
        Self {
            left: body.content_length(),
            reader: body.into_reader(),
            last: Bytes::new(),
        }
    }

    /// Room for the next chunk: no more than will come. Of an answer that is over, only that is to be seen.
    fn room(&mut self) -> BytesMut {
        const MOST: usize = 64 * 1024;
        const UNTOLD: usize = 8 * 1024;
        let wanted = match self.left {
            Some(left) => usize::try_from(left).unwrap_or(MOST).clamp(1, MOST),
            None => UNTOLD,
        };
        match std::mem::take(&mut self.last).try_into_mut() {
            Ok(mut room) if room.len() >= wanted => {
                room.truncate(wanted);
                room
            }
            _ => BytesMut::zeroed(wanted),
        }
    }
}

#[async_trait]
impl Body for UreqBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        let mut room = self.room();
        match self.reader.read(&mut room) {
            Ok(0) => Ok(None),
            Ok(length) => {
                self.left = self.left.map(|left| left.saturating_sub(length as u64));
                self.last = room.freeze();
                // A few bytes must not keep the whole room for as long as somebody keeps them.
                Ok(Some(match length < self.last.len() / 4 {
                    true => Bytes::copy_from_slice(&self.last[..length]),
                    false => self.last.slice(..length),
                }))
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
    Ok(Agent::with_parts(config, connector(resolver), resolver))
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io;

    use genrex_core::block_on;

    use super::*;

    fn data() -> Vec<u8> {
        (0..=u8::MAX).cycle().step_by(7).take(300_000).collect()
    }

    fn next(body: &mut UreqBody) -> Option<Bytes> {
        block_on(body.chunk()).unwrap()
    }

    #[test]
    fn chunks_that_are_kept_stay_as_they_are() {
        let mut body = UreqBody::new(ureq::Body::builder().data(data()));
        let chunks: Vec<Bytes> = std::iter::from_fn(|| next(&mut body)).collect();
        assert!(chunks.len() > 1);
        assert_eq!(chunks.concat(), data());
    }

    #[test]
    fn the_memory_of_a_chunk_that_is_not_kept_is_used_again() {
        let mut body = UreqBody::new(ureq::Body::builder().data(data()));
        let (mut places, mut length) = (BTreeSet::new(), 0);
        while let Some(chunk) = next(&mut body) {
            places.insert(chunk.as_ptr());
            length += chunk.len();
        }
        assert_eq!((places.len(), length), (1, 300_000));
    }

    /// A server that sends byte by byte must not make whoever keeps the chunks keep a whole room for each.
    #[test]
    fn a_few_bytes_keep_no_more_than_a_few() {
        struct Slow(io::Cursor<Vec<u8>>);

        impl io::Read for Slow {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let one = buffer.len().min(1);
                self.0.read(&mut buffer[..one])
            }
        }

        let slow = Slow(io::Cursor::new(vec![7; 100]));
        let mut body = UreqBody::new(ureq::Body::builder().reader(slow));
        let chunks: Vec<Bytes> = std::iter::from_fn(|| next(&mut body)).collect();
        drop(body);
        assert_eq!(chunks.concat(), [7; 100]);
        for chunk in chunks {
            let kept = chunk.try_into_mut().unwrap().capacity();
            assert!(kept < 64, "{kept}");
        }
    }
}
