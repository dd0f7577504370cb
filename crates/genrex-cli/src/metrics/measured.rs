//! What is counted of a ledger's calls.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use genrex_ledger::{Call, Entry, Error, ErrorKind, Event, Intent, LocalId, State, Watcher};

use crate::clock;
use crate::metrics::Metrics;

/// What [`outcome`], [`refusal`] and [`trouble`] say.
pub(super) const OUTCOMES: [&str; 4] = ["accepted", "refused", "not_sent", "ambiguous"];
pub(super) const RESULTS: [&str; 8] = [
    "begun",
    "over_limit",
    "taken",
    "price_unknown",
    "balance_unknown",
    "moved",
    "restored",
    "failed",
];
pub(super) const KINDS: [&str; 11] = [
    "storage",
    "full",
    "denied",
    "damaged",
    "busy",
    "missing",
    "version",
    "unreadable",
    "not_owned",
    "moved",
    "restored",
];

/// Who counts.
pub(super) struct Measured {
    metrics: &'static Metrics,
    /// When each job of this process that is in flight took its last step.
    in_flight: Mutex<HashMap<LocalId, Duration>>,
}

impl Watcher for Measured {
    fn now(&self) -> Duration {
        clock::since_start()
    }

    fn called(&self, call: Call<'_>, began: Duration, answer: Result<Option<&Entry>, &Error>) {
        self.timed(call, began);
        if let Err(error) = answer
            && let Some(kind) = trouble(error.kind())
        {
            let failures = &self.metrics.ledger_failures;
            failures.get_or_create(&[("kind", kind)]).inc();
        }
        match call {
            // A command buys with one account.
            Call::Observe(account) => drop(self.metrics.account.set(account.clone())),
            Call::Intend(intent) => self.begun(intent, answer),
            Call::Record(id, event) => {
                if let Ok(Some(entry)) = answer {
                    self.stepped(id, event, entry);
                }
            }
            Call::Release(id) => drop(self.ended(id)),
            _ => {}
        }
    }
}

impl Measured {
    pub(super) fn new(metrics: &'static Metrics) -> Self {
        Self {
            metrics,
            in_flight: Mutex::default(),
        }
    }

    fn timed(&self, call: Call<'_>, began: Duration) {
        let name = match call {
            Call::Observe(_) => "observe",
            Call::Intend(_) => "intend",
            Call::Record(..) => "record",
            Call::Reconcile(_) => "reconcile",
            Call::Recover => "recover",
            Call::Claim(_) => "claim",
            _ => "read",
        };
        let took = clock::since_start().saturating_sub(began).as_secs_f64();
        let times = &self.metrics.ledger_seconds;
        times.get_or_create(&[("call", name)]).observe(took);
    }

    fn begun(&self, intent: &Intent, answer: Result<Option<&Entry>, &Error>) {
        let said = match answer {
            Ok(_) => "begun",
            Err(error) => refusal(error.kind()),
        };
        // A command buys with one account.
        let _ = self.metrics.account.set(intent.account.clone());
        self.metrics
            .intents
            .get_or_create(&[("result", said)])
            .inc();
        let Ok(Some(entry)) = answer else {
            return;
        };
        self.metrics
            .reserved
            .inc_by(entry.expected_cost.unwrap_or(0));
        self.began(entry.id);
    }

    /// A step of a job, in the order in which steps are told.
    fn stepped(&self, id: LocalId, event: &Event, entry: &Entry) {
        let metrics = self.metrics;
        let state = entry.state.as_str();
        metrics.steps.get_or_create(&[("state", state)]).inc();
        if *event == Event::Sent {
            if let Some(began) = self.began(id) {
                let waited = clock::since_start().saturating_sub(began);
                metrics.queue_wait.observe(waited.as_secs_f64());
            }
        } else if event.is_outcome()
            && let Some(sent) = self.ended(id)
            && let Some(outcome) = outcome(entry.state)
        {
            metrics.submits.get_or_create(&[("outcome", outcome)]).inc();
            let took = clock::since_start().saturating_sub(sent);
            metrics.submit_seconds.observe(took.as_secs_f64());
        }
        if let Event::CompletedBetween { after, by } = event {
            let seconds = |millis: u64| Duration::from_millis(millis).as_secs_f64();
            metrics.job_seconds.observe(seconds(*by));
            metrics.poll_lag.observe(seconds(by.saturating_sub(*after)));
        }
    }

    fn began(&self, id: LocalId) -> Option<Duration> {
        self.jobs().insert(id, clock::since_start())
    }

    fn ended(&self, id: LocalId) -> Option<Duration> {
        self.jobs().remove(&id)
    }

    fn jobs(&self) -> std::sync::MutexGuard<'_, HashMap<LocalId, Duration>> {
        // Each call leaves it whole, so a panic elsewhere has not harmed it.
        self.in_flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a submit ended, by what its job is then.
const fn outcome(state: State) -> Option<&'static str> {
    match state {
        State::Accepted => Some("accepted"),
        State::Refused => Some("refused"),
        State::NotSent => Some("not_sent"),
        State::Ambiguous => Some("ambiguous"),
        State::Intended | State::Sent | State::Failed | State::Completed | State::Downloaded => {
            None
        }
    }
}

/// What the ledger said to a purchase that does not begin.
const fn refusal(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::OverLimit => "over_limit",
        ErrorKind::Taken => "taken",
        ErrorKind::PriceUnknown => "price_unknown",
        ErrorKind::BalanceUnknown => "balance_unknown",
        ErrorKind::Moved => "moved",
        ErrorKind::Restored => "restored",
        _ => "failed",
    }
}

/// What is wrong with the storage; `None` for what a rule says.
const fn trouble(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::Storage => Some("storage"),
        ErrorKind::Full => Some("full"),
        ErrorKind::Denied => Some("denied"),
        ErrorKind::Damaged => Some("damaged"),
        ErrorKind::Busy => Some("busy"),
        ErrorKind::Missing => Some("missing"),
        ErrorKind::Newer | ErrorKind::NotMigrated => Some("version"),
        ErrorKind::Unreadable => Some("unreadable"),
        ErrorKind::NotOwned => Some("not_owned"),
        ErrorKind::Moved => Some("moved"),
        ErrorKind::Restored => Some("restored"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use genrex_ledger::relocation::Portable as _;
    use genrex_ledger::{Account, Alias, Hold, HoldKind, Ledger as _, Look, MemoryLedger, Watched};

    use super::*;

    /// A purchase looks at the balance before it intends, and only the one of both is refused by each hold.
    #[tokio::test]
    async fn a_ledger_that_is_held_is_counted_by_why() {
        let held = [
            (HoldKind::Moving, "moved"),
            (HoldKind::Moved, "moved"),
            (HoldKind::Restored, "restored"),
        ];
        for (kind, word) in held {
            let metrics: &'static Metrics = Box::leak(Box::new(Metrics::new()));
            let ledger = MemoryLedger::new();
            let hold = Hold {
                kind,
                token: String::from("t"),
                detail: String::from("there"),
                command: String::from("genrex ledger status"),
            };
            ledger.change_hold(None, Some(&hold), 1).await.unwrap();
            let watched = Watched::new(ledger, Measured::new(metrics));
            let alias = Alias::from(String::from("key"));
            let account = Account::from(alias.clone());
            let look = Look::new(0);
            let looked = watched.observe(&alias, &account, &look, 1).await;
            if looked.is_ok() {
                let mut intent = Intent::new(1, account, "a", 5, b"{}");
                intent.look = Some(look);
                watched.intend(&intent, 1).await.unwrap_err();
            }
            for counted in KINDS {
                let failures = metrics.ledger_failures.get_or_create(&[("kind", counted)]);
                assert_eq!(
                    failures.get(),
                    u64::from(counted == word),
                    "{kind} {counted}"
                );
            }
        }
    }
}
