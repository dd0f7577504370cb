use std::fmt;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use genrex_core::proto::{Balance, GenerateRequest, Generation, QueryId};
use genrex_core::sign::KeyPair;
use genrex_core::{
    Audio, Backoff, BaseUrl, Downloaded, Error, Job, Pace, Progress, Settings, Setup, Submission,
    Track, run_ready,
};
use genrex_file::Existing;

use crate::Canceller;
use crate::sink::{FileSink, WriterSink};
use crate::transport::{HttpBuilder, UreqTransport};

/// A blocking client of GenreX.
///
/// A clone is cheap and shares connections and what was learned: the retry budget, the service's
/// clock, a pause that the service asked for.
#[derive(Debug, Clone)]
pub struct Client {
    inner: genrex_core::Client<UreqTransport>,
}

impl Client {
    /// A client of the account that `GENREX_API_KEY` and `GENREX_API_SECRET` name, at `GENREX_BASE_URL`
    /// or the service's own URL.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Credentials`](crate::ErrorKind) or
    /// [`ErrorKind::Configuration`](crate::ErrorKind); neither repeats what a variable holds.
    pub fn from_env() -> Result<Self, Error> {
        ClientBuilder::from_env()?.build()
    }

    /// Begins a client.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Where it calls.
    #[must_use]
    pub fn base_url(&self) -> &BaseUrl {
        self.inner.base_url()
    }

    /// How it goes about its operations.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        self.inner.settings()
    }

    /// The same client going about its operations in another way.
    #[must_use]
    pub fn with_settings(&self, settings: Settings) -> Self {
        Self {
            inner: self.inner.with_settings(settings),
        }
    }

    /// The same client, telling `watcher` what its operations come to.
    #[must_use]
    pub fn on_progress(&self, watcher: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        Self {
            inner: self.inner.on_progress(watcher),
        }
    }

    /// The same client with its operations ended by `canceller`.
    #[must_use]
    pub fn cancelled_by(&self, canceller: &Canceller) -> Self {
        let transport = self.inner.transport().cancelled_by(canceller);
        Self {
            inner: self.inner.with_transport(transport),
        }
    }

    /// Submits a prompt. **Costs credits**; is never sent a second time unless it is proved that the
    /// first did not leave, or the service refused it for now.
    pub fn submit(&self, request: &GenerateRequest) -> Submission {
        run_ready(self.inner.submit(request))
    }

    /// Asks once how a job is doing. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind) for a job that the service does not know, and what the
    /// failure table says.
    pub fn retrieve(&self, id: &QueryId) -> Result<Generation, Error> {
        run_ready(self.inner.retrieve(id))
    }

    /// Waits until a job is over. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::GenerationFailed`](crate::ErrorKind), [`ErrorKind::Deadline`](crate::ErrorKind), and
    /// what the failure table says. Each holds the job's id and how far the wait had come.
    pub fn wait(&self, job: &Job) -> Result<Track, Error> {
        run_ready(self.inner.wait(job))
    }

    /// Submits a prompt and waits for its music. **Costs credits.** One deadline covers both.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit)'s and [`wait`](Self::wait)'s.
    pub fn generate(&self, request: &GenerateRequest) -> Result<Track, Error> {
        run_ready(self.inner.generate(request))
    }

    /// A job of an earlier run, by its id: to be waited for.
    #[must_use]
    pub fn job(&self, id: QueryId) -> Job {
        self.inner.job(id)
    }

    /// Asks for the account's credits. Free.
    ///
    /// # Errors
    ///
    /// What the failure table says.
    pub fn balance(&self) -> Result<Balance, Error> {
        run_ready(self.inner.balance())
    }

    /// Downloads audio to a file, which appears under its name whole or not at all; a file that has the
    /// name already is kept. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind) if the name is taken or the file system fails, and what
    /// the failure table says.
    pub fn download(&self, audio: &Audio, path: impl AsRef<Path>) -> Result<Downloaded, Error> {
        self.download_over(audio, path, Existing::Keep)
    }

    /// Downloads audio to a file, keeping or replacing one that has the name already. Free.
    ///
    /// # Errors
    ///
    /// As [`download`](Self::download)'s.
    pub fn download_over(
        &self,
        audio: &Audio,
        path: impl AsRef<Path>,
        existing: Existing,
    ) -> Result<Downloaded, Error> {
        let mut sink = FileSink::create(path.as_ref(), existing)?;
        run_ready(self.inner.download(audio, &mut sink))
    }

    /// Downloads audio into a writer. Free.
    ///
    /// What was written cannot be taken back, so a download that has to start again from zero ends in an
    /// error; and what was written is only known to be whole when this returns `Ok`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind) if the writer fails, and what the failure table says.
    pub fn download_to(
        &self,
        audio: &Audio,
        writer: impl Write + Send,
    ) -> Result<Downloaded, Error> {
        let mut sink = WriterSink::new(writer);
        run_ready(self.inner.download(audio, &mut sink))
    }
}

/// Builds a [`Client`].
///
/// ```
/// use std::time::Duration;
/// use genrex_blocking::{ApiKey, ApiSecret, BaseUrl, Client, KeyPair, Pace};
///
/// let keys = KeyPair::new(ApiKey::new("my-key")?, ApiSecret::new("my-secret")?);
/// let client = Client::builder()
///     .key_pair(keys)
///     .base_url(BaseUrl::new("http://127.0.0.1:8080")?)
///     .pace(Pace::Fixed(Duration::from_secs(5)))
///     .deadline(Some(Duration::from_secs(300)))
///     .http(|http| http.proxy(None))
///     .build()?;
/// # Ok::<(), genrex_blocking::Error>(())
/// ```
#[derive(Default)]
pub struct ClientBuilder {
    setup: Setup,
    http: Option<Configure>,
}

type Configure = Box<dyn Fn(HttpBuilder) -> HttpBuilder>;

impl ClientBuilder {
    /// Begins with the key pair and the base URL that the environment names: see
    /// [`Client::from_env`].
    ///
    /// # Errors
    ///
    /// As [`Client::from_env`].
    pub fn from_env() -> Result<Self, Error> {
        Ok(Self {
            setup: Setup::from_variables(|name| std::env::var(name).ok())?,
            http: None,
        })
    }

    /// As whom it calls: required.
    #[must_use]
    pub fn key_pair(mut self, keys: KeyPair) -> Self {
        self.setup.keys = Some(keys);
        self
    }

    /// Where it calls; the service's own URL unless set.
    #[must_use]
    pub fn base_url(mut self, base_url: BaseUrl) -> Self {
        self.setup.base_url = base_url;
        self
    }

    /// How often it asks after a running job.
    #[must_use]
    pub fn pace(mut self, pace: Pace) -> Self {
        self.setup.settings.pace = pace;
        self
    }

    /// How long one operation may take; ten minutes unless set, `None` for ever.
    #[must_use]
    pub fn deadline(mut self, deadline: Option<Duration>) -> Self {
        self.setup.settings.deadline = deadline;
        self
    }

    /// How retries are spaced. How often there are any is the failure table's.
    #[must_use]
    pub fn retry(mut self, backoff: Backoff) -> Self {
        self.setup.settings.backoff = backoff;
        self
    }

    /// Your own ureq: a proxy, roots, a client certificate.
    ///
    /// It is applied to each of the three HTTP clients that this one holds. What genrex must be sure of
    /// comes after it and cannot be undone: no redirects, every status an answer, and for the paid call
    /// no kept-alive connections.
    #[must_use]
    pub fn http(mut self, configure: impl Fn(HttpBuilder) -> HttpBuilder + 'static) -> Self {
        self.http = Some(Box::new(configure));
        self
    }

    /// The client.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Credentials`](crate::ErrorKind) without a key pair, and
    /// [`ErrorKind::Configuration`](crate::ErrorKind) if there is no crypto provider.
    pub fn build(self) -> Result<Client, Error> {
        let policy = self.setup.base_url.address_policy();
        let configure = |http| match &self.http {
            Some(configure) => configure(http),
            None => http,
        };
        let transport = UreqTransport::new(policy, configure)?;
        Ok(Client {
            inner: self.setup.client(transport)?,
        })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("setup", &self.setup)
            .finish_non_exhaustive()
    }
}
