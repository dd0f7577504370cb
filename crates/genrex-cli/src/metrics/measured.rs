//! A ledger of which each call is counted. It changes nothing of what is asked and answered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use genrex_ledger::{
    Account, Alias, Credits, Entry, Error, ErrorKind, Event, Filter, Intent, Ledger, LocalId, Look,
    Past, State,
};

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

pub(super) struct Measured {
    ledger: Arc<dyn Ledger>,
    metrics: &'static Metrics,
    /// When each job of this process that is in flight took its last step.
    in_flight: Mutex<HashMap<LocalId, Duration>>,
}

impl Measured {
    pub(super) fn new(ledger: Arc<dyn Ledger>, metrics: &'static Metrics) -> Self {
        Self {
            ledger,
            metrics,
            in_flight: Mutex::default(),
        }
    }

    /// Counts a call that is over.
    fn timed<T>(
        &self,
        call: &'static str,
        began: Duration,
        answer: Result<T, Error>,
    ) -> Result<T, Error> {
        let took = clock::since_start().saturating_sub(began);
        let times = self.metrics.ledger_seconds.get_or_create(&[("call", call)]);
        times.observe(took.as_secs_f64());
        drop(times);
        if let Err(error) = &answer
            && let Some(kind) = trouble(error.kind())
        {
            self.metrics
                .ledger_failures
                .get_or_create(&[("kind", kind)])
                .inc();
        }
        answer
    }

    fn begun(&self, intent: &Intent, answer: &Result<Entry, Error>) {
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
        let Ok(entry) = answer else {
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

#[async_trait]
impl Ledger for Measured {
    async fn name(&self) -> Result<String, Error> {
        self.ledger.name().await
    }

    async fn account(&self, alias: &Alias) -> Result<Option<Account>, Error> {
        self.ledger.account(alias).await
    }

    async fn observe(
        &self,
        alias: &Alias,
        account: &Account,
        look: &Look,
        now: u64,
    ) -> Result<(), Error> {
        let began = clock::since_start();
        let _ = self.metrics.account.set(account.clone());
        let kept = self.ledger.observe(alias, account, look, now).await;
        self.timed("observe", began, kept)
    }

    async fn intend(&self, intent: &Intent, now: u64) -> Result<Entry, Error> {
        let began = clock::since_start();
        let answer = self.ledger.intend(intent, now).await;
        self.begun(intent, &answer);
        self.timed("intend", began, answer)
    }

    async fn record(&self, id: LocalId, event: &Event, now: u64) -> Result<Entry, Error> {
        let began = clock::since_start();
        let answer = self.ledger.record(id, event, now).await;
        if let Ok(entry) = &answer {
            self.stepped(id, event, entry);
        }
        self.timed("record", began, answer)
    }

    async fn reconcile(&self, id: LocalId, now: u64) -> Result<Entry, Error> {
        let began = clock::since_start();
        let answer = self.ledger.reconcile(id, now).await;
        self.timed("reconcile", began, answer)
    }

    async fn recover(&self, now: u64) -> Result<Vec<Entry>, Error> {
        let began = clock::since_start();
        let answer = self.ledger.recover(now).await;
        self.timed("recover", began, answer)
    }

    fn release(&self, id: LocalId, now: u64) {
        self.ended(id);
        self.ledger.release(id, now);
    }

    async fn claim(&self, id: LocalId, now: u64) -> Result<bool, Error> {
        let began = clock::since_start();
        let answer = self.ledger.claim(id, now).await;
        self.timed("claim", began, answer)
    }

    async fn entry(&self, id: LocalId) -> Result<Option<Entry>, Error> {
        self.ledger.entry(id).await
    }

    async fn entries(&self, filter: &Filter) -> Result<Vec<Entry>, Error> {
        let began = clock::since_start();
        let answer = self.ledger.entries(filter).await;
        self.timed("entries", began, answer)
    }

    async fn history(&self, id: LocalId) -> Result<Vec<Past>, Error> {
        self.ledger.history(id).await
    }

    async fn credits(&self, account: &Account) -> Result<Credits, Error> {
        self.ledger.credits(account).await
    }
}
