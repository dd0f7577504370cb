//! What a client does, step by step.

use genrex_ledger::testing::block_on;
use genrex_ledger::{
    Doubt, Entry, Error, ErrorKind, Event, Filter, Intent, Ledger, LocalId, Look, MemoryLedger,
    Once, Reconciliation, Refusal, Row, State,
};
use genrex_proto::QueryId;

use super::{Answer, Happening, Purpose, Step, Worker, World};
use crate::purchase::{Bought, Fate, Purchase, Stopped};
use crate::service::{MINUTE, SECOND, Status};

impl World {
    fn ledger(&self, worker: usize) -> MemoryLedger {
        let process = self.workers[worker].process;
        self.processes[process]
            .clone()
            .expect("a dead process does nothing")
    }

    pub(super) fn step(&mut self, worker: usize, step: Step) {
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
                let alias = &self.aliases[self.workers[worker].process % self.aliases.len()];
                block_on(ledger.observe(alias, &self.account, &look, now)).unwrap();
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
            intent = self.once(worker, &ledger, intent);
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

    /// Some places buy rows of their process's folder; the others buy the same prompt again and again, and not beside
    /// itself.
    fn once(&self, worker: usize, ledger: &MemoryLedger, mut intent: Intent) -> Intent {
        let Worker { process, plan, .. } = &self.workers[worker];
        if worker.is_multiple_of(2) {
            intent.body_sha256 = genrex_ledger::hash(&worker.to_be_bytes());
            return intent.once(Once::Prompt);
        }
        let row = Row::new(
            format!("folder {process}"),
            format!("{worker}: {} left", plan.len()),
        );
        let mut filter = Filter::of(self.account.clone());
        (filter.row, filter.limit) = (Some(row.clone()), Some(1));
        let jobs = block_on(ledger.entries(&filter)).unwrap();
        let last = jobs.first().map(|job| job.id);
        intent.once(Once::Row { row, last })
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
                self.ask(&ledger, entry.id, number, true);
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
        if !waits || self.ask(&ledger, id, job, false) {
            self.came_to_an_end(worker);
        } else {
            self.next(worker, 3 * SECOND, Step::Poll(id, job));
        }
    }

    /// Asks after a job; whether it is over. Only who bought it tells that it is being made.
    fn ask(&self, ledger: &MemoryLedger, id: LocalId, job: usize, by_others: bool) -> bool {
        let status = self.service.status(job);
        let event = match status {
            Status::Processing if by_others => return false,
            Status::Processing => Event::Processing,
            Status::Completed => Event::Completed,
            Status::Failed => Event::Failed,
        };
        let now = self.machine();
        // Another may have asked before.
        let _ = block_on(ledger.record(id, &event, now));
        status != Status::Processing
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
