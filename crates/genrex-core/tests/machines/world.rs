//! A world that can end after every single step: a service that counts, a wire and a ledger that fail by a script,
//! and a point at which the process is gone or its future is dropped.

use std::collections::{HashMap, VecDeque};
use std::future::{Future, pending};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::ledger::{
    Account, Alias, Credits, Entry, Error, ErrorKind, Event, Filter, Intent, Ledger, Limits,
    LocalId, Look, MemoryLedger, Past,
};
use genrex_core::testing::{Reply, ScriptedTransport, keys};
use genrex_core::{
    BaseUrl, Body, Cancelled, Client, Now, SendOptions, Settings, Transport, TransportError,
    TransportErrorKind as Kind,
};

use crate::support::{balance, is_balance, is_submit};

/// What a submit meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It does not leave.
    Unsent,
    /// It is taken, and its answer comes.
    Taken,
    /// It is taken, and its answer is cut after the id.
    TakenCut,
    /// It is taken, and no answer comes.
    TakenLost,
    /// It is lost on the way.
    Lost,
    /// It is taken, and a gateway says this.
    TakenBut(u16),
    /// It is refused with this.
    Refused(u16),
}

/// What a call to the ledger meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    None,
    /// It is not done.
    NotDone,
    /// It is done, and nobody is told.
    Untold,
}

/// How the world ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The process is gone.
    Gone,
    /// The future is dropped.
    Dropped,
}

/// The service's side: what it took, what it charged, and how its jobs are doing. A clone is the same service.
#[derive(Debug, Clone, Default)]
pub(crate) struct Service(Arc<Mutex<Served>>);

#[derive(Debug, Default)]
struct Served {
    taken: u64,
    lost: u64,
    fates: VecDeque<Fate>,
    /// The jobs that it knows, and how often each was asked after.
    jobs: HashMap<String, u32>,
    /// After so many questions a job is over; never, where it is not set.
    completes_after: Option<u32>,
    /// What every question for a job meets.
    retrieves_fail: Option<Kind>,
    /// The job that every answer is about.
    answers_about: Option<&'static str>,
}

/// Everything that outlives a process.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) ledger: MemoryLedger,
    steps: Arc<Mutex<Steps>>,
}

#[derive(Debug, Default)]
struct Steps {
    done: u32,
    end_at: Option<u32>,
    troubles: VecDeque<Trouble>,
    is_gone: bool,
    /// The ids that the client has received whole, and had the time to have kept.
    received: Vec<String>,
    /// Received, and nothing has been done since.
    just_received: Vec<String>,
}

/// A client in this world; a seed makes its keys of intents.
pub(crate) fn client_of(world: &World, limits: Limits, seed: u64) -> Client {
    let settings = Settings::default();
    let client = Client::seeded(world.wire(), BaseUrl::default(), keys(), settings, seed).unwrap();
    client.with_ledger(Arc::new(world.troubled()), limits)
}

impl World {
    pub(crate) fn new(fates: &[Fate], troubles: &[Trouble], end_at: Option<u32>) -> Self {
        Self {
            service: Service::meeting(fates),
            ledger: MemoryLedger::new(),
            steps: Arc::new(Mutex::new(Steps {
                end_at,
                troubles: troubles.iter().copied().collect(),
                ..Steps::default()
            })),
        }
    }

    /// The same world after it ended so: nothing fails and nothing ends any more.
    ///
    /// A process that is gone comes back as another one. One whose future was dropped goes on, with the very ledger
    /// that it had: what the future held is nobody's only if dropping it released it.
    pub(crate) fn after(self, end: End) -> Self {
        let ledger = match end {
            End::Gone => self.ledger.reopened(),
            End::Dropped => self.ledger.clone(),
        };
        Self {
            service: self.service.clone(),
            ledger,
            steps: Arc::default(),
        }
    }

    /// The same world, to end at this point from here on.
    pub(crate) fn ending_at(&self, point: u32) -> Self {
        Self {
            steps: Arc::new(Mutex::new(Steps {
                end_at: Some(point),
                ..Steps::default()
            })),
            ..self.clone()
        }
    }

    pub(crate) fn received(&self) -> Vec<String> {
        self.steps.lock().unwrap().received.clone()
    }

    pub(crate) fn wire(&self) -> Wire {
        Wire {
            inner: self.service.wire(),
            world: self.clone(),
        }
    }

    pub(crate) fn troubled(&self) -> Troubled {
        Troubled {
            inner: self.ledger.clone(),
            world: self.clone(),
        }
    }

    /// Runs until it is done or the world ends; whether it was done.
    pub(crate) fn run<T>(&self, end: End, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        match future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(output) => Some(output),
            Poll::Pending => {
                self.steps.lock().unwrap().is_gone = end == End::Gone;
                None
            }
        }
    }

    /// One step: the world may end before it, or after it and before anyone is told.
    async fn step<T>(&self, act: impl Future<Output = T>) -> T {
        self.point().await;
        let output = act.await;
        self.point().await;
        output
    }

    async fn point(&self) {
        let is_end = {
            let mut steps = self.steps.lock().unwrap();
            steps.done += 1;
            let is_end = steps.end_at == Some(steps.done);
            if !is_end {
                let just_received = std::mem::take(&mut steps.just_received);
                steps.received.extend(just_received);
            }
            is_end
        };
        if is_end {
            pending::<()>().await;
        }
    }
}

impl Service {
    fn meeting(fates: &[Fate]) -> Self {
        let service = Self::default();
        service.served().fates.extend(fates);
        service
    }

    /// How many submits were lost on their way to it.
    pub(crate) fn lost(&self) -> u64 {
        self.served().lost
    }

    /// How many submits it has taken; each is charged ten credits.
    pub(crate) fn taken(&self) -> u64 {
        self.served().taken
    }

    /// From here on a job is over when it was asked after so often.
    pub(crate) fn completes_after(&self, questions: u32) {
        self.served().completes_after = Some(questions);
    }

    /// From here on it does not know this job.
    pub(crate) fn forget(&self, id: &str) {
        self.served().jobs.remove(id);
    }

    /// From here on every question for a job meets this.
    pub(crate) fn retrieves_fail(&self, kind: Kind) {
        self.served().retrieves_fail = Some(kind);
    }

    /// From here on every answer to a question for a job is about this one.
    pub(crate) fn answers_about(&self, id: &'static str) {
        self.served().answers_about = Some(id);
    }

    /// A wire to it on which nothing fails.
    pub(crate) fn wire(&self) -> ScriptedTransport {
        let service = self.clone();
        ScriptedTransport::answering(move |sent| {
            let mut served = service.served();
            if is_submit(sent) {
                served.submit()
            } else if is_balance(sent) {
                balance(served.taken * 10)
            } else {
                served.retrieve(sent.request.body())
            }
        })
    }

    fn served(&self) -> MutexGuard<'_, Served> {
        self.0.lock().unwrap()
    }
}

impl Served {
    fn submit(&mut self) -> Reply {
        let fate = self.fates.pop_front().unwrap_or(Fate::Taken);
        match fate {
            Fate::Unsent => Reply::fails(Kind::Connect),
            Fate::Lost => {
                self.lost += 1;
                Reply::fails(Kind::Closed)
            }
            Fate::Refused(status) => Reply::new(status, ""),
            Fate::Taken => {
                let id = self.take();
                Reply::json(201, format!(r#"{{"id":"{id}","status":"Processing"}}"#))
            }
            Fate::TakenCut => {
                let id = self.take();
                Reply::json(201, format!(r#"{{"id":"{id}","sta"#)).then_breaks(Kind::Closed)
            }
            Fate::TakenLost => {
                self.take();
                Reply::fails(Kind::Timeout)
            }
            Fate::TakenBut(status) => {
                self.take();
                Reply::new(status, "")
            }
        }
    }

    fn take(&mut self) -> String {
        self.taken += 1;
        let id = format!("QRY_{}", self.taken);
        self.jobs.insert(id.clone(), 0);
        id
    }

    fn retrieve(&mut self, body: &[u8]) -> Reply {
        if let Some(kind) = self.retrieves_fail {
            return Reply::fails(kind);
        }
        let body = String::from_utf8_lossy(body);
        let mut jobs = self.jobs.iter_mut();
        let Some((id, asked)) = jobs.find(|(id, _)| body.contains(&format!("{id}\""))) else {
            return Reply::new(404, "");
        };
        *asked += 1;
        let id = self.answers_about.unwrap_or(id);
        match self.completes_after {
            Some(questions) if *asked >= questions => completed_of(id),
            Some(_) | None => Reply::json(200, format!(r#"{{"id":"{id}","status":"Processing"}}"#)),
        }
    }
}

fn completed_of(id: &str) -> Reply {
    let response = r#"[{"content":[{"url":"https://a.example/1.wav"}]}]"#;
    Reply::json(
        200,
        format!(r#"{{"id":"{id}","status":"Completed","response":{response}}}"#),
    )
}

/// A wire between the client and the service on which the world may end.
#[derive(Debug)]
pub(crate) struct Wire {
    inner: ScriptedTransport,
    world: World,
}

#[async_trait]
impl Transport for Wire {
    async fn send(
        &self,
        request: http::Request<Bytes>,
        options: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        let is_submit = request.uri().path().ends_with("/generateMusic");
        let sent = self.world.step(self.inner.send(request, options)).await?;
        Ok(sent.map(|body| -> Box<dyn Body> {
            Box::new(Reading {
                inner: body,
                world: self.world.clone(),
                is_submit,
            })
        }))
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        self.world.step(self.inner.sleep(duration)).await
    }

    fn now(&self) -> Now {
        self.inner.now()
    }
}

struct Reading {
    inner: Box<dyn Body>,
    world: World,
    is_submit: bool,
}

#[async_trait]
impl Body for Reading {
    async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        let chunk = self.inner.chunk().await;
        self.world.point().await;
        // From here on the client knows what it holds.
        if let (true, Ok(Some(bytes))) = (self.is_submit, &chunk) {
            let text = String::from_utf8_lossy(bytes);
            let id = text.split('"').find(|word| word.starts_with("QRY_"));
            let mut steps = self.world.steps.lock().unwrap();
            steps.just_received.extend(id.map(str::to_owned));
        }
        chunk
    }
}

/// A ledger that fails by the script, and on which the world may end.
#[derive(Debug)]
pub(crate) struct Troubled {
    inner: MemoryLedger,
    world: World,
}

impl Troubled {
    async fn kept<T>(&self, act: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let trouble = self.world.steps.lock().unwrap().troubles.pop_front();
        let failed = || Error::new(ErrorKind::Storage, "scripted");
        match trouble.unwrap_or(Trouble::None) {
            Trouble::None => self.world.step(act).await,
            Trouble::NotDone => {
                self.world.point().await;
                // What a storage cannot keep it puts aside; this one cannot.
                self.world.steps.lock().unwrap().received.clear();
                Err(failed())
            }
            Trouble::Untold => {
                let done = self.world.step(act).await;
                done.and(Err(failed()))
            }
        }
    }
}

/// A job that was begun, and whose beginner has not been told of it: a storage lets nobody hold such a one.
struct Unclaimed<'a>(&'a Troubled, Option<Entry>);

impl Unclaimed<'_> {
    fn claim(mut self) -> Entry {
        self.1.take().unwrap()
    }
}

impl Drop for Unclaimed<'_> {
    fn drop(&mut self) {
        if let Some(entry) = &self.1 {
            self.0.release(entry.id, 0);
        }
    }
}

#[async_trait]
impl Ledger for Troubled {
    async fn name(&self) -> Result<String, Error> {
        self.inner.name().await
    }

    async fn account(&self, alias: &Alias) -> Result<Option<Account>, Error> {
        self.kept(self.inner.account(alias)).await
    }

    async fn observe(
        &self,
        alias: &Alias,
        account: &Account,
        look: &Look,
        now: u64,
    ) -> Result<(), Error> {
        self.kept(self.inner.observe(alias, account, look, now))
            .await
    }

    async fn intend(&self, intent: &Intent, now: u64) -> Result<Entry, Error> {
        let begin = async {
            let entry = self.inner.intend(intent, now).await?;
            Ok(Unclaimed(self, Some(entry)))
        };
        self.kept(begin).await.map(Unclaimed::claim)
    }

    async fn record(&self, id: LocalId, event: &Event, now: u64) -> Result<Entry, Error> {
        self.kept(self.inner.record(id, event, now)).await
    }

    async fn reconcile(&self, id: LocalId, now: u64) -> Result<Entry, Error> {
        self.kept(self.inner.reconcile(id, now)).await
    }

    async fn recover(&self, now: u64) -> Result<Vec<Entry>, Error> {
        self.kept(self.inner.recover(now)).await
    }

    fn release(&self, id: LocalId, now: u64) {
        // A process that is gone says nothing.
        if !self.world.steps.lock().unwrap().is_gone {
            self.inner.release(id, now);
        }
    }

    async fn claim(&self, id: LocalId, now: u64) -> Result<bool, Error> {
        self.inner.claim(id, now).await
    }

    async fn entry(&self, id: LocalId) -> Result<Option<Entry>, Error> {
        self.inner.entry(id).await
    }

    async fn entries(&self, filter: &Filter) -> Result<Vec<Entry>, Error> {
        self.inner.entries(filter).await
    }

    async fn history(&self, id: LocalId) -> Result<Vec<Past>, Error> {
        self.inner.history(id).await
    }

    async fn credits(&self, account: &Account) -> Result<Credits, Error> {
        self.inner.credits(account).await
    }
}
