//! The report at the end of `genrex batch --json`.

use serde_json::Value;

/// Where a row may be.
const PLACES: [&str; 7] = [
    "downloaded",
    "open",
    "failed",
    "refused",
    "notSent",
    "notStarted",
    "elsewhere",
];

/// The report in what a batch has told, if it came so far.
pub(crate) fn of(told: &str) -> Option<Value> {
    let documents = told
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut reports = documents.filter_map(|document| document.get("report").cloned());
    reports.next()
}

/// All places together, and the rows that are ambiguous: each row is in one.
pub(crate) fn sum(report: &Value) -> u64 {
    let of = |value: &Value| value.as_u64().unwrap_or(0);
    let places: u64 = PLACES.iter().map(|name| of(&report[*name])).sum();
    let unclear = ["charged", "notCharged", "unclear"];
    let unclear: u64 = unclear
        .iter()
        .map(|name| of(&report["ambiguous"][*name]))
        .sum();
    places + unclear
}
