use std::path::PathBuf;
use std::time::Duration;

/// How a ledger is connected to.
///
/// ```
/// use std::time::Duration;
/// use genrex_ledger_postgres::Options;
///
/// let options = Options::new()
///     .timeout(Duration::from_secs(5))
///     .rescue("/var/lib/studio/genrex.rescue");
/// # let _ = options;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub(crate) timeout: Duration,
    pub(crate) lease: Duration,
    pub(crate) rescue: Option<PathBuf>,
}

impl Options {
    /// What [`PostgresLedger::connect`](crate::PostgresLedger::connect) uses.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            lease: Duration::from_secs(120),
            rescue: None,
        }
    }

    /// How long a database that is away, or an account that another holds, is waited for; 30 s unless set.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long a job in flight stays its owner's after it was last renewed; 120 s unless set, and never less than
    /// 1 s. A living process renews it four times in that. A process that stood still for longer has lost its jobs:
    /// those that were not sent cannot be sent any more, and the others are unclear until it tells their outcome.
    #[must_use]
    pub const fn lease(mut self, lease: Duration) -> Self {
        const LEAST: Duration = Duration::from_secs(1);
        self.lease = if lease.as_nanos() < LEAST.as_nanos() {
            LEAST
        } else {
            lease
        };
        self
    }

    /// The file on this machine where an outcome is kept, synced, that the database could not take. Whoever on this
    /// machine connects to the same ledger with the same file applies it. Without one such an outcome is in the
    /// error alone.
    #[must_use]
    pub fn rescue(mut self, file: impl Into<PathBuf>) -> Self {
        self.rescue = Some(file.into());
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
