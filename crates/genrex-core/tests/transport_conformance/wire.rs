use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use genrex_core::{SendOptions, TransportErrorKind};

use crate::fault::Fault;

/// A connection, and the bytes that came over it and were not asked for yet.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    pub(crate) buffer: Vec<u8>,
}

/// Until when an exchange may last.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    total: Instant,
    idle: Duration,
}

impl Limits {
    pub(crate) fn new(options: SendOptions, fault: Option<Fault>) -> Self {
        let far = Duration::from_secs(3600);
        let ignored = |which, limit| if fault == Some(which) { far } else { limit };
        Self {
            total: now() + ignored(Fault::IgnoresTotal, options.total_timeout),
            idle: ignored(Fault::IgnoresIdle, options.idle_timeout),
        }
    }

    /// The same for the body, whose head is here.
    pub(crate) fn of_body(self, fault: Option<Fault>) -> Self {
        let far = Duration::from_secs(3600);
        match fault {
            Some(Fault::TotalEndsAtTheHead) => Self {
                total: now() + far,
                ..self
            },
            Some(Fault::IdleEndsAtTheHead) => Self { idle: far, ..self },
            Some(Fault::IdleCoversTheBody) => Self {
                total: self.wait(),
                ..self
            },
            _ => self,
        }
    }

    /// The end of a wait that begins now.
    pub(crate) fn wait(self) -> Instant {
        self.total.min(now() + self.idle)
    }
}

impl Wire {
    /// Whether the other side said anything, or closed, while nothing was asked.
    pub(crate) fn is_quiet(&self) -> bool {
        let _ = self.stream.set_nonblocking(true);
        let peeked = self.stream.peek(&mut [0]);
        let _ = self.stream.set_nonblocking(false);
        self.buffer.is_empty() && peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    pub(crate) fn write(&mut self, bytes: &[u8], until: Instant) -> Result<(), TransportErrorKind> {
        let _ = self.stream.set_write_timeout(Some(left(until)?));
        self.stream.write_all(bytes).map_err(|error| kind(&error))
    }

    /// Reads some more; false at the end.
    pub(crate) fn fill(&mut self, until: Instant) -> Result<bool, TransportErrorKind> {
        let mut buffer = [0; 16 * 1024];
        let _ = self.stream.set_read_timeout(Some(left(until)?));
        let length = self
            .stream
            .read(&mut buffer)
            .map_err(|error| kind(&error))?;
        self.buffer.extend_from_slice(&buffer[..length]);
        Ok(length > 0)
    }

    /// Takes what comes before `mark`, and the mark away.
    pub(crate) fn before(
        &mut self,
        mark: &[u8],
        until: impl Fn() -> Instant,
    ) -> Result<Vec<u8>, TransportErrorKind> {
        loop {
            let found = self
                .buffer
                .windows(mark.len())
                .position(|bytes| bytes == mark);
            if let Some(length) = found {
                let mut taken: Vec<_> = self.buffer.drain(..length + mark.len()).collect();
                taken.truncate(length);
                return Ok(taken);
            }
            if !self.fill(until())? {
                return Err(TransportErrorKind::Closed);
            }
        }
    }
}

fn left(until: Instant) -> Result<Duration, TransportErrorKind> {
    let left = until.saturating_duration_since(now());
    if left.is_zero() {
        Err(TransportErrorKind::Timeout)
    } else {
        Ok(left)
    }
}

fn kind(error: &std::io::Error) -> TransportErrorKind {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => TransportErrorKind::Timeout,
        _ => TransportErrorKind::Closed,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is where this transport's time comes from"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}
