use crate::options::{Charge, Options};

/// The credits of the one account.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) quota: u64,
    pub(crate) used: u64,
    /// Promised to jobs that are charged when they are completed.
    held: u64,
    price: u64,
    charge: Charge,
    pub(crate) user_id: String,
    pub(crate) created_at: u64,
    pub(crate) updated_at: u64,
}

impl Account {
    pub(crate) fn new(options: &Options, user_id: String, now: u64) -> Self {
        Self {
            quota: options.quota,
            used: 0,
            held: 0,
            price: options.price,
            charge: options.charge,
            user_id,
            created_at: now,
            updated_at: now,
        }
    }

    /// Takes or holds what a piece costs; false when there is too little.
    pub(crate) fn buy(&mut self, seconds: u8, now: u64) -> bool {
        let cost = self.cost(seconds);
        let left = self
            .quota
            .saturating_sub(self.used)
            .saturating_sub(self.held);
        if cost > left {
            return false;
        }
        match self.charge {
            Charge::AtSubmit => self.spend(cost, now),
            Charge::AtCompletion => self.held += cost,
        }
        true
    }

    /// The job is over.
    pub(crate) fn settle(&mut self, seconds: u8, completed: bool, now: u64) {
        if self.charge == Charge::AtCompletion {
            let cost = self.cost(seconds);
            self.held = self.held.saturating_sub(cost);
            if completed {
                self.spend(cost, now);
            }
        }
    }

    fn cost(&self, seconds: u8) -> u64 {
        self.price.saturating_mul(u64::from(seconds))
    }

    fn spend(&mut self, cost: u64, now: u64) {
        self.used += cost;
        self.updated_at = self.updated_at.max(now);
    }
}
