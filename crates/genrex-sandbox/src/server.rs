use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request};
use axum::serve::{IncomingStream, Listener};
use bytes::Bytes;
use genrex_sign::UnixMillis;
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Response, StatusCode};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use crate::answer::refusal;
use crate::connection::{Connection, Progress};
use crate::options::Options;
use crate::seen::{Seen, Watcher};
use crate::service::Service;

/// A running sandbox. Dropping it stops it.
#[derive(Debug)]
pub struct Sandbox {
    url: String,
    options: Options,
    service: Arc<Mutex<Service>>,
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<io::Result<()>>>,
}

/// Why a sandbox could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The address is not this machine's own.
    #[error("{0} is not a loopback address; a sandbox listens on 127.0.0.1 or [::1] only")]
    NotLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The options' key or secret is no credential.
    #[error("the sandbox's key or secret is refused")]
    Credentials(#[from] genrex_sign::Error),
}

impl Sandbox {
    /// Starts a sandbox on the current tokio runtime, which needs its I/O and its time; it accepts connections
    /// when this returns.
    ///
    /// # Errors
    ///
    /// As [`StartError`] says.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        Self::start_with(options, None).await
    }

    /// The same, telling `watcher` of each request when it is answered. It is called on the runtime's threads.
    ///
    /// # Errors
    ///
    /// As [`StartError`] says.
    pub async fn start_watched(
        options: Options,
        watcher: impl Fn(&Seen) + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        Self::start_with(options, Some(Watcher(Arc::new(watcher)))).await
    }

    async fn start_with(options: Options, watcher: Option<Watcher>) -> Result<Self, StartError> {
        let address = options.listen;
        if !address.ip().is_loopback() {
            return Err(StartError::NotLoopback(address));
        }
        let (api, api_address) = listen(address).await?;
        let (storage, storage_address) = listen(SocketAddr::new(address.ip(), 0)).await?;
        let service = Service::new(options.clone(), format!("http://{storage_address}"), wall())?;
        let service = Arc::new(Mutex::new(service));
        let (stop, stopped) = watch::channel(false);
        let servers = vec![
            serve(
                api,
                Served {
                    service: Arc::clone(&service),
                    handle: Service::handle,
                    is_signed: true,
                    watcher: watcher.clone(),
                },
                stopped.clone(),
            ),
            serve(
                storage,
                Served {
                    service: Arc::clone(&service),
                    handle: Service::handle_storage,
                    is_signed: false,
                    watcher,
                },
                stopped,
            ),
        ];
        Ok(Self {
            url: format!("http://{api_address}"),
            options,
            service,
            stop,
            servers,
        })
    }

    /// The base URL of its API.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it was started with.
    #[must_use]
    pub const fn options(&self) -> &Options {
        &self.options
    }

    /// How many credits are used: the truth that a client's claims can be held against.
    #[must_use]
    pub fn credits_used(&self) -> u64 {
        locked(&self.service).credits_used(wall())
    }

    /// The jobs that were accepted, by id and prompt: the truth that a client's claims can be held against.
    #[must_use]
    pub fn jobs(&self) -> Vec<(String, String)> {
        let service = locked(&self.service);
        let jobs = service.jobs();
        jobs.map(|(id, text)| (id.to_owned(), text.to_owned()))
            .collect()
    }

    /// How many jobs were accepted: the truth that a client's claims can be held against.
    #[must_use]
    pub fn accepted(&self) -> usize {
        locked(&self.service).accepted()
    }

    /// Stops it: what is being answered is answered first, and a request that is not here whole within a
    /// second is given up.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        for server in std::mem::take(&mut self.servers) {
            // A server ends when it is told to; its end says nothing else.
            let _ = server.await;
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let refused = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?;
    Ok((listener, bound))
}

type Handle = fn(&mut Service, &http::Request<Bytes>, UnixMillis) -> Response<Bytes>;

/// What one of the two servers answers with.
#[derive(Clone)]
struct Served {
    service: Arc<Mutex<Service>>,
    handle: Handle,
    /// Whether its requests carry a key and a signature.
    is_signed: bool,
    watcher: Option<Watcher>,
}

fn serve(
    listener: TcpListener,
    served: Served,
    mut stopped: watch::Receiver<bool>,
) -> JoinHandle<io::Result<()>> {
    let answer = move |ConnectInfo(progress): ConnectInfo<Progress>, request: Request| {
        answer(request, progress, served.clone())
    };
    let router: Router = Router::new().fallback(answer);
    let router = router.into_make_service_with_connect_info::<Progress>();
    let listener = Limited::new(listener, stopped.clone());
    let stopping = async move {
        // An error means that the sandbox is gone, which is a stop too.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let server = axum::serve(listener, router).with_graceful_shutdown(stopping);
    tokio::spawn(server.into_future())
}

async fn answer(request: Request, progress: Progress, served: Served) -> Response<Body> {
    let began = wall();
    let (head, body) = request.into_parts();
    let mut seen = served.watcher.as_ref().map(|_| Seen::of(&head));
    let response = respond(head, body, progress, &served, seen.as_mut()).await;
    if let (Some(Watcher(watch)), Some(mut seen)) = (served.watcher, seen) {
        seen.status = response.status().as_u16();
        seen.took = Duration::from_millis(wall().get().saturating_sub(began.get()));
        watch(&seen);
    }
    response
}

async fn respond(
    head: http::request::Parts,
    body: Body,
    progress: Progress,
    served: &Served,
    seen: Option<&mut Seen>,
) -> Response<Body> {
    /// The largest request that can be meant: 250 characters and their escapes take 2 KiB.
    const LARGEST: usize = 64 * 1024;
    if let Err((status, message)) = check_target(&head).and_then(|()| check_origin(&head.headers)) {
        return refusal(status, message).map(Body::from);
    }
    let Ok(body) = axum::body::to_bytes(body, LARGEST).await else {
        return refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            "the body is larger than 64 KiB",
        )
        .map(Body::from);
    };
    progress.read_whole();
    let request = http::Request::from_parts(head, body);
    let (service, handle) = (Arc::clone(&served.service), served.handle);
    let is_judged = served.is_signed && seen.is_some();
    let answered = tokio::task::spawn_blocking(move || {
        let (mut service, now) = (locked(&service), wall());
        let verdict = is_judged.then(|| service.verdict(&request, now));
        (handle(&mut service, &request, now), verdict)
    });
    match answered.await {
        Ok((response, verdict)) => {
            if let Some(seen) = seen {
                seen.signature = verdict;
            }
            response.map(Body::from)
        }
        Err(_) => {
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error").map(Body::from)
        }
    }
}

type Check = Result<(), (StatusCode, &'static str)>;

/// A target is a path: in another form it names a host of its own, which nothing here would look at.
fn check_target(head: &http::request::Parts) -> Check {
    let names_a_host = head.uri.scheme().is_some() || head.uri.authority().is_some();
    if names_a_host {
        return Err((StatusCode::BAD_REQUEST, "the target is not a path"));
    }
    Ok(())
}

/// A page in a browser must not reach the sandbox, neither by a name that leads here nor by a script.
fn check_origin(headers: &HeaderMap) -> Check {
    let mut hosts = headers.get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err((
            StatusCode::BAD_REQUEST,
            "a request has one Host, and only one",
        ));
    };
    if !host.to_str().is_ok_and(is_this_machine) {
        return Err((StatusCode::FORBIDDEN, "the Host is not this machine's"));
    }
    match headers.get(ORIGIN) {
        None => Ok(()),
        Some(_) => Err((StatusCode::FORBIDDEN, "the sandbox answers no web page")),
    }
}

/// Whether a `Host`, with a port or without, is this machine.
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || bare
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

/// A listener that holds at most so many connections at once; further ones wait.
struct Limited {
    listener: TcpListener,
    free: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
}

impl Limited {
    const CONNECTIONS: usize = 512;

    fn new(listener: TcpListener, stopped: watch::Receiver<bool>) -> Self {
        Self {
            listener,
            free: Arc::new(Semaphore::new(Self::CONNECTIONS)),
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

fn locked(service: &Mutex<Service>) -> MutexGuard<'_, Service> {
    service.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is where the sandbox's time comes from"
)]
fn wall() -> UnixMillis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    UnixMillis::new(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
