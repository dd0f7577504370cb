//! A storage beside one that keeps the rules: the same calls have to come to the same.

use std::collections::BTreeMap;
use std::fmt::Debug;

use super::fixture::{Party, START};
use super::{Finding, Rule};
use crate::reconciliation::{Doubt, Reconciliation};
use crate::{Entry, Error, Event, Filter, Intent, Ledger, LocalId, Look, MemoryLedger, Once, Past};

/// A storage under test, and [`MemoryLedger`] beside it.
pub(super) struct Twin<'a, L> {
    pub(super) ledger: &'a L,
    model: MemoryLedger,
    /// The storage's names of jobs to the model's.
    names: BTreeMap<LocalId, LocalId>,
    /// Which promise a difference breaks.
    pub(super) rule: Rule,
}

impl<'a, L: Ledger> Twin<'a, L> {
    pub(super) fn new(ledger: &'a L, rule: Rule) -> Self {
        Self {
            ledger,
            model: MemoryLedger::new(),
            names: BTreeMap::new(),
            rule,
        }
    }

    /// Whether the storage takes the time from its callers, as the model does, or from a clock of its own.
    pub(super) async fn takes_time(&mut self, party: &Party) -> Result<bool, Finding> {
        let intent = party.intent(u128::MAX, 10);
        let began = self.intend(&intent, START).await?;
        Ok(began.is_ok_and(|entry| entry.created_at == START))
    }

    pub(super) async fn observe(&self, party: &Party, look: &Look) -> Result<(), Finding> {
        let now = now_of(look);
        let observed = self
            .ledger
            .observe(&party.alias, &party.account, look, now)
            .await;
        let model = self.model.observe(&party.alias, &party.account, look, now);
        let model = model.await.map_err(told);
        self.same("observe", &observed.map_err(told), &model)?;
        self.same_credits(party).await
    }

    /// Both intend, or both refuse with the same kind of error.
    pub(super) async fn intend(
        &mut self,
        intent: &Intent,
        now: u64,
    ) -> Result<Result<Entry, Error>, Finding> {
        let (began, expected) = self.intend_both(intent, now).await;
        if let (Ok(entry), Ok(model)) = (&began, &expected) {
            if self
                .names
                .insert(entry.id, model.id)
                .is_some_and(|known| known != model.id)
            {
                return Err(self.finding("one number for two jobs"));
            }
            let newer = self.names.keys().next_back();
            if newer.is_some_and(|newer| {
                *newer > entry.id && self.names.get(newer).is_some_and(|of| *of < model.id)
            }) {
                return Err(self.finding("a newer job has a smaller number"));
            }
        }
        let what = format!("intend({intent:?})");
        self.same(
            &what,
            &self.translated(&began),
            &expected.as_ref().map(plain).map_err(told_of),
        )?;
        Ok(began)
    }

    async fn intend_both(
        &self,
        intent: &Intent,
        now: u64,
    ) -> (Result<Entry, Error>, Result<Entry, Error>) {
        let mut modelled = intent.clone();
        if let Once::Row {
            last: Some(last), ..
        } = &mut modelled.once
        {
            *last = self.name(*last);
        }
        let began = self.ledger.intend(intent, now).await;
        let expected = self.model.intend(&modelled, now).await;
        (began, expected)
    }

    pub(super) async fn record(
        &self,
        id: LocalId,
        event: &Event,
        now: u64,
    ) -> Result<Result<Entry, Error>, Finding> {
        let recorded = self.ledger.record(id, event, now).await;
        let expected = self.model.record(self.name(id), event, now).await;
        self.both(&format!("record({event:?})"), recorded, &expected)
    }

    pub(super) async fn reconcile(
        &self,
        id: LocalId,
        now: u64,
    ) -> Result<Result<Entry, Error>, Finding> {
        let recorded = self.ledger.reconcile(id, now).await;
        let expected = self.model.reconcile(self.name(id), now).await;
        self.both("reconcile", recorded, &expected)
    }

    fn both(
        &self,
        what: &str,
        came: Result<Entry, Error>,
        expected: &Result<Entry, Error>,
    ) -> Result<Result<Entry, Error>, Finding> {
        self.same(
            what,
            &self.translated(&came),
            &expected.as_ref().map(plain).map_err(told_of),
        )?;
        Ok(came)
    }

    pub(super) async fn same_credits(&self, party: &Party) -> Result<(), Finding> {
        let tell = |credits: crate::Credits| {
            let prices: Vec<_> = (0..=u8::MAX)
                .filter_map(|duration| Some((duration, credits.price(duration)?)))
                .collect();
            let times: Vec<_> = credits.times().collect();
            (credits.spending(START), prices, times)
        };
        let came = self.ledger.credits(&party.account).await;
        let expected = self.model.credits(&party.account).await;
        let (came, expected) = (came.map(tell), expected.map(tell));
        self.same("credits", &came.map_err(told), &expected.map_err(told))
            .map_err(|finding| Finding {
                rule: match self.rule {
                    Rule::Decisions => Rule::Credits,
                    rule => rule,
                },
                ..finding
            })
    }

    /// The whole storage tells the same of each job, in the same order.
    pub(super) async fn same_jobs(&self) -> Result<(), Finding> {
        let came = self.ledger.entries(&Filter::default()).await;
        let expected = self.model.entries(&Filter::default()).await;
        let all = |entries: Vec<Entry>| -> Vec<Entry> { entries.iter().map(plain).collect() };
        let translated = came
            .as_ref()
            .map(|entries| entries.iter().map(|entry| self.translate(entry)).collect())
            .map_err(told_of);
        self.same("entries", &translated, &expected.map(all).map_err(told))
    }

    pub(super) async fn same_history(&self, id: LocalId) -> Result<(), Finding> {
        let untimed = |past: Vec<Past>| -> Vec<_> {
            past.into_iter()
                .map(|past| (past.state, past.detail))
                .collect()
        };
        let came = self.ledger.history(id).await;
        let expected = self.model.history(self.name(id)).await;
        self.same(
            "history",
            &came.map(untimed).map_err(told),
            &expected.map(untimed).map_err(told),
        )
    }

    fn name(&self, id: LocalId) -> LocalId {
        self.names.get(&id).copied().unwrap_or(id)
    }

    fn translated(&self, came: &Result<Entry, Error>) -> Result<Entry, String> {
        match came {
            Ok(entry) => Ok(self.translate(entry)),
            Err(error) => {
                let job = error.job().map(|job| self.name(job));
                Err(format!("{:?} about {job:?}", error.kind()))
            }
        }
    }

    fn translate(&self, entry: &Entry) -> Entry {
        Entry {
            id: self.name(entry.id),
            superseded_by: entry.superseded_by.map(|id| self.name(id)),
            ..plain(entry)
        }
    }

    fn same<T: Debug + PartialEq>(
        &self,
        what: &str,
        came: &Result<T, String>,
        expected: &Result<T, String>,
    ) -> Result<(), Finding> {
        if came == expected {
            return Ok(());
        }
        Err(self.finding(format!(
            "{what} had to come to {expected:?}, and came to {came:?}"
        )))
    }

    fn finding(&self, detail: impl Into<String>) -> Finding {
        Finding::new(self.rule, detail)
    }
}

/// Without the times, which a storage may take from its own clock.
fn plain(entry: &Entry) -> Entry {
    let reconciliation = entry.reconciliation.map(|found| match found {
        Reconciliation::Inconclusive(Doubt::NotSettled { .. }) => {
            Reconciliation::Inconclusive(Doubt::NotSettled { until: 0 })
        }
        other => other,
    });
    Entry {
        reconciliation,
        created_at: 0,
        updated_at: 0,
        service_at: 0,
        ..entry.clone()
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it stands where a function from an error does"
)]
fn told(error: Error) -> String {
    told_of(&error)
}

fn told_of(error: &Error) -> String {
    format!("{:?} about {:?}", error.kind(), error.job())
}

/// This machine's clock agrees with the service's.
pub(super) fn now_of(look: &Look) -> u64 {
    look.at.unwrap_or(START)
}
