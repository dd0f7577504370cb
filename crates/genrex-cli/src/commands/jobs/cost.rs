use std::collections::HashMap;

use genrex_ledger::{Account, Credits, Entry, Ledger};

use crate::command_error::CommandError;

/// What is known of the credits of each account that jobs are on.
#[derive(Debug, Default)]
pub(super) struct Prices(HashMap<Account, Credits>);

impl Prices {
    pub(super) async fn of(ledger: &dyn Ledger, entries: &[Entry]) -> Result<Self, CommandError> {
        let mut known = HashMap::new();
        for entry in entries {
            if !known.contains_key(&entry.account) {
                let credits = ledger.credits(&entry.account).await?;
                known.insert(entry.account.clone(), credits);
            }
        }
        Ok(Self(known))
    }

    /// What a job is expected to cost, by a price that was observed. What was reserved for it may be a bound that the
    /// user has set, and then nothing is expected.
    pub(super) fn expected(&self, entry: &Entry) -> Option<u64> {
        let price = self.price(entry);
        entry.expected_cost.filter(|cost| Some(*cost) == price)
    }

    /// The same in words, and what was reserved where nothing is expected.
    pub(super) fn words(&self, entry: &Entry) -> Option<String> {
        let (cost, seconds) = (entry.expected_cost?, entry.duration);
        Some(match self.price(entry) {
            Some(price) if price == cost => format!("{cost} credits expected"),
            Some(price) => format!("{cost} credits reserved; {seconds} s cost {price} by now"),
            None => format!("{cost} credits at most; what {seconds} s cost is not known"),
        })
    }

    fn price(&self, entry: &Entry) -> Option<u64> {
        let credits = self.0.get(&entry.account)?;
        credits.price(entry.duration)
    }
}

#[cfg(test)]
mod tests {
    use genrex_ledger::{Alias, Event, Intent, Limits, Look, MemoryLedger};

    use super::*;

    /// A bound that the user has set is not what a piece is expected to cost.
    #[tokio::test]
    async fn a_bound_is_no_expectation() {
        let ledger = MemoryLedger::new();
        let account = Account::new("https://a.example", "u");
        let alias = Alias::new("https://a.example", "k");
        let look = |used, at| {
            let mut look = Look::new(used);
            look.at = Some(at);
            look
        };
        let bought = async |key, used, at| {
            let mut limits = Limits::default();
            limits.per_job = Some(20);
            let intent = Intent::new(key, account.clone(), "a", 10, b"{}");
            let seen = look(used, at);
            let observed = ledger.observe(&alias, &account, &seen, at);
            observed.await.unwrap();
            let intent = intent.after(seen).within(limits);
            let job = ledger.intend(&intent, at).await.unwrap().id;
            let accepted = Event::Accepted(format!("QRY_{key}").parse().unwrap());
            for event in [Event::Sent, accepted, Event::Completed] {
                ledger.record(job, &event, at).await.unwrap();
            }
            job
        };
        let shown = async |job| {
            let entry = ledger.entry(job).await.unwrap().unwrap();
            let prices = Prices::of(&ledger, std::slice::from_ref(&entry)).await;
            let prices = prices.unwrap();
            (prices.expected(&entry), prices.words(&entry).unwrap())
        };
        let first = bought(1, 0, 0).await;
        let (expected, words) = shown(first).await;
        assert_eq!(expected, None);
        assert!(words.starts_with("20 credits at most"), "{words}");

        let mut at = 0;
        for _ in 0..30 {
            at += 60_000;
            let seen = look(10, at);
            let observed = ledger.observe(&alias, &account, &seen, at);
            observed.await.unwrap();
        }
        let (expected, words) = shown(first).await;
        assert_eq!(expected, None);
        assert!(words.ends_with("10 s cost 10 by now"), "{words}");
        let second = bought(2, 10, at).await;
        assert_eq!(
            shown(second).await,
            (Some(10), String::from("10 credits expected"))
        );
    }
}
