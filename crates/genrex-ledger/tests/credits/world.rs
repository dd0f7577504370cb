//! Purchasers that drive a ledger as a client does, on a clock of their own.

mod client;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use genrex_ledger::testing::block_on;
use genrex_ledger::{Account, Alias, Credits, Entry, Filter, Ledger, LocalId, Look, MemoryLedger};

use crate::purchase::{Bought, Fates, Purchase, Stopped};
use crate::service::{SECOND, START, Service, Settings};

#[derive(Debug)]
struct Worker {
    process: usize,
    plan: VecDeque<Purchase>,
    key: u128,
    epoch: u64,
    began_at: u64,
}

#[derive(Debug, Clone)]
enum Step {
    /// The next purchase begins, or is tried again.
    Begin,
    LookRead(Purpose),
    LookTold(Purpose, Look),
    Intend(Look),
    Answered(LocalId, Answer),
    Poll(LocalId, usize),
}

#[derive(Debug, Clone, Copy)]
enum Purpose {
    Before,
    After(LocalId, usize),
    Reconcile(LocalId, u32),
}

#[derive(Debug, Clone)]
enum Answer {
    Accepted(usize),
    Lost,
    NotSent,
    Refused,
}

#[derive(Debug, Clone)]
enum Happening {
    Worker(usize, u64, Step),
    Arrival {
        id: LocalId,
        duration: u8,
        fails: bool,
    },
    Restart(usize),
}

pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) root: MemoryLedger,
    pub(crate) fates: Fates,
    /// How far this machine's clock is on, in milliseconds, and from when on another value.
    pub(crate) skew: i64,
    pub(crate) skew_later: Option<(u64, i64)>,
    pub(crate) bought: Vec<Bought>,
    pub(crate) stopped: Vec<Stopped>,
    /// The longest time that a purchase waited before it was let through or stopped, in milliseconds.
    pub(crate) longest_wait: u64,
    pub(crate) account: Account,
    /// How often each was found.
    pub(crate) found: BTreeMap<&'static str, u64>,
    /// Each process has one of them.
    aliases: [Alias; 3],
    processes: Vec<Option<MemoryLedger>>,
    workers: Vec<Worker>,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    sequence: u64,
    random: u64,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        // Two keys and two spellings of the origin.
        let aliases = [
            ("https://api.genrex.com", "key"),
            ("HTTPS://API.genrex.com:0443", "key"),
            ("https://api.genrex.com.", "rotated"),
        ];
        let aliases = aliases.map(|(origin, key)| Alias::new(origin, key));
        Self {
            service: Service::new(settings),
            root: MemoryLedger::new(),
            fates: Fates::default(),
            skew: 0,
            skew_later: None,
            bought: Vec::new(),
            stopped: Vec::new(),
            longest_wait: 0,
            account: Account::new("https://api.genrex.com", "user"),
            aliases,
            found: BTreeMap::new(),
            processes: Vec::new(),
            workers: Vec::new(),
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            sequence: 0,
            random: 0x9E37_79B9_7F4A_7C15,
        }
    }

    pub(crate) fn seeded(mut self, seed: u64) -> Self {
        self.random ^= seed.wrapping_mul(0xD134_2543_DE82_EF95);
        self.random |= 1;
        self
    }

    /// A process that makes purchases one after the other, in as many places at once as there are plans.
    pub(crate) fn process(&mut self, plans: Vec<Vec<Purchase>>) {
        let process = self.processes.len();
        self.processes.push(Some(self.root.reopened()));
        for plan in plans {
            let worker = self.workers.len();
            self.workers.push(Worker {
                process,
                plan: plan.into(),
                key: (worker as u128 + 1) << 64,
                epoch: 0,
                began_at: self.service.now,
            });
            let pause = self.workers[worker]
                .plan
                .front()
                .map_or(0, |first| first.pause);
            self.workers[worker].began_at += pause;
            self.at(pause, Happening::Worker(worker, 0, Step::Begin));
        }
    }

    /// Lets it all happen for so long at most; whether everyone came to an end.
    pub(crate) fn run(&mut self, millis: u64) -> bool {
        let until = self.service.now + millis;
        while let Some(Reverse((at, sequence))) = self.queue.pop() {
            if at > until {
                self.queue.push(Reverse((at, sequence)));
                self.service.advance(until);
                return false;
            }
            self.service.advance(at);
            if let Some(happening) = self.happenings.remove(&sequence) {
                self.happen(happening);
            }
        }
        true
    }

    /// Lets so much time pass, in which nobody does anything.
    pub(crate) fn pass(&mut self, millis: u64) {
        self.service.advance(self.service.now + millis);
    }

    pub(crate) fn credits(&self) -> Credits {
        block_on(self.root.credits(&self.account)).unwrap()
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        block_on(self.root.entries(&Filter::default())).unwrap()
    }

    /// This machine's time.
    pub(crate) fn machine(&self) -> u64 {
        let since = self.service.now - START;
        let skew = match self.skew_later {
            Some((from, later)) if since >= from => later,
            _ => self.skew,
        };
        self.service.now.saturating_add_signed(skew)
    }

    /// A look, kept by a process that does nothing else.
    pub(crate) fn look(&mut self) -> Look {
        let look = self.service.look();
        let now = self.machine();
        block_on(
            self.root
                .observe(&self.aliases[0], &self.account, &look, now),
        )
        .unwrap();
        look
    }

    fn at(&mut self, delay: u64, happening: Happening) {
        self.sequence += 1;
        self.queue
            .push(Reverse((self.service.now + delay, self.sequence)));
        self.happenings.insert(self.sequence, happening);
    }

    fn next(&mut self, worker: usize, delay: u64, step: Step) {
        let epoch = self.workers[worker].epoch;
        self.at(delay, Happening::Worker(worker, epoch, step));
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) % bound.max(1)
    }

    fn is_fated(&mut self, of_a_thousand: u64) -> bool {
        of_a_thousand > 0 && self.below(1_000) < of_a_thousand
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Worker(worker, epoch, step) => {
                if self.workers[worker].epoch != epoch {
                    return;
                }
                if self.is_fated(self.fates.killed) {
                    self.kill(self.workers[worker].process);
                    return;
                }
                self.step(worker, step);
            }
            Happening::Arrival {
                id,
                duration,
                fails,
            } => {
                let job = self.service.submit(duration, fails);
                self.took(id, job);
            }
            Happening::Restart(process) => self.restart(process),
        }
    }

    fn took(&mut self, id: LocalId, job: usize) {
        let bought = self.bought.iter_mut().find(|bought| bought.id == id);
        bought.unwrap().job = Some(job);
    }

    fn kill(&mut self, process: usize) {
        self.processes[process] = None;
        for worker in self
            .workers
            .iter_mut()
            .filter(|worker| worker.process == process)
        {
            worker.epoch += 1;
        }
        let delay = SECOND + self.below(30 * SECOND);
        self.at(delay, Happening::Restart(process));
    }

    fn restart(&mut self, process: usize) {
        let ledger = self.root.reopened();
        block_on(ledger.recover(self.machine())).unwrap();
        self.processes[process] = Some(ledger);
        for worker in 0..self.workers.len() {
            if self.workers[worker].process == process {
                // What it was about, it tries no more, unless it had not begun it.
                self.workers[worker].key += 1;
                self.workers[worker].began_at = self.service.now;
                self.next(worker, 0, Step::Begin);
            }
        }
    }
}
