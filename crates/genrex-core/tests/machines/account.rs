//! Whose credits they are, where an answer does not say.

use std::sync::{Arc, Mutex};

use genrex_core::ledger::{Account, Ledger as _, Limits, Once};
use genrex_core::testing::{Reply, ScriptedTransport};
use genrex_core::{BalanceCheck, ErrorKind, PurchaseOptions, block_on};

use crate::support::{ACCEPTED, is_submit, kept, request};

/// A service that names the user in a look, or does not.
fn service(is_named: &Arc<Mutex<bool>>) -> ScriptedTransport {
    let is_named = Arc::clone(is_named);
    ScriptedTransport::answering(move |sent| {
        if is_submit(sent) {
            return Reply::json(201, ACCEPTED);
        }
        let user = if *is_named.lock().unwrap() {
            r#","userId":"u""#
        } else {
            ""
        };
        Reply::json(
            200,
            format!(r#"{{"totalCreditQuota":1000,"creditsUsed":10{user}}}"#),
        )
    })
}

#[test]
fn an_answer_that_names_no_user_makes_no_other_account() {
    let is_named = Arc::new(Mutex::new(true));
    let wire = service(&is_named);
    let (client, ledger) = kept(&wire, Limits::default());
    let mut once = PurchaseOptions::default();
    once.once = Once::Prompt;
    block_on(client.purchase(&request(), &once))
        .into_result()
        .unwrap();
    let account = block_on(client.account()).unwrap();
    assert_eq!(account, Account::new("https://api.genrex.com", "u"));

    *is_named.lock().unwrap() = false;
    assert_eq!(block_on(client.account()).unwrap(), account);
    let again = block_on(client.purchase(&request(), &once)).into_result();
    assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyBought);

    // And what was learned is known still, to a client that does not look.
    let blind = client.with_ledger(Arc::new(ledger.clone()), BalanceCheck::Skipped);
    let again = block_on(blind.purchase(&request(), &once)).into_result();
    assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyBought);
    let entries = block_on(ledger.entries(&genrex_core::ledger::Filter::of(account)));
    assert_eq!(entries.unwrap().len(), 1);
}

#[test]
fn a_service_that_names_no_user_has_an_account_a_key() {
    let is_named = Arc::new(Mutex::new(false));
    let (client, _) = kept(&service(&is_named), Limits::default());
    let account = block_on(client.account()).unwrap();
    assert!(!account.as_str().ends_with("#u"), "{account}");
    // Once it does, what was kept under the key is the user's.
    block_on(client.submit(&request())).into_result().unwrap();
    *is_named.lock().unwrap() = true;
    let account = block_on(client.account()).unwrap();
    assert_eq!(account, Account::new("https://api.genrex.com", "u"));
    let ledger = client.ledger().unwrap();
    let entries = block_on(ledger.entries(&genrex_core::ledger::Filter::of(account)));
    assert_eq!(entries.unwrap().len(), 1);
}
