//! How long a connection may take to stand, for each request its own, and whether it came to stand.
//!
//! reqwest has one connect time-out a client. This layer around its connector keeps the request's.

use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tower_layer::Layer;
use tower_service::Service;

tokio::task_local! {
    static CONNECTING: Connecting;
}

/// What one request knows of its connection.
#[derive(Debug, Clone)]
pub(crate) struct Connecting {
    within: Duration,
    seen: Arc<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// Whether a connection was begun.
    began: AtomicBool,
    /// Whether one came to stand.
    stands: AtomicBool,
}

impl Connecting {
    pub(crate) fn within(within: Duration) -> Self {
        Self {
            within,
            seen: Arc::default(),
        }
    }

    /// Runs a request; the connections that it asks for are this one's.
    pub(crate) async fn scope<F: Future>(&self, request: F) -> F::Output {
        CONNECTING.scope(self.clone(), request).await
    }

    /// Whether a connection was begun and none came to stand: over a client that keeps no connections, that
    /// is proof that nothing left.
    pub(crate) fn never_stood(&self) -> bool {
        self.seen.began.load(Ordering::Acquire) && !self.seen.stands.load(Ordering::Acquire)
    }
}

/// Puts [`TimedConnector`] around reqwest's connector.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimedLayer;

impl<S> Layer<S> for TimedLayer {
    type Service = TimedConnector<S>;

    fn layer(&self, connector: S) -> Self::Service {
        TimedConnector { connector }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct TimedConnector<S> {
    connector: S,
}

type BoxError = Box<dyn StdError + Send + Sync>;

impl<S, R> Service<R> for TimedConnector<S>
where
    S: Service<R, Error = BoxError>,
    S::Future: Send + 'static,
    S::Response: 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        // It is called on the request's own task; where it were not, reqwest's own time-out remains.
        let connecting = CONNECTING.try_with(Clone::clone).ok();
        let connection = self.connector.call(request);
        Box::pin(async move {
            let Some(connecting) = connecting else {
                return connection.await;
            };
            connecting.seen.began.store(true, Ordering::Release);
            let connection = tokio::time::timeout(connecting.within, connection);
            let connection = match connection.await {
                Ok(connection) => connection?,
                Err(elapsed) => {
                    let error = io::Error::new(io::ErrorKind::TimedOut, elapsed);
                    return Err(error.into());
                }
            };
            connecting.seen.stands.store(true, Ordering::Release);
            Ok(connection)
        })
    }
}
