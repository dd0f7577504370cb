//! What a ledger keeps of jobs that are waited for and downloaded by their names at the service.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_core::ledger::{
    Account, Alias, Credits, Entry, Error, ErrorKind, Event, Filter, Intent, Ledger, Limits,
    LocalId, Look, MemoryLedger, Past, State,
};
use genrex_core::proto::QueryId;
use genrex_core::testing::{Reply, ScriptedTransport, keys};
use genrex_core::{BalanceCheck, BaseUrl, Client, Job, Progress, Route, Settings, Sink, block_on};

use crate::download::{LENGTH, wav};
use crate::support::{
    ACCEPTED, FAILED, PROCESSING, balance, client, is_balance, is_submit, job, ready, request,
    watched,
};

/// A sink that has a place, of which a ledger is told.
struct Placed;

#[async_trait]
impl Sink for Placed {
    fn location(&self) -> Option<String> {
        Some(String::from("/music/1.wav"))
    }

    async fn write(&mut self, _: Bytes) -> std::io::Result<()> {
        Ok(())
    }

    async fn restart(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    async fn commit(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A ledger that can be told to forget how to read.
#[derive(Debug, Clone)]
struct Unreadable {
    inner: MemoryLedger,
    is_unreadable: bool,
}

fn unreadable<T>() -> Result<T, Error> {
    Err(Error::new(ErrorKind::Storage, "scripted"))
}

#[async_trait]
impl Ledger for Unreadable {
    async fn name(&self) -> Result<String, Error> {
        self.inner.name().await
    }

    async fn account(&self, alias: &Alias) -> Result<Option<Account>, Error> {
        match self.is_unreadable {
            true => unreadable(),
            false => self.inner.account(alias).await,
        }
    }

    async fn observe(
        &self,
        alias: &Alias,
        account: &Account,
        look: &Look,
        now: u64,
    ) -> Result<(), Error> {
        self.inner.observe(alias, account, look, now).await
    }

    async fn intend(&self, intent: &Intent, now: u64) -> Result<Entry, Error> {
        self.inner.intend(intent, now).await
    }

    async fn record(&self, id: LocalId, event: &Event, now: u64) -> Result<Entry, Error> {
        match self.is_unreadable {
            true => unreadable(),
            false => self.inner.record(id, event, now).await,
        }
    }

    async fn reconcile(&self, id: LocalId, now: u64) -> Result<Entry, Error> {
        self.inner.reconcile(id, now).await
    }

    async fn recover(&self, now: u64) -> Result<Vec<Entry>, Error> {
        self.inner.recover(now).await
    }

    fn release(&self, id: LocalId, now: u64) {
        self.inner.release(id, now);
    }

    async fn claim(&self, id: LocalId, now: u64) -> Result<bool, Error> {
        self.inner.claim(id, now).await
    }

    async fn entry(&self, id: LocalId) -> Result<Option<Entry>, Error> {
        self.inner.entry(id).await
    }

    async fn entries(&self, filter: &Filter) -> Result<Vec<Entry>, Error> {
        self.inner.entries(filter).await
    }

    async fn history(&self, id: LocalId) -> Result<Vec<Past>, Error> {
        self.inner.history(id).await
    }

    async fn credits(&self, account: &Account) -> Result<Credits, Error> {
        self.inner.credits(account).await
    }
}

const NOW: u64 = 1_717_574_785_354;

fn alias() -> Alias {
    Alias::new("https://api.genrex.com", keys().key().as_str())
}

/// A job of this account that the service took under the name that all of them have.
fn accepted(ledger: &MemoryLedger, key: u128, account: &Account) -> LocalId {
    let intent = Intent::new(key, account.clone(), "music", 10, b"{}");
    let entry = block_on(ledger.intend(&intent, NOW)).unwrap();
    block_on(ledger.record(entry.id, &Event::Sent, NOW)).unwrap();
    let taken = Event::Accepted(QueryId::new("QRY_1").unwrap());
    block_on(ledger.record(entry.id, &taken, NOW)).unwrap();
    entry.id
}

fn state(ledger: &MemoryLedger, id: LocalId) -> State {
    block_on(ledger.entry(id)).unwrap().unwrap().state
}

fn wire() -> ScriptedTransport {
    ScriptedTransport::answering(|sent| match sent.options.route {
        Route::Api => ready(),
        _ => Reply::new(200, wav()).header("content-length", &LENGTH.to_string()),
    })
}

fn keeping(ledger: impl Ledger + 'static) -> Client {
    client(&wire()).with_ledger(Arc::new(ledger), BalanceCheck::default())
}

#[test]
fn a_job_is_looked_for_among_its_own_accounts() {
    for is_known in [true, false] {
        let ledger = MemoryLedger::new();
        let mine = match is_known {
            true => Account::from(Alias::new("https://api.genrex.com", "of the user u")),
            false => alias().into(),
        };
        if is_known {
            let look = Look::new(0);
            block_on(ledger.observe(&alias(), &mine, &look, NOW)).unwrap();
        }
        let own = accepted(&ledger, 1, &mine);
        let other = accepted(
            &ledger,
            2,
            &Account::from(Alias::new("https://b.example", "k")),
        );
        let client = keeping(ledger.clone());

        let track = block_on(client.wait(&job())).unwrap();
        assert_eq!(track.local_id(), Some(own));
        assert_eq!(track.audio().local_id(), Some(own));
        assert_eq!(state(&ledger, own), State::Completed);
        block_on(client.download(track.audio(), &mut Placed)).unwrap();
        assert_eq!(state(&ledger, own), State::Downloaded);
        assert_eq!(state(&ledger, other), State::Accepted);
    }
}

/// How many polls a job takes that is ready 61 s after it was accepted, of a client that finds this ledger.
fn polls_of(ledger: &MemoryLedger, seed: u64) -> u32 {
    let wire = ScriptedTransport::answering(|sent| match sent.at < Duration::from_secs(61) {
        _ if is_balance(sent) => balance(0),
        _ if is_submit(sent) => Reply::json(201, ACCEPTED),
        true => Reply::json(200, PROCESSING),
        false => ready(),
    });
    let client = Client::seeded(wire, BaseUrl::default(), keys(), Settings::default(), seed);
    let client = client.unwrap();
    let client = client.with_ledger(Arc::new(ledger.clone()), Limits::default());
    block_on(client.generate(&request())).unwrap().polls()
}

/// What one process has seen, the next one knows: each client here is a new one.
#[test]
fn how_long_jobs_took_is_kept_in_the_ledger() {
    let ledger = MemoryLedger::new();
    let polls: Vec<u32> = (0..12).map(|seed| polls_of(&ledger, seed)).collect();
    assert_eq!(polls[0], 13, "every 5 s");
    assert!(polls[10..].iter().all(|polls| *polls <= 5), "{polls:?}");
    let unknown = MemoryLedger::new();
    assert_eq!(polls_of(&unknown, 0), 13);
}

/// An outage says nothing of how long jobs take.
#[test]
fn a_job_that_was_over_while_the_service_was_silent_teaches_nothing() {
    for (silent_until, is_learned) in [(20, true), (300, false)] {
        let ledger = MemoryLedger::new();
        let until = Duration::from_secs(silent_until);
        let wire = ScriptedTransport::answering(move |sent| match sent.at {
            _ if is_balance(sent) => balance(0),
            _ if is_submit(sent) => Reply::json(201, ACCEPTED),
            at if at < Duration::from_secs(12) => Reply::json(200, PROCESSING),
            at if at < until => Reply::json(503, ""),
            _ => ready(),
        });
        let client = client(&wire).with_ledger(Arc::new(ledger.clone()), Limits::default());
        block_on(client.generate(&request())).unwrap();
        let account = block_on(client.account()).unwrap();
        let credits = block_on(ledger.credits(&account)).unwrap();
        assert_eq!(credits.times().count() > 0, is_learned, "{silent_until}");
    }
}

/// A ledger that cannot tell how long jobs took hinders nothing.
#[test]
fn a_ledger_that_cannot_be_read_teaches_no_pace() {
    let broken = Unreadable {
        inner: MemoryLedger::new(),
        is_unreadable: true,
    };
    let job = Job::resumed(QueryId::new("QRY_1").unwrap());
    block_on(keeping(broken).wait(&job)).unwrap();
}

#[test]
fn audio_that_another_process_waited_for_is_looked_for_likewise() {
    let ledger = MemoryLedger::new();
    let own = accepted(&ledger, 1, &alias().into());
    let other = accepted(
        &ledger,
        2,
        &Account::from(Alias::new("https://b.example", "k")),
    );
    let track = block_on(client(&wire()).wait(&job())).unwrap();
    assert_eq!(track.local_id(), None);
    block_on(ledger.record(own, &Event::Completed, NOW)).unwrap();
    block_on(ledger.record(other, &Event::Completed, NOW)).unwrap();
    block_on(keeping(ledger.clone()).download(track.audio(), &mut Placed)).unwrap();
    assert_eq!(state(&ledger, own), State::Downloaded);
    assert_eq!(state(&ledger, other), State::Completed);
}

#[test]
fn a_job_whose_name_in_the_ledger_is_known_is_not_looked_for() {
    let ledger = MemoryLedger::new();
    let account: Account = alias().into();
    let older = accepted(&ledger, 1, &account);
    let newer = accepted(&ledger, 2, &account);
    let job = Job::resumed(QueryId::new("QRY_1").unwrap()).kept_as(older);
    let client = keeping(ledger.clone());
    let track = block_on(client.wait(&job)).unwrap();
    block_on(client.download(track.audio(), &mut Placed)).unwrap();
    assert_eq!(state(&ledger, older), State::Downloaded);
    assert_eq!(state(&ledger, newer), State::Accepted);
}

#[test]
fn what_the_ledger_cannot_keep_is_told_and_changes_nothing() {
    let ledger = MemoryLedger::new();
    let own = accepted(&ledger, 1, &alias().into());
    let broken = Unreadable {
        inner: ledger.clone(),
        is_unreadable: true,
    };
    for is_found in [false, true] {
        let (client, reports) = watched(&keeping(broken.clone()));
        let job = match is_found {
            true => job().kept_as(own),
            false => job(),
        };
        let track = block_on(client.wait(&job)).unwrap();
        block_on(client.download(track.audio(), &mut Placed)).unwrap();
        let told: Vec<_> = reports
            .lock()
            .unwrap()
            .iter()
            .filter_map(|report| match report {
                Progress::NotKept { job, .. } => Some(*job),
                _ => None,
            })
            .collect();
        assert_eq!(told, [is_found.then_some(own); 2]);
        assert_eq!(state(&ledger, own), State::Accepted);
    }
}

/// A client without a ledger does nothing with the name that a job has in one, but to tell it on.
#[test]
fn a_client_without_a_ledger_speaks_of_none() {
    for failed in [false, true] {
        let wire = ScriptedTransport::answering(move |_| match failed {
            true => Reply::json(200, FAILED),
            false => ready(),
        });
        let (client, reports) = watched(&client(&wire));
        let local = LocalId(7);
        let told = match block_on(client.wait(&job().kept_as(local))) {
            Ok(track) => track.local_id(),
            Err(error) => error.local_id(),
        };
        assert_eq!(told, Some(local));
        let is_about_a_ledger = |report: &Progress| matches!(report, Progress::NotKept { .. });
        assert!(!reports.lock().unwrap().iter().any(is_about_a_ledger));
    }
}

/// That a job is being made shows when the account was charged. A status that nobody knows does not say so.
#[test]
fn an_unknown_status_is_not_kept_as_being_made() {
    for (status, expected) in [("Processing", 1), ("Queued", 0)] {
        let ledger = MemoryLedger::new();
        let own = accepted(&ledger, 1, &alias().into());
        let before = block_on(ledger.history(own)).unwrap().len();
        let wire = ScriptedTransport::answering(move |sent| match sent.at.as_secs() {
            0..20 => Reply::json(200, format!(r#"{{"id":"QRY_1","status":"{status}"}}"#)),
            _ => ready(),
        });
        let client = client(&wire).with_ledger(Arc::new(ledger.clone()), Limits::default());
        block_on(client.wait(&job())).unwrap();
        // And that it was completed.
        let after = block_on(ledger.history(own)).unwrap().len();
        assert_eq!(after - before, expected + 1, "{status}");
    }
}
