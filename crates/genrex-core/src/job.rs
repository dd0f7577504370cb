use std::fmt;
use std::time::Duration;

use genrex_ledger::LocalId;
use genrex_proto::{Generation, QueryId, Waveform};
use serde::{Deserialize, Serialize};

use crate::download::asset_url::AssetUrl;
use crate::transport::Moment;
use crate::{AddressPolicy, Error, ErrorKind};

/// A job that the service took, or that an earlier run left: its id is all that is needed to go on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    id: QueryId,
    /// Its name in the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    local_id: Option<LocalId>,
    /// Of this process only.
    #[serde(skip)]
    accepted_at: Option<Moment>,
    #[serde(skip)]
    not_kept: Option<String>,
}

impl Job {
    /// A job that was submitted elsewhere, or earlier.
    #[must_use]
    pub const fn resumed(id: QueryId) -> Self {
        Self {
            id,
            local_id: None,
            accepted_at: None,
            not_kept: None,
        }
    }

    pub(crate) const fn accepted(id: QueryId, at: Moment) -> Self {
        Self {
            id,
            local_id: None,
            accepted_at: Some(at),
            not_kept: None,
        }
    }

    /// The same with its name in the ledger.
    #[must_use]
    pub const fn kept_as(mut self, local_id: LocalId) -> Self {
        self.local_id = Some(local_id);
        self
    }

    pub(crate) fn not_kept(mut self, why: String) -> Self {
        self.not_kept = Some(why);
        self
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> &QueryId {
        &self.id
    }

    /// Its name in the ledger, where one keeps it.
    #[must_use]
    pub const fn local_id(&self) -> Option<LocalId> {
        self.local_id
    }

    /// Why the ledger could not keep its id, if it could not: then keep it yourself.
    #[must_use]
    pub fn ledger_failure(&self) -> Option<&str> {
        self.not_kept.as_deref()
    }

    /// When this process saw it accepted.
    pub(crate) const fn accepted_at(&self) -> Option<Moment> {
        self.accepted_at
    }
}

/// A piece of music that is ready.
#[derive(Clone, PartialEq)]
pub struct Track {
    generation: Generation,
    assets: Vec<Audio>,
    elapsed: Duration,
    polls: u32,
}

impl Track {
    /// Takes a completed answer; an error when it has no asset that may be fetched.
    pub(crate) fn new(
        generation: Generation,
        policy: AddressPolicy,
        elapsed: Duration,
        polls: u32,
    ) -> Result<Self, Error> {
        let assets: Vec<_> = generation
            .assets()
            .enumerate()
            .map(|(index, asset)| Audio {
                job: generation.id.clone(),
                index,
                url: asset.url.to_owned(),
                waveform: asset.waveform.cloned(),
            })
            .collect();
        let first = assets.first().ok_or_else(|| {
            Error::new(
                ErrorKind::UnexpectedAnswer,
                "the job is completed, but its answer holds no link",
            )
        })?;
        AssetUrl::new(&first.url, policy)?;
        Ok(Self {
            generation,
            assets,
            elapsed,
            polls,
        })
    }

    /// The job's name.
    #[must_use]
    pub const fn id(&self) -> &QueryId {
        &self.generation.id
    }

    /// The audio; where the service made more than one, the first.
    #[must_use]
    pub fn audio(&self) -> &Audio {
        &self.assets[0]
    }

    /// All that the service made of the prompt: at least one.
    #[must_use]
    pub fn assets(&self) -> &[Audio] {
        &self.assets
    }

    /// The service's whole answer.
    #[must_use]
    pub const fn generation(&self) -> &Generation {
        &self.generation
    }

    /// How long it was waited for: since the submit, where that was in this process.
    #[must_use]
    pub const fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// How often the service was asked.
    #[must_use]
    pub const fn polls(&self) -> u32 {
        self.polls
    }
}

impl fmt::Debug for Track {
    /// Without the answer, which holds links.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Track")
            .field("id", self.id())
            .field("assets", &self.assets)
            .field("elapsed", &self.elapsed)
            .field("polls", &self.polls)
            .finish_non_exhaustive()
    }
}

/// Audio that can be downloaded.
#[derive(Clone, PartialEq, Eq)]
pub struct Audio {
    job: QueryId,
    index: usize,
    url: String,
    waveform: Option<Waveform>,
}

impl Audio {
    /// The job that it came of.
    #[must_use]
    pub const fn job(&self) -> &QueryId {
        &self.job
    }

    /// Its place among the job's assets, from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// The link. Whoever has it can download: treat it as a secret for as long as it lives.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its loudness over time, where the service gave it.
    #[must_use]
    pub const fn waveform(&self) -> Option<&Waveform> {
        self.waveform.as_ref()
    }
}

impl fmt::Debug for Audio {
    /// Without the link's query, which is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bare = self.url.split('?').next().unwrap_or_default();
        f.debug_struct("Audio")
            .field("job", &self.job)
            .field("index", &self.index)
            .field("url", &bare)
            .finish_non_exhaustive()
    }
}
