use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_blocking::core::testing::{Reply, ScriptedTransport, keys};
use genrex_blocking::core::{
    Body, Cancelled, Now, SendOptions, Transport, TransportError, TransportErrorKind,
};
use genrex_blocking::{
    Audio, BaseUrl, Client, ClientBuilder, GenerateRequest, Prompt, Seconds, Track,
};

pub(crate) const ACCEPTED: &str = r#"{"id":"QRY_1","status":"Processing"}"#;

const READY: &str = r#"{"id":"QRY_1","status":"Completed",
    "response":[{"content":{"url":"https://a.example/1.wav"}}]}"#;

pub(crate) fn request() -> GenerateRequest {
    GenerateRequest::new(Prompt::new("rain").unwrap(), Seconds::new(10).unwrap())
}

pub(crate) fn builder() -> ClientBuilder {
    Client::builder().key_pair(keys())
}

/// A client of a server on this machine.
pub(crate) fn local(port: u16) -> ClientBuilder {
    let url = format!("http://127.0.0.1:{port}");
    builder().base_url(BaseUrl::new(&url).unwrap())
}

pub(crate) fn track(client: &Client) -> Track {
    let id = "QRY_1".parse().unwrap();
    client.wait(&client.job(id)).unwrap()
}

/// A client whose job is ready, and whose storage answers by this script.
pub(crate) fn storage(
    replies: impl IntoIterator<Item = Reply>,
) -> (Client, Audio, ScriptedTransport) {
    let ready = [Reply::json(200, READY)];
    let wire = ScriptedTransport::new(ready.into_iter().chain(replies));
    let client = builder().transport(wire.clone()).build().unwrap();
    let audio = track(&client).audio().clone();
    (client, audio, wire)
}

pub(crate) fn ready() -> Reply {
    Reply::json(200, READY)
}

/// A WAVE file of 1,044 bytes, each place different from its neighbours.
pub(crate) fn wav() -> Bytes {
    let mut bytes = b"RIFF".to_vec();
    bytes.extend(1_036_u32.to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0\0\x7d\0\0\0\xfa\0\0\x02\0\x10\0data");
    bytes.extend(1_000_u32.to_le_bytes());
    bytes.extend((0..1_000_u32).map(|at| u8::try_from(at % 251).unwrap()));
    bytes.into()
}

/// The whole file, as a storage gives it, in chunks of 100 bytes.
pub(crate) fn whole() -> Reply {
    announcing(wav(), 1_044)
}

/// This body under that `Content-Length`.
pub(crate) fn announcing(body: Bytes, length: usize) -> Reply {
    Reply::new(200, body)
        .header("content-length", &length.to_string())
        .in_chunks(100)
}

/// The first half, after which the connection breaks.
pub(crate) fn half() -> Reply {
    announcing(wav().slice(..522), 1_044).then_breaks(TransportErrorKind::Closed)
}

/// The second half, as the answer to a range.
pub(crate) fn rest() -> Reply {
    Reply::new(206, wav().slice(522..))
        .header("content-range", "bytes 522-1043/1044")
        .header("etag", "\"v1\"")
        .in_chunks(100)
}

/// A transport whose answers are those of another, but whose bodies never end, and are counted while they live.
pub(crate) struct Endless {
    pub(crate) inner: ScriptedTransport,
    pub(crate) bodies: Arc<AtomicUsize>,
}

#[async_trait]
impl Transport for Endless {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        let is_asset = request.method() == http::Method::GET;
        let response = self.inner.send(request, options).await?;
        if !is_asset {
            return Ok(response);
        }
        self.bodies.fetch_add(1, Ordering::SeqCst);
        let bodies = Arc::clone(&self.bodies);
        Ok(response.map(|inner| -> Box<dyn Body> { Box::new(EndlessBody { inner, bodies }) }))
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        self.inner.sleep(duration).await
    }

    fn now(&self) -> Now {
        self.inner.now()
    }
}

struct EndlessBody {
    inner: Box<dyn Body>,
    bodies: Arc<AtomicUsize>,
}

#[async_trait]
impl Body for EndlessBody {
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        match self.inner.chunk().await? {
            Some(chunk) => Ok(Some(chunk)),
            None => std::future::pending().await,
        }
    }
}

impl Drop for EndlessBody {
    fn drop(&mut self) {
        self.bodies.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Serves each connection on a thread of its own, for as long as the test lives.
pub(crate) fn serve(act: impl Fn(TcpStream) + Clone + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let act = act.clone();
            thread::spawn(move || act(stream.unwrap()));
        }
    });
    port
}

/// Reads a request: its head, and a body of its `Content-Length`.
pub(crate) fn read_request(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
        text.extend(byte);
    }
    let head = String::from_utf8_lossy(&text).into_owned();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    head
}

/// Answers with JSON.
pub(crate) fn answer(stream: &mut TcpStream, json: &str) {
    let length = json.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all((head + json).as_bytes()).unwrap();
}

/// Neither reads nor writes until the peer is gone.
pub(crate) fn hang(mut stream: TcpStream) {
    let mut ignored = [0; 1024];
    while stream.read(&mut ignored).unwrap_or(0) > 0 {}
}
