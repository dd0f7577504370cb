use std::borrow::Cow;
use std::fmt;

use genrex_ledger::LocalId;
use genrex_proto::{Asset, QueryId, Waveform, bare_url};
use serde::{Deserialize, Serialize, Serializer};

/// Audio that can be downloaded.
///
/// What is serialised holds no presigned link: the URL is written without its query.
/// [`with_links`](Self::with_links) writes it whole. What is read back can be downloaded in either case: where its
/// link does not work, a fresh one is asked for.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Audio {
    job: QueryId,
    #[serde(default)]
    pub(super) local_id: Option<LocalId>,
    index: usize,
    url: String,
    #[serde(default)]
    waveform: Option<Waveform>,
}

impl Audio {
    pub(super) fn new(job: &QueryId, index: usize, asset: Asset<'_>) -> Self {
        Self {
            job: job.clone(),
            local_id: None,
            index,
            url: asset.url.to_owned(),
            waveform: asset.waveform.cloned(),
        }
    }

    /// The job that it came of.
    #[must_use]
    pub const fn job(&self) -> &QueryId {
        &self.job
    }

    /// The job's name in the ledger, where one keeps it.
    #[must_use]
    pub const fn local_id(&self) -> Option<LocalId> {
        self.local_id
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

    /// The same to be serialised whole, presigned link and all.
    ///
    /// Reading what it writes gives this very value.
    #[must_use]
    pub fn with_links(&self) -> impl Serialize + '_ {
        self.form(Cow::Borrowed(&self.url))
    }

    fn form<'a>(&'a self, url: Cow<'a, str>) -> Form<'a> {
        Form {
            job: &self.job,
            local_id: self.local_id,
            index: self.index,
            url,
            waveform: self.waveform.as_ref(),
        }
    }
}

impl fmt::Debug for Audio {
    /// Without the link's user, query and fragment, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Audio")
            .field("job", &self.job)
            .field("local_id", &self.local_id)
            .field("index", &self.index)
            .field("url", &bare_url(&self.url))
            .finish_non_exhaustive()
    }
}

/// Audio as it is serialised.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Form<'a> {
    job: &'a QueryId,
    #[serde(skip_serializing_if = "Option::is_none")]
    local_id: Option<LocalId>,
    index: usize,
    url: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waveform: Option<&'a Waveform>,
}

impl Serialize for Audio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let url = Cow::Owned(bare_url(&self.url));
        self.form(url).serialize(serializer)
    }
}
