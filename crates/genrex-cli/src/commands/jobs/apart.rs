//! Jobs of sandboxes that are gone: nothing is to be done about them, and so they stand apart.

use genrex_ledger::Entry;
use serde_json::Value;

use super::show::whole_document;
use crate::account_flags::AccountFlags;

/// What stands above them.
pub(super) const HEADING: &str =
    "of sandboxes that are gone, or services on this machine that are not running now:";

/// All that is known of a job, and whether it stands apart.
pub(super) fn document(entry: &Entry, accounts: &AccountFlags) -> Value {
    let mut document = whole_document(entry);
    document["pastSandbox"] = accounts.is_of_past_sandbox(entry).into();
    document
}
