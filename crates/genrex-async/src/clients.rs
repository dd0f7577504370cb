//! reqwest's clients, one a way to go. Each is built when it is first needed: loading the roots for TLS takes
//! milliseconds, and most of what is called needs one client, or none that speaks TLS.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use genrex_core::{
    AddressPolicy, Error, ErrorKind, Route, SendOptions, Timeouts, TransportError,
    TransportErrorKind,
};

use crate::connector::TimedLayer;
use crate::resolver::{FilteringResolver, Targets};
use crate::tls;
use crate::transport::Wire;

/// By scheme, and by where a request goes.
#[derive(Debug)]
pub(crate) struct Clients {
    plain: Ways,
    secure: Ways,
}

#[derive(Debug)]
struct Ways {
    /// Keeps no connection.
    alone: Lazy,
    kept_alive: Lazy,
    /// Reaches public addresses alone.
    public: Lazy,
}

/// A client that is built when it is first needed.
#[derive(Debug)]
struct Lazy(Mutex<State>);

#[derive(Debug)]
enum State {
    Begun(Box<reqwest::ClientBuilder>),
    Built(reqwest::Client),
    Failed(Arc<reqwest::Error>),
    /// A panic left it.
    Lost,
}

impl Clients {
    /// For plain `http` they are configured by one, for `https` by the other.
    pub(crate) fn new(
        wire: Wire,
        targets: &Targets,
        plain: &impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
        secure: &impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Self {
        let plain = |http: reqwest::ClientBuilder| tls::without_roots(plain(http));
        Self {
            plain: Ways::new(wire, targets, &plain),
            secure: Ways::new(wire, targets, secure),
        }
    }

    /// Builds the one that free calls go over, by this scheme.
    pub(crate) fn build(&self, scheme: &str) -> Result<(), Error> {
        let built = self.of_scheme(scheme).kept_alive.get();
        built.map(drop).map_err(|error| {
            let message = "the HTTP client cannot be built";
            let failure = Error::new(ErrorKind::Configuration, message);
            error.into_iter().fold(failure, Error::with_source)
        })
    }

    /// The one that a request goes over.
    pub(crate) fn client(
        &self,
        request: &reqwest::Request,
        options: SendOptions,
    ) -> Result<reqwest::Client, TransportError> {
        let ways = self.of_scheme(request.url().scheme());
        let client = match (options.route, options.addresses) {
            (Route::Paid, _) | (Route::Asset, AddressPolicy::Any) => &ways.alone,
            (Route::Api, _) => &ways.kept_alive,
            // A route or a policy that is not known yet gets the strictest.
            (_, _) => &ways.public,
        };
        client.get().map_err(|error| match error {
            Some(error) => TransportError::with_source(TransportErrorKind::Request, error),
            None => TransportError::new(TransportErrorKind::Request),
        })
    }

    fn of_scheme(&self, scheme: &str) -> &Ways {
        if scheme == "http" {
            &self.plain
        } else {
            &self.secure
        }
    }
}

impl Ways {
    fn new(
        wire: Wire,
        targets: &Targets,
        configure: &impl Fn(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Self {
        let begin = || configure(tls::with_backend(reqwest::Client::builder()));
        let resolver = FilteringResolver::new(AddressPolicy::PublicOnly, targets.clone());
        let timeouts = wire.timeouts;
        Self {
            alone: Lazy::new(begin().pool_max_idle_per_host(0), timeouts),
            // No more are idle than may be in use again.
            kept_alive: Lazy::new(begin().pool_max_idle_per_host(wire.most), timeouts),
            public: Lazy::new(begin().dns_resolver(Arc::new(resolver)), timeouts),
        }
    }
}

impl Lazy {
    /// What genrex must be sure of comes after whatever the caller configured.
    fn new(http: reqwest::ClientBuilder, timeouts: Timeouts) -> Self {
        let begun = http
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            // The transport's own limits hold: a shorter one of the client's would end a paid call too early.
            .timeout(Duration::MAX)
            // Shared out among a name's addresses; a request's own may be shorter.
            .connect_timeout(timeouts.connect)
            .connector_layer(TimedLayer);
        Self(Mutex::new(State::Begun(Box::new(begun))))
    }

    fn get(&self) -> Result<reqwest::Client, Option<Arc<reqwest::Error>>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = match std::mem::replace(&mut *state, State::Lost) {
            State::Begun(begun) => match begun.build() {
                Ok(client) => State::Built(client),
                Err(error) => State::Failed(Arc::new(error)),
            },
            known => known,
        };
        match &*state {
            State::Built(client) => Ok(client.clone()),
            State::Failed(error) => Err(Some(Arc::clone(error))),
            State::Begun(_) | State::Lost => Err(None),
        }
    }
}
