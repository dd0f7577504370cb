use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::proto::{GenerateRequest, Prompt, QueryId, Seconds};
use genrex_core::testing::keys;
use genrex_core::{
    BaseUrl, Client, Downloaded, Error, ErrorKind, Job, Pace, Settings, Sink, Submission, Track,
    Transport,
};
use genrex_sign::{SIGNATURE_HEADER, SignatureHeader, UnixMillis, Verifier};
use genrex_tests::{Act, FaultServer, Received, Recorder, Stack, Trace, json, wav};

pub(crate) const ACCEPTED: &str = r#"{"id":"QRY_1","status":"Processing"}"#;

/// A client, and the record of what it did.
pub(crate) struct TestClient {
    client: Client,
    recorder: Recorder<Arc<dyn Transport>>,
}

impl TestClient {
    pub(crate) fn trace(&self) -> Trace {
        self.recorder.trace()
    }
}

impl Deref for TestClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

pub(crate) fn client(stack: Stack, url: &str) -> TestClient {
    client_unanswered(stack, url, [])
}

/// A client some of whose exchanges, counted from 0, are never answered.
pub(crate) fn client_unanswered(
    stack: Stack,
    url: &str,
    exchanges: impl IntoIterator<Item = usize>,
) -> TestClient {
    let recorder = Recorder::new(stack.transport()).with_unanswered(exchanges);
    TestClient {
        client: client_over(recorder.clone(), url),
        recorder,
    }
}

pub(crate) fn client_over(transport: impl Transport + 'static, url: &str) -> Client {
    let mut settings = Settings::default();
    settings.pace = Pace::Fixed(Duration::from_secs(5));
    settings.deadline = Some(Duration::from_secs(120));
    Client::seeded(transport, BaseUrl::new(url).unwrap(), keys(), settings, 7).unwrap()
}

pub(crate) fn request() -> GenerateRequest {
    GenerateRequest::new(Prompt::new("música").unwrap(), Seconds::new(10).unwrap())
}

pub(crate) fn job() -> Job {
    Job::resumed(QueryId::new("QRY_1").unwrap())
}

/// What came of a submit, in one word.
pub(crate) fn outcome(submission: &Submission) -> (&'static str, Option<ErrorKind>) {
    match submission {
        Submission::Accepted(_) => ("accepted", None),
        Submission::Refused(error) => ("refused", Some(error.kind())),
        Submission::NotSent(error) => ("not sent", Some(error.kind())),
        Submission::Ambiguous(error) => ("ambiguous", Some(error.kind())),
    }
}

/// Runs the same through both transports, against a server of its own each time, and compares the traces.
pub(crate) fn both<R: PartialEq + std::fmt::Debug>(
    name: &str,
    acts: impl Fn() -> Vec<Act>,
    run: impl Fn(Stack, &TestClient, &FaultServer) -> R,
) -> (R, Vec<Received>) {
    let runs = Stack::BOTH.map(|stack| {
        let acts = acts();
        let hang = |(at, act): (usize, &Act)| matches!(act, Act::Hang).then_some(at);
        let unanswered: Vec<_> = acts.iter().enumerate().filter_map(hang).collect();
        let server = FaultServer::start(acts);
        let client = client_unanswered(stack, &server.url(), unanswered);
        let result = run(stack, &client, &server);
        (result, client.trace(), server.received())
    });
    let [
        (async_result, async_trace, received),
        (result, trace, received_too),
    ] = runs;
    assert_eq!(result, async_result, "{name}: the two transports disagree");
    assert_same_trace(name, &async_trace, &trace);
    assert_eq!(received.len(), received_too.len(), "{name}: servers");
    (result, received)
}

pub(crate) fn assert_same_trace(name: &str, left: &Trace, right: &Trace) {
    assert_eq!(left, right, "{name}: the two traces differ");
}

/// What must hold of every signed request that a server read: it verifies, its `t` is its own, and it
/// came in order.
pub(crate) fn check_signatures(received: &[Received]) -> Result<(), String> {
    let mut last = None;
    for request in received
        .iter()
        .filter(|request| request.line.starts_with("POST "))
    {
        let header = request
            .header(SIGNATURE_HEADER)
            .ok_or("a signed call without a signature")?;
        let t = header
            .parse::<SignatureHeader>()
            .map_err(|error| error.to_string())?
            .timestamp();
        Verifier::new(Duration::from_secs(3600))
            .verify(keys().secret(), header, &request.body, t)
            .map_err(|error| error.to_string())?;
        if last.is_some_and(|last: UnixMillis| last >= t) {
            return Err(format!("t={t} after t={}", last.map_or(0, UnixMillis::get)));
        }
        last = Some(t);
    }
    Ok(())
}

/// What must hold of every server: it read at most one paid request that it may have charged for.
pub(crate) fn check_bought_once(received: &[Received]) -> Result<(), String> {
    let submits = received
        .iter()
        .filter(|request| request.line.ends_with("/generateMusic"))
        .count();
    if submits > 1 {
        Err(format!("{submits} submits"))
    } else {
        Ok(())
    }
}

/// What must hold of every server but the API's: it read no credential.
pub(crate) fn check_no_credentials(received: &[Received]) -> Result<(), String> {
    for request in received {
        if let Some((name, _)) = request
            .headers
            .iter()
            .find(|(name, _)| name.starts_with("gx-"))
        {
            return Err(format!("{name} reached another origin"));
        }
    }
    Ok(())
}

/// Polls that find the job running, then ready at `url`.
pub(crate) fn ready_at(url: &str) -> Act {
    Act::Write(json(
        200,
        &format!(
            r#"{{"id":"QRY_1","status":"Completed","response":[{{"content":{{"url":"{url}"}}}}]}}"#
        ),
    ))
}

/// A sink in memory.
#[derive(Default)]
pub(crate) struct Memory {
    pub(crate) bytes: Vec<u8>,
    pub(crate) committed: bool,
}

#[async_trait]
impl Sink for Memory {
    async fn write(&mut self, bytes: Bytes) -> std::io::Result<()> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn restart(&mut self) -> std::io::Result<()> {
        self.bytes.clear();
        Ok(())
    }

    async fn commit(&mut self) -> std::io::Result<()> {
        self.committed = true;
        Ok(())
    }
}

/// Downloads a track's audio; what was committed must be the file.
pub(crate) fn fetch(
    stack: Stack,
    client: &TestClient,
    track: &Track,
) -> Result<Downloaded, ErrorKind> {
    let mut sink = Memory::default();
    let result = stack.run(client.download(track.audio(), &mut sink));
    assert_eq!(sink.committed, result.is_ok());
    assert!(result.is_err() || sink.bytes == wav());
    result.map_err(|error: Error| error.kind())
}
