use std::sync::Arc;
use std::time::Duration;

use anyhow::{bail, ensure};
use genrex_async::{ApiKey, ApiSecret, BaseUrl, Client, KeyPair, Pace};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::polls::{KEY, SECRET, signature_of};

/// How many of so many jobs come to their end.
pub async fn wait(by: &str, url: &str, jobs: u64, pace: Duration) -> anyhow::Result<u64> {
    match by {
        "genrex-async" => by_genrex(url, jobs, pace).await,
        "reqwest, 64 in flight" => by_reqwest(url, jobs, pace, 64).await,
        "reqwest, all at once" => by_reqwest(url, jobs, pace, Semaphore::MAX_PERMITS).await,
        _ => bail!("nobody waits by {by}"),
    }
}

async fn by_genrex(url: &str, jobs: u64, pace: Duration) -> anyhow::Result<u64> {
    let client = Client::builder()
        .key_pair(KeyPair::new(ApiKey::new(KEY)?, ApiSecret::new(SECRET)?))
        .base_url(BaseUrl::new(url)?)
        .pace(Pace::Fixed(pace))
        .build()?;
    let mut waits = JoinSet::new();
    for number in 0..jobs {
        let job = client.job(format!("QRY_{number}").parse()?);
        let client = client.clone();
        waits.spawn(async move { client.wait(&job).await.is_ok() });
    }
    Ok(finished(waits).await)
}

/// Does the same polls by reqwest alone: signed, so many in flight, each answer read as JSON.
async fn by_reqwest(url: &str, jobs: u64, pace: Duration, most: usize) -> anyhow::Result<u64> {
    let peer = Arc::new(Peer {
        http: reqwest::Client::builder()
            .timeout(Duration::from_secs(20))
            .no_proxy()
            .build()?,
        url: format!("{url}/v1/text2music/retrieve"),
        in_flight: Semaphore::new(most),
    });
    let mut waits = JoinSet::new();
    for number in 0..jobs {
        let peer = Arc::clone(&peer);
        waits.spawn(async move {
            loop {
                match peer.poll(number).await {
                    Ok(true) => return true,
                    Ok(false) => tokio::time::sleep(pace).await,
                    Err(_) => return false,
                }
            }
        });
    }
    Ok(finished(waits).await)
}

async fn finished(waits: JoinSet<bool>) -> u64 {
    let ended = waits.join_all().await;
    ended.into_iter().map(u64::from).sum()
}

struct Peer {
    http: reqwest::Client,
    url: String,
    in_flight: Semaphore,
}

impl Peer {
    /// Asks after a job, and says whether it is over.
    async fn poll(&self, number: u64) -> anyhow::Result<bool> {
        let _slot = self.in_flight.acquire().await?;
        let body = format!(r#"{{"queryId":"QRY_{number}"}}"#);
        let request = self
            .http
            .post(&self.url)
            .header("gx-key", KEY)
            .header("gx-signature", signature_of(&body))
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .body(body);
        let response = request.send().await?.error_for_status()?;
        let answer: Value = serde_json::from_slice(&response.bytes().await?)?;
        ensure!(answer["id"].is_string(), "{answer}");
        Ok(answer["status"] == "Completed")
    }
}
