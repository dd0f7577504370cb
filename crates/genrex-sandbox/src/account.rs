use std::collections::BTreeMap;
use std::time::Duration;

use crate::history::{Cause, Happening, What};
use crate::incident::Others;
use crate::job::{Job, looked};
use crate::options::{ChargeTime, Options};
use crate::random::Random;

/// The credits of the one account.
#[derive(Debug)]
pub(crate) struct SandboxAccount {
    pub(crate) quota: u64,
    pub(crate) used: u64,
    /// Promised to jobs that are charged later.
    held: u64,
    charge: ChargeTime,
    refunds_failures: bool,
    others: Option<Others>,
    /// What other clients do is made from it.
    seed: u64,
    /// What moves credits, by its time and in its order.
    due: BTreeMap<(u64, u64), Due>,
    /// How many of them there were.
    scheduled: u64,
    pub(crate) history: Vec<Happening>,
    pub(crate) user_id: String,
    pub(crate) created_at: u64,
    pub(crate) updated_at: u64,
    /// Until when other clients have done what they do.
    others_at: u64,
}

/// Credits that move at their time, and what was held for them.
#[derive(Debug)]
struct Due {
    cause: Cause,
    credits: i64,
    released: u64,
}

impl SandboxAccount {
    pub(crate) fn new(options: &Options, user_id: String, now: u64) -> Self {
        Self {
            quota: options.quota,
            used: 0,
            held: 0,
            charge: options.charge,
            refunds_failures: options.refunds_failures,
            others: options.others,
            seed: options.seed,
            due: BTreeMap::new(),
            scheduled: 0,
            history: Vec::new(),
            user_id,
            created_at: now,
            updated_at: now,
            others_at: now,
        }
    }

    /// Whether so much is left.
    pub(crate) const fn has(&self, credits: u64) -> bool {
        let left = self.quota.saturating_sub(self.used);
        credits <= left.saturating_sub(self.held)
    }

    /// A job is taken: what it costs is held until it is charged.
    /// `told` says that the answer to its submit tells its id.
    pub(crate) fn take(&mut self, job: &Job, told: bool, now: u64) {
        let taken = What::Taken {
            id: job.id.clone(),
            text: job.text.clone(),
            seconds: job.seconds,
            credits: job.cost,
            told,
        };
        self.happened(now, taken);
        self.held = self.held.saturating_add(job.cost);
        let first = match self.charge {
            ChargeTime::AtSubmit => job.cost,
            ChargeTime::AtCompletion | ChargeTime::Late(_) => 0,
            ChargeTime::InParts(first) => first.min(job.cost),
        };
        let rest_at = match self.charge {
            ChargeTime::Late(late) => job.over_at.saturating_add(millis(late)),
            ChargeTime::AtSubmit | ChargeTime::AtCompletion | ChargeTime::InParts(_) => job.over_at,
        };
        self.move_for(job, job.created_at, first, first);
        let rest = job.cost - first;
        // What fails is not charged once it has failed.
        self.move_for(job, rest_at, if job.fails { 0 } else { rest }, rest);
        if job.fails && self.refunds_failures {
            let back = Due {
                cause: Cause::Job(job.id.clone()),
                credits: signed(first).saturating_neg(),
                released: 0,
            };
            self.schedule(job.over_at, back);
        }
    }

    /// Credits move now, for no job.
    pub(crate) fn move_now(&mut self, cause: Cause, credits: i64, now: u64) {
        if credits == 0 {
            return;
        }
        self.used = self.used.saturating_add_signed(credits);
        self.updated_at = self.updated_at.max(now);
        self.happened(now, What::Moved { cause, credits });
    }

    /// Somebody is told how many are used.
    pub(crate) fn look(&mut self, now: u64) {
        let looked = What::Looked { used: self.used };
        // Who asks all day long must not fill the memory.
        if self.history.last().map(|last| &last.what) != Some(&looked) {
            self.happened(now, looked);
        }
    }

    /// Lets everything happen whose time has come.
    pub(crate) fn settle(&mut self, now: u64) {
        self.let_others(now);
        while let Some(next) = self.due.first_entry() {
            looked();
            let (at, _) = *next.key();
            if at > now {
                return;
            }
            let due = next.remove();
            self.held = self.held.saturating_sub(due.released);
            self.move_now(due.cause, due.credits, at);
        }
    }

    /// What other clients have done by now: it depends on nothing but the seed and the time.
    fn let_others(&mut self, now: u64) {
        const MOST: u64 = 1000;
        let Some(others) = self.others else { return };
        let every = millis(others.every).max(1);
        // Years may pass between two requests.
        let skipped = (now.saturating_sub(self.others_at) / every).saturating_sub(MOST);
        self.others_at = self.others_at.saturating_add(skipped * every);
        while self.others_at.saturating_add(every) <= now {
            self.others_at += every;
            let mut random = Random::seeded(self.seed ^ self.others_at);
            let most = usize::try_from(others.most).unwrap_or(usize::MAX / 2);
            let drawn = random.below(most.saturating_mul(2).saturating_add(1));
            let credits = i64::try_from(drawn).unwrap_or(0) - i64::try_from(most).unwrap_or(0);
            let moved = Due {
                cause: Cause::Others,
                credits,
                released: 0,
            };
            self.schedule(self.others_at, moved);
        }
    }

    fn move_for(&mut self, job: &Job, at: u64, credits: u64, released: u64) {
        if released == 0 {
            return;
        }
        let moved = Due {
            cause: Cause::Job(job.id.clone()),
            credits: signed(credits),
            released,
        };
        self.schedule(at, moved);
    }

    fn schedule(&mut self, at: u64, due: Due) {
        self.scheduled += 1;
        self.due.insert((at, self.scheduled), due);
    }

    fn happened(&mut self, at: u64, what: What) {
        self.history.push(Happening { at, what });
    }
}

fn signed(credits: u64) -> i64 {
    i64::try_from(credits).unwrap_or(i64::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
