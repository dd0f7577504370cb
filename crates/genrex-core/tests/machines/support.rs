use std::sync::{Arc, Mutex};
use std::time::Duration;

use genrex_core::ledger::{Limits, MemoryLedger};
use genrex_core::proto::{GenerateRequest, Prompt, QueryId, Seconds};
use genrex_core::testing::{Reply, ScriptedTransport, Sent, keys};
use genrex_core::{BaseUrl, Client, Job, Pace, Progress, Settings};

pub(crate) const ACCEPTED: &str = r#"{"id":"QRY_1","status":"Processing"}"#;
pub(crate) const PROCESSING: &str = ACCEPTED;
pub(crate) const FAILED: &str = r#"{"id":"QRY_1","status":"Failed"}"#;
pub(crate) const LINKLESS: &str = r#"{"id":"QRY_1","status":"Completed","response":[]}"#;

pub(crate) fn completed(url: &str) -> Reply {
    Reply::json(
        200,
        format!(
            r#"{{"id":"QRY_1","status":"Completed","response":[{{"content":[{{"url":"{url}"}}]}}]}}"#
        ),
    )
}

pub(crate) fn ready() -> Reply {
    completed("https://a.example/1.wav")
}

pub(crate) fn client(wire: &ScriptedTransport) -> Client {
    Client::seeded(
        wire.clone(),
        BaseUrl::default(),
        keys(),
        Settings::default(),
        7,
    )
    .unwrap()
}

/// A client that keeps its purchases, and where.
pub(crate) fn kept(wire: &ScriptedTransport, limits: Limits) -> (Client, MemoryLedger) {
    let ledger = MemoryLedger::new();
    let client = client(wire).with_ledger(Arc::new(ledger.clone()), limits);
    (client, ledger)
}

pub(crate) fn settings(pace: Pace, deadline: Option<Duration>) -> Settings {
    let mut settings = Settings::default();
    settings.pace = pace;
    settings.deadline = deadline;
    settings
}

pub(crate) fn request() -> GenerateRequest {
    GenerateRequest::new(Prompt::new("music").unwrap(), Seconds::new(10).unwrap())
}

pub(crate) fn job() -> Job {
    Job::resumed(QueryId::new("QRY_1").unwrap())
}

pub(crate) fn is_submit(sent: &Sent) -> bool {
    sent.request.uri().path().ends_with("/generateMusic")
}

pub(crate) fn is_balance(sent: &Sent) -> bool {
    sent.request.uri().path().ends_with("/getBalance")
}

/// What `getBalance` answers after so many credits were used.
pub(crate) fn balance(used: u64) -> Reply {
    let body = format!(
        r#"{{"totalCreditQuota":1000,"creditsUsed":{used},"userId":"u","updatedAt":"{used:08}"}}"#
    );
    Reply::json(200, body)
}

/// The jobs that were asked after, in order.
pub(crate) fn asked(wire: &ScriptedTransport) -> Vec<String> {
    let retrieves = wire
        .sent()
        .into_iter()
        .filter(|sent| !is_submit(sent) && !is_balance(sent));
    let id = |sent: Sent| {
        let body = String::from_utf8_lossy(sent.request.body()).into_owned();
        body.split('"')
            .find(|word| word.starts_with("QRY_"))
            .unwrap_or_default()
            .to_owned()
    };
    retrieves.map(id).collect()
}

pub(crate) fn seconds_sent(wire: &ScriptedTransport) -> Vec<f64> {
    wire.sent()
        .iter()
        .map(|sent| sent.at.as_secs_f64())
        .collect()
}

/// The client, and all that it reports.
pub(crate) fn watched(client: &Client) -> (Client, Arc<Mutex<Vec<Progress>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    let client = client.on_progress(move |progress| log.lock().unwrap().push(progress.clone()));
    (client, seen)
}
