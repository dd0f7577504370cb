use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use etcetera::BaseStrategy as _;
use genrex_async::{Error, Job, Submission};
use genrex_ledger::{
    Account, Entry, ErrorKind, Event, Filter, Intent, Ledger as _, Limits, LocalId, Observation,
    SqliteLedger, State,
};
use tempfile::TempDir;

use crate::clock;
use crate::failure::{Code, Failure};
use crate::output::Output;

/// The ledger as the program keeps it; a command may run without one, at its user's wish.
#[derive(Clone)]
pub(crate) struct Books {
    ledger: Option<Arc<Mutex<SqliteLedger>>>,
    pub(crate) account: Account,
    pub(crate) limits: Limits,
    /// Where a ledger that ends with this process is.
    _temporary: Option<Arc<TempDir>>,
}

impl Books {
    const VARIABLE: &str = "GENREX_LEDGER";

    /// No ledger: for a sandbox that ends with this process, and for who says so.
    pub(crate) fn none(account: Account) -> Self {
        Self {
            ledger: None,
            account,
            limits: Limits::default(),
            _temporary: None,
        }
    }

    /// A ledger that ends with this process, for a batch against a sandbox that does too.
    pub(crate) fn temporary(account: Account) -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(|error| {
            Failure::other("a folder for the ledger cannot be made").because(&error)
        })?;
        let ledger = SqliteLedger::open(&folder.path().join("ledger.db")).map_err(broken)?;
        Ok(Self {
            ledger: Some(Arc::new(Mutex::new(ledger))),
            account,
            limits: Limits::default(),
            _temporary: Some(Arc::new(folder)),
        })
    }

    /// Opens the ledger, and says what a process that is gone has left unclear in it.
    pub(crate) fn open(account: Account, limits: Limits, output: &Output) -> Result<Self, Failure> {
        let mut ledger = open_ledger()?;
        let crashed = ledger.recover(clock::now()).map_err(broken)?;
        if !crashed.is_empty() {
            let count = crashed.len();
            output.warning(format_args!(
                "{count} earlier submits ended without an outcome and may have been charged: genrex jobs recover"
            ));
        }
        Ok(Self {
            ledger: Some(Arc::new(Mutex::new(ledger))),
            account,
            limits,
            _temporary: None,
        })
    }

    /// Writes down that a submit is about to be made. On an error nothing may be sent.
    pub(crate) fn intend(
        &self,
        intent: &Intent,
        limits: &Limits,
    ) -> Result<Option<Entry>, genrex_ledger::Error> {
        let Some(mut ledger) = self.locked() else {
            return Ok(None);
        };
        ledger.intend(intent, limits, clock::now()).map(Some)
    }

    /// Writes down what happened to a job.
    pub(crate) fn record(&self, id: Option<LocalId>, event: &Event) -> Result<(), Failure> {
        let (Some(mut ledger), Some(id)) = (self.locked(), id) else {
            return Ok(());
        };
        ledger
            .record(id, event, clock::now())
            .map(drop)
            .map_err(broken)
    }

    /// Writes down what may have been written down before: by a wait that was repeated, by another process.
    pub(crate) fn record_late(&self, id: Option<LocalId>, event: &Event) -> Result<(), Failure> {
        let (Some(mut ledger), Some(id)) = (self.locked(), id) else {
            return Ok(());
        };
        match ledger.record(id, event, clock::now()) {
            Err(error) if error.kind() == ErrorKind::Transition => Ok(()),
            result => result.map(drop).map_err(broken),
        }
    }

    /// Writes down how a submit ended, before anyone is told.
    pub(crate) fn concluded(
        &self,
        id: Option<LocalId>,
        submission: &Submission,
    ) -> Result<(), Failure> {
        let event = match submission {
            Submission::Accepted(job) => Event::Accepted(job.id().clone()),
            Submission::Refused(error) => Event::Refused(why(error)),
            Submission::NotSent(error) => Event::NotSent(why(error)),
            Submission::Ambiguous(error) => Event::Ambiguous(why(error)),
        };
        self.record(id, &event)
    }

    /// The newest job that this filter lets through.
    pub(crate) fn newest(&self, filter: Filter) -> Result<Option<Entry>, Failure> {
        Ok(self.entries(filter)?.into_iter().next())
    }

    /// The jobs of this account that this filter lets through, newest first.
    pub(crate) fn entries(&self, mut filter: Filter) -> Result<Vec<Entry>, Failure> {
        filter.account = Some(self.account.clone());
        match self.locked() {
            Some(ledger) => ledger.entries(&filter).map_err(broken),
            None => Ok(Vec::new()),
        }
    }

    /// Whether the account is charged at the submit, as far as it was seen.
    pub(crate) fn is_charged_at_submit(&self) -> Result<bool, Failure> {
        match self.locked() {
            Some(ledger) => Ok(ledger
                .price(&self.account)
                .map_err(broken)?
                .is_charged_at_submit()),
            None => Ok(false),
        }
    }

    /// What a piece of this duration costs, if it is known.
    pub(crate) fn price(&self, duration: u8) -> Result<Option<u64>, Failure> {
        match self.locked() {
            Some(ledger) => Ok(ledger.price(&self.account).map_err(broken)?.of(duration)),
            None => Ok(None),
        }
    }

    /// Keeps what a balance before and after a submit has shown.
    pub(crate) fn learn(&self, duration: u8, credits: u64, at_submit: bool) -> Result<(), Failure> {
        match self.locked() {
            Some(mut ledger) => ledger
                .learn(
                    &self.account,
                    Observation {
                        duration,
                        credits,
                        at_submit,
                    },
                    clock::now(),
                )
                .map_err(broken),
            None => Ok(()),
        }
    }

    /// Whether nothing else of this ledger can have moved the account's balance since a job was intended.
    pub(crate) fn is_alone(&self, id: LocalId, since: u64) -> Result<bool, Failure> {
        let others = self.entries(Filter::default())?;
        Ok(!others.iter().any(|other| {
            let may_charge = other.state.counts_as_spent();
            let is_open = other.state.is_in_flight() || other.state == State::Accepted;
            other.id != id && may_charge && (other.updated_at >= since || is_open)
        }))
    }

    /// The entry of a job that is waited for by its name at the service.
    pub(crate) fn entry_of(&self, job: &Job) -> Result<Option<LocalId>, Failure> {
        let filter = Filter {
            query_id: Some(job.id().to_string()),
            ..Filter::default()
        };
        Ok(self.newest(filter)?.map(|entry| entry.id))
    }

    fn locked(&self) -> Option<MutexGuard<'_, SqliteLedger>> {
        let ledger = self.ledger.as_ref()?;
        Some(ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The ledger that the environment names, or the one in the user's folder for data.
pub(crate) fn open_ledger() -> Result<SqliteLedger, Failure> {
    let path = match std::env::var_os(Books::VARIABLE).filter(|path| !path.is_empty()) {
        Some(path) => PathBuf::from(path),
        None => {
            let strategy = etcetera::base_strategy::choose_base_strategy()
                .map_err(|error| Failure::other("there is no home folder").because(&error))?;
            genrex_ledger::default_path(&strategy.data_dir())
        }
    };
    SqliteLedger::open(Path::new(&path)).map_err(broken)
}

/// A ledger that cannot be written stops what would have to be written.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what errors are mapped by"
)]
pub(crate) fn broken(error: genrex_ledger::Error) -> Failure {
    let failure = match error.kind() {
        ErrorKind::OverLimit => Failure::new(Code::OutOfCredit, "overLimit", error.to_string())
            .hint("raise [limits] or --max-credits, or wait until the window has passed"),
        ErrorKind::PriceUnknown => {
            Failure::new(Code::OutOfCredit, "priceUnknown", error.to_string())
                .hint("wait until the earlier job is done: its charge shows the price")
        }
        ErrorKind::RowTaken => Failure::new(Code::Other, "rowTaken", error.to_string()),
        ErrorKind::Newer => Failure::new(Code::Other, "ledger", error.to_string()),
        _ => Failure::new(Code::Other, "ledger", error.to_string()).hint(
            "make room or give another path by GENREX_LEDGER; --no-ledger goes on without one",
        ),
    };
    match std::error::Error::source(&error) {
        Some(cause) => failure.because(cause),
        None => failure,
    }
}

/// Why a submit ended as it did: the kind first, which decides whether a batch tries a row again.
fn why(error: &Error) -> String {
    format!("{:?}: {error}", error.kind())
}
