//! Who carries on what was bought, where several processes share a batch.

use genrex_ledger::{Error, Ledger, LocalId};

/// Whether a job that was bought is this process's to wait for and to download: no other that lives does so. `now` is
/// in milliseconds since 1970.
///
/// # Errors
///
/// What the ledger could not do.
pub async fn claim(ledger: &dyn Ledger, id: LocalId, now: u64) -> Result<bool, Error> {
    ledger.claim(id, now).await
}

/// Says that this process no longer waits for a job that was bought, so that another may. `now` is in milliseconds
/// since 1970.
pub fn give_up(ledger: &dyn Ledger, id: LocalId, now: u64) {
    ledger.release(id, now);
}

#[cfg(test)]
mod tests {
    use genrex_ledger::{Account, Event, Intent, MemoryLedger};

    use super::*;
    use crate::block_on;

    fn intent() -> Intent {
        Intent::new(
            1,
            Account::new("https://a.example", "u"),
            "music",
            10,
            b"{}",
        )
    }

    #[test]
    fn what_was_bought_is_its_buyers_until_that_one_ends_or_gives_it_up() {
        let first = MemoryLedger::new();
        let (second, third) = (first.reopened(), first.reopened());
        let id = block_on(first.intend(&intent(), 0)).unwrap().id;
        let asks = |ledger: &MemoryLedger| block_on(claim(ledger, id, 1)).unwrap();
        let all = |ledgers: [&MemoryLedger; 3]| ledgers.map(asks);
        assert_eq!(all([&first, &second, &third]), [false; 3], "in flight");
        for event in [Event::Sent, Event::Accepted("QRY_1".parse().unwrap())] {
            block_on(first.record(id, &event, 1)).unwrap();
        }
        assert_eq!(all([&second, &first, &third]), [false, true, false]);
        give_up(&first, id, 1);
        assert_eq!(all([&second, &first, &third]), [true, false, false]);
        drop(second);
        assert!(asks(&third));
        assert!(!asks(&first));
    }

    /// Its file may be lost, or lie where only one of them sees it.
    #[test]
    fn what_is_downloaded_is_nobodys() {
        let first = MemoryLedger::new();
        let second = first.reopened();
        let id = block_on(first.intend(&intent(), 0)).unwrap().id;
        let here = Event::Downloaded {
            path: String::from("/a.wav"),
            bytes: 1,
            sha256: String::new(),
        };
        for event in [Event::Sent, Event::Accepted("QRY_1".parse().unwrap())] {
            block_on(first.record(id, &event, 1)).unwrap();
        }
        assert!(!block_on(claim(&second, id, 1)).unwrap());
        block_on(first.record(id, &here, 1)).unwrap();
        assert!(block_on(claim(&second, id, 1)).unwrap());
    }
}
