use std::collections::VecDeque;
use std::fmt;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, Scope};
use std::time::Duration;

/// A raw TCP server that does as it is told with each connection, in turn, and keeps what it read.
#[derive(Debug)]
pub struct FaultServer {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    received: Vec<Received>,
    connections: usize,
    /// The connections that have threads of their own, to be closed when the server ends.
    open: Vec<(usize, TcpStream)>,
    is_over: bool,
}

/// What is done with a connection.
pub enum Act {
    /// Read a request, write these bytes, close.
    Write(Vec<u8>),
    /// Read a request, write what is made of it, close.
    Make(Make),
    /// Read requests and write what is made of each, until the other side closes. Other connections are
    /// served meanwhile.
    KeepAlive(fn(&Received) -> Vec<u8>),
    /// Read a request, and go on as is chosen for it. Other connections are served meanwhile.
    Route(Choose),
    /// Write these bytes unasked, close.
    Greet(Vec<u8>),
    /// Close at once, reading nothing.
    Close,
    /// Reset when the first bytes are there, reading none of them.
    ResetUnread,
    /// Read a request, then reset.
    ResetRead,
    /// Read a request, write these bytes, then reset.
    WriteThenReset(Vec<u8>),
    /// Read a request and say nothing until the other side gives up.
    Hang,
    /// Read a request, write these bytes, and go on writing the rest until the other side gives up.
    Endless(Vec<u8>, &'static [u8]),
}

/// Chooses what is done with a request.
pub(crate) type Choose = Arc<dyn Fn(&Received) -> Act + Send + Sync>;

/// Makes an answer of a request.
type Make = Box<dyn FnOnce(&Received) -> Vec<u8> + Send>;

impl fmt::Debug for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Act")
    }
}

/// A request that a server read.
#[derive(Debug, Clone)]
pub struct Received {
    /// The connection that it came by: 1 for the server's first.
    pub connection: usize,
    /// Method and target.
    pub line: String,
    /// Name, in lower case, and value.
    pub headers: Vec<(String, String)>,
    /// The bytes after the head.
    pub body: Vec<u8>,
}

impl Received {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(own, _)| own == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl FaultServer {
    /// Starts a server whose connections meet these acts in turn; further ones are closed at once.
    ///
    /// # Panics
    ///
    /// If no port of loopback is free.
    #[must_use]
    pub fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let acts: VecDeque<Act> = acts.into_iter().collect();
        let state = Arc::new(Mutex::new(State::default()));
        let thread = std::thread::spawn({
            let state = Arc::clone(&state);
            move || std::thread::scope(|scope| serve(scope, &listener, acts, &state))
        });
        Self {
            address,
            state,
            thread: Some(thread),
        }
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// The requests that it read.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        locked(&self.state).received.clone()
    }

    /// How many connections came.
    #[must_use]
    pub fn connections(&self) -> usize {
        locked(&self.state).connections
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        let mut state = locked(&self.state);
        state.is_over = true;
        for (_, stream) in &state.open {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        // Wakes the listener.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            // A server that panicked has failed its test already.
            let _ = thread.join();
        }
    }
}

fn serve<'s>(
    scope: &'s Scope<'s, '_>,
    listener: &TcpListener,
    mut acts: VecDeque<Act>,
    state: &'s Mutex<State>,
) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let mut now = locked(state);
        if now.is_over {
            return;
        }
        now.connections += 1;
        let connection = Connection {
            number: now.connections,
            stream,
            state,
        };
        match acts.pop_front().unwrap_or(Act::Close) {
            act @ (Act::KeepAlive(_) | Act::Route(_)) => {
                let handle = connection.stream.try_clone().expect("a handle");
                now.open.push((connection.number, handle));
                scope.spawn(move || connection.act(act));
            }
            act => {
                drop(now);
                connection.act(act);
            }
        }
    }
}

/// One connection to a server.
struct Connection<'s> {
    number: usize,
    stream: TcpStream,
    state: &'s Mutex<State>,
}

impl Connection<'_> {
    fn act(mut self, act: Act) {
        // Nobody waits for ever on a test that failed.
        let limit = Some(Duration::from_secs(30));
        let _ = self.stream.set_read_timeout(limit);
        let _ = self.stream.set_write_timeout(limit);
        match act {
            Act::Close => {}
            Act::Greet(bytes) => self.write_and_finish(&bytes),
            Act::ResetUnread => {
                // Closing with unread bytes is a reset.
                let _ = self.stream.peek(&mut [0]);
                reset(&self.stream);
            }
            act => {
                if let Some(request) = self.read_request() {
                    self.respond(act, &request);
                }
            }
        }
    }

    /// Does the rest of an act, once a request was read.
    fn respond(mut self, act: Act, request: &Received) {
        match act {
            Act::Close | Act::ResetUnread => {}
            Act::Write(bytes) | Act::Greet(bytes) => self.write_and_finish(&bytes),
            Act::Make(make) => self.write_and_finish(&make(request)),
            Act::Route(choose) => self.respond(choose(request), request),
            Act::KeepAlive(make) => {
                let first = self.stream.write_all(&make(request));
                if first.is_ok() {
                    self.keep_alive(make);
                }
            }
            Act::ResetRead => reset(&self.stream),
            Act::WriteThenReset(bytes) => {
                let _ = self.stream.write_all(&bytes);
                // The bytes are to arrive before the reset does.
                wait_until_taken(&self.stream);
                reset(&self.stream);
            }
            // Ends when the other side does.
            Act::Hang => drop(self.stream.read(&mut [0])),
            Act::Endless(head, rest) => {
                let _ = self.stream.write_all(&head);
                while self.stream.write_all(rest).is_ok() {}
            }
        }
    }

    fn write_and_finish(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
        finish(&mut self.stream);
    }

    fn keep_alive(mut self, make: fn(&Received) -> Vec<u8>) {
        while let Some(request) = self.read_request() {
            if self.stream.write_all(&make(&request)).is_err() {
                break;
            }
        }
    }

    fn read_request(&mut self) -> Option<Received> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            if let Some(request) = parse(self.number, &bytes) {
                locked(self.state).received.push(request.clone());
                return Some(request);
            }
            match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(length) => bytes.extend_from_slice(&buffer[..length]),
            }
        }
    }
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        // The server's own handle would keep it open.
        let own = self.number;
        locked(self.state).open.retain(|(number, _)| *number != own);
    }
}

/// Closes as a server does: says that it is done, and reads what is left.
fn finish(stream: &mut TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read(&mut [0; 1024]);
}

fn reset(stream: &TcpStream) {
    let _ = socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Gives the other side's kernel the bytes: on loopback a write is delivered when it returns, and the
/// reader is given its turn.
fn wait_until_taken(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    for _ in 0..100 {
        std::thread::yield_now();
    }
}

/// A request, when all of it is there.
fn parse(connection: usize, bytes: &[u8]) -> Option<Received> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut lines = head.lines();
    let line = lines.next()?.strip_suffix(" HTTP/1.1")?.to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let mut request = Received {
        connection,
        line,
        headers,
        body: bytes[end + 4..].to_vec(),
    };
    let length = request
        .header("content-length")
        .map_or(Some(0), |length| length.parse().ok())?;
    (request.body.len() >= length).then(|| {
        request.body.truncate(length);
        request
    })
}

/// An answer with these headers, a length and a body; the connection closes after it.
#[must_use]
pub fn answer(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut head = format!(
        "HTTP/1.1 {status} Status\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

/// An answer of JSON.
#[must_use]
pub fn json(status: u16, body: &str) -> Vec<u8> {
    answer(status, &[("Content-Type", "application/json")], body)
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
