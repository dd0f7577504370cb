//! One pass over all that is open, oldest first, a page at a time: what others have does not hide what is nobody's.

use std::collections::{BTreeMap, HashSet};

use genrex_ledger::{Entry, Filter, LocalId, State};

use super::Worker;
use crate::command_error::{Code, CommandError};

/// How many open jobs a page has, at most.
pub(super) const PAGE: u32 = 1000;
/// The states in which a job is paid for and not here.
const OPEN: [State; 2] = [State::Accepted, State::Completed];

#[derive(Debug, Default)]
pub(super) struct Pass {
    /// The last job of the last page.
    after: Option<LocalId>,
    pub(super) pages: u32,
    is_over: bool,
    seen: HashSet<LocalId>,
    /// Whether something was nobody's, and was taken.
    pub(super) has_taken: bool,
    /// What others have, and when each last changed, in milliseconds since 1970.
    pub(super) held: BTreeMap<LocalId, u64>,
}

impl Pass {
    pub(super) const fn is_over(&self) -> bool {
        self.is_over
    }
}

pub(super) fn is_open(entry: &Entry) -> bool {
    OPEN.contains(&entry.state)
}

impl Worker<'_> {
    pub(super) async fn read_page(&mut self) -> Result<(), CommandError> {
        let mut filter = Filter::default().states(OPEN);
        filter.oldest_first = true;
        filter.account = self.account.clone();
        filter.after = self.pass.after;
        filter.limit = Some(PAGE);
        let page = self.ledger.entries(&filter).await?;
        self.pass.pages += 1;
        self.pass.is_over = u32::try_from(page.len()).is_ok_and(|found| found < PAGE);
        let now = self.now();
        for entry in page {
            let id = entry.id;
            self.pass.after = Some(id);
            self.pass.seen.insert(id);
            if self.under_way.contains(&id) || !self.failed.is_due(id, now) {
                continue;
            }
            match self.held.is_due(id, now) {
                true => self.open.push_back(entry),
                false => drop(self.pass.held.insert(id, entry.updated_at)),
            }
        }
        Ok(())
    }

    pub(super) fn begin_pass(&mut self) {
        let last = std::mem::take(&mut self.pass);
        self.failed.keep(&last.seen);
        self.held.keep(&last.seen);
        if last.has_taken || last.held != self.held_before {
            self.changed = self.now();
        }
        self.held_before = last.held;
    }

    /// Ends the command where others have all that is open, and nothing of it has changed for as long as a job is waited
    /// for.
    pub(super) fn refuse_to_wait(&self, is_idle: bool) -> Result<(), CommandError> {
        let stands_still = self.now().since(self.changed) >= self.longest;
        if self.watches || !is_idle || self.held_before.is_empty() || !stands_still {
            return Ok(());
        }
        let message = format!(
            "{} were downloaded; another program has {} jobs that are open, and brings none of them on",
            self.done,
            self.held_before.len()
        );
        Err(CommandError::new(Code::Deadline, "elsewhere", message).hint(
            "end that program, and run the same command again: it takes what nobody has; genrex ledger status says who \
             has the ledger open",
        ))
    }
}
