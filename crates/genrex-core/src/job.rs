pub(crate) mod allowance;
mod audio;
pub(crate) mod find;
mod track;

use genrex_ledger::LocalId;
use genrex_proto::QueryId;
use serde::{Deserialize, Serialize};

pub use self::audio::Audio;
pub use self::track::Track;
use crate::transport::Moment;

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
    /// How many seconds of music it makes, likewise.
    #[serde(skip)]
    seconds: Option<u8>,
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
            seconds: None,
            not_kept: None,
        }
    }

    pub(crate) const fn accepted(id: QueryId, seconds: u8, at: Moment) -> Self {
        Self {
            id,
            local_id: None,
            accepted_at: Some(at),
            seconds: Some(seconds),
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

    /// How many seconds of music it makes, if this process asked for it.
    pub(crate) const fn seconds(&self) -> Option<u8> {
        self.seconds
    }
}
