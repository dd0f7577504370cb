pub(crate) mod backoff;
pub(crate) mod pace;

use std::time::Duration;

use self::backoff::Backoff;
use self::pace::Pace;

/// How a client goes about its operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Settings {
    /// How often a running job is asked after.
    pub pace: Pace,
    /// How long one operation may take, sleeps and requests together; `None` for ever. A submit that is
    /// on its way is not cut short by it: that would make ambiguity.
    pub deadline: Option<Duration>,
    /// How retries are spaced.
    pub backoff: Backoff,
    /// How long single steps on the wire may take.
    pub timeouts: Timeouts,
}

impl Default for Settings {
    /// The learned pace, ten minutes, retries from 0.5 s to 8 s, and the default time-outs.
    fn default() -> Self {
        Self {
            pace: Pace::default(),
            deadline: Some(Duration::from_secs(600)),
            backoff: Backoff::default(),
            timeouts: Timeouts::default(),
        }
    }
}

/// How long single steps on the wire may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Timeouts {
    /// Until a connection stands, TLS included: 10 s unless set.
    pub connect: Duration,
    /// A paid submit, from its start to its answer's last byte: 60 s unless set. A short one makes ambiguity.
    pub submit: Duration,
    /// A free call, likewise; and between two chunks of a download: 20 s unless set.
    pub answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            submit: Duration::from_secs(60),
            answer: Duration::from_secs(20),
        }
    }
}
