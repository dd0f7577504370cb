//! What a running command does, in numbers, for Prometheus: `--metrics`.
//!
//! Invariant: a label's value is a word of this program, known when it was compiled. So no prompt, no key, no id and no
//! account can be in one.

mod measured;
mod page;
mod server;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use genrex_ledger::{Ledger, Watched};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use self::measured::Measured;
use crate::args::MetricsAddress;
use crate::command_error::CommandError;
use crate::output::Output;

/// One label: its name, and its value.
type Label = [(&'static str, &'static str); 1];

/// The numbers of this process. They are there once they are asked for.
static METRICS: OnceLock<Metrics> = OnceLock::new();

/// Tells the numbers at an address from now on, until the program ends, if they are asked for.
pub(crate) async fn serve(
    address: Option<&MetricsAddress>,
    output: &Output,
) -> Result<(), CommandError> {
    let Some(MetricsAddress(address)) = address else {
        return Ok(());
    };
    METRICS.get_or_init(Metrics::new);
    let listens = server::start(*address).await?;
    output.note(format_args!("metrics: http://{listens}/metrics"));
    Ok(())
}

/// The same ledger, and what it is asked is counted, if numbers are asked for.
pub(crate) fn around(ledger: Arc<dyn Ledger>) -> Arc<dyn Ledger> {
    match METRICS.get() {
        Some(metrics) => {
            // A command has one ledger.
            let _ = metrics.ledger.set(Arc::clone(&ledger));
            Arc::new(Watched::new(ledger, Measured::new(metrics)))
        }
        None => ledger,
    }
}

/// The limits that are set, beside which what is spent is shown.
pub(crate) fn limits(limits: &genrex_ledger::Limits) {
    let Some(metrics) = METRICS.get() else {
        return;
    };
    let set = [
        ("day", limits.day),
        ("month", limits.month),
        ("total", limits.total),
    ];
    for (window, limit) in set {
        if let Some(limit) = limit {
            let gauge = metrics.limit.get_or_create(&[("window", window)]);
            gauge.set(i64::try_from(limit).unwrap_or(i64::MAX));
        }
    }
}

/// All that is counted.
pub(crate) struct Metrics {
    registry: Registry,
    ledger: OnceLock<Arc<dyn Ledger>>,
    /// When the ledger was read last, by the time since the program's start. Who asks meanwhile waits.
    read: tokio::sync::Mutex<Option<Duration>>,
    /// Whose credits are shown.
    account: OnceLock<genrex_ledger::Account>,
    submits: Family<Label, Counter>,
    intents: Family<Label, Counter>,
    steps: Family<Label, Counter>,
    reserved: Counter,
    ledger_failures: Family<Label, Counter>,
    ledger_seconds: Family<Label, Histogram>,
    queue_wait: Histogram,
    submit_seconds: Histogram,
    job_seconds: Histogram,
    poll_lag: Histogram,
    jobs: Family<Label, Gauge>,
    spent: Family<Label, Gauge>,
    limit: Family<Label, Gauge>,
}

impl Metrics {
    fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("genrex"),
            ledger: OnceLock::new(),
            read: tokio::sync::Mutex::new(None),
            account: OnceLock::new(),
            submits: Family::default(),
            intents: Family::default(),
            steps: Family::default(),
            reserved: Counter::default(),
            ledger_failures: Family::default(),
            ledger_seconds: Family::new_with_constructor(|| seconds(0.001, MINUTE)),
            queue_wait: seconds(0.01, HOUR),
            submit_seconds: seconds(0.05, HOUR),
            job_seconds: seconds(1.0, DAY),
            poll_lag: seconds(0.05, MINUTE),
            jobs: Family::default(),
            spent: Family::default(),
            limit: Family::default(),
        };
        metrics.register_counts();
        metrics.register_times();
        metrics.register_states();
        metrics.begin_at_zero();
        metrics
    }

    /// A number that is not there yet would hide its first step from whoever asks how fast it grows.
    fn begin_at_zero(&self) {
        for (family, label, values) in [
            (&self.submits, "outcome", &measured::OUTCOMES[..]),
            (&self.intents, "result", &measured::RESULTS[..]),
            (&self.ledger_failures, "kind", &measured::KINDS[..]),
            (
                &self.steps,
                "state",
                &["accepted", "completed", "downloaded", "failed"][..],
            ),
        ] {
            for value in values {
                drop(family.get_or_create(&[(label, *value)]));
            }
        }
        for state in page::OPEN {
            drop(self.jobs.get_or_create(&[("state", state.as_str())]));
        }
        for window in ["day", "month", "total"] {
            drop(self.spent.get_or_create(&[("window", window)]));
        }
    }

    fn register_counts(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "submits",
            "Submits that ended, by how they ended",
            self.submits.clone(),
        );
        registry.register(
            "intents",
            "Purchases that were to begin, by what the ledger said",
            self.intents.clone(),
        );
        registry.register(
            "job_steps",
            "Steps of jobs that this process kept, by the state after it",
            self.steps.clone(),
        );
        registry.register(
            "reserved_credits",
            "Credits that were reserved for purchases of this process",
            self.reserved.clone(),
        );
        registry.register(
            "ledger_failures",
            "Calls of the ledger that failed because of its storage, by the kind",
            self.ledger_failures.clone(),
        );
        let build: Family<Label, Gauge> = Family::default();
        build
            .get_or_create(&[("version", env!("CARGO_PKG_VERSION"))])
            .set(1);
        registry.register("build_info", "Which genrex this is; always 1", build);
    }

    fn register_times(&mut self) {
        let registry = &mut self.registry;
        let mut time = |name: &str, help: &str, histogram: &Histogram| {
            registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
        };
        time(
            "queue_wait",
            "From when a purchase began until its request left",
            &self.queue_wait,
        );
        time(
            "submit",
            "From when a request left until how it ended was kept",
            &self.submit_seconds,
        );
        time(
            "job",
            "From when the service took a job until its buyer saw that it was over, within a minute of its end",
            &self.job_seconds,
        );
        time(
            "poll_lag",
            "How long a job may have been over before its buyer saw that; longer than a minute is not counted",
            &self.poll_lag,
        );
        registry.register_with_unit(
            "ledger_call",
            "How long a call of the ledger took, by the call",
            Unit::Seconds,
            self.ledger_seconds.clone(),
        );
    }

    fn register_states(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "open_jobs",
            "Jobs of the whole ledger that are not over, by state",
            self.jobs.clone(),
        );
        registry.register(
            "spent_credits",
            "Credits of the account that are spent or promised, by the window that a limit counts",
            self.spent.clone(),
        );
        registry.register(
            "limit_credits",
            "The limit that is set, by window",
            self.limit.clone(),
        );
    }
}

const MINUTE: f64 = 60.0;
const HOUR: f64 = 60.0 * MINUTE;
const DAY: f64 = 24.0 * HOUR;

/// Buckets from the first bound on, each twice the one before, until the longest time that is measured is within one:
/// what lies beyond the last cannot be told apart, and no alert asks for it.
fn seconds(first: f64, longest: f64) -> Histogram {
    let next = |bound: &f64| (*bound < longest).then_some(bound * 2.0);
    Histogram::new(std::iter::successors(Some(first), next))
}
