//! `genrex ledger status`: who uses a ledger, what is in flight, what is unclear, and what is spent of each limit.

use std::collections::{BTreeMap, BTreeSet};

use genrex_async::core::proto::Escaped;
use genrex_ledger::relocation::Portable as _;
use genrex_ledger::{Account, Filter, Hold, Ledger, Limits, Spending, State};
use genrex_ledger_postgres::{Holder, Status};
use genrex_ledger_sqlite::SqliteLedger;
use serde_json::{Map, Value, json};

use crate::args::Global;
use crate::clock;
use crate::command_error::CommandError;
use crate::config::Config;
use crate::ledger::{self, Place};
use crate::output::Output;

/// What is told of whichever ledger.
struct Told {
    place: Place,
    name: String,
    jobs: BTreeMap<String, u64>,
    /// Those that may have been charged, and of which nobody knows more.
    unclear: u64,
    hold: Option<Hold>,
    spending: Vec<(Account, Spending)>,
    limits: Option<Limits>,
    /// What only a database has.
    database: Option<Status>,
}

pub(crate) async fn run(global: &Global, output: &Output) -> Result<(), CommandError> {
    let told = Told::read(global).await?;
    if output.is_json() {
        return output.document(&told.document());
    }
    told.show(output)
}

impl Told {
    async fn read(global: &Global) -> Result<Self, CommandError> {
        let place = Place::find()?;
        // Without a key there are no limits of its own, and the ledger can be looked at.
        let limits = Config::read(global).ok().map(|config| config.limits);
        match &place {
            Place::Database(address) => {
                let ledger = ledger::connect_to_read(address).await?;
                let status = ledger.status().await?;
                let accounts = status.accounts.clone();
                Ok(Self {
                    name: status.name.clone(),
                    jobs: status.jobs.iter().cloned().collect(),
                    unclear: unclear(&ledger).await?,
                    hold: status.hold.clone(),
                    spending: spending(&ledger, accounts, status.now).await?,
                    limits,
                    database: Some(status),
                    place,
                })
            }
            Place::File(path) => {
                let opened = ledger::open_to_read().await?;
                let hold = SqliteLedger::open_to_read(path)?.hold().await?;
                let entries = opened.entries(&Filter::default()).await?;
                let mut jobs = BTreeMap::new();
                for entry in &entries {
                    *jobs.entry(entry.state.to_string()).or_default() += 1;
                }
                let accounts: BTreeSet<Account> =
                    entries.into_iter().map(|entry| entry.account).collect();
                Ok(Self {
                    name: opened.name().await?,
                    jobs,
                    unclear: unclear(&**opened).await?,
                    hold,
                    spending: spending(&**opened, accounts, clock::now()).await?,
                    limits,
                    database: None,
                    place,
                })
            }
        }
    }

    fn in_flight(&self) -> u64 {
        let states = State::ALL.into_iter().filter(|state| state.is_in_flight());
        let counts = states.filter_map(|state| self.jobs.get(state.as_str()));
        counts.sum()
    }

    fn document(&self) -> Value {
        let accounts: Vec<Value> = self
            .spending
            .iter()
            .map(|(account, spent)| {
                json!({
                    "account": account.as_str(), "spent": spent,
                })
            })
            .collect();
        let mut document = Map::new();
        let mut put = |name: &str, value: Value| document.insert(name.to_owned(), value);
        put("path", self.place.to_string().into());
        put("name", self.name.as_str().into());
        put("jobs", json!(self.jobs));
        put("inFlight", self.in_flight().into());
        put("ambiguous", self.unclear.into());
        put("accounts", accounts.into());
        if let Some(limits) = &self.limits {
            put(
                "limits",
                json!({"day": limits.day, "month": limits.month, "total": limits.total}),
            );
        }
        put("hold", json!(self.hold));
        if let Some(status) = &self.database {
            put("version", status.version.into());
            put("now", status.now.into());
            put("machines", status.holders.iter().map(machine).collect());
            put("orphans", status.orphans.into());
            put("acceptedRestores", status.generation.into());
            put("oldestTransactionMs", json!(status.oldest_transaction));
            put("oldestSnapshot", json!(status.oldest_snapshot));
        }
        document.into()
    }

    fn show(&self, output: &Output) -> Result<(), CommandError> {
        let version = self.database.as_ref().map(|status| status.version);
        let version = version.map_or_else(String::new, |version| format!(", version {version}"));
        output.line(format_args!("{}{version}", self.place))?;
        for (state, count) in &self.jobs {
            output.line(format_args!("{count:>8} {state}"))?;
        }
        output.line(format_args!(
            "{} in flight, {} ambiguous that nobody has settled",
            self.in_flight(),
            self.unclear
        ))?;
        for (account, spent) in &self.spending {
            output.line(format_args!(
                "{}: {}",
                Escaped(account.as_str()),
                self.words(*spent)
            ))?;
        }
        if let Some(status) = &self.database {
            show_database(status, output)?;
        }
        if let Some(hold) = &self.hold {
            output.warning(hold);
        }
        Ok(())
    }

    /// What is spent of each window, beside its limit.
    fn words(&self, spent: Spending) -> String {
        let limits = self.limits.as_ref();
        let of = |spent: u64, limit: Option<u64>| match limit {
            Some(limit) => format!("{spent} of {limit}"),
            None => spent.to_string(),
        };
        format!(
            "spent or promised {} in a day, {} in a month, {} in all, of which {} are promised",
            of(spent.day, limits.and_then(|limits| limits.day)),
            of(spent.month, limits.and_then(|limits| limits.month)),
            of(spent.total, limits.and_then(|limits| limits.total)),
            spent.promised,
        )
    }
}

async fn unclear(ledger: &dyn Ledger) -> Result<u64, CommandError> {
    let ambiguous = Filter::default().states([State::Ambiguous]);
    let entries = ledger.entries(&ambiguous).await?;
    let count = entries.iter().filter(|entry| entry.is_unclear()).count();
    Ok(u64::try_from(count).unwrap_or(u64::MAX))
}

async fn spending(
    ledger: &dyn Ledger,
    accounts: impl IntoIterator<Item = Account>,
    now: u64,
) -> Result<Vec<(Account, Spending)>, CommandError> {
    let mut spending = Vec::new();
    for account in accounts {
        let credits = ledger.credits(&account).await?;
        spending.push((account, credits.spending(now)));
    }
    Ok(spending)
}

fn machine(holder: &Holder) -> Value {
    json!({
        "name": holder.name,
        "epoch": holder.epoch,
        "seenAt": holder.seen_at,
        "inFlight": holder.in_flight,
        "leaseLeftMs": holder.lease_left,
    })
}

fn show_database(status: &Status, output: &Output) -> Result<(), CommandError> {
    for holder in &status.holders {
        output.line(told(holder, status.now))?;
    }
    if status.orphans > 0 {
        output.warning(format_args!(
            "{} jobs in flight are nobody's any more: genrex jobs recover",
            status.orphans
        ));
    }
    if let Some(age) = status.oldest_transaction {
        output.line(format_args!(
            "the oldest transaction has been open for {} s",
            age / 1000
        ))?;
    }
    match status.oldest_snapshot {
        Some(age) => output.line(format_args!(
            "the oldest snapshot is {age} transactions old; what was changed since is not cleared away"
        )),
        None => Ok(()),
    }
}

fn told(holder: &Holder, now: u64) -> String {
    let seen = now.saturating_sub(holder.seen_at) / 1000;
    let name = Escaped(&holder.name);
    let lease = match holder.lease_left {
        Some(left) if left > 0 => format!(", the first lease ends in {} s", left / 1000),
        Some(_) => String::from(", a lease has ended"),
        None => String::new(),
    };
    format!(
        "{name} has {} in flight{lease}; heard of {seen} s ago",
        holder.in_flight
    )
}
