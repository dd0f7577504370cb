//! Purchases under a ledger: written down before they leave, and found again whatever ended them.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use genrex_async::core::testing::{Reply, ScriptedTransport};
use genrex_async::core::{
    Body, Cancelled, Now, SendOptions, Transport, TransportError, TransportErrorKind,
};
use genrex_async::{
    Client, ErrorKind, Limits, MemoryLedger, PurchaseOptions, Resolution, State, Submission,
};

use crate::support::{ACCEPTED, builder, request};

fn balance(used: u64) -> Reply {
    Reply::json(
        200,
        format!(
            r#"{{"_id":"u","email":"a@example.com","apiKeyUsage":{{"totalCredit":1000,"usedCredit":{used},"remainingCredit":{}}}}}"#,
            1000 - used
        ),
    )
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

async fn ledger_entry(ledger: &MemoryLedger, id: genrex_async::LocalId) -> genrex_async::Entry {
    use genrex_async::Ledger as _;
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
        .resolve_because(id, Resolution::NotCharged, "support says so")
        .await
        .unwrap();
    assert_eq!(entry.id, id);
    assert_ne!(entry.state, State::Ambiguous);
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
    let error = client.recover().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let submission = client
        .purchase(&request(), &PurchaseOptions::default())
        .await;
    // The script is empty: a purchase that says nothing is a submit, and would have panicked.
    drop(submission);
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
