//! A transport of one's own: it counts and logs what the client sends, without what is secret.
//!
//! ```text
//! cargo run -p genrex-async --example own_transport
//! cargo test -p genrex-async --example own_transport
//! ```

#![expect(clippy::print_stdout, reason = "an example says what it does")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_async::core::{Body, Cancelled, Now, SendOptions, TransportError};
use genrex_async::{
    Client, Error, GenerateRequest, Prompt, ReqwestTransport, Seconds, Track, Transport,
};

#[path = "support/connect.rs"]
mod connect;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let connection = connect::connect().await?;
    let transport = Arc::new(Counting::new(ReqwestTransport::new(|http| http)?));
    let client = connection
        .builder
        .transport(Arc::clone(&transport))
        .build()?;
    fs::create_dir_all(&connection.folder)?;
    let track = run(&client, &connection.folder.join("edm.wav")).await?;
    println!("{} took {} requests", track.id(), transport.requests());
    Ok(())
}

pub(crate) async fn run(client: &Client, path: &Path) -> Result<Track, Error> {
    let request = GenerateRequest::new(Prompt::new("intense EDM")?, Seconds::new(5)?);
    let track = client.generate(&request).await?;
    client.download(track.audio(), path).await?;
    Ok(track)
}

pub(crate) struct Counting<T> {
    inner: T,
    requests: AtomicUsize,
}

impl<T> Counting<T> {
    pub(crate) const fn new(inner: T) -> Self {
        Self {
            inner,
            requests: AtomicUsize::new(0),
        }
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl<T: Transport> Transport for Counting<T> {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        // The headers hold a signature, and the query of a link to audio lets anyone download it.
        let line = format!("{} {}", request.method(), request.uri().path());
        let answer = self.inner.send(request, options).await;
        match &answer {
            Ok(response) => println!("{line}: {}", response.status()),
            Err(error) => println!("{line}: {error}"),
        }
        answer
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        self.inner.sleep(duration).await
    }

    fn now(&self) -> Now {
        self.inner.now()
    }
}

#[cfg(test)]
mod tests {
    use genrex_async::core::testing::transport::conformance;
    use genrex_async::reqwest::ClientBuilder;

    use super::*;

    #[tokio::test]
    async fn it_keeps_the_contract_of_a_transport() {
        let inner = ReqwestTransport::new(ClientBuilder::no_proxy).unwrap();
        let transport = Counting::new(inner);
        let result = conformance(&transport).await;
        assert!(result.is_ok(), "{result:?}");
        assert!(transport.requests() > 0);
    }
}
