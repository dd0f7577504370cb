//! What the checks are made of: accounts, intents, the lives of jobs, and what is kept of one.

use genrex_proto::QueryId;

use super::{Finding, Rule};
use crate::reconciliation::Doubt;
use crate::{
    Account, Alias, Credits, Entry, Error, Event, Filter, Intent, Ledger, Limits, LocalId, Look,
    Past, Reconciliation, Refusal, Resolution, State,
};

/// When everything begins, in milliseconds since 1970: in November 2023, thirteen minutes past an hour.
pub(super) const START: u64 = 1_700_000_000_000;
const ORIGIN: &str = "https://api.genrex.com";

/// An account of the suite, and the key that leads to it.
#[derive(Debug, Clone)]
pub(super) struct Party {
    pub(super) alias: Alias,
    pub(super) account: Account,
}

impl Party {
    pub(super) fn new(name: &str) -> Self {
        Self {
            alias: Alias::new(ORIGIN, name),
            account: Account::new(ORIGIN, name),
        }
    }

    /// An intent for a prompt of its own.
    pub(super) fn intent(&self, key: u128, duration: u8) -> Intent {
        let text = format!("prompt {key}");
        let body = format!(r#"{{"duration":{duration},"text":"{text}"}}"#);
        Intent::new(key, self.account.clone(), text, duration, body.as_bytes())
    }
}

pub(super) fn total(credits: u64) -> Limits {
    Limits {
        total: Some(credits),
        ..Limits::default()
    }
}

pub(super) fn query_id(name: &str) -> QueryId {
    QueryId::new(format!("QRY_{name}")).unwrap_or_else(|_| unreachable!("{name} is a safe name"))
}

pub(super) fn accepted(name: &str) -> Event {
    Event::Accepted(query_id(name))
}

pub(super) fn downloaded(path: &str) -> Event {
    Event::Downloaded {
        path: path.to_owned(),
        bytes: 44,
        sha256: crate::hash(path.as_bytes()),
    }
}

/// A look, so many seconds after everything began.
pub(super) fn look(used: u64, seconds: u64) -> Look {
    Look::new(used)
        .changed(format!("used {used:020}"))
        .at(START + seconds * 1_000)
}

/// What happens to a job, step by step; `name` makes its id.
pub(super) fn lives(name: &str) -> Vec<Vec<Event>> {
    [lives_of_the_taken(name), lives_of_others(name)].concat()
}

/// Of jobs that the service takes.
fn lives_of_the_taken(name: &str) -> Vec<Vec<Event>> {
    let why = |why: &str| why.to_owned();
    vec![
        vec![
            Event::Sent,
            accepted(name),
            Event::Completed,
            downloaded("a.wav"),
            downloaded("b.wav"),
        ],
        vec![
            Event::Sent,
            accepted(name),
            Event::Processing,
            Event::Failed,
        ],
        vec![
            Event::Sent,
            Event::Refused(Refusal::RateLimited, why("429")),
            Event::Resolved(
                Resolution::Accepted(query_id(name)),
                why("support names it"),
            ),
            Event::Completed,
        ],
        vec![
            Event::Sent,
            accepted(name),
            Event::Resolved(Resolution::NotCharged, why("404 for ever")),
            Event::Resolved(Resolution::Charged, why("support says so")),
        ],
        vec![Event::Sent, accepted(name), downloaded("a.wav")],
    ]
}

/// Of jobs that it does not take, or of which that is not known at once.
fn lives_of_others(name: &str) -> Vec<Vec<Event>> {
    let until = START + 600_000;
    let unsettled = Reconciliation::Inconclusive(Doubt::NotSettled { until });
    let why = |why: &str| why.to_owned();
    vec![
        vec![Event::NotSent(why("no address"))],
        vec![Event::Sent, Event::NotSent(why("connection refused"))],
        vec![
            Event::Sent,
            Event::Refused(Refusal::OutOfCredit, why("402")),
        ],
        vec![
            Event::Sent,
            Event::Unconfirmed(query_id(name)),
            Event::Ambiguous(why("the answer was cut")),
            Event::Unconfirmed(query_id("other")),
            accepted(name),
            Event::Completed,
        ],
        vec![
            Event::Sent,
            Event::Ambiguous(why("504")),
            Event::Reconciled(unsettled),
            Event::Reconciled(Reconciliation::NotCharged),
            Event::Reconciled(Reconciliation::Charged),
        ],
        vec![
            Event::Sent,
            Event::Crashed,
            Event::Resolved(Resolution::Charged, why("support says so")),
        ],
        vec![
            Event::Sent,
            Event::Ambiguous(why("504")),
            Event::Resolved(Resolution::NotCharged, why("support says so")),
        ],
        vec![
            Event::Sent,
            Event::Ambiguous(why("504")),
            Event::Resolved(Resolution::Accepted(query_id(name)), why("support")),
            Event::Failed,
        ],
        vec![Event::Crashed],
    ]
}

/// Each reason for a refusal, and each for a doubt.
pub(super) fn details(name: &str) -> Vec<Vec<Event>> {
    let refused = Refusal::ALL.map(|refusal| {
        let why = refusal.to_string();
        vec![Event::Sent, Event::Refused(refusal, why)]
    });
    let doubts = [
        Doubt::NoLookBefore,
        Doubt::NoLookSince,
        Doubt::OtherJobs,
        Doubt::PriceUnknown,
        Doubt::ChargeTimeUnknown,
        Doubt::NotSettled { until: START },
        Doubt::OtherMovement,
    ];
    let unclear = doubts.map(|doubt| {
        vec![
            Event::Sent,
            Event::Unconfirmed(query_id(name)),
            Event::Ambiguous(String::from("504")),
            Event::Reconciled(Reconciliation::Inconclusive(doubt)),
        ]
    });
    refused.into_iter().chain(unclear).collect()
}

/// How a job comes to a state.
pub(super) fn path_to(state: State, name: &str) -> Vec<Event> {
    let sent = |event: Event| vec![Event::Sent, event];
    let taken = |events: &[Event]| [&[Event::Sent, accepted(name)], events].concat();
    match state {
        State::Intended => vec![],
        State::Sent => vec![Event::Sent],
        State::NotSent => sent(Event::NotSent(String::from("no route"))),
        State::Refused => sent(Event::Refused(Refusal::Rejected, String::from("400"))),
        State::Ambiguous => sent(Event::Ambiguous(String::from("504"))),
        State::Accepted => taken(&[]),
        State::Failed => taken(&[Event::Failed]),
        State::Completed => taken(&[Event::Completed]),
        State::Downloaded => taken(&[Event::Completed, downloaded("a.wav")]),
    }
}

/// All that a storage tells of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) entry: Option<Entry>,
    pub(super) listed: Vec<Entry>,
    pub(super) history: Vec<Past>,
    pub(super) credits: Credits,
    pub(super) account: Option<Account>,
}

impl Kept {
    pub(super) async fn of<L: Ledger>(
        ledger: &L,
        party: &Party,
        id: LocalId,
    ) -> Result<Self, Finding> {
        let read = "a read";
        Ok(Self {
            entry: done(Rule::Decisions, read, ledger.entry(id).await)?,
            listed: done(
                Rule::Selection,
                read,
                ledger.entries(&Filter::of(party.account.clone())).await,
            )?,
            history: done(Rule::History, read, ledger.history(id).await)?,
            credits: done(Rule::Credits, read, ledger.credits(&party.account).await)?,
            account: done(Rule::Accounts, read, ledger.account(&party.alias).await)?,
        })
    }

    /// The first part in which another differs.
    pub(super) fn difference(&self, other: &Self) -> Option<String> {
        fn differ<T: PartialEq + std::fmt::Debug>(
            what: &str,
            one: &T,
            other: &T,
        ) -> Option<String> {
            (one != other).then(|| format!("{what} was {one:?} and is {other:?}"))
        }
        differ("the job", &self.entry, &other.entry)
            .or_else(|| differ("the list", &self.listed, &other.listed))
            .or_else(|| differ("the history", &self.history, &other.history))
            .or_else(|| differ("the credits", &self.credits, &other.credits))
            .or_else(|| differ("the alias's account", &self.account, &other.account))
    }
}

/// A look that a storage has to keep, taken a moment ago.
pub(super) async fn observed<L: Ledger>(
    rule: Rule,
    ledger: &L,
    party: &Party,
    look: &Look,
) -> Result<(), Finding> {
    let now = look.at.unwrap_or(START);
    let kept = ledger.observe(&party.alias, &party.account, look, now);
    done(rule, "observe", kept.await)
}

/// What a call returned that has to succeed.
pub(super) fn done<T>(rule: Rule, what: &str, result: Result<T, Error>) -> Result<T, Finding> {
    result
        .map_err(|error| Finding::new(rule, format!("{what} failed: {error} ({:?})", error.kind())))
}

/// What has to be so.
pub(super) fn holds(
    rule: Rule,
    is_so: bool,
    detail: impl FnOnce() -> String,
) -> Result<(), Finding> {
    if is_so {
        Ok(())
    } else {
        Err(Finding::new(rule, detail()))
    }
}
