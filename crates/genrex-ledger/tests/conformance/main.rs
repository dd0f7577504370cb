//! The suite that every storage must pass: the one in memory passes it, and each wrong one is caught.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod careless;
mod flaw;
mod flawed;
mod own_clock;

use std::collections::HashMap;

use genrex_ledger::MemoryLedger;
use genrex_ledger::testing::{Finding, Rule, block_on, conformance, relocation};

use self::careless::{Careless, Moved};
use self::flaw::Flaw;
use self::flawed::Flawed;
use self::own_clock::OwnClock;

#[test]
fn memory_passes() {
    let mut storages: HashMap<String, MemoryLedger> = HashMap::new();
    let open = async |name: &str| storages.entry(name.to_owned()).or_default().reopened();
    block_on(conformance(open)).unwrap();
}

#[test]
fn memory_can_be_moved() {
    let mut storages: HashMap<String, MemoryLedger> = HashMap::new();
    let open = async |name: &str| storages.entry(name.to_owned()).or_default().reopened();
    block_on(relocation(open)).unwrap();
}

#[test]
fn each_careless_move_is_caught() {
    for flaw in Careless::ALL {
        let mut storages: HashMap<String, Moved> = HashMap::new();
        let found = block_on(relocation(async |name: &str| {
            storages
                .entry(name.to_owned())
                .or_insert_with(|| Moved::new(flaw))
                .reopened()
        }));
        let rule = found.as_ref().map_err(|finding| finding.rule);
        assert_eq!(rule, Err(Rule::Relocated), "{flaw:?}: {found:?}");
    }
}

#[test]
fn a_storage_with_a_clock_of_its_own_passes() {
    let mut storages: HashMap<String, OwnClock> = HashMap::new();
    let open = async |name: &str| storages.entry(name.to_owned()).or_default().reopened();
    block_on(conformance(open)).unwrap();
}

fn found(flaw: Option<Flaw>) -> Result<(), Finding> {
    let mut storages: HashMap<String, Flawed> = HashMap::new();
    block_on(conformance(async |name: &str| {
        storages
            .entry(name.to_owned())
            .or_insert_with(|| Flawed::new(flaw))
            .reopened()
    }))
}

#[test]
fn a_storage_without_a_flaw_passes() {
    found(None).unwrap();
}

#[test]
fn each_wrong_storage_is_caught() {
    let mut missed = Vec::new();
    for &(flaw, rule) in Flaw::ALL {
        match found(Some(flaw)) {
            Err(finding) if finding.rule == rule => {}
            other => missed.push(format!("{flaw:?} breaks {rule:?}: {other:?}")),
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn a_finding_says_what_was_broken() {
    let finding = found(Some(Flaw::ForgetsOnReopen)).unwrap_err();
    assert_eq!(finding.rule, Rule::Lasting);
    assert!(
        finding.to_string().contains("end of the process"),
        "{finding}"
    );
}
