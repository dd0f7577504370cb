use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;

use genrex_proto::{
    Balance, BalanceRequest, Endpoint, GenerateRequest, Generation, QueryId, RetrieveRequest,
};
use genrex_sign::{KeyPair, Payload};

use crate::account::Account;
use crate::call::{Retry, SignedCall, Spec};
use crate::download::{Download, Downloaded};
use crate::driver::drive;
use crate::machine::Machine;
use crate::sink::NoSink;
use crate::submit::{Submission, Submit};
use crate::transport::{Moment, Transport};
use crate::wait::Wait;
use crate::{Audio, BaseUrl, Error, Job, Progress, Settings, Sink, Track};

/// The operations of GenreX over any [`Transport`].
///
/// A clone shares what the client has learned: the retry budget, the service's clock, a pause that the
/// service asked for. Most users want the `Client` of `genrex-async` or `genrex-blocking`, which is
/// this one with a transport; use this one to bring your own.
pub struct Client<T> {
    transport: Arc<T>,
    account: Arc<Account>,
    settings: Settings,
    watcher: Arc<dyn Fn(&Progress) + Send + Sync>,
}

impl<T: Transport> Client<T> {
    /// A client of the account that `keys` belong to.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Credentials`](crate::ErrorKind) if the key fits no header.
    pub fn new(
        transport: T,
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
        transport: T,
        base: BaseUrl,
        keys: KeyPair,
        settings: Settings,
        seed: u64,
    ) -> Result<Self, Error> {
        Ok(Self {
            transport: Arc::new(transport),
            account: Arc::new(Account::new(base, keys, seed)?),
            settings,
            watcher: Arc::new(|_| ()),
        })
    }

    /// The transport.
    #[must_use]
    pub fn transport(&self) -> &T {
        &self.transport
    }

    /// The same client over another transport: one that wraps this one's to record, to trace, to inject
    /// faults.
    #[must_use]
    pub fn with_transport<U: Transport>(&self, transport: U) -> Client<U> {
        Client {
            transport: Arc::new(transport),
            account: Arc::clone(&self.account),
            settings: self.settings,
            watcher: Arc::clone(&self.watcher),
        }
    }

    /// Where it calls.
    #[must_use]
    pub fn base_url(&self) -> &BaseUrl {
        self.account.base()
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
    pub async fn submit(&self, request: &GenerateRequest) -> Submission {
        self.submit_until(request, self.deadline()).await
    }

    /// Asks once how a job is doing. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind) for a job that the service does not know, and what the
    /// failure table says.
    pub async fn retrieve(&self, id: &QueryId) -> Result<Generation, Error> {
        let payload = Payload::from(RetrieveRequest::new(id.clone()).to_json());
        self.call(Endpoint::Retrieve, payload, Generation::from_json)
            .await
            .map_err(|error| error.with_query_id(id))
    }

    /// Waits until a job is over. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::GenerationFailed`](crate::ErrorKind), [`ErrorKind::Deadline`](crate::ErrorKind), and
    /// what the failure table says. Each holds the job's id and how far the wait had come.
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
        let job = self.submit_until(request, deadline).await.into_result()?;
        self.wait_until(&job, deadline).await
    }

    /// A job of an earlier run, by its id: to be waited for.
    #[must_use]
    pub fn job(&self, id: QueryId) -> Job {
        Job::resumed(id)
    }

    /// Asks for the account's credits. Free.
    ///
    /// # Errors
    ///
    /// What the failure table says.
    pub async fn balance(&self) -> Result<Balance, Error> {
        let payload = Payload::from(BalanceRequest.to_json());
        self.call(Endpoint::Balance, payload, Balance::from_json)
            .await
    }

    /// Downloads audio into a sink, which commits it only whole. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind) if the sink fails,
    /// [`ErrorKind::InvalidAudio`](crate::ErrorKind), [`ErrorKind::LinkExpired`](crate::ErrorKind), and
    /// what the failure table says.
    pub async fn download(&self, audio: &Audio, sink: &mut dyn Sink) -> Result<Downloaded, Error> {
        let account = Arc::clone(&self.account);
        let machine = Download::new(
            account,
            audio.clone(),
            self.settings.backoff,
            self.deadline(),
        );
        self.run(machine, sink).await
    }

    async fn submit_until(
        &self,
        request: &GenerateRequest,
        deadline: Option<Moment>,
    ) -> Submission {
        let account = Arc::clone(&self.account);
        let machine = Submit::new(account, request, deadline, self.settings.backoff);
        self.run(machine, &mut NoSink).await
    }

    async fn wait_until(&self, job: &Job, deadline: Option<Moment>) -> Result<Track, Error> {
        let Settings {
            pace,
            deadline: limit,
            ..
        } = self.settings;
        let machine = Wait::new(
            Arc::clone(&self.account),
            job.clone(),
            pace,
            limit,
            deadline,
        );
        self.run(machine, &mut NoSink).await
    }

    async fn call<A>(
        &self,
        endpoint: Endpoint,
        payload: Payload,
        decode: fn(&[u8]) -> Result<A, genrex_proto::Error>,
    ) -> Result<A, Error> {
        let spec = Spec {
            endpoint,
            payload,
            deadline: self.deadline(),
            retry: Retry::Spaced(self.settings.backoff),
            grace: None,
        };
        let machine = SignedCall::new(Arc::clone(&self.account), spec, decode);
        let result = self.run(machine, &mut NoSink).await;
        result.map_err(crate::call::Failure::into_error)
    }

    async fn run<M: Machine>(&self, mut machine: M, sink: &mut dyn Sink) -> M::Output {
        drive(&mut machine, &*self.transport, sink, &*self.watcher).await
    }

    fn deadline(&self) -> Option<Moment> {
        let limit = self.settings.deadline?;
        Some(self.transport.now().moment + limit)
    }
}

impl<T> Clone for Client<T> {
    fn clone(&self) -> Self {
        Self {
            transport: Arc::clone(&self.transport),
            account: Arc::clone(&self.account),
            settings: self.settings,
            watcher: Arc::clone(&self.watcher),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Client<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("transport", &self.transport)
            .field("account", &self.account)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
