//! Against a service by script, on a virtual clock, and a ledger in memory that several processes see.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use genrex_async::core::testing::{Reply, ScriptedTransport, keys};
use genrex_async::core::{
    Body, Cancelled, Now, PurchaseOptions, SendOptions, Transport, TransportError,
};
use genrex_async::{BaseUrl, GenerateRequest, Submission};
use genrex_ledger::{
    Alias, Call, Credits, Error as Failure, Event, Filter, Intent, Look, MemoryLedger, Once, Past,
    Row, Watched, Watcher,
};
use tempfile::TempDir;

use super::*;
use crate::args::Color;

const URL: &str = "http://127.0.0.1:9";

/// What is waited for comes within so many steps, however slow the machine is, or never.
const STEPS: u32 = 5_000_000;

/// A script whose sleeps let other tasks go on.
struct Yielding(ScriptedTransport);

#[async_trait]
impl Transport for Yielding {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        self.0.send(request, options).await
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        tokio::task::yield_now().await;
        self.0.sleep(duration).await
    }

    fn now(&self) -> Now {
        self.0.now()
    }
}

/// A batch's folder, a ledger, and a service that refuses the first questions after a job.
struct World {
    folder: TempDir,
    batch: String,
    ledger: MemoryLedger,
    asked: Arc<AtomicU32>,
    refuses: u32,
    /// The clock of the last client.
    clock: RefCell<Option<ScriptedTransport>>,
}

impl World {
    fn new(refuses: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let batch = format!("{}#0", folder.path().display());
        Self {
            folder,
            batch,
            ledger: MemoryLedger::new(),
            asked: Arc::default(),
            refuses,
            clock: RefCell::default(),
        }
    }

    /// What says whose the folder is.
    fn mark(&self, batch: &str) {
        let marker = format!(r#"{{"batch":"{batch}"}}"#);
        std::fs::write(self.folder.path().join(".genrex-batch"), marker).unwrap();
    }

    /// Where the audio of this row belongs.
    fn path(&self, row: u32) -> PathBuf {
        self.folder.path().join(format!("{row}.wav"))
    }

    fn client(&self, ledger: MemoryLedger) -> Client {
        let (asked, refuses) = (Arc::clone(&self.asked), self.refuses);
        let mut taken = 0;
        let script = ScriptedTransport::answering(move |sent| {
            let path = sent.request.uri().path();
            if sent.request.method() == http::Method::GET {
                let audio = genrex_tests::wav();
                let length = audio.len().to_string();
                return Reply::new(200, audio).header("content-length", &length);
            }
            if path.contains("getBalance") {
                let balance = r#"{"creditQuota":100000,"usedCredit":0,"userId":"u"}"#;
                return Reply::json(200, balance);
            }
            if path.contains("generateMusic") {
                taken += 1;
                let job = format!(r#"{{"id":"QRY_{taken}","status":"Processing"}}"#);
                return Reply::json(201, job);
            }
            if asked.fetch_add(1, Ordering::Relaxed) < refuses {
                return Reply::json(400, "{}");
            }
            let body = String::from_utf8_lossy(sent.request.body());
            let id = body.split('"').find(|word| word.starts_with("QRY_"));
            Reply::json(
                200,
                format!(
                    r#"{{"id":"{}","status":"Completed","response":[{{"content":{{"url":"{URL}/a.wav"}}}}]}}"#,
                    id.unwrap_or_default()
                ),
            )
        });
        let builder = Client::builder()
            .key_pair(keys())
            .base_url(BaseUrl::new(URL).unwrap())
            // Time goes on while a real file is written.
            .deadline(None)
            .ledger(ledger);
        self.clock.replace(Some(script.clone()));
        builder.transport(Yielding(script)).build().unwrap()
    }

    /// Buys rows as another process does, which lives for as long as what is returned.
    async fn buy(&self, rows: std::ops::Range<u32>) -> Client {
        let buyer = self.client(self.ledger.reopened());
        for row in rows {
            let request = GenerateRequest::new(
                format!("row {row}").try_into().unwrap(),
                5.try_into().unwrap(),
            );
            let mut options = PurchaseOptions::default();
            let name = Row::new(self.batch.clone(), row.to_string());
            options.once = Once::Row {
                row: name,
                last: None,
            };
            options.output = Some(self.path(row).display().to_string());
            let bought = buyer.purchase(&request, &options).await;
            assert!(matches!(bought, Submission::Accepted(_)), "{bought:?}");
        }
        buyer
    }

    /// Works until the command ends by itself, or `interrupted` does.
    async fn work(
        &self,
        watch: bool,
        ledger: &dyn Ledger,
        interrupted: impl Future<Output = ()>,
    ) -> Result<(), CommandError> {
        let client = self.client(self.ledger.reopened());
        let work = Work {
            ledger: None,
            out_dir: None,
            watch,
            concurrency: 8,
            timeout: Duration::from_secs(60),
            poll_interval: None,
            metrics: None,
        };
        Worker::new(client, ledger, &work, quiet())
            .run(interrupted)
            .await
    }
}

fn quiet() -> Output {
    Output::new(&Global {
        sandbox: false,
        base_url: None,
        profile: None,
        json: false,
        quiet: true,
        verbose: 0,
        color: Color::Never,
    })
}

/// Until it is so.
async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..STEPS {
        if is_so() {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("never: {what}");
}

fn is_here(path: &Path) -> impl FnMut() -> bool {
    let path = path.to_owned();
    move || path.exists()
}

#[tokio::test]
async fn a_watcher_tries_again_what_has_failed() {
    let world = World::new(3);
    world.mark(&world.batch);
    drop(world.buy(0..1).await);
    let path = world.path(0);
    let interrupted = until("the row is here", is_here(&path));
    let ended = world.work(true, &world.ledger, interrupted).await;
    assert_eq!(ended.unwrap_err().code, Code::Interrupted);
    assert_eq!(world.asked.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn without_watching_each_job_is_tried_once() {
    let world = World::new(1);
    world.mark(&world.batch);
    drop(world.buy(0..2).await);
    let forever = std::future::pending();
    let ended = world.work(false, &world.ledger, forever).await.unwrap_err();
    assert!(ended.message.starts_with("job 1: "), "{ended:?}");
    assert_eq!(world.asked.load(Ordering::Relaxed), 2);
    assert!(!world.path(0).exists() && world.path(1).exists());
}

/// The place of a share that is not mounted is a folder, too.
#[tokio::test]
async fn a_folder_of_another_batch_is_left_until_it_is_the_right_one() {
    let world = World::new(0);
    drop(world.buy(0..1).await);
    let (path, forever) = (world.path(0), std::future::pending);
    for other in [None, Some("another")] {
        if let Some(other) = other {
            world.mark(other);
        }
        let left = world.work(false, &world.ledger, forever()).await;
        let left = left.unwrap_err();
        assert!(
            left.message.contains("is not the folder of its batch"),
            "{left:?}"
        );
        assert!(!path.exists(), "{other:?}");
    }
    let mut steps = 0;
    let mut is_there = is_here(&path);
    let interrupted = until("the row is here", || {
        steps += 1;
        if steps == 100 {
            world.mark(&world.batch);
        }
        is_there()
    });
    let ended = world.work(true, &world.ledger, interrupted).await;
    assert_eq!(ended.unwrap_err().code, Code::Interrupted);
}

/// Who is not where the folder is fetches it again, while the watcher lives.
#[tokio::test]
async fn what_is_downloaded_is_kept_from_nobody() {
    let world = World::new(0);
    world.mark(&world.batch);
    drop(world.buy(0..1).await);
    let forever = std::future::pending();
    world.work(false, &world.ledger, forever).await.unwrap();
    assert!(world.path(0).exists());
    let other = world.ledger.reopened();
    assert!(claim(&other, LocalId(1), 0).await.unwrap());
}

/// How often each job was to be claimed.
#[derive(Default)]
struct Claims(std::sync::Mutex<BTreeMap<LocalId, u32>>);

impl Watcher for &Claims {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn called(&self, call: Call<'_>, _: Duration, _: Result<Option<&Entry>, &Failure>) {
        if let Call::Claim(id) = call {
            *self.0.lock().unwrap().entry(id).or_default() += 1;
        }
    }
}

/// A program that lives holds more than a page of older jobs.
#[tokio::test]
async fn what_others_have_hides_nothing_and_is_waited_for_no_longer_than_a_job() {
    let world = World::new(0);
    world.mark(&world.batch);
    let held = pass::PAGE + 1;
    let holder = world.buy(0..held).await;
    drop(world.buy(held..held + 1).await);
    let claims = Claims::default();
    let ledger = Watched::new(world.ledger.reopened(), &claims);
    let forever = std::future::pending();
    let ended = world.work(false, &ledger, forever).await.unwrap_err();
    assert!(world.path(held).exists(), "{ended:?}");
    assert_eq!((ended.code, ended.kind), (Code::Deadline, "elsewhere"));
    let words = format!("another program has {held} jobs");
    assert!(ended.message.contains(&words), "{ended:?}");
    let looks = world.clock.borrow().as_ref().unwrap().elapsed().as_secs() / LOOK.as_secs();
    assert!(looks >= 30, "{looks}");
    let most = claims.0.lock().unwrap().values().copied().max().unwrap();
    assert!(u64::from(most) <= 5 + looks / 15, "{most} in {looks} looks");
    drop(holder);
}

/// A ledger whose claims are never answered, as by a database that is away.
struct Away(MemoryLedger);

#[async_trait]
impl Ledger for Away {
    async fn claim(&self, _: LocalId, _: u64) -> Result<bool, Failure> {
        std::future::pending().await
    }

    async fn entries(&self, filter: &Filter) -> Result<Vec<Entry>, Failure> {
        self.0.entries(filter).await
    }

    async fn name(&self) -> Result<String, Failure> {
        self.0.name().await
    }

    async fn account(&self, alias: &Alias) -> Result<Option<Account>, Failure> {
        self.0.account(alias).await
    }

    async fn observe(
        &self,
        alias: &Alias,
        account: &Account,
        look: &Look,
        now: u64,
    ) -> Result<(), Failure> {
        self.0.observe(alias, account, look, now).await
    }

    async fn intend(&self, intent: &Intent, now: u64) -> Result<Entry, Failure> {
        self.0.intend(intent, now).await
    }

    async fn record(&self, id: LocalId, event: &Event, now: u64) -> Result<Entry, Failure> {
        self.0.record(id, event, now).await
    }

    async fn reconcile(&self, id: LocalId, now: u64) -> Result<Entry, Failure> {
        self.0.reconcile(id, now).await
    }

    async fn recover(&self, now: u64) -> Result<Vec<Entry>, Failure> {
        self.0.recover(now).await
    }

    fn release(&self, id: LocalId, now: u64) {
        self.0.release(id, now);
    }

    async fn entry(&self, id: LocalId) -> Result<Option<Entry>, Failure> {
        self.0.entry(id).await
    }

    async fn history(&self, id: LocalId) -> Result<Vec<Past>, Failure> {
        self.0.history(id).await
    }

    async fn credits(&self, account: &Account) -> Result<Credits, Failure> {
        self.0.credits(account).await
    }
}

#[tokio::test]
async fn an_interrupt_is_heard_while_a_claim_is_waited_for() {
    let world = World::new(0);
    drop(world.buy(0..1).await);
    let ledger = Away(world.ledger.reopened());
    let interrupted = tokio::task::yield_now();
    let work = world.work(true, &ledger, interrupted);
    let ended = tokio::select! {
        ended = work => ended,
        () = until("it is heard", || false) => unreachable!(),
    };
    assert_eq!(ended.unwrap_err().code, Code::Interrupted);
}
