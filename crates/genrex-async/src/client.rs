use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use genrex_core::ledger::{Account, Entry, Ledger, LocalId, Reconciliation, Resolution};
use genrex_core::proto::{Balance, GenerateRequest, Generation, QueryId};
use genrex_core::{
    Audio, BaseUrl, Downloaded, Error, Job, Progress, PurchaseOptions, Settings, Sink, Submission,
    Track, Transport,
};
use genrex_file::Existing;
use tokio::io::AsyncWrite;

use crate::sink::{FileSink, WriterSink};
use crate::{AudioStream, ClientBuilder};

/// An async client of GenreX.
///
/// A clone is cheap and shares connections and what was learned: the retry budget, the service's
/// clock, a pause that the service asked for.
#[derive(Debug, Clone)]
pub struct Client {
    /// Behind one pointer, so that a task which holds a clone is small.
    inner: Arc<genrex_core::Client>,
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
        self.inner.with_settings(settings).into()
    }

    /// The same client for one job: whatever it does, submit, wait and download, shares one deadline, which
    /// the settings give from now on, and one allowance of 256 MiB of audio. So an answer of many links takes
    /// no longer, and no more, than one of a single link may.
    ///
    /// Without a deadline the job's audio has an hour, from the first that is asked for.
    #[must_use]
    pub fn one_job(&self) -> Self {
        self.inner.one_job().into()
    }

    /// The same client, telling `watcher` what its operations come to.
    #[must_use]
    pub fn on_progress(&self, watcher: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.inner.on_progress(watcher).into()
    }

    /// What carries its requests.
    #[must_use]
    pub fn transport(&self) -> &Arc<dyn Transport> {
        self.inner.transport()
    }

    /// The same client over another transport: one that wraps this one's to record, to trace, to inject
    /// faults.
    #[must_use]
    pub fn with_transport(&self, transport: impl Transport + 'static) -> Self {
        self.inner.with_transport(transport).into()
    }

    /// What keeps its purchases, if anything does: to look into.
    #[must_use]
    pub fn ledger(&self) -> Option<&Arc<dyn Ledger>> {
        self.inner.ledger()
    }

    /// Looks at the balance, has the ledger keep the look, and says whose credits these are. Free.
    ///
    /// # Errors
    ///
    /// As [`reconcile`](Self::reconcile)'s.
    pub async fn account(&self) -> Result<Account, Error> {
        self.inner.account().await
    }

    /// Submits a prompt. **Costs credits**; is never sent a second time unless it is proved that the
    /// first did not leave, or the service refused it for now.
    ///
    /// With a [ledger](ClientBuilder::ledger) it is kept there before it leaves, and its outcome before
    /// this returns.
    pub async fn submit(&self, request: &GenerateRequest) -> Submission {
        self.inner.submit(request).await
    }

    /// Submits a prompt as the options say: within a run's budget, or unless it was bought before.
    /// **Costs credits.** Without a ledger it is refused if they say anything.
    pub async fn purchase(
        &self,
        request: &GenerateRequest,
        options: &PurchaseOptions,
    ) -> Submission {
        self.inner.purchase(request, options).await
    }

    /// Submits a prompt and waits for its music. **Costs credits.** One deadline covers both.
    ///
    /// # Errors
    ///
    /// As [`submit`](Self::submit)'s and [`wait`](Self::wait)'s.
    pub async fn generate(&self, request: &GenerateRequest) -> Result<Track, Error> {
        self.inner.generate(request).await
    }

    /// Asks once how a job is doing. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind) for a job that the service does not know, and what the
    /// failure table says.
    pub async fn retrieve(&self, id: &QueryId) -> Result<Generation, Error> {
        self.inner.retrieve(id).await
    }

    /// Waits until a job is over. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::GenerationFailed`](crate::ErrorKind), [`ErrorKind::Deadline`](crate::ErrorKind), and
    /// what the failure table says. Each holds the job's id and how far the wait had come.
    pub async fn wait(&self, job: &Job) -> Result<Track, Error> {
        self.inner.wait(job).await
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
    pub async fn balance(&self) -> Result<Balance, Error> {
        self.inner.balance().await
    }

    /// Downloads audio to a file, which appears under its name whole or not at all; a file that has the
    /// name already is kept. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind) if the name is taken or the file system fails, and what
    /// the failure table says.
    pub async fn download(
        &self,
        audio: &Audio,
        path: impl AsRef<Path>,
    ) -> Result<Downloaded, Error> {
        self.download_over(audio, path, Existing::Keep).await
    }

    /// Downloads audio to a file, keeping or replacing one that has the name already. Free.
    ///
    /// # Errors
    ///
    /// As [`download`](Self::download)'s.
    pub async fn download_over(
        &self,
        audio: &Audio,
        path: impl AsRef<Path>,
        existing: Existing,
    ) -> Result<Downloaded, Error> {
        let mut sink = FileSink::create(path.as_ref(), existing).await?;
        self.inner.download(audio, &mut sink).await
    }

    /// Downloads audio into a writer. Free.
    ///
    /// What was written cannot be taken back, so a download that has to start again from zero ends in an
    /// error; and what was written is only known to be whole when this returns `Ok`. Where that is not
    /// looked at, [`stream`](Self::stream) is the safer.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind) if the writer fails, or it would have to start again, and
    /// what the failure table says.
    pub async fn download_to(
        &self,
        audio: &Audio,
        writer: impl AsyncWrite + Unpin + Send,
    ) -> Result<Downloaded, Error> {
        let mut sink = WriterSink::new(writer);
        self.inner.download(audio, &mut sink).await
    }

    /// Downloads audio into a sink of your own, which is told to commit when the whole has been received
    /// and checked. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Storage`](crate::ErrorKind) if the sink fails, and what the failure table says.
    pub async fn download_into(
        &self,
        audio: &Audio,
        sink: &mut impl Sink,
    ) -> Result<Downloaded, Error> {
        self.inner.download(audio, sink).await
    }

    /// Downloads audio into memory; it starts again by itself where it has to. Free.
    ///
    /// # Errors
    ///
    /// What the failure table says.
    pub async fn bytes(&self, audio: &Audio) -> Result<Bytes, Error> {
        self.inner.bytes(audio).await
    }

    /// Downloads audio chunk by chunk, and returns when the storage has answered, so that its length is known
    /// if the storage says it. What goes wrong later comes through the stream. Free.
    ///
    /// # Errors
    ///
    /// What the failure table says of a download that could not begin.
    pub async fn stream(&self, audio: &Audio) -> Result<AudioStream, Error> {
        AudioStream::open(self.inner.stream(audio)).await
    }

    /// Finds what an ended process or a dropped future left, and returns what is open: to be waited for,
    /// to be downloaded, or unclear. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Ledger`](crate::ErrorKind), and [`ErrorKind::Configuration`](crate::ErrorKind)
    /// without one.
    pub async fn recover(&self) -> Result<Vec<Entry>, Error> {
        self.inner.recover().await
    }

    /// Holds an ambiguous submit against the account's balance, and keeps what that shows. It looks once;
    /// where it does not tell, it says why, and when to look again. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Ledger`](crate::ErrorKind), what the failure table says of the look, and
    /// [`ErrorKind::Configuration`](crate::ErrorKind) without a ledger.
    pub async fn reconcile(&self, id: LocalId) -> Result<Reconciliation, Error> {
        self.inner.reconcile(id).await
    }

    /// Settles an ambiguous submit by hand, for what no balance shows. An id is asked after first. Free.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotFound`](crate::ErrorKind) for an id that the service does not know,
    /// [`ErrorKind::Ledger`](crate::ErrorKind) for a job that is not ambiguous, and
    /// [`ErrorKind::Configuration`](crate::ErrorKind) without a ledger.
    pub async fn resolve(&self, id: LocalId, resolution: Resolution) -> Result<Entry, Error> {
        self.inner.resolve(id, resolution).await
    }

    /// As [`resolve`](Self::resolve); `why` says who says so, and why.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve)'s.
    pub async fn resolve_with_reason(
        &self,
        id: LocalId,
        resolution: Resolution,
        why: impl Into<String>,
    ) -> Result<Entry, Error> {
        self.inner.resolve_with_reason(id, resolution, why).await
    }
}

impl From<genrex_core::Client> for Client {
    /// A client that was built over a transport of one's own.
    fn from(inner: genrex_core::Client) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }
}
