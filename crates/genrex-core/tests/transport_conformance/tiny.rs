use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::sign::UnixMillis;
use genrex_core::{
    AddressPolicy, Body, Cancelled, Moment, Now, Route, SendOptions, Transport, TransportError,
    TransportErrorKind,
};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};

use crate::fault::Fault;
use crate::wire::{Limits, Wire, now};

type Kind = TransportErrorKind;
/// Where a connection leads, and who may use it again.
type Key = (String, Route, AddressPolicy);
/// Is shown each connection before anything is sent over it.
pub(crate) type Watch<'a> = &'a dyn Fn(&TcpStream);

/// A blocking HTTP/1.1 client, the least that keeps the contract; wrong in one way if it is told to be.
#[derive(Clone)]
pub(crate) struct Tiny(Arc<Shared>);

struct Shared {
    fault: Option<Fault>,
    idle: Mutex<HashMap<Key, Wire>>,
    cookie: Mutex<Option<HeaderValue>>,
    leaked: Mutex<Vec<Wire>>,
    began: Instant,
}

impl Tiny {
    pub(crate) fn new(fault: Option<Fault>) -> Self {
        Self(Arc::new(Shared {
            fault,
            idle: Mutex::default(),
            cookie: Mutex::default(),
            leaked: Mutex::default(),
            began: now(),
        }))
    }

    fn is(&self, fault: Fault) -> bool {
        self.0.fault == Some(fault)
    }

    pub(crate) fn run(
        &self,
        request: &Request<Bytes>,
        options: SendOptions,
        watch: Watch<'_>,
    ) -> Result<Response<Box<dyn Body>>, TransportError> {
        let mut response = self.attempt(request, options, watch);
        let head = response.as_ref().map_err(|kind| *kind);
        let status = head.map(|response| response.status().as_u16());
        let again = match status {
            Err(Kind::Closed) => self.is(Fault::RetriesOnClose),
            Ok(503) => self.is(Fault::RetriesOn503),
            _ => false,
        };
        if again {
            response = self.attempt(request, options, watch);
        }
        let moved = response
            .as_ref()
            .ok()
            .and_then(|answer| self.redirected(request, answer));
        if let Some(request) = moved {
            response = self.attempt(&request, options, watch);
        }
        let refused = self.is(Fault::SaysOtherForRefused);
        response.map_err(|kind| {
            TransportError::new(match kind {
                Kind::Closed if self.is(Fault::SaysConnectAfterSending) => Kind::Connect,
                Kind::Connect if refused => Kind::Other,
                kind => kind,
            })
        })
    }

    fn redirected(
        &self,
        request: &Request<Bytes>,
        answer: &Response<Box<dyn Body>>,
    ) -> Option<Request<Bytes>> {
        let unsigned = self.is(Fault::FollowsRedirectsUnsigned);
        if !unsigned && !self.is(Fault::FollowsRedirects) {
            return None;
        }
        let location = answer.headers().get("location")?.to_str().ok()?;
        let mut request = request.clone();
        *request.uri_mut() = location
            .parse()
            .ok()
            .filter(|uri: &http::Uri| uri.host().is_some())?;
        if unsigned {
            request.headers_mut().clear();
        }
        Some(request)
    }

    fn attempt(
        &self,
        request: &Request<Bytes>,
        options: SendOptions,
        watch: Watch<'_>,
    ) -> Result<Response<Box<dyn Body>>, Kind> {
        let limits = Limits::new(options, self.0.fault);
        let authority = request.uri().authority().ok_or(Kind::Request)?;
        let mut key = (authority.to_string(), options.route, options.addresses);
        if options.route != Route::Paid && self.is(Fault::ReusesAcrossPolicies) {
            key = (authority.to_string(), Route::Api, AddressPolicy::Any);
        }
        let used = self.take_idle(&key);
        let was_used = used.is_some();
        let mut wire = match used {
            Some(wire) => wire,
            None => Wire {
                stream: self.connect(request.uri(), options)?,
                buffer: Vec::new(),
            },
        };
        watch(&wire.stream);
        let head = self.exchange(&mut wire, request, limits);
        if was_used && head.is_err() && self.is(Fault::RetriesOnUsedConnection) {
            return self.attempt(request, options, watch);
        }
        let mut head = head?;
        if let Some(cookie) = head.headers().get("set-cookie") {
            *self.0.cookie.lock().unwrap() = Some(cookie.clone());
        }
        if self.is(Fault::HidesCompression) {
            head.headers_mut().remove("content-encoding");
        }
        if self.is(Fault::JoinsHeaders) && head.headers().contains_key("x-twice") {
            head.headers_mut()
                .insert("x-twice", HeaderValue::from_static("a, b"));
        }
        if head.status() == 500 && self.is(Fault::FailsOn500) {
            return Err(Kind::Other);
        }
        let closes = head
            .headers()
            .get("connection")
            .is_some_and(|value| value == "close");
        let left = Left::of(&head);
        Ok(head.map(|()| -> Box<dyn Body> {
            Box::new(TinyBody {
                transport: self.clone(),
                reused_as: (!closes && left != Left::UntilClose).then_some(key),
                wire: Some(wire),
                left,
                limits: limits.of_body(self.0.fault),
                chunks: 0,
            })
        }))
    }

    fn take_idle(&self, key: &Key) -> Option<Wire> {
        let mut key = key.clone();
        if self.is(Fault::ReusesForPaidWhatApiLeft) {
            key.1 = Route::Api;
        } else if key.1 == Route::Paid && !self.is(Fault::ReusesForPaid) {
            return None;
        }
        let wire = self.0.idle.lock().unwrap().remove(&key)?;
        (wire.is_quiet() || self.is(Fault::TakesStrayAnswer)).then_some(wire)
    }

    fn connect(&self, uri: &http::Uri, options: SendOptions) -> Result<TcpStream, Kind> {
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let found = (host, uri.port_u16().unwrap_or(80)).to_socket_addrs();
        let found: Vec<SocketAddr> = found.map_err(|_| Kind::Resolve)?.collect();
        let exempt = if host.parse::<IpAddr>().is_ok() {
            self.is(Fault::IgnoresPolicyOfLiterals)
        } else {
            self.is(Fault::IgnoresPolicyOfNames)
        };
        let restricted = options.route == Route::Asset && !exempt;
        let mut failure = Kind::ForbiddenAddress;
        for address in found {
            let allowed = !restricted || options.addresses.allows(address.ip());
            if !allowed && !self.is(Fault::ConnectsBeforeTheCheck) {
                continue;
            }
            match TcpStream::connect_timeout(&address, options.connect_timeout) {
                Ok(stream) if allowed => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Ok(_) => {}
                Err(_) => failure = Kind::Connect,
            }
        }
        Err(failure)
    }

    fn exchange(
        &self,
        wire: &mut Wire,
        request: &Request<Bytes>,
        limits: Limits,
    ) -> Result<Response<()>, Kind> {
        let until = limits.wait();
        wire.write(&self.written(request), until)?;
        loop {
            let restarts = self.is(Fault::IdleStartsAgainInTheHead);
            let until = || if restarts { limits.wait() } else { until };
            let head = parse(&wire.before(b"\r\n\r\n", until)?).ok_or(Kind::Malformed)?;
            if !head.status().is_informational() || self.is(Fault::TakesInterimForFinal) {
                return Ok(head);
            }
        }
    }

    fn written(&self, request: &Request<Bytes>) -> Vec<u8> {
        let mut target = request.uri().path_and_query().unwrap().to_string();
        if self.is(Fault::TidiesTheTarget) {
            target = target.replace("%7E", "~");
        }
        let mut head = format!("{} {target} HTTP/1.1\r\n", request.method());
        let mut line = |name: &str, value: &str| {
            head.push_str(&format!("{name}: {value}\r\n"));
        };
        let given = request.headers().contains_key("host");
        if !given || self.is(Fault::IgnoresTheGivenHost) {
            line("host", request.uri().authority().unwrap().as_str());
        }
        for (name, value) in request.headers() {
            let value = value.to_str().unwrap();
            let dropped = match name.as_str() {
                "gx-key" => self.is(Fault::DropsAHeader),
                "host" => self.is(Fault::IgnoresTheGivenHost),
                _ => false,
            };
            if !dropped {
                line(name.as_str(), value);
            }
            if name == "content-type" && self.is(Fault::SendsAHeaderTwice) {
                line(name.as_str(), value);
            }
        }
        if self.is(Fault::AddsAcceptEncoding) {
            line("accept-encoding", "gzip");
        }
        if self.is(Fault::KeepsCookies)
            && let Some(cookie) = &*self.0.cookie.lock().unwrap()
        {
            line("cookie", cookie.to_str().unwrap());
        }
        let body = request.body();
        if self.is(Fault::SendsChunks) && !body.is_empty() {
            line("transfer-encoding", "chunked");
            let size = format!("\r\n{:x}\r\n", body.len());
            return [head.as_bytes(), size.as_bytes(), body, b"\r\n0\r\n\r\n"].concat();
        }
        if !body.is_empty() || self.is(Fault::AddsALengthToGet) {
            line("content-length", &body.len().to_string());
        }
        let times = if self.is(Fault::SendsTheBodyTwice) {
            2
        } else {
            1
        };
        [head.as_bytes(), b"\r\n", &body.repeat(times)].concat()
    }
}

#[async_trait]
impl Transport for Tiny {
    async fn send(
        &self,
        request: Request<Bytes>,
        options: SendOptions,
    ) -> Result<Response<Box<dyn Body>>, TransportError> {
        self.run(&request, options, &|_| {})
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is where this transport waits"
    )]
    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        let parts = if self.is(Fault::SleepsTooShort) { 2 } else { 1 };
        std::thread::sleep(duration / parts);
        Ok(())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "this is where this transport's time comes from"
    )]
    fn now(&self) -> Now {
        let passed = now().duration_since(self.0.began);
        let moment = match self.0.fault {
            Some(Fault::ClockGoesBack) => Duration::from_secs(3600).saturating_sub(passed),
            Some(Fault::ClockStands) => Duration::ZERO,
            _ => passed,
        };
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let wall = if self.is(Fault::ClockInSeconds) {
            u128::from(wall.as_secs())
        } else {
            wall.as_millis()
        };
        Now {
            moment: Moment::new(moment),
            wall: UnixMillis::new(u64::try_from(wall).unwrap()),
        }
    }
}

fn parse(head: &[u8]) -> Option<Response<()>> {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let status = lines.next()?.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_bytes(status).ok()?;
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        response.headers_mut().append(name, value);
    }
    Some(response)
}

/// What of a body is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    Length(usize),
    /// So many bytes of a chunk.
    Chunk(usize),
    /// The next line says how long the next chunk is.
    Size,
    UntilClose,
}

impl Left {
    fn of(head: &Response<()>) -> Self {
        let header = |name| head.headers().get(name)?.to_str().ok();
        match (head.status().as_u16(), header("content-length")) {
            (204 | 304, _) => Self::Length(0),
            _ if header("transfer-encoding") == Some("chunked") => Self::Size,
            (_, Some(length)) => length.parse().map_or(Self::UntilClose, Self::Length),
            _ => Self::UntilClose,
        }
    }
}

struct TinyBody {
    transport: Tiny,
    reused_as: Option<Key>,
    wire: Option<Wire>,
    left: Left,
    limits: Limits,
    chunks: usize,
}

impl TinyBody {
    fn next(&mut self) -> Result<Option<Bytes>, Kind> {
        let Some(mut wire) = self.wire.take() else {
            return Ok(None);
        };
        let until = self.limits.wait();
        if self.left == Left::Size {
            self.left = Left::Chunk(match size(&mut wire, until) {
                Err(Kind::Closed) if self.transport.is(Fault::TakesCutChunksForWhole) => 0,
                size => size?,
            });
        }
        if let Left::Length(0) | Left::Chunk(0) = self.left {
            self.put_back(wire);
            return Ok(None);
        }
        if wire.buffer.is_empty() {
            let more = match wire.fill(until) {
                Err(Kind::Closed) if self.transport.is(Fault::TakesResetForEnd) => false,
                more => more?,
            };
            if !more {
                let whole = match self.left {
                    Left::UntilClose => true,
                    Left::Length(_) => self.transport.is(Fault::TakesCutBodyForWhole),
                    Left::Chunk(_) | Left::Size => self.transport.is(Fault::TakesCutChunksForWhole),
                };
                return if whole { Ok(None) } else { Err(Kind::Closed) };
            }
        }
        let bytes = self.taken(&mut wire, until)?;
        self.wire = Some(wire);
        Ok(Some(bytes))
    }

    fn taken(&mut self, wire: &mut Wire, until: Instant) -> Result<Bytes, Kind> {
        let come = wire.buffer.len();
        let length = match self.left {
            Left::Length(_) if self.transport.is(Fault::PassesSurplusOn) => come,
            Left::Length(left) | Left::Chunk(left) => come.min(left),
            Left::UntilClose | Left::Size => come,
        };
        let bytes = wire.buffer.drain(..length).collect::<Vec<_>>();
        self.left = match self.left {
            Left::Length(left) => Left::Length(left.saturating_sub(length)),
            Left::Chunk(left) if left == length => {
                wire.before(b"\r\n", || until)?;
                Left::Size
            }
            Left::Chunk(left) => Left::Chunk(left - length),
            left => left,
        };
        self.chunks += 1;
        if self.chunks == 1 && self.transport.is(Fault::LosesTheFirstChunk) {
            return Ok(Bytes::new());
        }
        Ok(bytes.into())
    }

    fn put_back(&mut self, wire: Wire) {
        if let Some(key) = self.reused_as.take()
            && (wire.buffer.is_empty() || self.transport.is(Fault::TakesStrayAnswer))
        {
            self.transport.0.idle.lock().unwrap().insert(key, wire);
        }
    }
}

/// The size of the next chunk; zero after the last one, and the trailers are read then.
fn size(wire: &mut Wire, until: Instant) -> Result<usize, Kind> {
    let line = wire.before(b"\r\n", || until)?;
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let digits = str::from_utf8(digits).map_err(|_| Kind::Malformed)?;
    let size = usize::from_str_radix(digits, 16).map_err(|_| Kind::Malformed)?;
    while size == 0 && !wire.before(b"\r\n", || until)?.is_empty() {}
    Ok(size)
}

#[async_trait]
impl Body for TinyBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        self.next().map_err(TransportError::new)
    }
}

impl Drop for TinyBody {
    fn drop(&mut self) {
        if let Some(wire) = self.wire.take()
            && self.transport.is(Fault::KeepsDropped)
        {
            self.transport.0.leaked.lock().unwrap().push(wire);
        }
    }
}
