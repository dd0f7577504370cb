//! What is done with a ledger when the service need not be asked, or cannot be.

use genrex_ledger::{self as ledger, Entry, Event, Ledger, LocalId, Reconciliation, Resolution};

use super::{left_open, open_or_unclear};

/// Finds what an ended process or a dropped future left, and returns what is open, oldest first: as
/// [`Client::recover`](crate::Client::recover), but the service is not asked after unconfirmed ids. `now` is in
/// milliseconds since 1970.
///
/// # Errors
///
/// What the ledger could not do.
pub async fn recover_offline(ledger: &dyn Ledger, now: u64) -> Result<Vec<Entry>, ledger::Error> {
    ledger.recover(now).await?;
    Ok(left_open(ledger.entries(&open_or_unclear()).await?))
}

/// Ends what no process carries on any more, and nothing else: it is listed by [`recover_offline`]. `now` is in
/// milliseconds since 1970.
///
/// # Errors
///
/// What the ledger could not do.
pub async fn end_orphans(ledger: &dyn Ledger, now: u64) -> Result<(), ledger::Error> {
    ledger.recover(now).await.map(drop)
}

/// Finds that no look at the balance will tell whether an ambiguous job was charged, and keeps it: nobody looked before
/// its submit, or other jobs were under way. `None` if a look may tell; then nothing is kept. The service is not
/// asked. `now` is in milliseconds since 1970.
///
/// # Errors
///
/// What the ledger could not do.
pub async fn reconcile_offline(
    ledger: &dyn Ledger,
    entry: &Entry,
    now: u64,
) -> Result<Option<Reconciliation>, ledger::Error> {
    let credits = ledger.credits(&entry.account).await?;
    if ledger::rules::foresee(&credits, entry).is_none() {
        return Ok(None);
    }
    Ok(ledger.reconcile(entry.id, now).await?.reconciliation)
}

/// Settles a submit by hand, where no id is to be asked after: it was charged and its id is lost, or it was not
/// charged. `why` says who says so, and why. `now` is in milliseconds since 1970.
///
/// # Errors
///
/// What the ledger could not do: a job that cannot be settled so is
/// [`ErrorKind::Transition`](ledger::ErrorKind::Transition).
pub async fn resolve_offline(
    ledger: &dyn Ledger,
    id: LocalId,
    was_charged: bool,
    why: impl Into<String> + Send,
    now: u64,
) -> Result<Entry, ledger::Error> {
    let resolution = if was_charged {
        Resolution::Charged
    } else {
        Resolution::NotCharged
    };
    let event = Event::Resolved(resolution, why.into());
    ledger.record(id, &event, now).await
}

/// Keeps that the file of a downloaded job was found at another path: its folder was moved. Only the very file that
/// was downloaded is taken for it; `None` if this is another. `now` is in milliseconds since 1970.
///
/// # Errors
///
/// What the ledger could not do.
pub async fn found_at(
    ledger: &dyn Ledger,
    entry: &Entry,
    path: String,
    sha256: &str,
    now: u64,
) -> Result<Option<Entry>, ledger::Error> {
    let (Some(bytes), Some(kept)) = (entry.bytes, &entry.sha256) else {
        return Ok(None);
    };
    if kept != sha256 {
        return Ok(None);
    }
    let event = Event::Downloaded {
        path,
        bytes,
        sha256: kept.clone(),
    };
    ledger.record(entry.id, &event, now).await.map(Some)
}

#[cfg(test)]
mod tests {
    use genrex_ledger::{Account, Doubt, Intent, Look, MemoryLedger, State};

    use super::*;
    use crate::block_on;

    fn kept(ledger: &MemoryLedger, events: &[Event]) -> Entry {
        let account = Account::new("https://a.example", "u");
        let intent = Intent::new(1, account, "music", 10, b"{}");
        let id = block_on(ledger.intend(&intent, 0)).unwrap().id;
        for event in events {
            block_on(ledger.record(id, event, 0)).unwrap();
        }
        block_on(ledger.entry(id)).unwrap().unwrap()
    }

    #[test]
    fn a_file_is_known_by_its_bytes_and_kept_where_it_is() {
        let ledger = MemoryLedger::new();
        let entry = kept(
            &ledger,
            &[
                Event::Sent,
                Event::Accepted("QRY_1".parse().unwrap()),
                Event::Downloaded {
                    path: String::from("/a/x.wav"),
                    bytes: 1,
                    sha256: String::from("ab"),
                },
            ],
        );
        let at = |sha256| {
            let path = String::from("/b/x.wav");
            block_on(found_at(&ledger, &entry, path, sha256, 1)).unwrap()
        };
        assert_eq!(at("cd"), None);
        assert_eq!(at("ab").unwrap().path.as_deref(), Some("/b/x.wav"));
    }

    /// What no look can change is known without one, and kept; what a look may change is left to it.
    #[test]
    fn only_what_no_look_will_tell_is_found_without_one() {
        let lost = [Event::Sent, Event::Ambiguous(String::new())];
        let found = |ledger: &MemoryLedger, entry: &Entry| {
            let found = block_on(reconcile_offline(ledger, entry, 1)).unwrap();
            let kept = block_on(ledger.entry(entry.id)).unwrap().unwrap();
            assert_eq!(found, kept.reconciliation);
            found
        };
        let blind = MemoryLedger::new();
        let entry = kept(&blind, &lost);
        let doubt = Reconciliation::Inconclusive(Doubt::NoLookBefore);
        assert_eq!(found(&blind, &entry), Some(doubt));

        let looked = MemoryLedger::new();
        let account = Account::new("https://a.example", "u");
        let submit = |key| {
            let mut intent = Intent::new(key, account.clone(), "music", 10, b"{}");
            intent.look = Some(Look::new(7));
            let id = block_on(looked.intend(&intent, 0)).unwrap().id;
            for event in &lost {
                block_on(looked.record(id, event, 0)).unwrap();
            }
            block_on(looked.entry(id)).unwrap().unwrap()
        };
        let mut alone = submit(1);
        alone.alone = true;
        assert_eq!(found(&looked, &alone), None);
        submit(2);
        assert!(matches!(
            found(&looked, &alone),
            Some(Reconciliation::Inconclusive(_))
        ));
    }

    #[test]
    fn what_is_settled_by_hand_is_no_longer_open() {
        let ledger = MemoryLedger::new();
        let lost = kept(&ledger, &[Event::Sent, Event::Ambiguous(String::new())]);
        let open = || block_on(recover_offline(&ledger, 1)).unwrap();
        assert_eq!(open().len(), 1);
        let settled = block_on(resolve_offline(&ledger, lost.id, true, "support", 1)).unwrap();
        assert_eq!(
            (settled.state, settled.reconciliation),
            (State::Ambiguous, Some(Reconciliation::Charged))
        );
        assert_eq!(open(), Vec::new());
    }
}
