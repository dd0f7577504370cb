//! One poll: a signed `retrieve` over a connection that is kept, and its answer read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use sha2::Sha256;

use crate::meter::Meter;

pub const KEY: &str = "bench-key";
pub const SECRET: &str = "bench-secret";
pub const ID: &str = "QRY_WRXzIXyidD8x9xIEZZ4GppXh";
const BODY: &str = r#"{"queryId":"QRY_WRXzIXyidD8x9xIEZZ4GppXh"}"#;

/// What a program without a library reads of an answer.
#[derive(Debug, Deserialize)]
struct Answer {
    id: String,
    status: String,
}

pub fn run(by: &str, url: &str, count: u64) -> anyhow::Result<()> {
    match by {
        "genrex-async" => on_runtime(by_async(url, count)),
        "reqwest" => on_runtime(by_reqwest(url, count)),
        "hyper" => on_runtime(by_hyper(url, count)),
        "genrex-blocking" => by_blocking(url, count),
        "ureq" => by_ureq(url, count, None),
        "ureq, with a time-out" => by_ureq(url, count, Some(Duration::from_secs(20))),
        _ => bail!("nobody polls by {by}"),
    }
}

fn on_runtime(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build()?.block_on(work)
}

async fn by_async(url: &str, count: u64) -> anyhow::Result<()> {
    use genrex_async::{ApiKey, ApiSecret, BaseUrl, Client, KeyPair, QueryId};

    let client = Client::builder()
        .key_pair(KeyPair::new(ApiKey::new(KEY)?, ApiSecret::new(SECRET)?))
        .base_url(BaseUrl::new(url)?)
        .build()?;
    let id = QueryId::new(ID)?;
    let poll = async || {
        let answer = client.retrieve(&id).await?;
        ensure!(answer.id == id, "{answer:?}");
        anyhow::Ok(())
    };
    for _ in 0..count / 10 {
        poll().await?;
    }
    let meter = Meter::start()?;
    for _ in 0..count {
        poll().await?;
    }
    meter.told(count)
}

async fn by_reqwest(url: &str, count: u64) -> anyhow::Result<()> {
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(20))
        .no_proxy()
        .build()?;
    let url = format!("{url}/v1/text2music/retrieve");
    let poll = async || {
        let request = client
            .post(&url)
            .header("gx-key", KEY)
            .header("gx-signature", signature())
            .header("content-type", "application/json")
            .body(BODY);
        let answer = request.send().await?.error_for_status()?.bytes().await?;
        read(&answer)
    };
    for _ in 0..count / 10 {
        poll().await?;
    }
    let meter = Meter::start()?;
    for _ in 0..count {
        poll().await?;
    }
    meter.told(count)
}

/// Over one connection, which nothing else looks after: no pool, no proxy, no time-out.
async fn by_hyper(url: &str, count: u64) -> anyhow::Result<()> {
    let address = url.strip_prefix("http://").context("http only")?;
    let stream = tokio::net::TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut poll = async || {
        let request = hyper::Request::post("/v1/text2music/retrieve")
            .header("host", address)
            .header("gx-key", KEY)
            .header("gx-signature", signature())
            .header("content-type", "application/json")
            .body(Full::new(Bytes::from_static(BODY.as_bytes())))?;
        let answer = sender.send_request(request).await?;
        ensure!(answer.status().is_success(), "{answer:?}");
        read(&answer.into_body().collect().await?.to_bytes())
    };
    for _ in 0..count / 10 {
        poll().await?;
    }
    let meter = Meter::start()?;
    for _ in 0..count {
        poll().await?;
    }
    meter.told(count)
}

fn by_blocking(url: &str, count: u64) -> anyhow::Result<()> {
    use genrex_blocking::{ApiKey, ApiSecret, BaseUrl, Client, KeyPair, QueryId};

    let client = Client::builder()
        .key_pair(KeyPair::new(ApiKey::new(KEY)?, ApiSecret::new(SECRET)?))
        .base_url(BaseUrl::new(url)?)
        .build()?;
    let id = QueryId::new(ID)?;
    repeated(count, || {
        let answer = client.retrieve(&id)?;
        ensure!(answer.id == id, "{answer:?}");
        Ok(())
    })
}

/// Without a limit it takes no thread to look a name up.
fn by_ureq(url: &str, count: u64, limit: Option<Duration>) -> anyhow::Result<()> {
    let config = ureq::config::Config::builder()
        .timeout_per_call(limit)
        .proxy(None)
        .build();
    let agent = ureq::Agent::new_with_config(config);
    let url = format!("{url}/v1/text2music/retrieve");
    repeated(count, || {
        let request = agent
            .post(&url)
            .header("gx-key", KEY)
            .header("gx-signature", signature())
            .header("content-type", "application/json");
        let answer = request.send(BODY)?.body_mut().read_to_vec()?;
        read(&answer)
    })
}

fn repeated(count: u64, poll: impl Fn() -> anyhow::Result<()>) -> anyhow::Result<()> {
    for _ in 0..count / 10 {
        poll()?;
    }
    let meter = Meter::start()?;
    for _ in 0..count {
        poll()?;
    }
    meter.told(count)
}

fn signature() -> String {
    signature_of(BODY)
}

/// The header's value for a body, as a program without a library makes it.
pub fn signature_of(body: &str) -> String {
    let t = SystemTime::now().duration_since(UNIX_EPOCH);
    let t = t.map_or(0, |since| since.as_millis());
    let mut mac = match Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()) {
        Ok(mac) => mac,
        Err(_) => unreachable!("a key may have any length"),
    };
    mac.update(format!("{t}.{body}").as_bytes());
    format!("t={t},v={}", hex::encode(mac.finalize().into_bytes()))
}

fn read(answer: &[u8]) -> anyhow::Result<()> {
    let answer: Answer = serde_json::from_slice(answer)?;
    ensure!(
        answer.id == ID && answer.status == "Processing",
        "{answer:?}"
    );
    Ok(())
}
