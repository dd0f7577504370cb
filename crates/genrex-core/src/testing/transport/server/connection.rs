use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::Log;

/// How long one wait for the other side is, before it is looked whether the server is to stop.
const TICK: Duration = Duration::from_millis(20);
/// How many ticks a server waits for the other side in all: 10 s, where every time-out that must pass is
/// under 1 s.
const MOST_TICKS: u32 = 500;

/// A connection that came to a server.
pub(in super::super) struct Connection {
    stream: TcpStream,
    number: usize,
    requests: usize,
    unread: Vec<u8>,
    log: Arc<Log>,
}

/// A request that a server read.
#[derive(Debug, Clone)]
pub(in super::super) struct Received {
    /// The whole first line.
    pub(in super::super) line: String,
    /// Names in lower case, and values, in the order in which they came.
    pub(in super::super) headers: Vec<(String, String)>,
    /// The bytes after the head, as many as the head says.
    pub(in super::super) body: Vec<u8>,
    /// Which connection of the server's it came on.
    pub(in super::super) connection: usize,
    /// How many requests came on that connection before.
    pub(in super::super) before: usize,
}

impl Received {
    /// The values of a header.
    pub(in super::super) fn values(&self, name: &str) -> Vec<&str> {
        let of_name = self.headers.iter().filter(|(own, _)| own == name);
        of_name.map(|(_, value)| value.as_str()).collect()
    }
}

/// What one wait for the other side brought.
enum Tick {
    Bytes,
    Nothing,
    Closed,
}

impl Connection {
    pub(super) fn new(stream: TcpStream, number: usize, log: Arc<Log>) -> Self {
        // What cannot be set makes a check slower, and its result no other.
        let _ = stream.set_read_timeout(Some(TICK));
        let _ = stream.set_write_timeout(Some(TICK * MOST_TICKS));
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            number,
            requests: 0,
            unread: Vec::new(),
            log,
        }
    }

    /// Reads a whole request; `None` if none came.
    pub(in super::super) fn request(&mut self) -> Option<Received> {
        let (mut request, length) = self.read_until(parse)?;
        self.unread.drain(..length);
        request.connection = self.number;
        request.before = self.requests;
        self.requests += 1;
        self.log.saw(|seen| seen.requests.push(request.clone()));
        Some(request)
    }

    /// Reads a request's head, and what came of its body with it.
    pub(in super::super) fn head(&mut self) {
        self.read_until(head_length);
        self.unread.clear();
    }

    /// Waits until a whole request has come, and reads none of it: closing is a reset then.
    pub(in super::super) fn leave_unread(&self) {
        let mut buffer = vec![0; 16 * 1024];
        for _ in 0..MOST_TICKS {
            match self.stream.peek(&mut buffer) {
                Ok(0) => return,
                Ok(length) if parse(&buffer[..length]).is_some() => return,
                Ok(_) => std::thread::yield_now(),
                Err(_) if self.is_stopping() => return,
                Err(_) => {}
            }
        }
    }

    /// Writes, as far as the other side takes it.
    pub(in super::super) fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Says that nothing more comes, and reads what the other side still writes until it closes.
    pub(in super::super) fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
        self.read_until(|_| None::<()>);
    }

    /// Reads and drops what comes of a body whose head was read, until nothing more comes for a while.
    pub(in super::super) fn drain(&mut self) {
        while matches!(self.tick(), Tick::Bytes) {
            self.unread.clear();
        }
    }

    /// Writes `piece` again and again, with so many ticks of silence after each, until the other side gives
    /// up. Writes nothing if it is empty.
    pub(in super::super) fn hang(&mut self, piece: &[u8], ticks: u32) {
        let mut waited = 0;
        while waited < MOST_TICKS {
            if !piece.is_empty() && self.stream.write_all(piece).is_err() {
                return self.log.saw(|seen| seen.given_up += 1);
            }
            for _ in 0..ticks.max(1) {
                waited += 1;
                if matches!(self.tick(), Tick::Closed) {
                    return self.log.saw(|seen| seen.given_up += 1);
                }
                if self.is_stopping() {
                    return;
                }
            }
        }
        self.log.saw(|seen| seen.outlasted += 1);
    }

    /// Says nothing for so many ticks.
    pub(in super::super) fn pause(&mut self, ticks: u32) {
        for _ in 0..ticks {
            if matches!(self.tick(), Tick::Closed) || self.is_stopping() {
                return;
            }
        }
    }

    /// Reads until `look` finds something; `None` if the other side closes, or is silent for too long.
    fn read_until<T>(&mut self, look: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        let mut silent = 0;
        loop {
            let found = look(&self.unread);
            if found.is_some() {
                return found;
            }
            match self.tick() {
                Tick::Bytes => {}
                Tick::Closed => return None,
                Tick::Nothing => {
                    silent += 1;
                    if silent == MOST_TICKS || self.is_stopping() {
                        return None;
                    }
                }
            }
        }
    }

    fn tick(&mut self) -> Tick {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Tick::Closed,
            Ok(length) => {
                self.unread.extend_from_slice(&buffer[..length]);
                Tick::Bytes
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {
                    Tick::Nothing
                }
                _ => Tick::Closed,
            },
        }
    }

    fn is_stopping(&self) -> bool {
        self.log.state().stopping
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let left = self.unread.len();
        self.log.saw(|seen| seen.stray += left);
    }
}

/// Where a head ends, its empty line included.
fn head_length(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

/// The request that `bytes` begin with, when all of it is there, and its length.
fn parse(bytes: &[u8]) -> Option<(Received, usize)> {
    let start = head_length(bytes)?;
    let head = String::from_utf8_lossy(&bytes[..start]);
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let mut request = Received {
        line,
        headers,
        body: Vec::new(),
        connection: 0,
        before: 0,
    };
    let length = match request.values("content-length").first() {
        Some(length) => length.parse().ok()?,
        None => 0,
    };
    let end = start.checked_add(length)?;
    request.body = bytes.get(start..end)?.to_vec();
    Some((request, end))
}
