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
    pub(crate) on_wait: OnWait,
}

/// What is called when another process's transaction is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnWait(pub(crate) fn());

impl PartialEq for OnWait {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}

impl Eq for OnWait {}

impl Options {
    /// What [`SqliteLedger::open`](crate::SqliteLedger::open) uses.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            busy_timeout: Duration::from_secs(30),
            on_wait: OnWait(|| {}),
        }
    }

    /// How long another process's transaction is waited for; 30 s unless set. A transaction takes milliseconds.
    #[must_use]
    pub const fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// What is called, on the ledger's own thread, when another process's transaction has been waited for for a
    /// second, and is waited for further: who has a person in front of it can say so.
    #[must_use]
    pub const fn on_wait(mut self, call: fn()) -> Self {
        self.on_wait = OnWait(call);
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
