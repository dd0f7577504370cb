//! What is measured.

mod build;
mod downloads;
mod growth;
pub(crate) mod ledger;
mod many;
mod polls;
mod sandbox;
mod signing;
mod start;

use super::Bench;
use super::table::Table;

/// What is measured together.
pub(crate) struct Row {
    /// By which it is asked for.
    pub(crate) name: &'static str,
    pub(crate) measure: fn(&Bench) -> anyhow::Result<Vec<Table>>,
}

impl Row {
    const fn new(name: &'static str, measure: fn(&Bench) -> anyhow::Result<Vec<Table>>) -> Self {
        Self { name, measure }
    }
}

/// In the order of the page.
pub(crate) const ALL: &[Row] = &[
    Row::new("sign", signing::sign),
    Row::new("verify", signing::verify),
    Row::new("poll", polls::measure),
    Row::new("many", many::measure),
    Row::new("descriptors", many::descriptors),
    Row::new("start", start::measure),
    Row::new("balance", sandbox::balance),
    Row::new("held", sandbox::held),
    Row::new("pieces", sandbox::pieces),
    Row::new("connections", sandbox::connections),
    Row::new("intend", ledger::intend),
    Row::new("syncs", ledger::syncs),
    Row::new("group", ledger::group),
    Row::new("download", downloads::measure),
    Row::new("growth", growth::measure),
    Row::new("build", build::measure),
];
