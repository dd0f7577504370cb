use std::fmt;
use std::time::Duration;

use genrex_ledger::LocalId;
use genrex_proto::{Generation, QueryId, Status};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Audio;
use crate::operations::download::asset_url::AssetUrl;
use crate::{AddressPolicy, Error, ErrorKind};

/// A piece of music that is ready.
///
/// What is serialised holds no presigned link: the URLs are written without their queries.
/// [`with_links`](Self::with_links) writes them whole. What is read back can be downloaded in either case: where its
/// link does not work, a fresh one is asked for.
#[derive(Clone, PartialEq)]
pub struct Track {
    generation: Generation,
    local_id: Option<LocalId>,
    /// At least one.
    assets: Vec<Audio>,
    left_out: usize,
    elapsed: Duration,
    polls: u32,
}

impl Track {
    /// How many assets are taken of one answer; the documented service makes one.
    pub const MOST_ASSETS: usize = 16;

    /// Takes a completed answer; an error when it has no asset that may be fetched.
    pub(crate) fn new(generation: Generation, policy: AddressPolicy) -> Result<Self, Error> {
        let assets: Vec<_> = generation
            .assets()
            .take(Self::MOST_ASSETS)
            .enumerate()
            .map(|(index, asset)| Audio::new(&generation.id, index, asset))
            .collect();
        let first = assets.first().ok_or_else(|| {
            Error::new(
                ErrorKind::UnexpectedAnswer,
                "the job is completed, but its answer holds no link",
            )
        })?;
        AssetUrl::new(first.url(), policy)?;
        let left_out = generation.assets().count() - assets.len();
        Ok(Self {
            generation,
            local_id: None,
            assets,
            left_out,
            elapsed: Duration::ZERO,
            polls: 0,
        })
    }

    /// The same with how it was waited for.
    pub(crate) const fn waited_for(mut self, elapsed: Duration, polls: u32) -> Self {
        self.elapsed = elapsed;
        self.polls = polls;
        self
    }

    /// The same with its name in the ledger.
    #[must_use]
    pub fn kept_as(mut self, local_id: LocalId) -> Self {
        self.local_id = Some(local_id);
        for audio in &mut self.assets {
            audio.local_id = Some(local_id);
        }
        self
    }

    /// The job's name.
    #[must_use]
    pub const fn id(&self) -> &QueryId {
        &self.generation.id
    }

    /// The job's name in the ledger, where one keeps it.
    #[must_use]
    pub const fn local_id(&self) -> Option<LocalId> {
        self.local_id
    }

    /// The audio; where the service made more than one, the first.
    #[must_use]
    pub fn audio(&self) -> &Audio {
        &self.assets[0]
    }

    /// What the service made of the prompt: at least one, and at most [`MOST_ASSETS`](Self::MOST_ASSETS).
    #[must_use]
    pub fn assets(&self) -> &[Audio] {
        &self.assets
    }

    /// How many assets its answer has beyond those.
    #[must_use]
    pub const fn left_out(&self) -> usize {
        self.left_out
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

    /// The same to be serialised whole, presigned links and all.
    ///
    /// Reading what it writes gives this very value.
    #[must_use]
    pub fn with_links(&self) -> impl Serialize + '_ {
        self.form(self.generation.with_links())
    }

    const fn form<G>(&self, generation: G) -> Form<G> {
        Form {
            generation,
            local_id: self.local_id,
            elapsed: self.elapsed,
            polls: self.polls,
        }
    }
}

impl fmt::Debug for Track {
    /// Without the answer, which holds links.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Track")
            .field("id", self.id())
            .field("local_id", &self.local_id)
            .field("assets", &self.assets)
            .field("left_out", &self.left_out)
            .field("elapsed", &self.elapsed)
            .field("polls", &self.polls)
            .finish_non_exhaustive()
    }
}

impl TryFrom<Generation> for Track {
    type Error = Error;

    /// Takes an answer that was asked for by [`retrieve`](crate::Client::retrieve), or came elsewhere.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::GenerationFailed`] and [`ErrorKind::NotCompleted`], by its status;
    /// [`ErrorKind::UnexpectedAnswer`] if it holds no link, or one that is no link to audio. Each holds the job's id.
    /// Whether the link leads where it may is checked when it is downloaded.
    fn try_from(generation: Generation) -> Result<Self, Error> {
        let id = generation.id.clone();
        let track = match &generation.status {
            Status::Completed => Self::new(generation, AddressPolicy::Any),
            Status::Failed => Err(Error::new(
                ErrorKind::GenerationFailed,
                "the service says that the generation failed",
            )),
            status => Err(Error::new(
                ErrorKind::NotCompleted,
                format!("the service says that the job is {status}"),
            )),
        };
        track.map_err(|error| error.with_query_id(&id))
    }
}

/// A track as it is serialised.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Form<G> {
    generation: G,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    local_id: Option<LocalId>,
    elapsed: Duration,
    polls: u32,
}

impl Serialize for Track {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.form(&self.generation).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Track {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let form = Form::<Generation>::deserialize(deserializer)?;
        let track = Self::try_from(form.generation).map_err(serde::de::Error::custom)?;
        let track = track.waited_for(form.elapsed, form.polls);
        Ok(match form.local_id {
            Some(local_id) => track.kept_as(local_id),
            None => track,
        })
    }
}
