use std::time::Duration;

use genrex_ledger::{Ledger as _, MemoryLedger};
use genrex_proto::{Prompt, Seconds};
use genrex_sign::UnixMillis;

use super::*;
use crate::testing::keys;
use crate::transport::Moment;
use crate::{BaseUrl, Settings, block_on};

fn now() -> Now {
    Now {
        moment: Moment::new(Duration::ZERO),
        wall: UnixMillis::new(1_717_574_785_354),
    }
}

/// A purchase without a look.
fn purchase() -> Purchase {
    let session = Arc::new(Session::new(BaseUrl::default(), keys(), 7).unwrap());
    let request = GenerateRequest::new(Prompt::new("music").unwrap(), Seconds::new(10).unwrap());
    let terms = Terms::free(None, Settings::default());
    let keeping = Keeping {
        balance_check: BalanceCheck::Skipped,
        options: PurchaseOptions::default(),
    };
    Purchase::new(session, request, terms, Some(keeping))
}

fn step(purchase: &mut Purchase) -> Step<Submission> {
    loop {
        match purchase.next(now()) {
            Step::Report(_) => {}
            Step::Slot(..) => purchase.receive(now(), Outcome::Slot),
            step => return step,
        }
    }
}

/// Has a ledger keep what the purchase wants kept.
fn keep(ledger: &MemoryLedger, purchase: &mut Purchase) {
    let Step::Keep(call) = step(purchase) else {
        panic!("nothing is to be kept");
    };
    let entry = |entry| Kept::Entry(Box::new(entry));
    let kept = match *call {
        Keep::Account(alias) => block_on(ledger.account(&alias)).map(Kept::Account),
        Keep::Intent(intent) => block_on(ledger.intend(&intent, 0)).map(entry),
        Keep::Event(id, event) => block_on(ledger.record(id, &event, 0)).map(entry),
        call => panic!("{call:?}"),
    };
    purchase.receive(now(), Outcome::Kept(kept));
}

/// A storage that answers that the job stands somewhere else has not kept that it is sent.
#[test]
fn nothing_leaves_unless_the_ledger_says_that_it_is_kept_as_sent() {
    use ledger::State::{Accepted, Ambiguous, Intended, NotSent, Sent};
    for state in [Intended, Ambiguous, Accepted, NotSent, Sent] {
        let ledger = MemoryLedger::new();
        let mut purchase = purchase();
        keep(&ledger, &mut purchase);
        keep(&ledger, &mut purchase);
        let Step::Keep(call) = step(&mut purchase) else {
            panic!("`sent` is not kept");
        };
        let Keep::Event(id, event @ Event::Sent) = *call else {
            panic!("{call:?}");
        };
        let mut entry = block_on(ledger.record(id, &event, 0)).unwrap();
        entry.state = state;
        purchase.receive(now(), Outcome::Kept(Ok(Kept::Entry(Box::new(entry)))));
        match step(&mut purchase) {
            Step::Send(_) => assert_eq!(state, Sent),
            Step::Done(Submission::NotSent(error)) => {
                assert_ne!(state, Sent);
                assert_eq!(error.kind(), ErrorKind::Ledger);
                assert_eq!(error.local_id(), Some(id));
                assert!(
                    error.in_full().contains(&state.to_string()),
                    "{}",
                    error.in_full()
                );
            }
            other => panic!("{other:?}"),
        }
    }
}
