//! How long a connection may take to stand, for each request its own, and whether it came to stand.
//!
//! reqwest has one connect time-out a client. This layer around its connector keeps the request's.

use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tower_layer::Layer;
use tower_service::Service;

tokio::task_local! {
    static CONNECTING: Connecting;
}

/// What one request knows of its connection.
///
/// Who waits for the request and who makes the connection are on two threads. They agree in one place whether a
/// connection stands or the request is given up before: never both.
#[derive(Debug, Clone)]
pub(crate) struct Connecting {
    within: Duration,
    stage: Arc<AtomicU8>,
}

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Stage {
    /// Nobody has begun it.
    Waiting,
    /// It is begun, and may go over a connection that is not known here.
    Begun,
    /// A connection of its own is being made.
    Connecting,
    /// One came to stand.
    Stands,
    /// It was given up while nothing of it could have left, and none will stand.
    GivenUp,
}

impl Connecting {
    pub(crate) fn within(within: Duration) -> Self {
        Self {
            within,
            stage: Arc::new(AtomicU8::new(Stage::Waiting as u8)),
        }
    }

    /// Runs a request; the connections that it asks for are this one's. Nothing comes of one that is given up.
    pub(crate) async fn scope<F: Future>(&self, request: F) -> Option<F::Output> {
        if !self.comes_to(Stage::Begun, &[Stage::Waiting]) {
            return None;
        }
        Some(CONNECTING.scope(self.clone(), request).await)
    }

    /// Gives it up. Whether that is known to be before anything left: over a client that keeps no connections it is
    /// proof of it.
    pub(crate) fn give_up(&self) -> bool {
        self.comes_to(Stage::GivenUp, &[Stage::Waiting, Stage::Connecting])
    }

    /// Whether it came to this stage, from one of those.
    fn comes_to(&self, stage: Stage, from: &[Stage]) -> bool {
        let next = |now: u8| {
            let is_from = from.iter().any(|from| *from as u8 == now);
            is_from.then_some(stage as u8)
        };
        let ordering = Ordering::AcqRel;
        let came = self.stage.fetch_update(ordering, Ordering::Acquire, next);
        came.is_ok()
    }

    /// A connection is begun; after another came to stand it changes nothing.
    fn connects(&self) {
        self.comes_to(Stage::Connecting, &[Stage::Begun]);
    }

    /// A connection stands, unless the request was given up.
    fn stands(&self) -> io::Result<()> {
        let before = [Stage::Begun, Stage::Connecting, Stage::Stands];
        if self.comes_to(Stage::Stands, &before) {
            Ok(())
        } else {
            Err(io::ErrorKind::TimedOut.into())
        }
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
            connecting.connects();
            let connection = tokio::time::timeout(connecting.within, connection);
            let connection = match connection.await {
                Ok(connection) => connection?,
                Err(elapsed) => {
                    let error = io::Error::new(io::ErrorKind::TimedOut, elapsed);
                    return Err(error.into());
                }
            };
            connecting.stands()?;
            Ok(connection)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;

    use super::*;

    fn connecting() -> Connecting {
        let connecting = Connecting::within(Duration::from_secs(1));
        assert!(connecting.comes_to(Stage::Begun, &[Stage::Waiting]));
        connecting.connects();
        connecting
    }

    #[test]
    fn either_it_is_given_up_or_a_connection_stands() {
        const TIMES: usize = 2_000;
        let requests: Vec<_> = (0..TIMES).map(|_| connecting()).collect();
        let together = Barrier::new(2);
        let (mut stood, mut given_up) = (Vec::new(), Vec::new());
        thread::scope(|scope| {
            scope.spawn(|| {
                for request in &requests {
                    together.wait();
                    stood.push(request.stands().is_ok());
                }
            });
            for request in &requests {
                together.wait();
                given_up.push(request.give_up());
            }
        });
        for (stood, given_up) in stood.into_iter().zip(given_up) {
            assert_ne!(stood, given_up);
        }
    }

    #[test]
    fn what_may_have_left_is_not_given_up() {
        let request = connecting();
        request.stands().unwrap();
        // Another connection does not make the first undone.
        request.connects();
        assert!(!request.give_up());
        // It may go over a connection that is not its own.
        let begun = Connecting::within(Duration::from_secs(1));
        assert!(begun.comes_to(Stage::Begun, &[Stage::Waiting]));
        assert!(!begun.give_up());
    }
}
