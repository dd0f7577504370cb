use std::fmt;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::LocalId;

/// An account at a service: all that spends the same credits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Account(String);

impl Account {
    /// The account that a key belongs to. The key itself is not kept: the first 64 bits of its SHA-256
    /// are.
    #[must_use]
    pub fn new(base_url: &str, api_key: &str) -> Self {
        let fingerprint = hex::encode(&Sha256::digest(api_key)[..8]);
        Self(format!("{base_url}#{fingerprint}"))
    }

    /// The name in the file.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A submit that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    pub(crate) account: Account,
    pub(crate) text: String,
    pub(crate) duration: u8,
    pub(crate) body_sha256: String,
    pub(crate) row: Option<(String, String, Option<LocalId>)>,
    pub(crate) unless_open: bool,
    pub(crate) before: Option<(u64, Option<String>)>,
}

impl Intent {
    /// Of this account, for this prompt and duration (in seconds), with this body.
    #[must_use]
    pub fn new(account: Account, text: impl Into<String>, duration: u8, body: &[u8]) -> Self {
        Self {
            account,
            text: text.into(),
            duration,
            body_sha256: hex::encode(Sha256::digest(body)),
            row: None,
            unless_open: false,
            before: None,
        }
    }

    /// As a row of a batch, which is bought once, whoever intends it: `last` is the row's newest job as it
    /// was seen, and another that came since is not bought over.
    #[must_use]
    pub fn in_batch(
        mut self,
        batch: impl Into<String>,
        row: impl Into<String>,
        last: Option<LocalId>,
    ) -> Self {
        self.row = Some((batch.into(), row.into(), last));
        self
    }

    /// Not while a job with the same body is on its way, unclear, or not here yet.
    #[must_use]
    pub const fn unless_open(mut self) -> Self {
        self.unless_open = true;
        self
    }

    /// With the account's balance before it: how many credits were used, and when the account had last
    /// changed. What an ambiguous submit is held against.
    #[must_use]
    pub fn after_balance(mut self, used: u64, changed: Option<String>) -> Self {
        self.before = Some((used, changed));
        self
    }

    /// The SHA-256 of the body, in hexadecimal.
    #[must_use]
    pub fn body_sha256(&self) -> &str {
        &self.body_sha256
    }
}

/// How many credits may be spent, over everything that the ledger holds for an account.
///
/// What counts is what is in flight, accepted or ambiguous; an ambiguous submit no longer counts once it
/// is reconciled as not charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Limits {
    /// In the last 24 hours.
    pub day: Option<u64>,
    /// In the last 30 days.
    pub month: Option<u64>,
    /// In all.
    pub total: Option<u64>,
}

impl Limits {
    /// Each limit that there is: its name, how far it looks back, and the credits.
    pub(crate) fn each(&self) -> impl Iterator<Item = (&'static str, Option<Duration>, u64)> {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let all = [
            ("day", Some(DAY), self.day),
            ("month", Some(DAY.saturating_mul(30)), self.month),
            ("total", None, self.total),
        ];
        all.into_iter()
            .filter_map(|(name, window, credits)| Some((name, window, credits?)))
    }

    /// Whether there is any.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.day.is_none() && self.month.is_none() && self.total.is_none()
    }
}
