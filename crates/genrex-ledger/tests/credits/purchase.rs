//! Purchases, what becomes of them, and what came of them.

use genrex_ledger::{Credits, ErrorKind, Limits, LocalId, Run};

/// One purchase to be made.
#[derive(Debug, Clone)]
pub(crate) struct Purchase {
    pub(crate) duration: u8,
    pub(crate) limits: Limits,
    pub(crate) run: Option<Run>,
    pub(crate) once: bool,
    /// Whether anybody asks after the job.
    pub(crate) waits: bool,
    /// Whether it is held against the balance when it is unclear, and bought again if it was not charged.
    pub(crate) reconciles: bool,
    /// How long after the one before, in milliseconds.
    pub(crate) pause: u64,
    /// What becomes of its submit; left to chance unless set.
    pub(crate) fate: Option<Fate>,
}

/// What becomes of a submit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Accepted,
    Fails,
    /// Its answer is lost; the service takes it so long after, in milliseconds.
    Taken(u64),
    /// It is lost, and the service never sees it.
    Lost,
    NotSent,
    Refused,
    RefusedAndCharged,
    /// Its process is killed before it is sent.
    KilledBefore,
    /// Its process is killed when it is sent.
    KilledAfter,
}

impl Purchase {
    pub(crate) fn of(duration: u8, limits: Limits) -> Self {
        Self {
            duration,
            limits,
            run: None,
            once: false,
            waits: true,
            reconciles: false,
            pause: 0,
            fate: None,
        }
    }
}

/// How often things go wrong, out of a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fates {
    /// The answer to a submit is lost, and the service took it.
    pub(crate) lost_taken: u64,
    /// The submit is lost, and the service never sees it.
    pub(crate) lost: u64,
    /// How late a lost submit may be delivered, in milliseconds.
    pub(crate) delivered_late: u64,
    pub(crate) not_sent: u64,
    pub(crate) refused: u64,
    pub(crate) refused_and_charged: u64,
    pub(crate) fails: u64,
    /// The process is killed at this step.
    pub(crate) killed: u64,
    pub(crate) look_lost: u64,
    /// A look is told late, by up to a minute.
    pub(crate) look_late: u64,
    /// The process is stopped between a look and its intent, for up to ten minutes.
    pub(crate) stopped: u64,
    /// Another client buys beside a submit, or is given credits back.
    pub(crate) other_buys: u64,
    pub(crate) other_refunded: u64,
}

/// What came of a purchase that was let through.
#[derive(Debug, Clone)]
pub(crate) struct Bought {
    pub(crate) at: u64,
    pub(crate) id: LocalId,
    pub(crate) duration: u8,
    pub(crate) expected: Option<u64>,
    pub(crate) is_alone: bool,
    /// The service's job, if it took one.
    pub(crate) job: Option<usize>,
}

/// A purchase that was not let through.
#[derive(Debug, Clone)]
pub(crate) struct Stopped {
    pub(crate) at: u64,
    pub(crate) purchase: Purchase,
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) credits: Credits,
}
