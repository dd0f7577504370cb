//! A server on loopback that does with each connection as it is told, and keeps what it saw.

use std::future::poll_fn;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};

pub(super) use self::connection::{Connection, Received};

mod connection;

/// A server whose connections are each handled by the same function, on a thread each.
pub(super) struct Server {
    address: SocketAddr,
    log: Arc<Log>,
    listener: Option<JoinHandle<()>>,
}

/// What a server saw so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// The connections that came.
    pub(super) connections: usize,
    /// The requests that came whole.
    pub(super) requests: Vec<Received>,
    /// The bytes that came and belong to no request.
    pub(super) stray: usize,
    /// The connections that the other side closed while it was waited for.
    pub(super) given_up: usize,
    /// The connections that the other side kept, until the server closed them.
    pub(super) outlasted: usize,
}

type Handler = dyn Fn(&mut Connection) + Send + Sync;

impl Server {
    /// Starts one on `127.0.0.1`.
    ///
    /// # Panics
    ///
    /// If no port is free.
    pub(super) fn start(handle: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port of loopback");
        Self::on(listener, Arc::new(handle))
    }

    /// Starts one on `[::1]`, if this machine has such an address.
    pub(super) fn start_v6(
        handle: impl Fn(&mut Connection) + Send + Sync + 'static,
    ) -> Option<Self> {
        let listener = TcpListener::bind("[::1]:0").ok()?;
        Some(Self::on(listener, Arc::new(handle)))
    }

    /// One that reads a request, writes these bytes and closes.
    pub(super) fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::start(move |connection| {
            if connection.request().is_some() {
                connection.write(&bytes);
                connection.finish();
            }
        })
    }

    /// One that answers every request of a connection with these bytes, and never closes one by itself.
    pub(super) fn keeping(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::start(move |connection| {
            while connection.request().is_some() {
                connection.write(&bytes);
            }
        })
    }

    fn on(listener: TcpListener, handle: Arc<Handler>) -> Self {
        let address = listener.local_addr().expect("an address of loopback");
        let log = Arc::new(Log::default());
        let thread = thread::spawn({
            let log = Arc::clone(&log);
            move || listen(&listener, &handle, &log)
        });
        Self {
            address,
            log,
            listener: Some(thread),
        }
    }

    /// `http://ADDRESS:PORT`, and this path.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Its address and port, as in a URL.
    pub(super) fn authority(&self) -> String {
        self.address.to_string()
    }

    pub(super) const fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it saw so far. A request is noted before it is answered.
    pub(super) fn seen(&self) -> Seen {
        self.log.state().seen.clone()
    }

    /// Waits until what was seen is enough.
    pub(super) async fn until(&self, enough: impl Fn(&Seen) -> bool + Send) {
        poll_fn(|context| {
            let mut state = self.log.state();
            if enough(&state.seen) {
                return Poll::Ready(());
            }
            state.waker = Some(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    /// Ends it, and returns what it saw: of each connection that was made before, and every byte that had
    /// come.
    pub(super) fn stop(mut self) -> Seen {
        self.end();
        self.seen()
    }

    fn end(&mut self) {
        let Some(listener) = self.listener.take() else {
            return;
        };
        {
            // Whatever was connected before this is accepted before it. The lock is held until its address is
            // known, so that it is not taken for one more.
            let mut state = self.log.state();
            let marker = TcpStream::connect(self.address);
            state.marker = marker.as_ref().ok().and_then(|own| own.local_addr().ok());
            state.stopping = true;
            if state.marker.is_none() {
                // Nothing wakes the listener: it is left to the end of the process.
                return;
            }
        }
        // A thread that panicked has said so.
        let _ = listener.join();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// What the threads of a server share.
#[derive(Default)]
struct Log(Mutex<State>);

#[derive(Default)]
struct State {
    seen: Seen,
    stopping: bool,
    marker: Option<SocketAddr>,
    waker: Option<Waker>,
}

impl Log {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn saw(&self, note: impl FnOnce(&mut Seen)) {
        let mut state = self.state();
        note(&mut state.seen);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

fn listen(listener: &TcpListener, handle: &Arc<Handler>, log: &Arc<Log>) {
    let mut threads = Vec::new();
    while let Ok((stream, peer)) = listener.accept() {
        if log.state().marker == Some(peer) {
            break;
        }
        let mut number = 0;
        log.saw(|seen| {
            number = seen.connections;
            seen.connections += 1;
        });
        let (handle, log) = (Arc::clone(handle), Arc::clone(log));
        threads.push(thread::spawn(move || {
            handle(&mut Connection::new(stream, number, log));
        }));
    }
    for thread in threads {
        // A thread that panicked has said so.
        let _ = thread.join();
    }
}
