mod balance_check;
mod proxy;
mod setup;
mod stream;

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::num::NonZeroUsize;
use std::sync::Arc;

use genrex_ledger::{Account, Entry, Ledger, LocalId, Reconciliation, Resolution};
use genrex_proto::{
    Balance, BalanceRequest, GenerateRequest, Generation, QueryId, RetrieveRequest,
};
use genrex_sign::KeyPair;
use tracing::Instrument as _;

pub use self::balance_check::BalanceCheck;
pub use self::proxy::EnvironmentProxy;
pub use self::setup::Setup;
pub use self::stream::AudioChunks;
use crate::driver::{Ports, drive};
use crate::job::allowance::Allowance;
use crate::machine::Machine;
use crate::operations::call::{Call, SignedCall, Terms};
use crate::operations::download::{Download, Downloaded};
use crate::operations::purchase::{Keeping, Look, Purchase, PurchaseOptions};
use crate::operations::reconcile::{Reconcile, Recover, Resolve};
use crate::operations::submit::Submission;
use crate::operations::wait::Wait;
use crate::session::Session;
use crate::sink::NoSink;
use crate::slots::{Share, Slots};
use crate::transport::{Moment, Transport};
use crate::{Audio, BaseUrl, Error, ErrorKind, Job, Progress, Settings, Sink, Track, trace};

/// The operations of GenreX over any [`Transport`], with or without a [`Ledger`].
///
/// A clone shares what the client has learned: the retry budget, the service's clock, a pause that the
/// service asked for. Most users want the `Client` of `genrex-async` or `genrex-blocking`, which is
/// this one with a transport; use this one to bring your own runtime.
#[derive(Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
    ledger: Option<Arc<dyn Ledger>>,
    balance_check: BalanceCheck,
    session: Arc<Session>,
    slots: Arc<Slots>,
    settings: Settings,
    watcher: Arc<dyn Fn(&Progress) + Send + Sync>,
    /// What all of its operations may take together, where they are one job's.
    one_job: Option<Arc<Allowance>>,
}

impl Client {
    /// How many calls may be in flight at once, unless [`with_max_in_flight`](Self::with_max_in_flight) says otherwise.
    pub const MAX_IN_FLIGHT: NonZeroUsize = match NonZeroUsize::new(64) {
        Some(most) => most,
        None => NonZeroUsize::MIN,
    };

    /// A client of the account that `keys` belong to, without a ledger.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Credentials`] if the key fits no header.
    pub fn new(
        transport: impl Transport + 'static,
        base: BaseUrl,
        keys: KeyPair,
        settings: Settings,
    ) -> Result<Self, Error> {
        // Seeds the jitter: the standard library's own randomness, and no clock.
        let seed = RandomState::new().build_hasher().finish();
        Self::seeded(transport, base, keys, settings, seed)
    }

    /// The same with the jitter's seed, for tests that repeat themselves.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn seeded(
        transport: impl Transport + 'static,
        base: BaseUrl,
        keys: KeyPair,
        settings: Settings,
        seed: u64,
    ) -> Result<Self, Error> {
        Ok(Self {
            transport: Arc::new(transport),
            ledger: None,
            balance_check: BalanceCheck::default(),
            session: Arc::new(Session::new(base, keys, seed)?),
            slots: Arc::new(Slots::new(Self::MAX_IN_FLIGHT)),
            settings,
            watcher: Arc::new(|_| ()),
            one_job: None,
        })
    }

    /// The same client keeping every purchase in a ledger, within limits where `balance_check` has some.
    #[must_use]
    pub fn with_ledger(
        &self,
        ledger: Arc<dyn Ledger>,
        balance_check: impl Into<BalanceCheck>,
    ) -> Self {
        Self {
            ledger: Some(ledger),
            balance_check: balance_check.into(),
            ..self.clone()
        }
    }

    /// The transport.
    #[must_use]
    pub fn transport(&self) -> &Arc<dyn Transport> {
        &self.transport
    }

    /// The ledger, if it keeps one.
    #[must_use]
    pub const fn ledger(&self) -> Option<&Arc<dyn Ledger>> {
        self.ledger.as_ref()
    }

    /// The same client over another transport: one that wraps this one's to record, to trace, to inject
    /// faults.
    #[must_use]
    pub fn with_transport(&self, transport: impl Transport + 'static) -> Self {
        Self {
            transport: Arc::new(transport),
            ..self.clone()
        }
    }

    /// Where it calls.
    #[must_use]
    pub fn base_url(&self) -> &BaseUrl {
        self.session.base()
    }

    /// How it goes about its operations.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The same client going about its operations in another way.
    #[must_use]
    pub fn with_settings(&self, settings: Settings) -> Self {
        Self {
            settings,
            ..self.clone()
        }
    }

    /// The same client with at most so many calls of the API in flight, counted apart from those of this one; its clones
    /// share them. The others wait in the order in which they came.
    ///
    /// Beside them an eighth more may be in flight for purchases, one at least, so that a paid call never waits for the
    /// answer to a poll; and a quarter, one at least, for downloads to a place or into memory. Whoever takes a
    /// download's bytes itself, as a stream, a writer or a sink without a place, waits for nobody.
    #[must_use]
    pub fn with_max_in_flight(&self, most: NonZeroUsize) -> Self {
        Self {
            slots: Arc::new(Slots::new(most)),
            ..self.clone()
        }
    }

    /// The same client for one job: whatever it does, submit, wait and download, shares one deadline, which the
    /// settings give from now on, and one allowance of 256 MiB of audio. So an answer of many links takes no longer,
    /// and no more, than one of a single link may.
    ///
    /// Without a deadline the job's audio has an hour, from the first that is asked for.
    #[must_use]
    pub fn one_job(&self) -> Self {
        let deadline = self.settings.deadline;
        let deadline = deadline.map(|limit| self.transport.now().moment + limit);
        Self {
            one_job: Some(Arc::new(Allowance::until(deadline))),
            ..self.clone()
        }
    }

    /// The same client, telling `watcher` what its operations come to.
    #[must_use]
    pub fn on_progress(&self, watcher: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        Self {
            watcher: Arc::new(watcher),
            ..self.clone()
        }
    }

    /// Submits a prompt. **Costs credits**; is never sent a second time unless it is proved that the
    /// first did not leave, or the service refused it for now.
    ///
    /// With a ledger it is a [purchase](Self::purchase) that nothing stands beside.
    pub async fn submit(&self, request: &GenerateRequest) -> Submission {
        self.purchase(request, &PurchaseOptions::default()).await
    }

    /// Submits a prompt, and keeps in the ledger what happens to it before it happens: the balance before it, the
    /// intent, that it leaves, how it ended. **Costs credits.**
    ///
    /// Without a ledger the options bound nothing, and it is refused with [`ErrorKind::Configuration`] if they are
    /// set.
    pub async fn purchase(
        &self,
        request: &GenerateRequest,
        options: &PurchaseOptions,
    ) -> Submission {
        self.purchase_until(request, options, self.deadline()).await
    }

    /// Asks once how a job is doing. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] for a job that the service does not know, and what the failure table says.
    pub async fn retrieve(&self, id: &QueryId) -> Result<Generation, Error> {
        let answer = self.call(&RetrieveRequest::new(id.clone())).await;
        answer.map_err(|error| error.with_query_id(id))
    }

    /// Waits until a job is over. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::GenerationFailed`], [`ErrorKind::Deadline`], and what the failure table says. Each holds the
    /// job's id and how far the wait had come.
    pub async fn wait(&self, job: &Job) -> Result<Track, Error> {
        self.wait_until(job, self.deadline()).await
    }

    /// Submits a prompt and waits for its music. **Costs credits.** One deadline covers both.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit)'s and [`wait`](Self::wait)'s.
    pub async fn generate(&self, request: &GenerateRequest) -> Result<Track, Error> {
        let deadline = self.deadline();
        let options = PurchaseOptions::default();
        let submission = self.purchase_until(request, &options, deadline).await;
        self.wait_until(&submission.into_result()?, deadline).await
    }

    /// A job of an earlier run, by its id: to be waited for.
    #[must_use]
    pub const fn job(&self, id: QueryId) -> Job {
        Job::resumed(id)
    }

    /// Asks for the account's credits. Free.
    ///
    /// # Errors
    ///
    /// What the failure table says.
    pub async fn balance(&self) -> Result<Balance, Error> {
        self.call(&BalanceRequest).await
    }

    /// Looks at the balance, has the ledger keep the look, and says whose credits these are. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Ledger`], what the failure table says of the look, and [`ErrorKind::Configuration`] without a
    /// ledger.
    pub async fn account(&self) -> Result<Account, Error> {
        self.needs_ledger()?;
        let terms = self.terms(self.deadline());
        let machine = Look::new(Arc::clone(&self.session), terms);
        let looked = self.run(machine, &mut NoSink).await?;
        Ok(looked.account)
    }

    /// Downloads audio into a sink, which commits it only whole. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`] if the sink fails, [`ErrorKind::InvalidAudio`], [`ErrorKind::LinkExpired`], and what
    /// the failure table says.
    pub async fn download(&self, audio: &Audio, sink: &mut dyn Sink) -> Result<Downloaded, Error> {
        let is_queued = sink.location().is_some();
        self.download_queued(audio, sink, is_queued).await
    }

    async fn download_queued(
        &self,
        audio: &Audio,
        sink: &mut dyn Sink,
        is_queued: bool,
    ) -> Result<Downloaded, Error> {
        let destination = sink.location().filter(|_| self.ledger.is_some());
        let session = Arc::clone(&self.session);
        let deadline = self.deadline();
        let allowance = match &self.one_job {
            Some(shared) => Arc::clone(shared),
            None => Arc::new(Allowance::until(deadline)),
        };
        let (terms, now) = (self.terms(deadline), self.transport.now());
        let machine = Download::new(session, audio.clone(), terms, allowance, now);
        let machine = machine.kept_at(destination).queued(is_queued);
        self.run(machine, sink).await
    }

    /// Finds what an ended process or a dropped future left, and returns what is open: to be waited for, to be
    /// downloaded, or unclear. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Ledger`], and [`ErrorKind::Configuration`] without one.
    pub async fn recover(&self) -> Result<Vec<Entry>, Error> {
        self.needs_ledger()?;
        let terms = self.terms(self.deadline());
        let machine = Recover::new(Arc::clone(&self.session), terms);
        self.run(machine, &mut NoSink).await
    }

    /// Holds an ambiguous submit against the account's balance, and keeps what that shows. It looks once; where it
    /// does not tell, it says why, and when to look again. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Ledger`], what the failure table says of the look, and [`ErrorKind::Configuration`] without a
    /// ledger.
    pub async fn reconcile(&self, id: LocalId) -> Result<Reconciliation, Error> {
        self.needs_ledger()?;
        let terms = self.terms(self.deadline());
        let machine = Reconcile::new(Arc::clone(&self.session), terms, id);
        let entry = self.run(machine, &mut NoSink).await?;
        entry
            .reconciliation
            .ok_or_else(|| Error::new(ErrorKind::Ledger, "the ledger did not keep what was found"))
    }

    /// Settles an ambiguous submit by hand, for what no balance shows; `why` says who says so, and why. An id is
    /// asked after first. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`] for an id that the service does not know, [`ErrorKind::InvalidInput`] for one that another
    /// job has, or that is of another prompt or duration by what the service says, [`ErrorKind::Ledger`] for a job that
    /// is not ambiguous, and [`ErrorKind::Configuration`] without a ledger.
    pub async fn resolve_with_reason(
        &self,
        id: LocalId,
        resolution: Resolution,
        why: impl Into<String>,
    ) -> Result<Entry, Error> {
        self.needs_ledger()?;
        let terms = self.terms(self.deadline());
        let session = Arc::clone(&self.session);
        let machine = Resolve::new(session, terms, id, resolution, why.into());
        self.run(machine, &mut NoSink).await
    }

    /// As [`resolve_with_reason`](Self::resolve_with_reason), without a reason.
    ///
    /// # Errors
    ///
    /// As [`resolve_with_reason`](Self::resolve_with_reason).
    pub async fn resolve(&self, id: LocalId, resolution: Resolution) -> Result<Entry, Error> {
        self.resolve_with_reason(id, resolution, "by the program's own decision")
            .await
    }

    async fn purchase_until(
        &self,
        request: &GenerateRequest,
        options: &PurchaseOptions,
        deadline: Option<Moment>,
    ) -> Submission {
        let keeping = self.ledger.as_ref().map(|_| Keeping {
            balance_check: self.balance_check,
            options: options.clone(),
        });
        if keeping.is_none() && *options != PurchaseOptions::default() {
            let message = "only a ledger can keep what was asked; nothing was sent";
            return Submission::NotSent(Error::new(ErrorKind::Configuration, message));
        }
        let session = Arc::clone(&self.session);
        let mut terms = self.terms(deadline);
        terms.share = Share::Purchase;
        let machine = Purchase::new(session, request.clone(), terms, keeping);
        self.run(machine, &mut NoSink).await
    }

    async fn wait_until(&self, job: &Job, deadline: Option<Moment>) -> Result<Track, Error> {
        let session = Arc::clone(&self.session);
        let is_kept = self.ledger.is_some();
        let machine = Wait::new(session, job.clone(), self.terms(deadline), is_kept);
        self.run(machine, &mut NoSink).await
    }

    async fn call<O: Call>(&self, request: &O) -> Result<O::Answer, Error> {
        let terms = self.terms(self.deadline());
        let machine = SignedCall::new(Arc::clone(&self.session), request, terms);
        match self.run(machine, &mut NoSink).await {
            Ok(answered) => Ok(answered.answer),
            Err(failure) => Err(failure.into_error()),
        }
    }

    fn run<M: Machine>(&self, machine: M, sink: &mut dyn Sink) -> impl Future<Output = M::Output> {
        // One that waits is to be small, and each future around it would hold it once more.
        let mut machine = Box::new(machine);
        let span = trace::operation(M::NAME);
        async move {
            let ports = Ports {
                transport: &*self.transport,
                ledger: self.ledger.as_deref(),
                slots: &self.slots,
                watcher: &*self.watcher,
            };
            drive(&mut *machine, ports, sink).await
        }
        .instrument(span)
    }

    const fn terms(&self, deadline: Option<Moment>) -> Terms {
        Terms::free(deadline, self.settings)
    }

    fn deadline(&self) -> Option<Moment> {
        if let Some(shared) = &self.one_job {
            return shared.deadline();
        }
        let limit = self.settings.deadline?;
        Some(self.transport.now().moment + limit)
    }

    fn needs_ledger(&self) -> Result<(), Error> {
        match self.ledger {
            Some(_) => Ok(()),
            None => Err(Error::new(
                ErrorKind::Configuration,
                "the client has no ledger; give it one when it is built",
            )),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("session", &self.session)
            .field("settings", &self.settings)
            .field("has_ledger", &self.ledger.is_some())
            .field("balance_check", &self.balance_check)
            .field("is_one_job", &self.one_job.is_some())
            .finish_non_exhaustive()
    }
}
