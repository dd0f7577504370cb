//! A batch with a bug planted on purpose, for the controls: the checks must see what it does.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use genrex_blocking::{
    ApiKey, ApiSecret, BaseUrl, Client, GenerateRequest, KeyPair, Pace, Prompt, Seconds, Submission,
};
use genrex_core::block_on;
use genrex_ledger::{Account, Entry, Event, Filter, Intent, Ledger as _, LocalId, State};
use genrex_ledger_sqlite::SqliteLedger;

/// Where a bug reads its limit, in credits.
pub(crate) const LIMIT: &str = "PLANTED_LIMIT";

pub(crate) fn run(bug: &str, folder: &Path, url: &str, file: &str) -> anyhow::Result<()> {
    if bug == "none" {
        return super::power::promise(folder, file.parse()?);
    }
    let mut worker = Worker::new(folder, url)?;
    let batch = std::fs::read_to_string(folder.join(file))?;
    for line in batch.lines().skip(1) {
        let (text, seconds) = line.rsplit_once(',').context("a row without a duration")?;
        let row = Row {
            request: GenerateRequest::new(Prompt::new(text)?, Seconds::new(seconds.parse()?)?),
            text: text.to_owned(),
            seconds: seconds.parse()?,
        };
        let goes_on = match bug {
            "journal-after-submit" => worker.journal_after_submit(&row)?,
            "resubmit-on-intent" => worker.resubmit_on_intent(&row)?,
            "id-kept-when-ready" => worker.id_kept_when_ready(&row)?,
            "check-then-post" => worker.check_then_post(&row)?,
            "price-is-a-law" => worker.price_is_a_law(&row)?,
            "not-charged-without-look" => worker.not_charged_without_look(&row)?,
            other => bail!("{other:?} is no bug that can be planted"),
        };
        if !goes_on {
            break;
        }
    }
    Ok(())
}

struct Worker {
    client: Client,
    ledger: SqliteLedger,
    account: Account,
    /// What it believes to have spent, in credits.
    spent: u64,
    /// What it believes a second to cost.
    rate: Option<u64>,
}

struct Row {
    request: GenerateRequest,
    text: String,
    seconds: u8,
}

/// Each says whether the batch goes on.
impl Worker {
    fn new(folder: &Path, url: &str) -> anyhow::Result<Self> {
        let keys = KeyPair::new(
            ApiKey::new("sandbox-key")?,
            ApiSecret::new("sandbox-secret")?,
        );
        let client = Client::builder()
            .key_pair(keys)
            .base_url(BaseUrl::new(url)?)
            .pace(Pace::Fixed(Duration::from_millis(10)))
            .build()?;
        Ok(Self {
            client,
            ledger: SqliteLedger::open(folder.join("ledger.db"))?,
            account: Account::new(url, "sandbox-user"),
            spent: 0,
            rate: None,
        })
    }

    /// What is paid for is written down when it is known: a crash between loses it.
    fn journal_after_submit(&self, row: &Row) -> anyhow::Result<bool> {
        if self.entry(row)?.is_none() {
            let submission = self.client.submit(&row.request);
            let entry = self.begin(row)?;
            self.conclude(entry, &submission)?;
        }
        Ok(true)
    }

    /// An intent without an outcome is taken for one that did not leave, and sent again.
    fn resubmit_on_intent(&self, row: &Row) -> anyhow::Result<bool> {
        let entry = match self.entry(row)? {
            Some(entry) if entry.state.is_in_flight() => entry.id,
            Some(_) => return Ok(true),
            None => self.begin(row)?,
        };
        let submission = self.client.submit(&row.request);
        self.conclude(entry, &submission)?;
        Ok(true)
    }

    /// The id is kept when the piece is ready, and not when it is accepted.
    fn id_kept_when_ready(&self, row: &Row) -> anyhow::Result<bool> {
        if self.entry(row)?.is_none() {
            let entry = self.begin(row)?;
            let submission = self.client.submit(&row.request);
            if let Submission::Accepted(job) = &submission {
                self.client.wait(job)?;
            }
            self.conclude(entry, &submission)?;
        }
        Ok(true)
    }

    /// The limit is looked at first, and the intent written after: two can look before one writes.
    fn check_then_post(&self, row: &Row) -> anyhow::Result<bool> {
        if self.entry(row)?.is_some() {
            return Ok(true);
        }
        let entries = block_on(self.ledger.entries(&Filter::default()))?;
        let bought = entries.iter().filter(|entry| entry.state != State::Refused);
        let spent: u64 = bought.map(|entry| u64::from(entry.duration)).sum();
        if spent + u64::from(row.seconds) > limit()? {
            return Ok(false);
        }
        // Another has time to look: on a slow disk or a busy machine it has as much.
        pause(50);
        let entry = self.begin(row)?;
        let submission = self.client.submit(&row.request);
        self.conclude(entry, &submission)?;
        Ok(true)
    }

    /// What the first piece costs is taken for a price a second.
    fn price_is_a_law(&mut self, row: &Row) -> anyhow::Result<bool> {
        if self.entry(row)?.is_some() {
            return Ok(true);
        }
        let expected = self.rate.unwrap_or(0) * u64::from(row.seconds);
        if self.spent + expected > limit()? {
            return Ok(false);
        }
        let before = self.client.balance()?;
        let entry = self.begin(row)?;
        let submission = self.client.submit(&row.request);
        self.conclude(entry, &submission)?;
        if self.rate.is_none() {
            if let Submission::Accepted(job) = &submission {
                self.client.wait(job)?;
            }
            let moved = self.client.balance()?.used_since(&before);
            self.rate = Some(moved / u64::from(row.seconds));
            self.spent += moved;
        } else {
            self.spent += expected;
        }
        Ok(true)
    }

    /// A balance that has not moved right after an unclear submit is taken for a proof.
    fn not_charged_without_look(&self, row: &Row) -> anyhow::Result<bool> {
        match self.entry(row)? {
            Some(entry) if entry.state == State::Ambiguous => {}
            Some(_) => return Ok(true),
            None => {
                let before = self.client.balance()?;
                let entry = self.begin(row)?;
                let submission = self.client.submit(&row.request);
                self.conclude(entry, &submission)?;
                let moved = self.client.balance()?.used_since(&before);
                if !matches!(submission, Submission::Ambiguous(_)) || moved > 0 {
                    return Ok(true);
                }
            }
        }
        let entry = self.begin(row)?;
        let submission = self.client.submit(&row.request);
        self.conclude(entry, &submission)?;
        Ok(true)
    }

    /// The newest job of a row.
    fn entry(&self, row: &Row) -> anyhow::Result<Option<Entry>> {
        let entries = block_on(self.ledger.entries(&Filter::default()))?;
        Ok(entries.into_iter().find(|entry| entry.text == row.text))
    }

    /// Keeps a submit as being sent.
    fn begin(&self, row: &Row) -> anyhow::Result<LocalId> {
        let intent = Intent::new(
            fastrand::u128(..),
            self.account.clone(),
            row.text.clone(),
            row.seconds,
            &row.request.to_json(),
        );
        let id = block_on(self.ledger.intend(&intent, 1))?.id;
        block_on(self.ledger.record(id, &Event::Sent, 1))?;
        Ok(id)
    }

    fn conclude(&self, id: LocalId, submission: &Submission) -> anyhow::Result<()> {
        block_on(self.ledger.record(id, &Event::from(submission), 1))?;
        Ok(())
    }
}

fn limit() -> anyhow::Result<u64> {
    Ok(std::env::var(LIMIT)?.parse()?)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a planted bug waits where a slow machine would"
)]
fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}
