use std::fmt;

use genrex_proto::QueryId;

use crate::{State, Verdict};

/// A job's name in the ledger: it has one before the service gives it another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalId(pub i64);

impl fmt::Display for LocalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A job, as the ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// Its name here.
    pub id: LocalId,
    /// Whose account it is on.
    pub account: String,
    /// The prompt.
    pub text: String,
    /// The duration, in seconds.
    pub duration: u8,
    /// The SHA-256 of the body that was signed, in hexadecimal.
    pub body_sha256: String,
    /// Where it stands.
    pub state: State,
    /// Its name at the service.
    pub query_id: Option<QueryId>,
    /// What it was expected to cost when it was intended, in credits, if the price was known.
    pub expected_cost: Option<u64>,
    /// The account's used credits before the submit, and when it had last changed, if that was asked.
    pub balance_before: Option<(u64, Option<String>)>,
    /// What is known of it beside its state: a refusal's reason, an ambiguity's evidence.
    pub detail: Option<String>,
    /// What a reconciliation found.
    pub verdict: Option<Verdict>,
    /// Where its audio is.
    pub path: Option<String>,
    /// How long that file is.
    pub bytes: Option<u64>,
    /// Its SHA-256, in hexadecimal.
    pub sha256: Option<String>,
    /// When it was intended, in milliseconds since 1970.
    pub created_at: u64,
    /// When it last changed.
    pub updated_at: u64,
}
