//! Where the file of a row is, as far as this run has found out.

use std::collections::HashMap;
use std::sync::{MutexGuard, PoisonError};

use genrex_async::core::RowPlace;
use genrex_ledger::Entry;

use super::{Runner, StopReason};
use crate::commands::batch::rows::Row;

/// What a run has found out of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It is in its place, or was put there.
    Here,
    /// Another process still had it when this one had nothing else left to do.
    Elsewhere,
}

impl Runner {
    pub(super) fn find(&self, row: &Row, found: Found) {
        self.all_found().insert(row.line, found);
    }

    /// Where a row is counted in the end whose newest job is this one.
    pub(crate) async fn place(&self, row: &Row, newest: Option<&Entry>) -> RowPlace {
        let found = self.all_found().get(&row.line).copied();
        let kept = RowPlace::of(newest);
        let is_here = kept == RowPlace::Downloaded && self.is_here(found, newest).await;
        place_of(kept, found, is_here)
    }

    /// Whether the file of a downloaded row is in its place.
    async fn is_here(&self, found: Option<Found>, newest: Option<&Entry>) -> bool {
        // Asking an object store of all that was not come to takes long, and an interrupt is to end soon.
        let is_looked_for =
            self.out.store().is_none() || self.stopped() != Some(StopReason::Interrupted);
        let is_known = found == Some(Found::Here);
        is_known || is_looked_for && self.out.is_here(newest).await.unwrap_or(false)
    }

    fn all_found(&self) -> MutexGuard<'_, HashMap<u64, Found>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// That the ledger calls a row downloaded does not say that its file is here: it was removed since, or lies on another
/// machine. Then it is still to be fetched.
const fn place_of(kept: RowPlace, found: Option<Found>, is_here: bool) -> RowPlace {
    match (kept, found) {
        (RowPlace::Downloaded, _) if is_here => RowPlace::Downloaded,
        (RowPlace::Downloaded | RowPlace::Open, Some(Found::Elsewhere)) => RowPlace::Elsewhere,
        (RowPlace::Downloaded, _) => RowPlace::Open,
        (kept, _) => kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_here_is_not_counted_as_downloaded() {
        let elsewhere = Some(Found::Elsewhere);
        for (kept, found, is_here, place) in [
            (RowPlace::Downloaded, None, true, RowPlace::Downloaded),
            (RowPlace::Downloaded, None, false, RowPlace::Open),
            (RowPlace::Downloaded, elsewhere, false, RowPlace::Elsewhere),
            // The other process was done while this one ended.
            (RowPlace::Downloaded, elsewhere, true, RowPlace::Downloaded),
            (RowPlace::Open, elsewhere, false, RowPlace::Elsewhere),
            (RowPlace::Open, None, false, RowPlace::Open),
            (RowPlace::Failed, elsewhere, false, RowPlace::Failed),
        ] {
            assert_eq!(place_of(kept, found, is_here), place, "{kept:?} {found:?}");
        }
    }
}
