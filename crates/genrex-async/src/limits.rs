use std::io;
use std::time::{Duration, Instant};

use genrex_core::{SendOptions, TransportError, TransportErrorKind};

use crate::transport::monotonic;

/// How long an exchange may take, which began when this was made.
///
/// reqwest could hold the total time too, with a timer on the thread that connections are read on: that thread may
/// be busy, and a timer more is a wake more.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    began: Instant,
    idle: Duration,
    total: Duration,
}

impl Limits {
    pub(crate) fn from_now(options: SendOptions) -> Self {
        Self {
            began: monotonic(),
            idle: options.idle_timeout,
            total: options.total_timeout,
        }
    }

    /// What comes next, the head or a part of the body, if it comes in time.
    pub(crate) async fn hold<F: Future>(&self, next: F) -> Result<F::Output, TransportError> {
        let gone = monotonic().duration_since(self.began);
        let limit = self.idle.min(self.total.saturating_sub(gone));
        // What is there already would come without any time left.
        if limit.is_zero() {
            return Err(elapsed());
        }
        let held = tokio::time::timeout(limit, next).await;
        held.map_err(|_| elapsed())
    }
}

pub(crate) fn elapsed() -> TransportError {
    let error = io::Error::from(io::ErrorKind::TimedOut);
    TransportError::with_source(TransportErrorKind::Timeout, error)
}
