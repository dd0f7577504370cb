use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const SHARES: [Share; 3] = [Share::Purchase, Share::Free, Share::Audio];

/// What may happen to a queue.
#[derive(Debug, Clone)]
enum Act {
    Enter(Share),
    /// One of those that wait gives up, whichever this number names.
    Leave(usize),
    /// One of those in flight is over.
    End(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => prop::sample::select(&SHARES[..]).prop_map(Act::Enter),
        2 => any::<prop::sample::Index>().prop_map(|which| Act::Leave(which.index(1 << 20))),
        3 => any::<prop::sample::Index>().prop_map(|which| Act::End(which.index(1 << 20))),
    ]
}

/// Who waits and who is in flight, kept by hand.
struct Model {
    queue: Queue<u64>,
    most: usize,
    /// Those that wait, in the order in which they came, each with its number.
    waiting: VecDeque<(Share, Ticket, u64)>,
    /// Those in flight; with a ticket those that had waited, and have not yet been woken.
    in_flight: Vec<(Share, Option<Ticket>)>,
    came: u64,
}

impl Model {
    fn new(most: usize) -> Self {
        Self {
            queue: Queue::new(Capacity::new(NonZeroUsize::new(most).unwrap())),
            most,
            waiting: VecDeque::new(),
            in_flight: Vec::new(),
            came: 0,
        }
    }

    fn count(&self, share: Share) -> usize {
        let of = |(one, _): &&(Share, Option<Ticket>)| *one == share;
        self.in_flight.iter().filter(of).count()
    }

    /// What the rules say in words, from the counts alone.
    fn may_begin(&self, share: Share) -> bool {
        let reserved = (self.most / 8).max(1);
        let (purchases, free) = (self.count(Share::Purchase), self.count(Share::Free));
        let shared = free + purchases.saturating_sub(reserved);
        match share {
            Share::Purchase => {
                purchases < reserved || (shared < self.most && purchases < self.most)
            }
            Share::Free => shared < self.most,
            Share::Audio => self.count(Share::Audio) < self.most.div_ceil(4),
        }
    }

    fn act(&mut self, act: &Act) {
        match act {
            Act::Enter(share) => {
                let number = self.came;
                self.came += 1;
                match self.queue.enter(*share, || number) {
                    Some(ticket) => self.waiting.push_back((*share, ticket, number)),
                    None => {
                        let is_passed = self.waiting.iter().any(|(one, ..)| one == share);
                        assert!(!is_passed, "{share:?} passed another");
                        assert!(self.may_begin(*share), "{share:?} has no room");
                        self.in_flight.push((*share, None));
                    }
                }
            }
            Act::Leave(which) => self.leave(*which),
            Act::End(which) if self.in_flight.is_empty() => assert!(*which < 1 << 20),
            Act::End(which) => {
                let (share, ticket) = self.in_flight.swap_remove(which % self.in_flight.len());
                match ticket {
                    // It is dropped before it was polled again.
                    Some(ticket) => self.queue.leave(share, ticket),
                    None => self.queue.end(share),
                }
            }
        }
        self.serve();
    }

    fn leave(&mut self, which: usize) {
        if !self.waiting.is_empty() {
            let place = which % self.waiting.len();
            let (share, ticket, _) = self.waiting.remove(place).unwrap();
            assert!(self.queue.waiting(share, ticket).is_some());
            self.queue.leave(share, ticket);
        }
    }

    /// Begins whoever may, and holds each against the order.
    fn serve(&mut self) {
        while let Some(number) = self.queue.begin_next() {
            let place = self.waiting.iter().position(|(.., one)| *one == number);
            let (share, ticket, _) = self.waiting.remove(place.unwrap()).unwrap();
            let mut before = self.waiting.iter().take(place.unwrap());
            assert!(
                before.all(|(one, ..)| *one != share),
                "not in the order of coming"
            );
            assert!(self.may_begin(share), "{share:?} has no room");
            let purchase_waits = self.waiting.iter().any(|(one, ..)| *one == Share::Purchase);
            assert!(
                share != Share::Free || !purchase_waits || !self.may_begin(Share::Purchase),
                "a free call was served before a purchase"
            );
            assert!(self.queue.waiting(share, ticket).is_none());
            self.in_flight.push((share, Some(ticket)));
        }
        for share in SHARES {
            let waits = self.waiting.iter().any(|(one, ..)| *one == share);
            assert!(
                !waits || !self.may_begin(share),
                "a slot of {share:?} was lost"
            );
        }
        let (purchases, free) = (self.count(Share::Purchase), self.count(Share::Free));
        assert!(free <= self.most && purchases <= self.most);
        assert!(free + purchases <= self.most + (self.most / 8).max(1));
        assert!(self.count(Share::Audio) <= self.most.div_ceil(4));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// In whatever order they come, give up and end: no slot is lost, none too many is given, each share is served
    /// in its order, and purchases first.
    #[test]
    fn slots_are_given_in_order_and_none_is_lost(
        most in 1_usize..20,
        acts in prop::collection::vec(act(), 0..300),
    ) {
        let mut model = Model::new(most);
        for act in &acts {
            model.act(act);
        }
        // And when all have gone, all slots are there again.
        while !model.waiting.is_empty() || !model.in_flight.is_empty() {
            model.act(&Act::End(0));
            model.act(&Act::Leave(0));
        }
        for share in SHARES {
            prop_assert_eq!(model.queue.line(share).in_flight, 0);
        }
    }
}

fn enter(queue: &mut Queue<()>, share: Share, count: usize) -> usize {
    (0..count)
        .filter(|_| queue.enter(share, || ()).is_none())
        .count()
}

#[test]
fn a_purchase_does_not_wait_for_polls_nor_a_poll_for_ever_for_purchases() {
    for most in [1, 2, 7, 8, 64, 1_000] {
        let capacity = Capacity::new(NonZeroUsize::new(most).unwrap());
        let mut queue = Queue::new(capacity);
        assert_eq!(enter(&mut queue, Share::Free, most + 3), most);
        assert_eq!(
            enter(&mut queue, Share::Purchase, most + 3),
            capacity.reserved()
        );
        let mut queue = Queue::new(capacity);
        assert_eq!(enter(&mut queue, Share::Purchase, most + 3), most);
        assert_eq!(enter(&mut queue, Share::Free, most), capacity.reserved());
    }
}

#[test]
fn a_download_takes_no_slot_of_a_call() {
    let mut queue = Queue::new(Capacity::new(NonZeroUsize::new(64).unwrap()));
    assert_eq!(enter(&mut queue, Share::Audio, 100), 16);
    assert_eq!(enter(&mut queue, Share::Free, 100), 64);
}

/// Another thread may come between the end of a request and the beginning of the next.
#[test]
fn who_comes_before_the_next_has_begun_waits_behind_it() {
    let mut queue = Queue::new(Capacity::new(NonZeroUsize::MIN));
    assert!(queue.enter(Share::Free, || 1).is_none());
    assert!(queue.enter(Share::Free, || 2).is_some());
    queue.end(Share::Free);
    assert!(queue.enter(Share::Free, || 3).is_some());
    assert_eq!(queue.begin_next(), Some(2));
    assert_eq!(queue.begin_next(), None);
}
