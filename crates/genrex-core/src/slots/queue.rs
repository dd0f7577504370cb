//! Which of the requests that wait may be sent, as rules alone: no clock, no thread, no runtime.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

/// What a request is a part of. Requests of one share are served in the order in which they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Share {
    /// A purchase: the paid call, and the free ones that it rests on.
    Purchase,
    /// Any other call of the API: polls above all.
    Free,
    /// A download.
    Audio,
}

/// How many requests may be in flight.
///
/// `most` calls of the API, and beside them a few purchases, so that one never waits for a poll to be answered. Purchases
/// are served first, and yet leave as many slots to the free calls, so that neither keeps the other waiting for ever.
/// Downloads last long; theirs are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Capacity {
    most: usize,
}

impl Capacity {
    pub(crate) const fn new(most: NonZeroUsize) -> Self {
        Self { most: most.get() }
    }

    /// The slots that only purchases may have, and as many that they may not.
    pub(crate) const fn reserved(self) -> usize {
        match self.most / 8 {
            0 => 1,
            eighth => eighth,
        }
    }

    pub(crate) const fn downloads(self) -> usize {
        self.most.div_ceil(4)
    }
}

/// Which request it is that waits. A later one is larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(u64);

/// Requests in flight and requests that wait, each with `W`, what wakes it.
#[derive(Debug)]
pub(crate) struct Queue<W> {
    capacity: Capacity,
    purchases: Line<W>,
    free: Line<W>,
    downloads: Line<W>,
    next_ticket: u64,
}

#[derive(Debug)]
struct Line<W> {
    in_flight: usize,
    waiting: BTreeMap<Ticket, W>,
}

impl<W> Default for Line<W> {
    fn default() -> Self {
        Self {
            in_flight: 0,
            waiting: BTreeMap::new(),
        }
    }
}

impl<W> Queue<W> {
    pub(crate) fn new(capacity: Capacity) -> Self {
        Self {
            capacity,
            purchases: Line::default(),
            free: Line::default(),
            downloads: Line::default(),
            next_ticket: 0,
        }
    }

    /// Begins a request, or has it wait behind those of its share: then with a ticket.
    pub(crate) fn enter(&mut self, share: Share, waker: impl FnOnce() -> W) -> Option<Ticket> {
        let has_room = self.has_room(share);
        let ticket = Ticket(self.next_ticket);
        let line = self.line(share);
        if has_room && line.waiting.is_empty() {
            line.in_flight += 1;
            return None;
        }
        line.waiting.insert(ticket, waker());
        self.next_ticket += 1;
        Some(ticket)
    }

    /// Begins the request whose turn it is, if one may begin: what wakes it.
    pub(crate) fn begin_next(&mut self) -> Option<W> {
        let order = [Share::Purchase, Share::Free, Share::Audio];
        order.into_iter().find_map(|share| {
            let has_room = self.has_room(share);
            let line = self.line(share);
            let (_, waker) = has_room.then(|| line.waiting.pop_first())??;
            line.in_flight += 1;
            Some(waker)
        })
    }

    /// What wakes a request that waits; `None` once it has begun.
    pub(crate) fn waiting(&mut self, share: Share, ticket: Ticket) -> Option<&mut W> {
        self.line(share).waiting.get_mut(&ticket)
    }

    /// A request that waited does so no more. If it had begun meanwhile, it is over.
    pub(crate) fn leave(&mut self, share: Share, ticket: Ticket) {
        if self.line(share).waiting.remove(&ticket).is_none() {
            self.end(share);
        }
    }

    /// A request that had begun is over.
    pub(crate) fn end(&mut self, share: Share) {
        let line = self.line(share);
        line.in_flight = line.in_flight.saturating_sub(1);
    }

    fn has_room(&self, share: Share) -> bool {
        let Capacity { most } = self.capacity;
        let reserved = self.capacity.reserved();
        let purchases = self.purchases.in_flight;
        let is_shared_free = self.free.in_flight + purchases.saturating_sub(reserved) < most;
        match share {
            Share::Purchase => purchases < reserved || (purchases < most && is_shared_free),
            Share::Free => is_shared_free,
            Share::Audio => self.downloads.in_flight < self.capacity.downloads(),
        }
    }

    const fn line(&mut self, share: Share) -> &mut Line<W> {
        match share {
            Share::Purchase => &mut self.purchases,
            Share::Free => &mut self.free,
            Share::Audio => &mut self.downloads,
        }
    }
}

#[cfg(test)]
mod tests;
