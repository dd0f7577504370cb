//! How many connections there are at once.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::connection::{Connection, Progress};

/// How many connections the API holds at once, and how many the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) api: usize,
    pub(crate) storage: usize,
}

impl Places {
    const MOST: usize = 10_000;

    /// As many as this process may have, with its limit of descriptors raised as far as it goes.
    pub(crate) fn raised() -> Self {
        Self::within(descriptors())
    }

    /// Of few descriptors, a quarter is the storage's, so that who holds the API's connections does not take those
    /// of the storage, and as many are left for other work.
    fn within(descriptors: u64) -> Self {
        let quarter = usize::try_from(descriptors / 4).unwrap_or(usize::MAX / 4);
        Self {
            api: (2 * quarter).clamp(1, Self::MOST),
            storage: quarter.clamp(1, Self::MOST),
        }
    }
}

#[cfg(unix)]
fn descriptors() -> u64 {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // Where that is refused, what there was must do.
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    current.unwrap_or(u64::MAX)
}

#[cfg(not(unix))]
const fn descriptors() -> u64 {
    u64::MAX
}

/// A listener that holds at most so many connections at once; further ones wait.
pub(crate) struct Limited {
    listener: TcpListener,
    free: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
}

impl Limited {
    pub(crate) fn new(
        listener: TcpListener,
        places: usize,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        Self {
            listener,
            free: Arc::new(Semaphore::new(places)),
            stopped,
        }
    }
}

impl Listener for Limited {
    type Io = Connection<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        // The semaphore is never closed, so this waits and does not fail.
        let place = Arc::clone(&self.free).acquire_owned().await.ok();
        // Where there is no descriptor left, this waits a second and tries again.
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let connection = Connection::new(stream, self.stopped.clone(), place);
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Limited>> for Progress {
    fn connect_info(stream: IncomingStream<'_, Limited>) -> Self {
        stream.io().progress().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_as_the_descriptors_allow() {
        let within = |descriptors| {
            let Places { api, storage } = Places::within(descriptors);
            (api, storage)
        };
        assert_eq!(within(u64::MAX), (10_000, 10_000));
        assert_eq!(within(20_000), (10_000, 5_000));
        assert_eq!(within(1_024), (512, 256));
        assert_eq!(within(0), (1, 1));
    }
}
