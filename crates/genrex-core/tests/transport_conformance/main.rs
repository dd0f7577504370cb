//! The suite for transports: it passes a right one, and catches each of these wrong ones.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod fault;
mod threaded;
mod tiny;
mod wire;

use std::collections::HashSet;

use genrex_core::testing::transport::{Finding, Rule, conformance};
use genrex_core::{Transport, block_on};

use crate::fault::Fault;
use crate::threaded::Threaded;
use crate::tiny::Tiny;

/// Each way to be wrong, and the rule that it breaks.
const WRONG: [(Fault, Rule); 42] = [
    (Fault::ClockGoesBack, Rule::Clock),
    (Fault::ClockStands, Rule::Clock),
    (Fault::ClockInSeconds, Rule::Clock),
    (Fault::SleepsTooShort, Rule::Sleep),
    (Fault::DropsAHeader, Rule::Request),
    (Fault::SendsAHeaderTwice, Rule::Request),
    (Fault::AddsAcceptEncoding, Rule::Request),
    (Fault::AddsALengthToGet, Rule::Request),
    (Fault::KeepsCookies, Rule::Request),
    (Fault::TidiesTheTarget, Rule::Request),
    (Fault::SendsTheBodyTwice, Rule::Request),
    (Fault::SendsChunks, Rule::Request),
    (Fault::IgnoresTheGivenHost, Rule::Request),
    (Fault::FailsOn500, Rule::Status),
    (Fault::TakesInterimForFinal, Rule::Status),
    (Fault::LosesTheFirstChunk, Rule::Answer),
    (Fault::JoinsHeaders, Rule::Answer),
    (Fault::PassesSurplusOn, Rule::Answer),
    (Fault::TakesStrayAnswer, Rule::Answer),
    (Fault::HidesCompression, Rule::Compressed),
    (Fault::FollowsRedirects, Rule::Credentials),
    (Fault::FollowsRedirectsUnsigned, Rule::Redirect),
    (Fault::RetriesOnClose, Rule::OneAttempt),
    (Fault::RetriesOn503, Rule::OneAttempt),
    (Fault::RetriesOnUsedConnection, Rule::OneAttempt),
    (Fault::SaysConnectAfterSending, Rule::MayHaveLeft),
    (Fault::SaysOtherForRefused, Rule::MayHaveLeft),
    (Fault::TakesCutBodyForWhole, Rule::BodyEnd),
    (Fault::TakesCutChunksForWhole, Rule::BodyEnd),
    (Fault::TakesResetForEnd, Rule::BodyEnd),
    (Fault::ReusesForPaid, Rule::PaidConnection),
    (Fault::ReusesForPaidWhatApiLeft, Rule::PaidConnection),
    (Fault::IgnoresPolicyOfLiterals, Rule::Addresses),
    (Fault::IgnoresPolicyOfNames, Rule::Addresses),
    (Fault::ConnectsBeforeTheCheck, Rule::Addresses),
    (Fault::ReusesAcrossPolicies, Rule::Addresses),
    (Fault::IgnoresIdle, Rule::IdleTimeout),
    (Fault::IdleStartsAgainInTheHead, Rule::IdleTimeout),
    (Fault::IdleEndsAtTheHead, Rule::IdleTimeout),
    (Fault::IdleCoversTheBody, Rule::IdleTimeout),
    (Fault::IgnoresTotal, Rule::TotalTimeout),
    (Fault::TotalEndsAtTheHead, Rule::TotalTimeout),
];

#[test]
fn a_right_transport_passes() {
    block_on(conformance(&Tiny::new(None))).unwrap();
}

#[test]
fn a_right_asynchronous_transport_passes() {
    block_on(conformance(&Threaded::new(None))).unwrap();
}

#[test]
fn every_wrong_transport_is_caught_by_the_rule_that_it_breaks() {
    let found = |fault| block_on(conformance(&Tiny::new(Some(fault))));
    let missed: Vec<String> = std::thread::scope(|scope| {
        let running = WRONG.map(|(fault, rule)| (fault, rule, scope.spawn(move || found(fault))));
        let wrong = running.into_iter().filter_map(|(fault, rule, finding)| {
            let finding = finding.join().unwrap();
            let caught = finding
                .as_ref()
                .is_err_and(|finding| finding.rule() == rule);
            (!caught).then(|| format!("{fault:?}: {rule:?} expected, {finding:?} found"))
        });
        wrong.collect()
    });
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn a_connection_that_outlives_its_body_is_caught() {
    let transport = Tiny::new(Some(Fault::KeepsDropped));
    let finding = block_on(conformance(&transport)).unwrap_err();
    assert_eq!(finding.rule(), Rule::GivenUp, "{finding}");
}

#[test]
fn a_request_that_outlives_its_future_is_caught() {
    let transport = Threaded::new(Some(Fault::KeepsDropped));
    let finding = block_on(conformance(&transport)).unwrap_err();
    assert_eq!(finding.rule(), Rule::GivenUp, "{finding}");
    assert!(finding.detail().contains("a future"), "{finding}");
}

/// A rule that no wrong transport breaks is one that may hold nothing.
#[test]
fn every_rule_has_caught_something() {
    let caught: HashSet<Rule> = WRONG.into_iter().map(|(_, rule)| rule).collect();
    assert_eq!(caught.len(), 15, "the sixteenth is `GivenUp`, above");
}

#[test]
fn a_finding_says_the_rule_and_what_shows_it() {
    let transport = Tiny::new(Some(Fault::SleepsTooShort));
    let finding = block_on(conformance(&transport)).unwrap_err();
    let said = finding.to_string();
    assert!(said.starts_with("broken rule: `sleep` lasts"), "{said}");
    assert!(said.ends_with(finding.detail()), "{said}");
}

/// A runtime may move the suite between its threads.
#[test]
fn the_suite_is_a_future_that_can_be_sent() {
    fn check(_: impl Future<Output = Result<(), Finding>> + Send) {}
    let transport: &dyn Transport = &Tiny::new(None);
    check(conformance(transport));
}
