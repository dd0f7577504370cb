//! A purchase under a limit that waits for its turn.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use genrex_core::ledger::{Entry, Filter, Ledger as _, Limits, MemoryLedger, State};
use genrex_core::testing::ScriptedTransport;
use genrex_core::{
    Client, ErrorKind, Progress, Settings, Submission, Transport as _, TransportErrorKind as Kind,
    block_on,
};

use crate::support::{asked, kept, request, watched};
use crate::world::{Fate, Service, World, client_of};

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.total = Some(1000);
    limits
}

/// A client that bounds nothing, and the same within limits.
fn clients(service: &Service) -> (Client, Client, MemoryLedger, ScriptedTransport) {
    let wire = service.wire();
    let (client, ledger) = kept(&wire, Limits::default());
    let limited = client.with_ledger(Arc::new(ledger.clone()), limits());
    (client, limited, ledger, wire)
}

fn without_deadline(client: &Client) -> Client {
    let mut settings: Settings = *client.settings();
    settings.deadline = None;
    client.with_settings(settings)
}

fn buy(client: &Client) -> String {
    let job = block_on(client.submit(&request())).into_result().unwrap();
    job.id().as_str().to_owned()
}

fn entry(ledger: &MemoryLedger, query_id: &str) -> Entry {
    let found = block_on(ledger.entries(&Filter::named(query_id)));
    found.unwrap().remove(0)
}

#[test]
fn the_second_of_a_duration_waits_until_the_first_has_shown_its_price() {
    let service = Service::default();
    service.completes_after(3);
    let (_, client, ledger, wire) = clients(&service);
    let first = buy(&client);
    assert_eq!(asked(&wire), [] as [String; 0]);
    let second = buy(&client);
    assert_eq!(entry(&ledger, &first).state, State::Completed);
    // It was asked after until it was over, and not once more.
    assert_eq!(asked(&wire), [first.clone(), first.clone(), first]);
    let credits = block_on(ledger.credits(&entry(&ledger, &second).account)).unwrap();
    assert_eq!(credits.price(10), Some(10));
    assert_eq!(entry(&ledger, &second).expected_cost, Some(10));
}

/// The first of a duration under a limit may pass it: that is said once, before it is on its way, and of no other.
#[test]
fn a_purchase_of_unknown_price_is_announced() {
    let service = Service::default();
    service.completes_after(1);
    let (_, limited, ..) = clients(&service);
    let (unlimited, ..) = clients(&Service::default());
    let announced = |client: &Client| {
        let (client, seen) = watched(client);
        buy(&client);
        let seen = seen.lock().unwrap();
        let is_one = |report: &&Progress| matches!(report, Progress::PriceUnknown { duration: 10 });
        let is_sent = |report: &Progress| matches!(report, Progress::Submitting { .. });
        let before = seen.iter().take_while(|report| !is_sent(report));
        assert_eq!(
            before.filter(is_one).count(),
            seen.iter().filter(is_one).count()
        );
        seen.iter().filter(is_one).count()
    };
    assert_eq!(announced(&limited), 1);
    assert_eq!(announced(&limited), 0, "its price is known");
    assert_eq!(announced(&unlimited), 0, "nothing is limited");

    // It is told before `sent` is kept: whoever gives up then has sent nothing.
    let other = World::new(&[Fate::Taken], &[], None);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (log, watched) = (Arc::clone(&seen), other.ledger.clone());
    let client = client_of(&other, limits(), 1).on_progress(move |progress| {
        if matches!(progress, Progress::PriceUnknown { .. }) {
            let entries = block_on(watched.entries(&Filter::default())).unwrap();
            log.lock()
                .unwrap()
                .extend(entries.iter().map(|entry| entry.state));
        }
    });
    buy(&client);
    assert_eq!(*seen.lock().unwrap(), [State::Intended]);
}

/// What the balance was is told with each purchase that looks at it.
#[test]
fn each_look_at_the_balance_is_told() {
    let service = Service::default();
    service.completes_after(1);
    let (client, ..) = clients(&service);
    let (client, seen) = watched(&client);
    buy(&client);
    buy(&client);
    let used: Vec<u64> = seen
        .lock()
        .unwrap()
        .iter()
        .filter_map(|report| match report {
            Progress::Looked { balance, .. } => Some(balance.credits_used),
            _ => None,
        })
        .collect();
    assert!(used.len() >= 2 && used.is_sorted(), "{used:?}");
}

#[test]
fn a_job_that_the_service_does_not_know_holds_up_no_other() {
    let service = Service::default();
    service.completes_after(1);
    let (unlimited, client, ledger, wire) = clients(&service);
    let (dead, alive) = (buy(&unlimited), buy(&unlimited));
    // A minute later nobody says that the service's copies lag.
    block_on(wire.sleep(Duration::from_secs(60))).unwrap();
    service.forget(&dead);
    let began = wire.elapsed();
    let third = buy(&without_deadline(&client));
    assert_eq!(entry(&ledger, &alive).state, State::Completed);
    assert_eq!(entry(&ledger, &third).state, State::Accepted);
    let asked = asked(&wire);
    let after_dead = asked.iter().filter(|id| **id == dead).count();
    assert!(
        after_dead <= 3,
        "asked {after_dead} times after what is not known"
    );
    let after_alive = wire
        .sent()
        .into_iter()
        .find(|sent| String::from_utf8_lossy(sent.request.body()).contains(&alive));
    let waited = after_alive.unwrap().at - began;
    assert!(waited < Duration::from_secs(60), "{waited:?}");
    // The wait ends with the hour after which what nobody has heard of no longer counts.
    assert!(
        wire.elapsed() - began < Duration::from_secs(5400),
        "{:?}",
        wire.elapsed()
    );
}

#[test]
fn the_job_that_stands_in_the_way_is_asked_after_first() {
    let service = Service::default();
    let (unlimited, client, ledger, wire) = clients(&service);
    let forgotten = buy(&unlimited);
    block_on(wire.sleep(Duration::from_secs(3 * 3600))).unwrap();
    // Two looks show that the balance stands still.
    block_on(client.account()).unwrap();
    block_on(wire.sleep(Duration::from_secs(1200))).unwrap();
    block_on(client.account()).unwrap();
    let alone = buy(&client);
    assert!(entry(&ledger, &alone).alone);
    service.completes_after(1);
    let last = buy(&without_deadline(&client));
    assert_eq!(asked(&wire).first(), Some(&alone));
    assert_eq!(entry(&ledger, &alone).state, State::Completed);
    assert_ne!(last, forgotten);
}

#[test]
fn a_purchase_that_is_cancelled_while_it_asks_ends() {
    let service = Service::default();
    let (unlimited, client, _, wire) = clients(&service);
    buy(&unlimited);
    service.retrieves_fail(Kind::Cancelled);
    let Submission::NotSent(error) = block_on(without_deadline(&client).submit(&request())) else {
        panic!("it was cancelled");
    };
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(asked(&wire).len(), 1);
}

#[test]
fn a_job_that_is_never_over_ends_the_wait_with_the_deadline() {
    let service = Service::default();
    let (unlimited, client, _, wire) = clients(&service);
    buy(&unlimited);
    let Submission::NotSent(error) = block_on(client.submit(&request())) else {
        panic!("it is not its turn");
    };
    assert_eq!(error.kind(), ErrorKind::PriceUnknown);
    assert!(error.local_id().is_some());
    assert!(wire.elapsed() <= Duration::from_secs(600));
    assert_eq!(service.taken(), 1);
}

/// An answer about another job ends no job.
#[test]
fn an_answer_about_another_job_ends_none() {
    let service = Service::default();
    let (unlimited, client, ledger, _) = clients(&service);
    let first = buy(&unlimited);
    service.answers_about("QRY_OTHER");
    service.completes_after(1);
    let submission = block_on(client.submit(&request()));
    assert!(
        matches!(submission, Submission::NotSent(_)),
        "{submission:?}"
    );
    assert_eq!(entry(&ledger, &first).state, State::Accepted);
}
