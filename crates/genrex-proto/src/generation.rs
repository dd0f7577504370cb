use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::decode;
use crate::lenient::{one_or_many, optional, or_default, whole_or_not};
use crate::redact::{bare_url, debug_json, serialize_fields, serialize_url, serialize_value};
use crate::{Error, QueryId, Status, Timestamp, Waveform, WithLinks};

/// A job, as `generateMusic` and `retrieve` answer: only a completed one has assets.
///
/// Serialises to the reference's form, whichever was read. A presigned link is a secret: what is
/// serialised has no query, fragment or user in the URLs of its assets, and those in unknown fields are
/// redacted as [`redact_urls`](crate::redact_urls) does it. [`with_links`](Self::with_links) serialises
/// them whole. `Debug` shows the JSON, with every URL redacted.
///
/// ```
/// use genrex_proto::{AssetContent, AssetResponse, Generation, QueryId, Status};
///
/// let mut done = Generation::new(QueryId::new("QRY_1")?, Status::Completed);
/// let link = "https://a.example/1.wav?X-Amz-Signature=1f";
/// done.response = vec![AssetResponse::new(vec![AssetContent::new(link)])];
///
/// assert!(!serde_json::to_string(&done)?.contains("Signature"));
/// assert!(serde_json::to_string(&done.with_links())?.contains(link));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Generation {
    /// The job's name.
    pub id: QueryId,
    /// What makes it: `GenrexV1`.
    #[serde(
        default,
        deserialize_with = "optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub process_system: Option<String>,
    /// Where it was asked for: `API`.
    #[serde(
        default,
        deserialize_with = "optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub source: Option<String>,
    /// How it is doing.
    #[serde(default, deserialize_with = "or_default")]
    pub status: Status,
    /// What `content` is: `Text`.
    #[serde(
        default,
        deserialize_with = "optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub content_type: Option<String>,
    /// What was asked for.
    #[serde(
        default,
        deserialize_with = "optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub content: Option<Content>,
    /// Documented as `null`; kept as it came.
    #[serde(default, serialize_with = "serialize_value")]
    pub metadata: Value,
    /// What came of it: empty unless [`status`](Self::status) is [`Status::Completed`].
    #[serde(
        default,
        deserialize_with = "one_or_many",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub response: Vec<AssetResponse>,
    /// Whose it is.
    #[serde(
        default,
        deserialize_with = "optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub user_id: Option<String>,
    /// When it was asked for.
    #[serde(
        default,
        deserialize_with = "optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub created_at: Option<Timestamp>,
    /// When it last changed.
    #[serde(
        default,
        deserialize_with = "optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub updated_at: Option<Timestamp>,
    /// Fields that this version does not know.
    #[serde(flatten, serialize_with = "serialize_fields")]
    pub extra: Map<String, Value>,
}

impl Generation {
    /// A job of this name and status, and nothing else: for tests, and for whoever plays the service.
    #[must_use]
    pub fn new(id: QueryId, status: Status) -> Self {
        Self {
            id,
            process_system: None,
            source: None,
            status,
            content_type: None,
            content: None,
            metadata: Value::Null,
            response: Vec::new(),
            user_id: None,
            created_at: None,
            updated_at: None,
            extra: Map::new(),
        }
    }

    /// Reads an answer of either dialect.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::UnreadableAnswer`](crate::ErrorKind) with the path to the field, when it is not
    /// JSON, has no `id`, or has assets of another shape than documented.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        decode(json)
    }

    /// The same to be serialised whole, presigned links and all.
    ///
    /// Reading what it writes gives this very value.
    #[must_use]
    pub const fn with_links(&self) -> WithLinks<'_> {
        WithLinks(self)
    }

    /// Everything that can be downloaded, in the order of the answer.
    pub fn assets(&self) -> impl Iterator<Item = Asset<'_>> {
        self.response.iter().flat_map(|response| {
            let waveforms = response
                .metadata
                .iter()
                .map(|data| data.volume_visualize.as_ref());
            response
                .content
                .iter()
                .zip(waveforms.chain(std::iter::repeat(None)))
                .filter_map(|(content, waveform)| {
                    let url = content.url.as_deref()?;
                    Some(Asset { url, waveform })
                })
        })
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_json("Generation", self, f)
    }
}

/// What was asked for, repeated by the service.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Content {
    /// The prompt.
    #[serde(
        default,
        deserialize_with = "optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub text: Option<String>,
    /// The duration, in seconds.
    #[serde(
        default,
        deserialize_with = "optional",
        serialize_with = "whole_or_not",
        skip_serializing_if = "Option::is_none"
    )]
    pub duration: Option<f64>,
    /// Fields that this version does not know.
    #[serde(flatten, serialize_with = "serialize_fields")]
    pub extra: Map<String, Value>,
}

impl Content {
    /// A prompt, and a duration in seconds.
    #[must_use]
    pub fn new(text: impl Into<String>, duration: f64) -> Self {
        Self {
            text: Some(text.into()),
            duration: Some(duration),
            extra: Map::new(),
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_json("Content", self, f)
    }
}

/// One entry of `response`.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct AssetResponse {
    /// Its name: `RSP_…`.
    #[serde(
        default,
        deserialize_with = "optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub id: Option<String>,
    /// What is known of the audio, one entry an asset.
    #[serde(default, deserialize_with = "one_or_many")]
    pub metadata: Vec<AssetMetadata>,
    /// What `content` is: `Audio`.
    #[serde(
        default,
        deserialize_with = "optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub content_type: Option<String>,
    /// The assets. An array in the reference, one object in the quick start.
    #[serde(default, deserialize_with = "one_or_many")]
    pub content: Vec<AssetContent>,
    /// The job that it belongs to.
    #[serde(
        default,
        deserialize_with = "optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub query_id: Option<String>,
    /// When it was made.
    #[serde(
        default,
        deserialize_with = "optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub created_at: Option<Timestamp>,
    /// When it last changed.
    #[serde(
        default,
        deserialize_with = "optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub updated_at: Option<Timestamp>,
    /// Fields that this version does not know.
    #[serde(flatten, serialize_with = "serialize_fields")]
    pub extra: Map<String, Value>,
}

impl AssetResponse {
    /// An entry of these assets, and nothing else.
    #[must_use]
    pub fn new(content: Vec<AssetContent>) -> Self {
        Self {
            content,
            ..Self::default()
        }
    }
}

impl fmt::Debug for AssetResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_json("AssetResponse", self, f)
    }
}

/// Where an asset lies.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AssetContent {
    /// The URL, on another host than the API's, good for a time that is not documented.
    ///
    /// Whoever has it can download: its query is a secret for as long as it lives, and is neither shown
    /// by `Debug` nor serialised, except by [`Generation::with_links`].
    #[serde(
        default,
        deserialize_with = "optional",
        serialize_with = "serialize_url",
        skip_serializing_if = "Option::is_none"
    )]
    pub url: Option<String>,
    /// Fields that this version does not know.
    #[serde(flatten, serialize_with = "serialize_fields")]
    pub extra: Map<String, Value>,
}

impl AssetContent {
    /// An asset that lies at `url`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: Some(url.into()),
            extra: Map::new(),
        }
    }
}

impl fmt::Debug for AssetContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_json("AssetContent", self, f)
    }
}

/// What is known of an asset.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AssetMetadata {
    /// Its loudness over time.
    #[serde(
        default,
        deserialize_with = "optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub volume_visualize: Option<Waveform>,
    /// Fields that this version does not know.
    #[serde(flatten, serialize_with = "serialize_fields")]
    pub extra: Map<String, Value>,
}

impl AssetMetadata {
    /// An asset of this loudness.
    #[must_use]
    pub fn new(volume_visualize: Waveform) -> Self {
        Self {
            volume_visualize: Some(volume_visualize),
            extra: Map::new(),
        }
    }
}

impl fmt::Debug for AssetMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug_json("AssetMetadata", self, f)
    }
}

/// One thing that can be downloaded.
#[derive(Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Asset<'a> {
    /// Where it lies. Whoever has it can download: treat it as a secret for as long as it lives. `Debug`
    /// shows no query, fragment or user.
    pub url: &'a str,
    /// Its loudness over time, where the service gave it.
    pub waveform: Option<&'a Waveform>,
}

impl fmt::Debug for Asset<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asset")
            .field("url", &bare_url(self.url))
            .field("waveform", &self.waveform)
            .finish()
    }
}
