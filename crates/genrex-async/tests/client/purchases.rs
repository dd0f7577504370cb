//! Purchases under a ledger: written down before they leave, and found again whatever ended them.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_async::core::ledger::Once;
use genrex_async::core::testing::{Reply, ScriptedTransport};
use genrex_async::core::{
    Body, Cancelled, Now, SendOptions, Transport, TransportError, TransportErrorKind,
};
use genrex_async::{
    Client, Entry, ErrorKind, Ledger as _, Limits, LocalId, MemoryLedger, PurchaseOptions,
    Resolution, State, Submission,
};

use crate::support::{ACCEPTED, builder, request};

fn balance(used: u64) -> Reply {
    let json = format!(r#"{{"creditQuota":1000,"usedCredit":{used},"durationLimit":60}}"#);
    Reply::json(200, json)
}

fn client(ledger: &MemoryLedger, wire: impl Transport + 'static) -> Client {
    let client = builder().transport(wire).ledger(ledger.clone());
    client.balance_check(false).build().unwrap()
}

#[tokio::test]
async fn a_submit_is_kept_with_its_outcome() {
    let ledger = MemoryLedger::new();
    let wire = ScriptedTransport::new([Reply::json(201, ACCEPTED)]);
    let submission = client(&ledger, wire).submit(&request()).await;
    let Submission::Accepted(job) = submission else {
        panic!("{submission:?}");
    };
    let entry = ledger_entry(&ledger, job.local_id().unwrap()).await;
    assert_eq!(entry.state, State::Accepted);
    assert_eq!(entry.query_id.as_ref(), Some(job.id()));
}

async fn ledger_entry(ledger: &MemoryLedger, id: LocalId) -> Entry {
    ledger.entry(id).await.unwrap().unwrap()
}

/// A transport on which a request leaves, and nothing comes back.
struct Silent(ScriptedTransport);

#[async_trait]
impl Transport for Silent {
    async fn send(
        &self,
        _: http::Request<Bytes>,
        _: SendOptions,
    ) -> Result<http::Response<Box<dyn Body>>, TransportError> {
        pending().await
    }

    async fn sleep(&self, duration: Duration) -> Result<(), Cancelled> {
        self.0.sleep(duration).await
    }

    fn now(&self) -> Now {
        self.0.now()
    }
}

#[tokio::test]
async fn a_dropped_submit_is_found_again_in_the_same_process() {
    let ledger = MemoryLedger::new();
    let client = client(&ledger, Silent(ScriptedTransport::new([])));
    {
        let request = request();
        let mut submit = pin!(client.submit(&request));
        poll_fn(|context| {
            assert!(submit.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        assert!(
            client.recover().await.unwrap().is_empty(),
            "it is under way"
        );
    }
    let open = client.recover().await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].state, State::Ambiguous);
    assert_eq!(open[0].text, "rain");
}

#[tokio::test]
async fn an_ambiguous_submit_is_settled_by_hand() {
    let ledger = MemoryLedger::new();
    let wire = ScriptedTransport::new([Reply::fails(TransportErrorKind::Closed)]);
    let client = client(&ledger, wire);
    let Submission::Ambiguous(error) = client.submit(&request()).await else {
        panic!("not ambiguous");
    };
    let id = error.local_id().unwrap();
    let entry = client
        .resolve_with_reason(id, Resolution::NotCharged, "support says so")
        .await
        .unwrap();
    assert_eq!(entry.id, id);
    assert!(entry.is_not_charged() && entry.resolved_by_hand);
}

#[tokio::test]
async fn an_ambiguous_submit_is_held_against_the_balance() {
    let ledger = MemoryLedger::new();
    let wire = ScriptedTransport::new([
        balance(0),
        Reply::fails(TransportErrorKind::Closed),
        balance(0),
    ]);
    let client = builder()
        .transport(wire)
        .ledger(ledger.clone())
        .build()
        .unwrap();
    let Submission::Ambiguous(error) = client.submit(&request()).await else {
        panic!("not ambiguous");
    };
    let reconciliation = client.reconcile(error.local_id().unwrap()).await.unwrap();
    // So soon after it, nothing is certain yet; what it says is the core's own.
    assert!(
        format!("{reconciliation:?}").contains("Inconclusive"),
        "{reconciliation:?}"
    );
}

#[tokio::test]
async fn what_needs_a_ledger_says_so_without_one() {
    let client = builder()
        .transport(ScriptedTransport::new([]))
        .build()
        .unwrap();
    let id = LocalId(1);
    for error in [
        client.recover().await.unwrap_err(),
        client.reconcile(id).await.unwrap_err(),
        client.resolve(id, Resolution::Charged).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
    let mut options = PurchaseOptions::default();
    options.once = Once::Prompt;
    let Submission::NotSent(error) = client.purchase(&request(), &options).await else {
        panic!("sent");
    };
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn the_same_prompt_is_not_bought_twice_where_that_is_asked_for() {
    let ledger = MemoryLedger::new();
    let wire = ScriptedTransport::new([Reply::json(201, ACCEPTED)]);
    let client = client(&ledger, wire.clone());
    let mut options = PurchaseOptions::default();
    options.once = Once::Prompt;
    let first = client.purchase(&request(), &options).await;
    let job = first.into_result().unwrap();
    let Submission::NotSent(error) = client.purchase(&request(), &options).await else {
        panic!("sent");
    };
    assert_eq!(error.kind(), ErrorKind::AlreadyBought);
    assert_eq!(error.local_id(), job.local_id());
    assert_eq!(wire.sent().len(), 1);
}

#[test]
fn limits_that_nothing_can_keep_are_refused() {
    let mut limits = Limits::default();
    limits.day = Some(10);
    let wire = || ScriptedTransport::new([]);
    let without_ledger = builder().transport(wire()).limits(limits).build();
    let without_look = builder()
        .transport(wire())
        .ledger(MemoryLedger::new())
        .limits(limits)
        .balance_check(false)
        .build();
    for refused in [without_ledger, without_look] {
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Configuration);
    }
    let kept = builder().transport(wire()).ledger(MemoryLedger::new());
    kept.limits(limits).build().unwrap();
}
