use std::time::Duration;

use genrex_proto::Status;

/// How far a wait had come.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Waited {
    /// Since the wait began, or since the submit where that was in this process.
    pub elapsed: Duration,
    /// The time that the caller gave, where there was one.
    pub limit: Option<Duration>,
    /// How often the service was asked.
    pub polls: u32,
    /// What it said last, where it said anything.
    pub last_status: Option<Status>,
}
