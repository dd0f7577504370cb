use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_blocking::core::testing::{Reply, ScriptedTransport, keys};
use genrex_blocking::core::{
    Body, Cancelled, Now, SendOptions, Transport, TransportError, TransportErrorKind,
};
use genrex_blocking::{Audio, Client, ClientBuilder, GenerateRequest, Prompt, Seconds, Track};

pub(crate) const ACCEPTED: &str = r#"{"id":"QRY_1","status":"Processing"}"#;

const READY: &str = r#"{"id":"QRY_1","status":"Completed",
    "response":[{"content":{"url":"https://a.example/1.wav"}}]}"#;

pub(crate) fn request() -> GenerateRequest {
    GenerateRequest::new(Prompt::new("rain").unwrap(), Seconds::new(10).unwrap())
}

pub(crate) fn builder() -> ClientBuilder {
    Client::builder().key_pair(keys())
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
