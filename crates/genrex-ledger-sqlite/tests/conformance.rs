//! The suite that every storage must pass, on a file.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use genrex_ledger::testing::{block_on, conformance, relocation};
use genrex_ledger_sqlite::SqliteLedger;

#[test]
fn a_file_keeps_what_a_ledger_promises() {
    let folder = tempfile::tempdir().unwrap();
    // An odd name is a file like any other.
    let path = |name: &str| {
        let plain: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
        folder.path().join(format!("{plain}.db"))
    };
    let open = async |name: &str| SqliteLedger::open(path(name)).unwrap();
    block_on(conformance(open)).unwrap();
}

#[test]
fn a_file_can_be_moved() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(format!("{name}.db"));
    let open = async |name: &str| SqliteLedger::open(path(name)).unwrap();
    block_on(relocation(open)).unwrap();
}
