use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use bytes::Bytes;
use genrex_sign::UnixMillis;
use http::header::{HOST, ORIGIN};
use http::{HeaderMap, Response, StatusCode};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::answer::refusal;
use crate::connection::Progress;
use crate::listener::{Limited, Places};
use crate::options::Options;
use crate::renderer::Renderer;
use crate::reply::Reply;
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
    /// The thread that makes the music cannot be started.
    #[error("a thread of the sandbox cannot be started")]
    Thread(#[source] io::Error),
}

impl Sandbox {
    /// Starts a sandbox on the current tokio runtime, which needs its I/O and its time; it accepts connections
    /// when this returns.
    ///
    /// # Errors
    ///
    /// As [`StartError`] says.
    #[expect(
        clippy::unused_async,
        reason = "it needs a runtime, and who awaits it is on one"
    )]
    pub async fn start(options: Options) -> Result<Self, StartError> {
        Self::start_with(options, None, Places::raised())
    }

    /// The same, telling `watcher` of each request when it is answered. It is called on the runtime's threads.
    ///
    /// # Errors
    ///
    /// As [`StartError`] says.
    #[expect(
        clippy::unused_async,
        reason = "it needs a runtime, and who awaits it is on one"
    )]
    pub async fn start_watched(
        options: Options,
        watcher: impl Fn(&Seen) + Send + Sync + 'static,
    ) -> Result<Self, StartError> {
        let watcher = Watcher(Arc::new(watcher));
        Self::start_with(options, Some(watcher), Places::raised())
    }

    fn start_with(
        options: Options,
        watcher: Option<Watcher>,
        places: Places,
    ) -> Result<Self, StartError> {
        let address = options.listen;
        if !address.ip().is_loopback() {
            return Err(StartError::NotLoopback(address));
        }
        let (api, api_address) = listen(address)?;
        let (storage, storage_address) = listen(SocketAddr::new(address.ip(), 0))?;
        let service = Service::new(options.clone(), format!("http://{storage_address}"), wall())?;
        let service = Arc::new(Mutex::new(service));
        let (stop, stopped) = watch::channel(false);
        let of_api = Served {
            service: Arc::clone(&service),
            renderer: Arc::new(Renderer::start().map_err(StartError::Thread)?),
            reply: Service::reply,
            is_signed: true,
            watcher,
        };
        let of_storage = Served {
            reply: Service::storage_reply,
            is_signed: false,
            ..of_api.clone()
        };
        let api = Limited::new(api, places.api, stopped.clone());
        let storage = Limited::new(storage, places.storage, stopped.clone());
        let servers = vec![
            serve(api, of_api, stopped.clone()),
            serve(storage, of_storage, stopped),
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

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    /// How many connections wait to be accepted, if the system allows so many: thousands may come at once.
    const BACKLOG: u32 = 4096;
    let listener = || {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // Elsewhere than on Unix it would let two listen on one address.
        socket.set_reuseaddr(cfg!(unix))?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    listener().map_err(|source| StartError::Listen { address, source })
}

type Decide = fn(&mut Service, &http::Request<Bytes>, UnixMillis) -> Reply;

/// What one of the two servers answers with.
#[derive(Clone)]
struct Served {
    service: Arc<Mutex<Service>>,
    renderer: Arc<Renderer>,
    reply: Decide,
    /// Whether its requests carry a key and a signature.
    is_signed: bool,
    watcher: Option<Watcher>,
}

fn serve(
    listener: Limited,
    served: Served,
    mut stopped: watch::Receiver<bool>,
) -> JoinHandle<io::Result<()>> {
    let answer = move |ConnectInfo(progress): ConnectInfo<Progress>, request: Request| {
        answer(request, progress, served.clone())
    };
    let router: Router = Router::new().fallback(answer);
    let router = router.into_make_service_with_connect_info::<Progress>();
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
    let is_judged = served.is_signed && seen.is_some();
    let (reply, verdict) = served.decide(&request, is_judged);
    if let Some(seen) = seen {
        seen.signature = verdict;
    }
    let answered = match reply {
        Some(reply) => served.renderer.answer(reply).await.ok(),
        None => None,
    };
    let failed = || refusal(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error");
    answered.unwrap_or_else(failed).map(Body::from)
}

impl Served {
    /// What a request leads to, none if the sandbox fails at it; and what is to be said of its signature.
    fn decide(
        &self,
        request: &http::Request<Bytes>,
        is_judged: bool,
    ) -> (Option<Reply>, Option<Result<(), String>>) {
        let (mut service, now) = (locked(&self.service), wall());
        let verdict = is_judged.then(|| service.verdict(request, now));
        let reply = || (self.reply)(&mut service, request, now);
        (catch_unwind(AssertUnwindSafe(reply)).ok(), verdict)
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

#[cfg(test)]
mod tests;
