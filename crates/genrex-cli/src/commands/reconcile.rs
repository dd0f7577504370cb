use std::time::Duration;

use genrex_async::{Balance, Client};
use genrex_ledger::{Entry, Event, Verdict};

use crate::books::Books;
use crate::clock;
use crate::failure::Failure;

/// When a balance is asked for after an ambiguous submit: the service may take its time to charge.
const LOOKS: [Duration; 3] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(30),
];

/// Holds an ambiguous submit against the account's balance, and keeps the verdict.
pub(crate) async fn reconcile(
    client: &Client,
    books: &Books,
    entry: &Entry,
) -> Result<Verdict, Failure> {
    let mut verdict = Verdict::Inconclusive;
    for look in LOOKS {
        let age = Duration::from_millis(clock::now().saturating_sub(entry.updated_at));
        wait(look.saturating_sub(age)).await;
        let after = client.balance().await?;
        let cost = books.price(entry.duration)?;
        let at_submit = books.is_charged_at_submit()?;
        let alone = books.is_alone(entry.id, entry.created_at)?;
        verdict = judge(entry, &after, cost, alone, at_submit);
        if verdict == Verdict::Charged {
            break;
        }
    }
    books.record(Some(entry.id), &Event::Reconciled(verdict))?;
    Ok(verdict)
}

/// Claims no more than the balance shows.
fn judge(
    entry: &Entry,
    after: &Balance,
    cost: Option<u64>,
    alone: bool,
    at_submit: bool,
) -> Verdict {
    let (Some((used_before, changed_before)), true) = (&entry.balance_before, alone) else {
        return Verdict::Inconclusive;
    };
    let changed_after = after.updated_at.as_ref().map(ToString::to_string);
    match after.credits_used.checked_sub(*used_before) {
        // A service that charges when the job is done may yet charge.
        Some(0) if at_submit && changed_after.is_some() && changed_after == *changed_before => {
            Verdict::NotCharged
        }
        Some(moved) if moved > 0 && Some(moved) == cost => Verdict::Charged,
        _ => Verdict::Inconclusive,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the program waits between two looks at a balance"
)]
async fn wait(delay: Duration) {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
}

#[cfg(test)]
mod tests {
    use genrex_ledger::{Account, Intent, Ledger as _, Limits, SqliteLedger};

    use super::*;

    #[test]
    fn a_verdict_claims_no_more_than_the_balance_shows() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = SqliteLedger::open(&folder.path().join("ledger.db")).unwrap();
        let account = Account::new("https://a.example", "key");
        let plain = Intent::new(account, "music", 10, b"{}");
        let asked = plain.clone().after_balance(40, Some("then".into()));
        let mut entry = |intent| ledger.intend(&intent, &Limits::default(), 1).unwrap();
        let (without, with) = (entry(plain), entry(asked));
        let after = |used: u64, changed: &str| {
            let json = format!(
                r#"{{"totalCreditQuota":100,"creditsUsed":{used},"updatedAt":"{changed}"}}"#
            );
            Balance::from_json(json.as_bytes()).unwrap()
        };
        assert_eq!(
            judge(&with, &after(40, "then"), Some(10), true, false),
            Verdict::Inconclusive
        );
        for (entry, after, cost, alone, expected) in [
            (&with, after(50, "now"), Some(10), true, Verdict::Charged),
            (
                &with,
                after(50, "now"),
                Some(10),
                false,
                Verdict::Inconclusive,
            ),
            (&with, after(50, "now"), None, true, Verdict::Inconclusive),
            (
                &with,
                after(49, "now"),
                Some(10),
                true,
                Verdict::Inconclusive,
            ),
            (
                &with,
                after(40, "then"),
                Some(10),
                true,
                Verdict::NotCharged,
            ),
            (&with, after(40, "then"), None, true, Verdict::NotCharged),
            (
                &with,
                after(40, "now"),
                Some(10),
                true,
                Verdict::Inconclusive,
            ),
            (
                &with,
                after(30, "then"),
                Some(10),
                true,
                Verdict::Inconclusive,
            ),
            (
                &without,
                after(40, "then"),
                Some(10),
                true,
                Verdict::Inconclusive,
            ),
        ] {
            assert_eq!(
                judge(entry, &after, cost, alone, true),
                expected,
                "{after:?} {cost:?} {alone}"
            );
        }
    }
}
