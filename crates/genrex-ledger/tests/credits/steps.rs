//! One account that is driven step by step: a look, a purchase, an event at a time. Times are in milliseconds after the
//! start, by both clocks.

use genrex_ledger::testing::block_on;
use genrex_ledger::{
    Account, Alias, Credits, Entry, Error, Event, Intent, Ledger, Limits, Look, MemoryLedger,
    Reconciliation, Run, Spending,
};
use genrex_proto::QueryId;

use crate::service::START;
use crate::table::total;

pub(crate) struct Steps {
    pub(crate) ledger: MemoryLedger,
    pub(crate) account: Account,
    alias: Alias,
    key: u128,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self {
            ledger: MemoryLedger::new(),
            account: Account::new("http://a", "u"),
            alias: Alias::new("http://a", "key"),
            key: 0,
        }
    }

    pub(crate) fn tell(&self, look: &Look, at: u64) {
        let told = self
            .ledger
            .observe(&self.alias, &self.account, look, START + at);
        block_on(told).unwrap();
    }

    /// A look that shows so much used.
    pub(crate) fn look(&self, used: u64, at: u64) -> Look {
        let look = Look::new(used).at(START + at).changed(used.to_string());
        self.tell(&look, at);
        look
    }

    /// An intent of a purchase after no look, and within no limit.
    pub(crate) fn intent(&mut self, duration: u8) -> Intent {
        self.key += 1;
        Intent::new(self.key, self.account.clone(), "text", duration, b"{}")
    }

    pub(crate) fn begin(&self, intent: &Intent, at: u64) -> Result<Entry, Error> {
        block_on(self.ledger.intend(intent, START + at))
    }

    /// A purchase right after a look that shows so much used.
    pub(crate) fn buy(
        &mut self,
        duration: u8,
        limits: Limits,
        used: u64,
        at: u64,
    ) -> Result<Entry, Error> {
        let look = self.look(used, at);
        let intent = self.intent(duration).after(look).within(limits);
        self.begin(&intent, at)
    }

    /// The same of a run that may spend so much.
    pub(crate) fn buy_of(&mut self, run: &Run, used: u64, at: u64) -> Result<Entry, Error> {
        let look = self.look(used, at);
        let intent = self.intent(10).after(look).of_run(run.clone());
        self.begin(&intent, at)
    }

    pub(crate) fn record(&self, entry: &Entry, events: &[Event], at: u64) -> Entry {
        let mut after = None;
        for event in events {
            let kept = block_on(self.ledger.record(entry.id, event, START + at));
            after = Some(kept.unwrap());
        }
        after.unwrap()
    }

    /// It is sent, taken and over at once.
    pub(crate) fn complete(&self, entry: &Entry, at: u64) {
        self.record(entry, &[Event::Sent, accepted(), Event::Completed], at);
    }

    /// A piece that goes alone, and shows what its duration costs; it takes eleven minutes in all.
    pub(crate) fn learn(&mut self, duration: u8, used: u64, cost: u64, at: u64) {
        let entry = self.buy(duration, total(1_000), used, at).unwrap();
        assert!(entry.alone);
        self.complete(&entry, at + 1_000);
        for minute in 1..=11 {
            self.look(used + cost, at + minute * 60_000);
        }
        assert_eq!(self.credits().price(duration), Some(cost));
    }

    pub(crate) fn reconcile(&self, entry: &Entry, at: u64) -> Reconciliation {
        let entry = block_on(self.ledger.reconcile(entry.id, START + at)).unwrap();
        entry.reconciliation.unwrap()
    }

    pub(crate) fn credits(&self) -> Credits {
        block_on(self.ledger.credits(&self.account)).unwrap()
    }

    pub(crate) fn spending(&self, at: u64) -> Spending {
        self.credits().spending(START + at)
    }
}

pub(crate) fn accepted() -> Event {
    Event::Accepted(QueryId::new("QRY_1").unwrap())
}

pub(crate) fn ambiguous() -> Event {
    Event::Ambiguous(String::from("504"))
}
