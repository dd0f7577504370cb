//! A batch with a bug planted on purpose, for the controls: the checks must see what it does.

use std::path::Path;
use std::time::Duration;

use anyhow::bail;
use genrex_blocking::{
    ApiKey, ApiSecret, BaseUrl, Client, GenerateRequest, KeyPair, Pace, Prompt, Seconds, Submission,
};
use genrex_ledger::{
    Account, Event, Filter, Intent, Ledger as _, Limits, Observation, SqliteLedger, State,
};

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
    let mut ledger = SqliteLedger::open(&folder.join("ledger.db"))?;
    let account = Account::new(url, "sandbox-key");
    let seconds = Seconds::new(u32::try_from(Scene::SECONDS)?)?;
    for row in 0..rows {
        let text = format!("piece {row}");
        let request = GenerateRequest::new(Prompt::new(text.clone())?, seconds);
        let intent = Intent::new(
            account.clone(),
            text.clone(),
            seconds.get(),
            &request.to_json(),
        );
        let entries = ledger.entries(&Filter::default())?;
        let mine = entries.into_iter().find(|entry| entry.text == text);
        match bug {
            // What is paid for is written down when it is known: a crash between loses it.
            "journal-after-submit" => {
                if mine.is_some() {
                    continue;
                }
                let submission = client.submit(&request);
                let entry = ledger.intend(&intent, &Limits::default(), 1)?;
                conclude(&mut ledger, entry.id, &submission)?;
            }
            // An intent without an outcome is taken for one that did not leave, and sent again.
            "resubmit-on-intent" => {
                let entry = match mine {
                    Some(entry) if entry.state.is_in_flight() => entry,
                    Some(_) => continue,
                    None => ledger.intend(&intent, &Limits::default(), 1)?,
                };
                let submission = client.submit(&request);
                conclude(&mut ledger, entry.id, &submission)?;
            }
            // The limit is looked at first, and the intent written after: two can look before one writes.
            "check-then-post" => {
                let limit: u64 = std::env::var("PLANTED_LIMIT")?.parse()?;
                ledger.learn(
                    &account,
                    Observation {
                        duration: seconds.get(),
                        credits: Scene::SECONDS,
                        at_submit: true,
                    },
                    1,
                )?;
                let entries = ledger.entries(&Filter::default())?;
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
                let entry = ledger.intend(&intent, &Limits::default(), 1)?;
                let submission = client.submit(&request);
                conclude(&mut ledger, entry.id, &submission)?;
            }
            other => bail!("{other:?} is no bug that can be planted"),
        }
    }
    Ok(())
}

fn conclude(
    ledger: &mut SqliteLedger,
    id: genrex_ledger::LocalId,
    submission: &Submission,
) -> anyhow::Result<()> {
    let event = match submission {
        Submission::Accepted(job) => Event::Accepted(job.id().clone()),
        Submission::Refused(error) => Event::Refused(error.to_string()),
        Submission::NotSent(error) => Event::NotSent(error.to_string()),
        Submission::Ambiguous(error) => Event::Ambiguous(error.to_string()),
    };
    ledger.record(id, &event, 1)?;
    Ok(())
}
