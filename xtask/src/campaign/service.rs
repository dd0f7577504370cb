//! The service that counts: the sandbox's [`Service`] behind sockets of the campaign's own, which know of each answer
//! whether a client that was still there has read it.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use genrex_proto::{GenerateRequest, Operation as _, RetrieveRequest};
use genrex_sandbox::{Happening, Options, Service};
use genrex_sign::UnixMillis;
use http::{Request, Response, StatusCode};

/// A service that counts. It stops when it is dropped.
pub(crate) struct Counting {
    shared: Arc<Shared>,
    api: SocketAddr,
    storage: SocketAddr,
    threads: Vec<JoinHandle<()>>,
}

/// What the service does to its answers, beside what it answers.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Manners {
    /// Breaks the answer to a submit off, after the id.
    pub(crate) cuts_submits: bool,
    /// Answers 503 to who asks after a job.
    pub(crate) fails_retrieves: bool,
    /// Keeps the answer to a submit so long.
    pub(crate) holds_submits: Duration,
}

struct Shared {
    service: Mutex<Service>,
    /// How far the service's clock is ahead of this machine's, in milliseconds.
    ahead: AtomicU64,
    manners: Mutex<Manners>,
    /// Which run of the program it is.
    run: AtomicU64,
    known: Mutex<Known>,
    /// Connections that are open.
    open: AtomicU64,
    stop: AtomicBool,
}

/// What clients are known to have read.
#[derive(Debug, Default)]
struct Known {
    /// Ids that somebody asked after.
    asked_after: HashSet<String>,
    /// Ids in answers that were read whole, and in which run.
    read: Vec<(u64, String)>,
    /// Runs that were killed.
    killed: HashSet<u64>,
}

impl Counting {
    pub(crate) fn start(options: Options) -> anyhow::Result<Self> {
        let (api, storage) = (listen(0)?, listen(0)?);
        Self::serve(options, api, storage)
    }

    /// The same address with another service: as if it had been started again.
    pub(crate) fn restart(&self, options: Options) -> anyhow::Result<()> {
        let origin = format!("http://{}", self.storage);
        *locked(&self.shared.service) = Service::new(options, origin, self.shared.now())?;
        Ok(())
    }

    fn serve(options: Options, api: TcpListener, storage: TcpListener) -> anyhow::Result<Self> {
        let (api_address, storage_address) = (api.local_addr()?, storage.local_addr()?);
        let origin = format!("http://{storage_address}");
        let shared = Arc::new(Shared {
            service: Mutex::new(Service::new(options, origin, wall())?),
            ahead: AtomicU64::new(0),
            manners: Mutex::default(),
            run: AtomicU64::new(0),
            known: Mutex::default(),
            open: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        });
        let threads = [(api, true), (storage, false)].map(|(listener, is_api)| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || accept(&listener, &shared, is_api))
        });
        Ok(Self {
            shared,
            api: api_address,
            storage: storage_address,
            threads: threads.into(),
        })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.api.port()
    }

    pub(crate) fn behave(&self, manners: Manners) {
        *locked(&self.shared.manners) = manners;
    }

    /// Lets time pass on the service's clock.
    pub(crate) fn pass(&self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.shared.ahead.fetch_add(millis, Ordering::SeqCst);
    }

    /// Another run of the program begins.
    pub(crate) fn begin_run(&self) {
        self.shared.run.fetch_add(1, Ordering::SeqCst);
    }

    /// The run is over. `killed` says that it did not end by itself: what it had read when it was killed may have
    /// been on its way to the ledger. What it has left in sockets is answered before another begins, so that it is known
    /// whose it was.
    pub(crate) fn end_run(&self, killed: bool) {
        if killed {
            let run = self.shared.run.load(Ordering::SeqCst);
            locked(&self.shared.known).killed.insert(run);
        }
        self.wait_until_idle();
    }

    /// Whether the ledger must have this id. It must if somebody asked after it, since an id is kept before it is
    /// asked after, and if an answer with it was read whole by a run that ended by itself.
    pub(crate) fn is_demanded(&self, id: &str) -> bool {
        let known = locked(&self.shared.known);
        let read = |(run, own): &(u64, String)| own == id && !known.killed.contains(run);
        known.asked_after.contains(id) || known.read.iter().any(read)
    }

    pub(crate) fn jobs(&self) -> Vec<(String, String)> {
        let service = locked(&self.shared.service);
        let jobs = service.jobs();
        jobs.map(|(id, text)| (id.to_owned(), text.to_owned()))
            .collect()
    }

    pub(crate) fn credits_used(&self) -> u64 {
        locked(&self.shared.service).credits_used(self.shared.now())
    }

    pub(crate) fn history(&self) -> Vec<Happening> {
        locked(&self.shared.service)
            .history(self.shared.now())
            .to_vec()
    }

    /// Waits until what clients left behind is read: a request that is still in a socket is still answered.
    ///
    /// Connections are accepted in the order in which they came: when one of our own is, all before it are.
    #[expect(clippy::disallowed_methods, reason = "other threads are waited for")]
    pub(crate) fn wait_until_idle(&self) {
        // A service that is stopping has nothing left to wait for.
        let _ = is_answered(self.api);
        for _ in 0..30_000 {
            if self.shared.open.load(Ordering::SeqCst) == 0 {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for address in [self.api, self.storage] {
            // Wakes the listener.
            drop(TcpStream::connect(address));
        }
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn now(&self) -> UnixMillis {
        UnixMillis::new(
            wall()
                .get()
                .saturating_add(self.ahead.load(Ordering::SeqCst)),
        )
    }

    fn answer(&self, request: &Request<Bytes>, is_api: bool) -> Response<Bytes> {
        // The time is read once the service is held, so that dates are in the order of what is answered.
        if !is_api {
            let mut service = locked(&self.service);
            return service.handle_storage(request, self.now());
        }
        if request.uri().path() == RetrieveRequest::PATH {
            let asked: Option<serde_json::Value> = serde_json::from_slice(request.body()).ok();
            let id = asked.and_then(|body| Some(body["queryId"].as_str()?.to_owned()));
            locked(&self.known).asked_after.extend(id);
            if locked(&self.manners).fails_retrieves {
                let mut unavailable = Response::new(Bytes::from_static(b"{}"));
                *unavailable.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                return unavailable;
            }
        }
        let mut service = locked(&self.service);
        service.handle(request, self.now())
    }
}

/// Whether somebody answers there.
fn is_answered(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n")?;
    Ok(stream.read(&mut [0])? > 0)
}

fn listen(port: u16) -> anyhow::Result<TcpListener> {
    Ok(TcpListener::bind(("127.0.0.1", port))?)
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>, is_api: bool) {
    for stream in listener.incoming() {
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        shared.open.fetch_add(1, Ordering::SeqCst);
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // A client that went away ends its connection, and nothing else.
            let _ = converse(stream, &shared, is_api);
            shared.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// Answers what comes over one connection.
///
/// Linux ends a connection by a reset, and not by an end of the stream, if its owner closes it, or is killed, with
/// bytes in it that were not read. So an end of the stream, or another request, shows that the client has read the
/// whole answer.
fn converse(mut stream: TcpStream, shared: &Shared, is_api: bool) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.set_nodelay(true)?;
    let mut unread: Option<(u64, String)> = None;
    loop {
        let request = read_request(&mut stream)?;
        locked(&shared.known).read.extend(unread.take());
        let Some(request) = request else {
            return Ok(());
        };
        let run = shared.run.load(Ordering::SeqCst);
        let response = shared.answer(&request, is_api);
        let manners = *locked(&shared.manners);
        let submitted = submitted_id(&request, &response);
        let mut bytes = to_bytes(&request, &response);
        if let Some(id) = submitted {
            hold(manners.holds_submits);
            if manners.cuts_submits {
                bytes.truncate(end_of(&bytes, &id));
            }
            unread = Some((run, id));
        }
        stream.write_all(&bytes)?;
        if unread.is_some() && manners.cuts_submits {
            stream.shutdown(Shutdown::Write)?;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a service that takes its time")]
fn hold(time: Duration) {
    if !time.is_zero() {
        std::thread::sleep(time);
    }
}

/// The id that an answer to a submit gives.
fn submitted_id(request: &Request<Bytes>, response: &Response<Bytes>) -> Option<String> {
    if request.uri().path() != GenerateRequest::PATH {
        return None;
    }
    let answer: serde_json::Value = serde_json::from_slice(response.body()).ok()?;
    Some(answer["id"].as_str()?.to_owned())
}

/// Where an id ends in an answer, with the quote that closes it and a little more.
fn end_of(answer: &[u8], id: &str) -> usize {
    let found = answer
        .windows(id.len())
        .position(|own| own == id.as_bytes());
    found.map_or(answer.len(), |at| (at + id.len() + 2).min(answer.len()))
}

/// The next request, or none if the client is done.
fn read_request(stream: &mut TcpStream) -> std::io::Result<Option<Request<Bytes>>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(request) = parse(&bytes) {
            return Ok(Some(request));
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(None),
            length => bytes.extend_from_slice(&buffer[..length]),
        }
    }
}

/// A request, when all of it is there.
fn parse(bytes: &[u8]) -> Option<Request<Bytes>> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.lines();
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?, words.next()?);
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(Some(0), |(_, value)| value.parse().ok())?;
    let body = bytes.get(end + 4..end + 4 + length)?;
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in &headers {
        request = request.header(name, *value);
    }
    request.body(Bytes::copy_from_slice(body)).ok()
}

fn to_bytes(request: &Request<Bytes>, response: &Response<Bytes>) -> Vec<u8> {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut bytes = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    for (name, value) in response.headers() {
        if name != http::header::CONTENT_LENGTH {
            bytes.extend_from_slice(format!("{name}: ").as_bytes());
            bytes.extend_from_slice(value.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
    }
    let own = format!("content-length: {}\r\n\r\n", response.body().len());
    bytes.extend_from_slice(own.as_bytes());
    if request.method() != http::Method::HEAD {
        bytes.extend_from_slice(response.body());
    }
    bytes
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the campaign's service has a clock"
)]
fn wall() -> UnixMillis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    UnixMillis::new(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
