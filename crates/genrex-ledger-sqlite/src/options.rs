use std::time::Duration;

/// How a ledger is opened.
///
/// ```
/// use std::time::Duration;
/// use genrex_ledger_sqlite::Options;
///
/// let options = Options::new().busy_timeout(Duration::from_secs(5));
/// # let _ = options;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    pub(crate) busy_timeout: Duration,
}

impl Options {
    /// What [`SqliteLedger::open`](crate::SqliteLedger::open) uses.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            busy_timeout: Duration::from_secs(30),
        }
    }

    /// How long another process's transaction is waited for; 30 s unless set. A transaction takes milliseconds.
    #[must_use]
    pub const fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
