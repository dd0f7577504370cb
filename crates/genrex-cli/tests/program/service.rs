//! A service that counts, and whose clock, charges and answers a test sets.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::support::{Sandbox, answer_with};

/// What it does and what it has seen.
#[derive(Debug, Default)]
pub(crate) struct Service {
    /// The credits used.
    pub(crate) used: u64,
    /// When the account last changed, as a number that grows.
    changed: u64,
    /// How far its clock is ahead of this machine's, in seconds.
    pub(crate) ahead: u64,
    /// How often it was asked for the balance.
    pub(crate) looks: u64,
    /// How many paid requests came.
    pub(crate) submits: u64,
    /// What a submit is charged, at once.
    pub(crate) price: u64,
    /// Whether the next submit is answered; if not, its connection is closed, and it is not charged.
    pub(crate) is_answering: bool,
    /// How a job is doing, as `retrieve` says; it is being made when it is asked after for the first time.
    pub(crate) status: &'static str,
    /// What is to be sent in place of the answer to a submit, byte for byte; then the connection is closed.
    pub(crate) raw: Option<String>,
    /// Whether it is sent in place of every one of them, and not of the next alone.
    pub(crate) is_raw_for_all: bool,
    /// What is sent in place of the answer to each free call, byte for byte.
    pub(crate) raw_when_free: Option<String>,
    /// What a link to audio leads to, byte for byte.
    pub(crate) audio: Vec<u8>,
    /// The id that was asked after last.
    pub(crate) asked: String,
    /// What `retrieve` answers in place of the job: a status line.
    pub(crate) retrieve_fails: Option<&'static str>,
}

/// A service of the test's own; it ends with the test's process.
#[derive(Clone)]
pub(crate) struct Counting {
    service: Arc<Mutex<Service>>,
    pub(crate) url: String,
}

impl Counting {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let service = Arc::new(Mutex::new(Service {
            price: 5,
            is_answering: true,
            status: "Processing",
            ..Service::default()
        }));
        let counting = Self { service, url };
        let serving = counting.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                std::thread::spawn(move || serving.serve(stream));
            }
        });
        counting
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, Service> {
        self.service.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Each job is ready from now on, and its link leads to audio.
    pub(crate) fn completes(&self) {
        let audio = genrex_tests::wav();
        let length = audio.len();
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        let mut state = self.state();
        state.status = "Completed";
        state.audio = [head.into_bytes(), audio].concat();
    }

    fn serve(&self, mut stream: TcpStream) {
        let text = read_request(&mut stream);
        let mut service = self.state();
        let date = format!("Date: {}\r\n", http_date(service.ahead));
        let free = service.raw_when_free.clone();
        if text.starts_with("GET ") {
            let _ = stream.write_all(&service.audio);
        } else if let Some(raw) = free.filter(|_| !text.contains("generateMusic")) {
            let _ = stream.write_all(raw.as_bytes());
        } else if text.contains("getBalance") {
            service.looks += 1;
            let body = format!(
                r#"{{"creditQuota":100000,"usedCredit":{},"userId":"counted","updatedAt":"2026-01-01T00:00:{:02}Z"}}"#,
                service.used, service.changed
            );
            answer_with(&mut stream, "200 OK", &date, &body);
        } else if text.contains("generateMusic") {
            service.submits += 1;
            if let Some(raw) = service.raw.clone() {
                service.raw = service.raw.take().filter(|_| service.is_raw_for_all);
                let _ = stream.write_all(raw.as_bytes());
            } else if service.is_answering {
                service.used += service.price;
                service.changed += 1;
                let id = format!("QRY_{}", service.submits);
                let body = format!(r#"{{"id":"{id}","status":"Processing"}}"#);
                answer_with(&mut stream, "201 Created", &date, &body);
            }
        } else {
            let id = text.split('"').find(|it| it.starts_with("QRY_"));
            let id = id.unwrap_or_default();
            let is_first = service.asked != id;
            service.asked = id.to_owned();
            let status = if is_first {
                "Processing"
            } else {
                service.status
            };
            let link = match status {
                "Completed" => format!(
                    r#","response":[{{"content":{{"url":"{}/a.wav"}}}}]"#,
                    self.url
                ),
                _ => String::new(),
            };
            let body = format!(r#"{{"id":"{id}","status":"{status}"{link}}}"#);
            let status = service.retrieve_fails.unwrap_or("200 OK");
            answer_with(&mut stream, status, &date, &body);
        }
    }
}

/// A request, whole: the client writes it at once, or its head and then its body.
fn read_request(stream: &mut TcpStream) -> String {
    let mut request = vec![0; 8192];
    let mut length = 0;
    while let Ok(more) = stream.read(&mut request[length..]) {
        length += more;
        if more == 0 || is_whole(&request[..length]) {
            break;
        }
    }
    String::from_utf8_lossy(&request[..length]).into_owned()
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_ascii_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .and_then(|length| length.parse::<usize>().ok());
    length.is_none_or(|length| body.len() >= length)
}

/// Now, so many seconds ahead, as HTTP writes it.
#[expect(clippy::disallowed_methods, reason = "the service tells its own time")]
fn http_date(ahead: u64) -> String {
    let now = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(ahead.try_into().unwrap());
    let now = now.to_zoned(jiff::tz::TimeZone::UTC);
    now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Stands before a sandbox, and loses the answers to submits for as long as it is told to.
#[derive(Clone)]
pub(crate) struct Lossy {
    state: Arc<Mutex<Losses>>,
    pub(crate) url: String,
}

#[derive(Debug, Default)]
pub(crate) struct Losses {
    pub(crate) loses: bool,
    /// What was lost, oldest first.
    pub(crate) lost: Vec<String>,
}

impl Lossy {
    pub(crate) fn before(sandbox: &Sandbox) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(Losses::default()));
        let lossy = Self { state, url };
        let serving = lossy.clone();
        let behind = sandbox.url.trim_start_matches("http://").to_owned();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (serving, behind) = (serving.clone(), behind.clone());
                std::thread::spawn(move || serving.serve(stream, &behind));
            }
        });
        lossy
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, Losses> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut stream: TcpStream, behind: &str) {
        let request = read_request(&mut stream);
        let own = self.url.trim_start_matches("http://");
        let request = request.replacen(own, behind, 1);
        let request = request.replacen("\r\n", "\r\nConnection: close\r\n", 1);
        let mut service = TcpStream::connect(behind).unwrap();
        service.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        service.read_to_end(&mut answer).unwrap();
        let mut state = self.state();
        if state.loses && request.contains("generateMusic") {
            state
                .lost
                .push(String::from_utf8_lossy(&answer).into_owned());
            return;
        }
        // Whoever has gone away need not hear it.
        let _ = stream.write_all(&answer);
    }
}
