//! A batch with a bug planted on purpose, for the controls: the checks must see what it does.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use genrex_blocking::{
    ApiKey, ApiSecret, BaseUrl, Client, GenerateRequest, KeyPair, Pace, Prompt, Seconds, Submission,
};
use genrex_core::block_on;
use genrex_ledger::{Account, Event, Filter, Intent, Ledger as _, LocalId, State};
use genrex_ledger_sqlite::SqliteLedger;

use super::truth::Scene;

#[expect(
    clippy::disallowed_methods,
    reason = "a planted bug waits where a slow machine would"
)]
pub(crate) fn run(bug: &str, folder: &Path, url: &str, rows: u64) -> anyhow::Result<()> {
    if bug == "none" {
        return super::power::promise(folder, rows);
    }
    let keys = KeyPair::new(
        ApiKey::new("sandbox-key")?,
        ApiSecret::new("sandbox-secret")?,
    );
    let client = Client::builder()
        .key_pair(keys)
        .base_url(BaseUrl::new(url)?)
        .pace(Pace::Fixed(Duration::from_millis(10)))
        .build()?;
    let ledger = SqliteLedger::open(folder.join("ledger.db"))?;
    let account = Account::new(url, "sandbox-user");
    let seconds = Seconds::new(u32::try_from(Scene::SECONDS)?)?;
    for row in 0..rows {
        let text = format!("piece {row}");
        let request = GenerateRequest::new(Prompt::new(text.clone())?, seconds);
        let intent = Intent::new(
            (u128::from(std::process::id()) << 64) | u128::from(row),
            account.clone(),
            text.clone(),
            seconds.get(),
            &request.to_json(),
        );
        let entries = block_on(ledger.entries(&Filter::default()))?;
        let mine = entries.into_iter().find(|entry| entry.text == text);
        match bug {
            // What is paid for is written down when it is known: a crash between loses it.
            "journal-after-submit" => {
                if mine.is_some() {
                    continue;
                }
                let submission = client.submit(&request);
                let entry = begin(&ledger, &intent)?;
                conclude(&ledger, entry, &submission)?;
            }
            // An intent without an outcome is taken for one that did not leave, and sent again.
            "resubmit-on-intent" => {
                let entry = match mine {
                    Some(entry) if entry.state.is_in_flight() => entry.id,
                    Some(_) => continue,
                    None => begin(&ledger, &intent)?,
                };
                let submission = client.submit(&request);
                conclude(&ledger, entry, &submission)?;
            }
            // The limit is looked at first, and the intent written after: two can look before one writes.
            "check-then-post" => {
                let limit: u64 = std::env::var("PLANTED_LIMIT")?.parse()?;
                let entries = block_on(ledger.entries(&Filter::default()))?;
                let spent = entries
                    .iter()
                    .filter(|entry| entry.state != State::Refused)
                    .count() as u64
                    * Scene::SECONDS;
                if spent + Scene::SECONDS > limit {
                    return Ok(());
                }
                // Another has time to look: on a slow disk or a busy machine it has as much.
                std::thread::sleep(Duration::from_millis(3));
                let entry = begin(&ledger, &intent)?;
                let submission = client.submit(&request);
                conclude(&ledger, entry, &submission)?;
            }
            other => bail!("{other:?} is no bug that can be planted"),
        }
    }
    Ok(())
}

/// Keeps a submit as being sent.
fn begin(ledger: &SqliteLedger, intent: &Intent) -> anyhow::Result<LocalId> {
    let id = block_on(ledger.intend(intent, 1))?.id;
    block_on(ledger.record(id, &Event::Sent, 1))?;
    Ok(id)
}

fn conclude(ledger: &SqliteLedger, id: LocalId, submission: &Submission) -> anyhow::Result<()> {
    block_on(ledger.record(id, &Event::from(submission), 1))?;
    Ok(())
}
