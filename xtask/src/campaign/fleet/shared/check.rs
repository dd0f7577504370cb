//! What was bought, what the ledger knows, what lies there and what was told: each held against the others.

use std::collections::BTreeSet;

use genrex_ledger::testing::block_on;
use genrex_ledger::{Entry, Filter, Ledger as _, State};

use super::{Batch, suite};
use crate::campaign::Findings;
use crate::campaign::fleet::attack::PRICE;
use crate::campaign::report;
use crate::campaign::truth::compare;

pub(super) fn run(batch: &Batch<'_>, told: &str) -> anyhow::Result<Findings> {
    let ledger = block_on(suite::connect(&batch.database))?;
    let entries = block_on(ledger.entries(&Filter::default()))?;
    let jobs = batch.service.jobs();
    let mut findings = compare(&batch.service, &jobs, &entries, told, state_of);
    findings.cases = batch.setting.rows;
    let bought = u64::try_from(jobs.len())?;
    let used = batch.service.credits_used();
    if used != bought * PRICE {
        let what = format!("{bought} pieces cost {used} credits");
        findings.wrong.push(what);
    }
    findings.wrong.extend(of_files(batch, &entries)?);
    findings.wrong.extend(of_report(batch, &entries, told));
    let takers = "SELECT count(*) FROM genrex.job WHERE carrier IS NOT NULL";
    let taken = batch.cluster.sql(&batch.name, takers)?;
    let owners = "SELECT count(DISTINCT owner) FROM genrex.job";
    let owners: u64 = batch.cluster.sql(&batch.name, owners)?.parse()?;
    println!(
        "  {} jobs of {owners} processes; {} kills; {taken} jobs carried on by another than their buyer",
        entries.len(),
        batch.kills
    );
    if owners < 2 {
        findings
            .wrong
            .push(String::from("one process bought all: nothing was shared"));
    }
    Ok(findings)
}

/// At the end a row is here, or may have been charged when its process was killed.
fn state_of(entry: &Entry, id: &str) -> Findings {
    let mut findings = Findings::default();
    match entry.state {
        State::Downloaded => {}
        State::Ambiguous => findings.reported += 1,
        state => findings.wrong.push(format!("{id} is {state} at the end")),
    }
    findings
}

/// What the ledger calls downloaded lies there, whole and the very same, and nothing else does.
fn of_files(batch: &Batch<'_>, entries: &[Entry]) -> anyhow::Result<Vec<String>> {
    let files = batch.files()?;
    let mut wrong = Vec::new();
    let mut known = BTreeSet::new();
    let here = entries
        .iter()
        .filter(|entry| entry.state == State::Downloaded);
    for entry in here {
        let path = entry.path.clone().unwrap_or_default();
        let kept = (
            entry.bytes.unwrap_or_default(),
            entry.sha256.clone().unwrap_or_default(),
        );
        match files.get(&path) {
            Some(found) if *found == kept => {}
            Some(found) => wrong.push(format!("{path} is {found:?}, and the ledger has {kept:?}")),
            None => wrong.push(format!("{path} is not there")),
        }
        known.insert(path);
    }
    let strays = files.keys().filter(|name| !known.contains(*name));
    wrong.extend(strays.map(|name| format!("{name} is of no job that is downloaded")));
    Ok(wrong)
}

/// The last report, and those of the processes that came to their end: each adds up to what was planned.
fn of_report(batch: &Batch<'_>, entries: &[Entry], told: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let rows = batch.setting.rows;
    let mut own = 0;
    for run in 1..=batch.runs {
        // One that was killed has told nothing.
        let Some(report) = batch.told(run).ok().and_then(|told| report::of(&told)) else {
            continue;
        };
        own += report["own"]["bought"].as_u64().unwrap_or(0);
        let sum = report::sum(&report);
        if sum != rows {
            wrong.push(format!(
                "the report of run {run} adds up to {sum} of {rows}: {report}"
            ));
        }
    }
    let count = |state| entries.iter().filter(|entry| entry.state == state).count();
    let here = u64::try_from(count(State::Downloaded)).unwrap_or(u64::MAX);
    match report::of(told) {
        None => wrong.push(String::from("the last run reported nothing")),
        Some(last) => {
            let said = last["downloaded"].as_u64();
            if said != Some(here) || report::sum(&last) != rows {
                wrong.push(format!(
                    "{here} of {rows} are here, and the last report is {last}"
                ));
            }
        }
    }
    let bought = u64::try_from(batch.service.jobs().len()).unwrap_or(u64::MAX);
    if own > bought || (batch.kills == 0 && own != bought) {
        wrong.push(format!(
            "the reports say {own} were bought, and {bought} were"
        ));
    }
    wrong
}
