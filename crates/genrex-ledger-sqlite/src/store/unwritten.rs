//! The credits of an account that a transaction has changed and not written yet.
//!
//! They are one text, longer the more jobs are in flight. A transaction that keeps what many asked for changes them for
//! each, and reads and writes them once.

use std::cell::RefCell;

use genrex_ledger::{Account, Credits};

/// At most one account's: most of a transaction is about one.
#[derive(Debug, Default)]
pub(crate) struct Unwritten(RefCell<Kept>);

#[derive(Debug, Default)]
struct Kept {
    now: Option<Changed>,
    /// What there was when the request began that has changed it.
    before: Option<Option<Changed>>,
}

/// An account's credits, and when they changed.
#[derive(Debug, Clone)]
pub(crate) struct Changed {
    pub(crate) account: Account,
    pub(crate) credits: Credits,
    pub(crate) at: u64,
}

impl Unwritten {
    /// A transaction begins.
    pub(crate) fn clear(&self) {
        self.0.take();
    }

    /// A request begins.
    pub(crate) fn begin(&self) {
        self.0.borrow_mut().before = None;
    }

    /// What the request has done since it began is taken back.
    pub(crate) fn take_back(&self) {
        let mut kept = self.0.borrow_mut();
        if let Some(before) = kept.before.take() {
            kept.now = before;
        }
    }

    pub(crate) fn credits(&self, of: &Account) -> Option<Credits> {
        let kept = self.0.borrow();
        let changed = kept.now.as_ref().filter(|changed| changed.account == *of);
        changed.map(|changed| changed.credits.clone())
    }

    /// What is to be written before the credits of this account can be kept here; of any account without one.
    pub(crate) fn in_the_way_of(&self, account: Option<&Account>) -> Option<Changed> {
        let kept = self.0.borrow();
        let other = kept
            .now
            .as_ref()
            .filter(|changed| Some(&changed.account) != account);
        other.cloned()
    }

    pub(crate) fn set(&self, changed: Option<Changed>) {
        let mut kept = self.0.borrow_mut();
        let last = std::mem::replace(&mut kept.now, changed);
        kept.before.get_or_insert(last);
    }
}
