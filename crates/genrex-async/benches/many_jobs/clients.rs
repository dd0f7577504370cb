use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use genrex_async::core::proto::{Operation as _, RetrieveRequest};
use genrex_async::core::sign::{KEY_HEADER, KeyPair, Payload, SIGNATURE_HEADER};
use genrex_async::core::testing::keys;
use genrex_async::{BaseUrl, Client, Pace, UnixMillis};
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::PACE;

/// Waits for so many jobs in one client.
pub(crate) async fn genrex(url: &str, jobs: usize) {
    let client = Client::builder()
        .key_pair(keys())
        .base_url(BaseUrl::new(url).unwrap())
        .pace(Pace::Fixed(PACE))
        .build()
        .unwrap();
    let mut waits = JoinSet::new();
    for number in 0..jobs {
        let job = client.job(format!("QRY_{number}").parse().unwrap());
        let client = client.clone();
        waits.spawn(async move {
            client.wait(&job).await.unwrap();
        });
    }
    waits.join_all().await;
}

/// Does the same polls by reqwest alone: signed, 64 in flight, each answer read as JSON.
pub(crate) async fn reqwest(url: &str, jobs: usize) {
    let peer = Arc::new(Peer {
        http: reqwest::Client::builder().no_proxy().build().unwrap(),
        url: format!("{url}{}", RetrieveRequest::PATH),
        keys: keys(),
        in_flight: Semaphore::new(64),
    });
    let mut waits = JoinSet::new();
    for number in 0..jobs {
        let peer = Arc::clone(&peer);
        waits.spawn(async move {
            while !peer.poll(number).await {
                pause().await;
            }
        });
    }
    waits.join_all().await;
}

struct Peer {
    http: reqwest::Client,
    url: String,
    keys: KeyPair,
    in_flight: Semaphore,
}

impl Peer {
    /// Asks after a job, and says whether it is over.
    async fn poll(&self, number: usize) -> bool {
        let _slot = self.in_flight.acquire().await.unwrap();
        let payload = Payload::from(format!(r#"{{"queryId":"QRY_{number}"}}"#));
        let signature = self.keys.secret().sign(wall(), &payload).to_string();
        let request = self.http.post(&self.url);
        let response = request
            .header(KEY_HEADER, self.keys.key().as_str())
            .header(SIGNATURE_HEADER, signature)
            .header("content-type", "application/json")
            .header("accept", "application/json")
            .body(payload.to_bytes())
            .send()
            .await
            .unwrap();
        let body = response.bytes().await.unwrap();
        let answer: Value = serde_json::from_slice(&body).unwrap();
        answer["status"] == "Completed"
    }
}

#[expect(clippy::disallowed_methods, reason = "it is measured on a real clock")]
async fn pause() {
    tokio::time::sleep(PACE).await;
}

#[expect(clippy::disallowed_methods, reason = "it is measured on a real clock")]
fn wall() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    UnixMillis::new(u64::try_from(since.as_millis()).unwrap())
}
