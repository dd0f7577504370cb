//! Purchasers that drive a ledger as a client does, on a clock of their own.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use genrex_ledger::testing::block_on;
use genrex_ledger::{
    Account, Alias, Credits, Doubt, Entry, Error, ErrorKind, Event, Filter, Intent, Ledger, Limits,
    LocalId, Look, MemoryLedger, Once, Reconciliation, Refusal, Run, State,
};
use genrex_proto::QueryId;

use crate::service::{MINUTE, SECOND, START, Service, Settings, Status};

/// One purchase to be made.
#[derive(Debug, Clone)]
pub(crate) struct Purchase {
    pub(crate) duration: u8,
    pub(crate) limits: Limits,
    pub(crate) run: Option<Run>,
    pub(crate) once: bool,
    /// Whether anybody asks after the job.
    pub(crate) waits: bool,
    /// Whether it is held against the balance when it is unclear, and bought again if it was not charged.
    pub(crate) reconciles: bool,
    /// How long after the one before, in milliseconds.
    pub(crate) pause: u64,
    /// What becomes of its submit; left to chance unless set.
    pub(crate) fate: Option<Fate>,
}

/// What becomes of a submit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Accepted,
    Fails,
    /// Its answer is lost; the service takes it so long after, in milliseconds.
    Taken(u64),
    /// It is lost, and the service never sees it.
    Lost,
    NotSent,
    Refused,
    RefusedAndCharged,
    /// Its process is killed before it is sent.
    KilledBefore,
    /// Its process is killed when it is sent.
    KilledAfter,
}

impl Purchase {
    pub(crate) fn of(duration: u8, limits: Limits) -> Self {
        Self {
            duration,
            limits,
            run: None,
            once: false,
            waits: true,
            reconciles: false,
            pause: 0,
            fate: None,
        }
    }
}

/// How often things go wrong, out of a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Fates {
    /// The answer to a submit is lost, and the service took it.
    pub(crate) lost_taken: u64,
    /// The submit is lost, and the service never sees it.
    pub(crate) lost: u64,
    /// How late a lost submit may be delivered, in milliseconds.
    pub(crate) delivered_late: u64,
    pub(crate) not_sent: u64,
    pub(crate) refused: u64,
    pub(crate) refused_and_charged: u64,
    pub(crate) fails: u64,
    /// The process is killed at this step.
    pub(crate) killed: u64,
    pub(crate) look_lost: u64,
    /// A look is told late, by up to a minute.
    pub(crate) look_late: u64,
    /// The process is stopped between a look and its intent, for up to ten minutes.
    pub(crate) stopped: u64,
    /// Another client buys beside a submit, or is given credits back.
    pub(crate) other_buys: u64,
    pub(crate) other_refunded: u64,
}

/// What came of a purchase that was let through.
#[derive(Debug, Clone)]
pub(crate) struct Bought {
    pub(crate) at: u64,
    pub(crate) id: LocalId,
    pub(crate) duration: u8,
    pub(crate) expected: Option<u64>,
    pub(crate) is_alone: bool,
    /// The service's job, if it took one.
    pub(crate) job: Option<usize>,
}

/// A purchase that was not let through.
#[derive(Debug, Clone)]
pub(crate) struct Stopped {
    pub(crate) at: u64,
    pub(crate) purchase: Purchase,
    pub(crate) kind: ErrorKind,
    pub(crate) message: String,
    pub(crate) credits: Credits,
}

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
    alias: Alias,
    processes: Vec<Option<MemoryLedger>>,
    workers: Vec<Worker>,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    sequence: u64,
    random: u64,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        let alias = Alias::new("https://api.genrex.com", "key");
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
            alias,
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
        block_on(self.root.observe(&self.alias, &self.account, &look, now)).unwrap();
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

    fn ledger(&self, worker: usize) -> MemoryLedger {
        let process = self.workers[worker].process;
        self.processes[process]
            .clone()
            .expect("a dead process does nothing")
    }

    fn step(&mut self, worker: usize, step: Step) {
        match step {
            Step::Begin => {
                if !self.workers[worker].plan.is_empty() {
                    let delay = 10 + self.below(200);
                    self.next(worker, delay, Step::LookRead(Purpose::Before));
                }
            }
            Step::LookRead(purpose) => {
                if self.is_fated(self.fates.look_lost) {
                    self.next(worker, SECOND, Step::LookRead(purpose));
                    return;
                }
                let late = if self.is_fated(self.fates.look_late) {
                    self.below(60 * SECOND)
                } else {
                    0
                };
                let look = self.service.look();
                let delay = 10 + self.below(200) + late;
                self.next(worker, delay, Step::LookTold(purpose, look));
            }
            Step::LookTold(purpose, look) => {
                let ledger = self.ledger(worker);
                let now = self.machine();
                block_on(ledger.observe(&self.alias, &self.account, &look, now)).unwrap();
                match purpose {
                    Purpose::Before if self.is_fated(self.fates.stopped) => {
                        let delay = self.below(10 * MINUTE);
                        self.next(worker, delay, Step::Intend(look));
                    }
                    Purpose::Before => self.intend(worker, look),
                    Purpose::After(id, job) => self.next(worker, 2 * SECOND, Step::Poll(id, job)),
                    Purpose::Reconcile(id, tries) => self.reconcile(worker, id, tries),
                }
            }
            Step::Intend(look) => self.intend(worker, look),
            Step::Answered(id, answer) => self.answered(worker, id, &answer),
            Step::Poll(id, job) => self.poll(worker, id, job),
        }
    }

    fn intend(&mut self, worker: usize, look: Look) {
        let ledger = self.ledger(worker);
        let now = self.machine();
        let Some(purchase) = self.workers[worker].plan.front().cloned() else {
            return;
        };
        let key = self.workers[worker].key;
        let duration = purchase.duration;
        let mut intent = Intent::new(key, self.account.clone(), "text", duration, b"body")
            .after(look)
            .within(purchase.limits);
        intent.run.clone_from(&purchase.run);
        if purchase.once {
            // What it must not be bought beside is what this place has bought.
            intent.body_sha256 = genrex_ledger::hash(&worker.to_be_bytes());
            intent = intent.once(Once::Prompt);
        }
        match block_on(ledger.intend(&intent, now)) {
            Ok(entry) => self.begun(worker, &purchase, &entry),
            Err(error) if error.kind() == ErrorKind::PriceUnknown => self.wait(worker, &error),
            Err(error) => {
                let credits = self.credits();
                self.stopped.push(Stopped {
                    at: self.service.now,
                    purchase,
                    kind: error.kind(),
                    message: error.to_string(),
                    credits,
                });
                self.came_to_an_end(worker);
            }
        }
    }

    /// Waits as it was told, asks after the job that stands in the way, and looks again.
    fn wait(&mut self, worker: usize, error: &Error) {
        let ledger = self.ledger(worker);
        let now = self.machine();
        let job = error
            .job()
            .and_then(|id| block_on(ledger.entry(id)).unwrap());
        if let Some(entry) = job {
            if entry.state == State::Accepted
                && let Some(number) = number_of(&entry)
            {
                self.ask(&ledger, entry.id, number);
            } else if entry.state.is_in_flight() {
                block_on(ledger.recover(now)).unwrap();
            }
        }
        let delay = error.again_after().expect("when to call again");
        let millis = u64::try_from(delay.as_millis()).unwrap();
        assert!(millis > 0, "to call again at once leads nowhere");
        self.next(worker, millis, Step::Begin);
    }

    fn begun(&mut self, worker: usize, purchase: &Purchase, entry: &Entry) {
        let ledger = self.ledger(worker);
        let waited = self.service.now - self.workers[worker].began_at;
        self.longest_wait = self.longest_wait.max(waited);
        self.bought.push(Bought {
            at: self.service.now,
            id: entry.id,
            duration: purchase.duration,
            expected: entry.expected_cost,
            is_alone: entry.alone,
            job: None,
        });
        let fate = purchase.fate.unwrap_or_else(|| self.fate());
        if fate == Fate::KilledBefore {
            self.kill_with(worker);
            return;
        }
        let now = self.machine();
        block_on(ledger.record(entry.id, &Event::Sent, now)).unwrap();
        let delay = 10 + self.below(300);
        let answer = self.send(entry.id, purchase.duration, fate, delay);
        self.others();
        // The request is on its way.
        if fate == Fate::KilledAfter || self.is_fated(self.fates.killed) {
            self.kill_with(worker);
            return;
        }
        self.next(worker, delay + 300, Step::Answered(entry.id, answer));
    }

    fn fate(&mut self) -> Fate {
        let fates = self.fates;
        if self.is_fated(fates.killed) {
            Fate::KilledBefore
        } else if self.is_fated(fates.lost_taken) {
            Fate::Taken(self.below(fates.delivered_late + 1))
        } else if self.is_fated(fates.lost) {
            Fate::Lost
        } else if self.is_fated(fates.not_sent) {
            Fate::NotSent
        } else if self.is_fated(fates.refused) {
            Fate::Refused
        } else if self.is_fated(fates.refused_and_charged) {
            Fate::RefusedAndCharged
        } else if self.is_fated(fates.fails) {
            Fate::Fails
        } else {
            Fate::Accepted
        }
    }

    /// What the service answers to a submit, and does about it.
    fn send(&mut self, id: LocalId, duration: u8, fate: Fate, delay: u64) -> Answer {
        match fate {
            Fate::Taken(late) => {
                let fails = self.is_fated(self.fates.fails);
                let arrival = Happening::Arrival {
                    id,
                    duration,
                    fails,
                };
                self.at(delay + late, arrival);
                Answer::Lost
            }
            Fate::Lost => Answer::Lost,
            Fate::NotSent => Answer::NotSent,
            Fate::Refused => Answer::Refused,
            Fate::RefusedAndCharged => {
                self.service.charge_refused(duration);
                self.took(id, self.service.jobs.len() - 1);
                Answer::Refused
            }
            Fate::Accepted | Fate::Fails | Fate::KilledBefore | Fate::KilledAfter => {
                let job = self.service.submit(duration, fate == Fate::Fails);
                self.took(id, job);
                Answer::Accepted(job)
            }
        }
    }

    /// Its process is killed, and what it was buying is not tried again.
    fn kill_with(&mut self, worker: usize) {
        self.workers[worker].plan.pop_front();
        self.kill(self.workers[worker].process);
    }

    fn others(&mut self) {
        let delay = self.below(40 * SECOND);
        if self.is_fated(self.fates.other_buys) {
            let credits = 1 + self.below(30);
            self.service
                .other(self.service.now + delay, i64::try_from(credits).unwrap());
        }
        if self.is_fated(self.fates.other_refunded) {
            let credits = 1 + self.below(9);
            self.service
                .other(self.service.now + delay, -i64::try_from(credits).unwrap());
        }
    }

    fn answered(&mut self, worker: usize, id: LocalId, answer: &Answer) {
        let ledger = self.ledger(worker);
        let why = || String::from("so it was");
        let event = match answer {
            Answer::Accepted(job) => Event::Accepted(QueryId::new(format!("QRY_{job}")).unwrap()),
            Answer::Lost => Event::Ambiguous(why()),
            Answer::NotSent => Event::NotSent(why()),
            Answer::Refused => Event::Refused(Refusal::RateLimited, why()),
        };
        let now = self.machine();
        let entry = block_on(ledger.record(id, &event, now)).unwrap();
        match answer {
            Answer::Accepted(job) if entry.alone => {
                let delay = 10 + self.below(200);
                self.next(worker, delay, Step::LookRead(Purpose::After(id, *job)));
            }
            Answer::Accepted(job) => self.next(worker, 2 * SECOND, Step::Poll(id, *job)),
            Answer::Lost if self.reconciles(worker) => {
                self.next(worker, SECOND, Step::LookRead(Purpose::Reconcile(id, 0)));
            }
            Answer::Lost | Answer::NotSent | Answer::Refused => self.came_to_an_end(worker),
        }
    }

    fn reconciles(&self, worker: usize) -> bool {
        let next = self.workers[worker].plan.front();
        next.is_some_and(|next| next.reconciles)
    }

    /// Holds an unclear job against the balance, for as long as that may tell more.
    fn reconcile(&mut self, worker: usize, id: LocalId, tries: u32) {
        const MOST: u32 = 200;
        let ledger = self.ledger(worker);
        let now = self.machine();
        let entry = block_on(ledger.reconcile(id, now)).unwrap();
        let found = entry.reconciliation.unwrap();
        *self.found.entry(found.as_str()).or_default() += 1;
        match found {
            Reconciliation::NotCharged => {
                // The same purchase again, in its place.
                self.workers[worker].key += 1;
                self.next(worker, 0, Step::Begin);
            }
            Reconciliation::Inconclusive(Doubt::NotSettled { .. }) if tries < MOST => {
                let again = Step::LookRead(Purpose::Reconcile(id, tries + 1));
                self.next(worker, 30 * SECOND, again);
            }
            _ => self.came_to_an_end(worker),
        }
    }

    fn poll(&mut self, worker: usize, id: LocalId, job: usize) {
        let ledger = self.ledger(worker);
        let waits = self.workers[worker]
            .plan
            .front()
            .is_none_or(|next| next.waits);
        if !waits || self.ask(&ledger, id, job) {
            self.came_to_an_end(worker);
        } else {
            self.next(worker, 3 * SECOND, Step::Poll(id, job));
        }
    }

    /// Asks after a job; whether it is over.
    fn ask(&self, ledger: &MemoryLedger, id: LocalId, job: usize) -> bool {
        let event = match self.service.status(job) {
            Status::Processing => return false,
            Status::Completed => Event::Completed,
            Status::Failed => Event::Failed,
        };
        let now = self.machine();
        // Another may have asked before.
        let _ = block_on(ledger.record(id, &event, now));
        true
    }

    /// Its purchase came to an end, and the next begins.
    fn came_to_an_end(&mut self, worker: usize) {
        self.workers[worker].plan.pop_front();
        self.workers[worker].key += 1;
        let pause = self.workers[worker]
            .plan
            .front()
            .map_or(0, |next| next.pause);
        self.workers[worker].began_at = self.service.now + pause;
        self.next(worker, pause, Step::Begin);
    }
}

fn number_of(entry: &Entry) -> Option<usize> {
    let name = entry.query_id.as_ref()?.as_str();
    name.strip_prefix("QRY_")?.parse().ok()
}
