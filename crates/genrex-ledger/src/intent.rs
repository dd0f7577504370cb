use sha2::{Digest as _, Sha256};

use crate::{Account, Limits, LocalId, Look};

/// A submit that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Intent {
    /// What makes this call to [`Ledger::intend`](crate::Ledger::intend) this one: the same key again
    /// returns the same job.
    pub key: u128,
    /// Whose credits.
    pub account: Account,
    /// The prompt.
    pub text: String,
    /// The duration, in seconds.
    pub duration: u8,
    /// The SHA-256 of the body that will be signed, in hexadecimal.
    pub body_sha256: String,
    /// The balance before it. Without one an ambiguous outcome cannot be reconciled, and no limit can be
    /// kept.
    pub look: Option<Look>,
    /// What may be spent.
    pub limits: Limits,
    /// Which run it is of, and what that run may spend.
    pub run: Option<Run>,
    /// What else it must not be bought beside.
    pub once: Once,
    /// Whether its row is bought although another batch has bought the same.
    pub anew: bool,
    /// Where its audio is to go, for whoever downloads it.
    pub output: Option<String>,
}

/// A bound on what one run of a program may spend.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Run {
    /// The run's name, made anew for each.
    pub id: String,
    /// The credits.
    pub credits: u64,
}

impl Run {
    /// A run of this name that may spend so many credits.
    #[must_use]
    pub fn new(id: impl Into<String>, credits: u64) -> Self {
        Self {
            id: id.into(),
            credits,
        }
    }
}

/// What a purchase must not be made beside.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Once {
    /// Nothing: it is bought whatever was bought before.
    #[default]
    No,
    /// A job with the same body that is on its way, unclear, or not here yet.
    Prompt,
    /// Another job of the same row of a batch, or of a row of another batch that has its name, text and duration, unless
    /// it is wanted [anew](Intent::anew).
    Row {
        /// The row.
        row: Row,
        /// The row's newest job as it was seen; one that came since is not bought over.
        last: Option<LocalId>,
    },
}

/// A row of a batch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Row {
    /// The batch.
    pub batch: String,
    /// Its name in the batch: by its text and duration, and which of its like it is.
    pub name: String,
}

impl Row {
    /// The row of this name in a batch.
    #[must_use]
    pub fn new(batch: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            batch: batch.into(),
            name: name.into(),
        }
    }
}

impl Intent {
    /// Of this account, for this prompt and duration (in seconds), with this body.
    #[must_use]
    pub fn new(
        key: u128,
        account: Account,
        text: impl Into<String>,
        duration: u8,
        body: &[u8],
    ) -> Self {
        Self {
            key,
            account,
            text: text.into(),
            duration,
            body_sha256: hash(body),
            look: None,
            limits: Limits::default(),
            run: None,
            once: Once::No,
            anew: false,
            output: None,
        }
    }

    /// After a look at the balance.
    #[must_use]
    pub fn after(mut self, look: Look) -> Self {
        self.look = Some(look);
        self
    }

    /// Within these limits.
    #[must_use]
    pub const fn within(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Of a run that may spend so much.
    #[must_use]
    pub fn of_run(mut self, run: Run) -> Self {
        self.run = Some(run);
        self
    }

    /// Not beside what `once` says.
    #[must_use]
    pub fn once(mut self, once: Once) -> Self {
        self.once = once;
        self
    }

    /// The row that it is of, if it is of a batch.
    #[must_use]
    pub const fn row(&self) -> Option<&Row> {
        match &self.once {
            Once::Row { row, .. } => Some(row),
            Once::No | Once::Prompt => None,
        }
    }

    /// Whether anything bounds what it may cost.
    #[must_use]
    pub const fn is_bounded(&self) -> bool {
        !self.limits.is_none() || self.run.is_some()
    }
}

/// The SHA-256 of a body, in hexadecimal: what a job is found by.
#[must_use]
pub fn hash(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}
