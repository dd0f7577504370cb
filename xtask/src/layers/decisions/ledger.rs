//! Only the core writes to a ledger, and only a ledger applies its rules; others read.

use proc_macro2::TokenTree;

use super::Found;
use crate::tokens::{self, Named};

/// The methods that write, and with how many arguments: `Span::record` has two, `Client::reconcile` one,
/// `Client::recover` none.
const WRITES: [(&str, usize); 7] = [
    ("claim", 2),
    ("intend", 2),
    ("record", 3),
    ("observe", 4),
    ("recover", 1),
    ("reconcile", 2),
    ("release", 2),
];

pub(super) fn in_path(named: &Named, found: &mut Found) {
    for rules in [["genrex_ledger", "rules"], ["ledger", "rules"]] {
        if named.holds(&rules) {
            found.push((
                named.line,
                "the rules about credits are the ledger's".to_owned(),
            ));
        }
    }
    for (write, _) in WRITES {
        if named.holds(&["Ledger", write]) || named.holds(&["Credits", write]) {
            found.push((named.line, says(write)));
        }
    }
    if named.holds(&["failure", "Class"])
        || named.holds(&["genrex_core", "failure"])
        || named.holds(&["core", "failure"])
    {
        found.push((
            named.line,
            "what a failure leads to is the core's to know".to_owned(),
        ));
    }
}

pub(super) fn in_level(level: &[TokenTree], found: &mut Found) {
    for chain in tokens::chains(level) {
        for call in tokens::calls(level, chain) {
            let arguments = tokens::count(&call.arguments);
            let writes = WRITES
                .iter()
                .any(|&(name, count)| call.name == name && arguments == count);
            // `Credits::observe` takes a look and a time.
            let looks = call.name == "observe" && arguments == 2;
            if writes || looks {
                found.push((tokens::line(&level[call.at]), says(&call.name)));
            }
        }
    }
}

fn says(write: &str) -> String {
    format!("only the core calls `{write}` on a ledger")
}
