use std::time::Duration;

use genrex_ledger::LocalId;
use genrex_proto::{Balance, QueryId, Status};
use serde::{Deserialize, Serialize};

use crate::ErrorKind;

/// What an operation has come to, as values that a caller can watch.
///
/// It is serialised with the variant's name as `event`, and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(
    tag = "event",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
#[non_exhaustive]
pub enum Progress {
    /// The ledger keeps that a submit is about to be made.
    #[non_exhaustive]
    Intended {
        /// Its name in the ledger.
        job: LocalId,
    },
    /// A paid request is about to leave: until [`Self::Accepted`], [`Self::Retrying`] or the operation's
    /// end, giving up may leave a charge behind.
    #[non_exhaustive]
    Submitting {
        /// Which attempt it is, from 1.
        attempt: u32,
    },
    /// A limit is in force, and what earlier jobs cost has to be settled before this one may start.
    #[non_exhaustive]
    WaitingForPrice {
        /// The job that stands in the way, where it is known.
        job: Option<LocalId>,
    },
    /// A limit is in force, and what a piece of this duration costs is not known: the purchase goes alone to show it,
    /// and may cost more than the limit allows. It is told once, before anything is sent.
    PriceUnknown {
        /// In seconds.
        duration: u8,
    },
    /// The ledger could not keep something that is free to find out again; the job itself is not harmed.
    #[non_exhaustive]
    NotKept {
        /// The job.
        job: Option<LocalId>,
        /// Why.
        message: String,
    },
    /// The service took the job: from here on the id is worth its price.
    #[non_exhaustive]
    Accepted {
        /// The job.
        id: QueryId,
    },
    /// A broken answer to a submit held a whole id: the service is asked whether it knows it.
    #[non_exhaustive]
    Salvaged {
        /// The job, if it is one.
        id: QueryId,
    },
    /// The job is being made.
    #[non_exhaustive]
    Polled {
        /// The job.
        id: QueryId,
        /// What the service says.
        status: Status,
        /// How often it has been asked.
        polls: u32,
        /// Since the wait began, or since the submit where that was in this process.
        elapsed: Duration,
    },
    /// A poll is about to be sent; what comes of it is [`Self::Polled`], [`Self::Unanswered`] or the wait's end.
    #[non_exhaustive]
    Polling {
        /// The job.
        id: QueryId,
    },
    /// A poll came to nothing that says how the job is; it is asked again, and the job goes on.
    #[non_exhaustive]
    Unanswered {
        /// The job.
        id: QueryId,
        /// What was seen instead.
        kind: ErrorKind,
        /// The HTTP status, where there was one.
        status: Option<u16>,
        /// Since the service last said how the job is, or since the wait began.
        silent: Duration,
    },
    /// The account's balance was looked at, as it is before each purchase.
    #[non_exhaustive]
    Looked {
        /// What the service said.
        balance: Balance,
    },
    /// A status that this version does not know came for the first time; the wait goes on.
    #[non_exhaustive]
    UnknownStatus {
        /// The job.
        id: QueryId,
        /// What the service says.
        status: Status,
    },
    /// Something failed, and is tried again.
    #[non_exhaustive]
    Retrying {
        /// What failed.
        kind: ErrorKind,
        /// After how long.
        delay: Duration,
        /// How often it has been tried.
        attempts: u32,
    },
    /// The service's clock is not this machine's: signatures are made by the service's from now on.
    #[non_exhaustive]
    ClockCorrected {
        /// How far ahead of this machine's clock the service's is, in milliseconds.
        offset_millis: i64,
    },
    /// The link to the audio had expired, or led to what is no audio, and a fresh one was asked for.
    #[non_exhaustive]
    FreshLink {
        /// The job.
        id: QueryId,
    },
    /// What was received so far does not fit what comes now: the download starts again from zero.
    StartedOver,
    /// Audio was received.
    #[non_exhaustive]
    Downloading {
        /// How many bytes so far.
        received: u64,
        /// How many there will be, where the storage says so.
        total: Option<u64>,
    },
}

impl Progress {
    /// That the ledger could not keep what is free to find out again.
    pub(crate) fn not_kept(job: Option<LocalId>, error: &genrex_ledger::Error) -> Self {
        Self::NotKept {
            job,
            message: error.to_string(),
        }
    }
}
