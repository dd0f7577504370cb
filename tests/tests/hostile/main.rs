//! Every behaviour of a hostile server, over both transports: how the job ends, what is bought, what is committed, how
//! much memory it takes, and whether a secret is written anywhere.
//!
//! It is a program of its own with one test: what is logged, and how much memory it took, is one thing for a whole
//! process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod watch;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::ledger::{Filter, Ledger, Limits, MemoryLedger, State};
use genrex_core::proto::{GenerateRequest, Prompt, Seconds};
use genrex_core::sign::{ApiKey, ApiSecret, KeyPair, SIGNATURE_HEADER, SignatureHeader, Verifier};
use genrex_core::{BaseUrl, Client, Error, ErrorKind, Settings, Sink, Transport};
use genrex_tests::hostile::{Behaviour, ID, Stage, all};
use genrex_tests::{Received, Recorder, Stack, wav};

use crate::watch::Watch;

const KEY: &str = r#"c4nary-key"\+/%"#;
const SECRET: &str = r#"c4nary-S3cret"\+/%"#;

#[test]
fn nothing_that_a_server_does_buys_twice_or_commits_what_is_not_whole_or_tells_a_secret() {
    const MOST_MORE: u64 = 150 << 20;
    let watch = Watch::start([KEY, SECRET]);

    // The controls: a line of each kind is seen. And ureq's protocol crate logs what it writes, so that with it the key
    // and the signature must be found.
    log::trace!("planted: {SECRET}");
    tracing::trace!("planted: {:?}", SECRET.as_bytes());
    assert_eq!(watch.take_findings(), 2);
    let honest = *all()
        .iter()
        .find(|behaviour| behaviour.expected.is_ok())
        .unwrap();
    watch.with_wire(|| run(&watch, honest, Stack::Blocking).unwrap());
    assert!(watch.take_findings() >= 2, "what was sent is not found");
    watch.forget();

    run(&watch, honest, Stack::Async).unwrap();
    let before = peak_memory();
    let findings = run_all(&watch);
    assert!(findings.is_empty(), "{}", findings.join("\n"));
    assert_eq!(watch.take_findings(), 0, "{:?}", watch.first());
    let more = peak_memory() - before;
    assert!(more < MOST_MORE, "{more} bytes more were in use");
}

/// Runs each over both, some at once, and says what did not hold.
fn run_all(watch: &Watch) -> Vec<String> {
    const AT_ONCE: usize = 8;
    let behaviours = all();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let work = || {
            let mut findings = Vec::new();
            while let Some(behaviour) = behaviours.get(next.fetch_add(1, Ordering::Relaxed)) {
                for stack in Stack::BOTH {
                    let found = run(watch, *behaviour, stack).err();
                    findings
                        .extend(found.map(|it| format!("{} ({stack:?}): {it}", behaviour.name)));
                }
            }
            findings
        };
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        let findings = workers.into_iter().map(|worker| worker.join().unwrap());
        findings.flatten().collect()
    })
}

/// One whole job.
fn run(watch: &Watch, behaviour: Behaviour, stack: Stack) -> Result<(), String> {
    let server = behaviour.start();
    let exchange = match behaviour.at {
        Stage::Look => 0,
        Stage::Submit => 1,
        // After the submit comes another look, since the job went alone.
        Stage::Poll => 3,
        Stage::Audio => 4,
    };
    let endless = behaviour.is_endless.then_some(exchange);
    let transport = Recorder::new(transport(stack)).with_unanswered(endless);
    let ledger = Arc::new(MemoryLedger::new());
    let kept_in = Arc::clone(&ledger) as Arc<dyn Ledger>;
    let client = client(transport, &server.url()).with_ledger(kept_in, Limits::default());
    let mut sink = Committed::default();
    let request = GenerateRequest::new(Prompt::new("music").unwrap(), Seconds::new(10).unwrap());
    let ended: Result<(), Error> = stack.run(async {
        let track = client.generate(&request).await?;
        client.download(track.audio(), &mut sink).await.map(drop)
    });
    if let Err(error) = &ended {
        watch.look_at(format!("{error} {error:?}").as_bytes());
    }
    let entries = stack.run(ledger.entries(&Filter::default())).unwrap();
    watch.look_at(format!("{entries:?}").as_bytes());

    let received = server.received();
    check_requests(&received)?;
    let kind = ended.as_ref().map_err(Error::kind).copied();
    let is_paid = |request: &&Received| Stage::of(request) == Some(Stage::Submit);
    let paid = received.iter().filter(is_paid).count();
    // A refusal for now, or of a clock that was then corrected, is followed by one more.
    if paid > 2 || paid > 1 && kind == Err(ErrorKind::Ambiguous) {
        return Err(format!("{paid} submits"));
    }
    if kind != behaviour.expected {
        return Err(format!("it ended as {ended:?}"));
    }
    if sink.is_committed != ended.is_ok() || ended.is_ok() && sink.kept != wav() {
        return Err(format!("{} bytes were committed", sink.length));
    }
    let reached = received
        .iter()
        .any(|request| Stage::of(request) == Some(Stage::Poll));
    let has_id = entries
        .iter()
        .any(|entry| entry.query_id.as_ref().is_some_and(|id| id.as_str() == ID));
    if reached && !has_id {
        return Err(format!("the id is not in the ledger: {entries:?}"));
    }
    match entries.iter().find(|entry| entry.state == State::Sent) {
        Some(entry) => Err(format!("left on its way: {entry:?}")),
        None => Ok(()),
    }
}

/// One for all runs: to make one takes long, since it reads the certificates of the world.
fn transport(stack: Stack) -> Arc<dyn Transport> {
    static BOTH: LazyLock<[Arc<dyn Transport>; 2]> =
        LazyLock::new(|| Stack::BOTH.map(Stack::transport));
    let [first, second] = &*BOTH;
    Arc::clone(if stack == Stack::BOTH[0] {
        first
    } else {
        second
    })
}

/// What holds of whatever a server read: signatures that are good and in order, and none for audio.
fn check_requests(received: &[Received]) -> Result<(), String> {
    let mut last = None;
    for request in received {
        if Stage::of(request) == Some(Stage::Audio) {
            if request
                .headers
                .iter()
                .any(|(name, _)| name.starts_with("gx-"))
            {
                return Err(String::from("a credential went to the storage"));
            }
            continue;
        }
        let header = request.header(SIGNATURE_HEADER).unwrap_or_default();
        let t = header
            .parse::<SignatureHeader>()
            .map_err(|error| error.to_string())?;
        let t = t.timestamp();
        Verifier::new(Duration::ZERO)
            .verify(&ApiSecret::new(SECRET).unwrap(), header, &request.body, t)
            .map_err(|error| error.to_string())?;
        if last.is_some_and(|last| last >= t) {
            return Err(format!("t={t} is no later than the one before"));
        }
        last = Some(t);
    }
    Ok(())
}

fn client(transport: Recorder<Arc<dyn Transport>>, url: &str) -> Client {
    let keys = KeyPair::new(ApiKey::new(KEY).unwrap(), ApiSecret::new(SECRET).unwrap());
    let mut settings = Settings::default();
    settings.deadline = Some(Duration::from_secs(120));
    Client::seeded(transport, BaseUrl::new(url).unwrap(), keys, settings, 7).unwrap()
}

/// A sink that keeps no more than the honest file.
#[derive(Default)]
struct Committed {
    kept: Vec<u8>,
    length: usize,
    is_committed: bool,
}

#[async_trait]
impl Sink for Committed {
    async fn write(&mut self, bytes: Bytes) -> std::io::Result<()> {
        self.length += bytes.len();
        let room = (wav().len() + 1).saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..room.min(bytes.len())]);
        Ok(())
    }

    async fn restart(&mut self) -> std::io::Result<()> {
        *self = Self::default();
        Ok(())
    }

    async fn commit(&mut self) -> std::io::Result<()> {
        self.is_committed = true;
        Ok(())
    }
}

/// The most memory that this process ever used, in bytes; 0 where `/proc` does not say.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes =
        peak.and_then(|peak| peak.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0) << 10
}
