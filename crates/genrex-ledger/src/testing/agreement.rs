//! Long random lives: a storage and the rules have to agree about each step.

use super::fixture::{Party, START, accepted, done, downloaded, look, query_id};
use super::twin::Twin;
use super::{Finding, Rule};
use crate::{
    Event, Intent, Ledger, Limits, LocalId, Once, Reconciliation, Refusal, Resolution, Row, Run,
};

pub(super) async fn check<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    for seed in 1..=4 {
        let ledger = open(&format!("agreement {seed}")).await;
        a_random_life(&ledger, seed).await?;
    }
    Ok(())
}

/// A generator of the suite's own: what it finds is found again.
struct Random(u64);

impl Random {
    /// A number below another.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        let count = u64::try_from(all.len()).unwrap_or(1);
        all[usize::try_from(self.below(count)).unwrap_or(0)].clone()
    }
}

async fn a_random_life<L: Ledger>(ledger: &L, seed: u64) -> Result<(), Finding> {
    let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut twin = Twin::new(ledger, Rule::Decisions);
    let parties = [Party::new("one"), Party::new("other")];
    let mut used = [0, 0];
    let mut jobs: Vec<(usize, LocalId)> = Vec::new();
    let mut second = 0;
    let takes_time = twin.takes_time(&Party::new("clock")).await?;
    for key in 0..300 {
        second += random.one_of(&[0, 1, 5, 60, 700, 90_000]);
        if !takes_time {
            // A storage with a clock of its own learns from looks alone that time has passed. It is some milliseconds
            // later than they are, so that nothing may happen in the second of the next, and no bound fall on one.
            second += 1 + key_second(key);
            for (party, used) in parties.iter().zip(used) {
                twin.observe(party, &look(used, second)).await?;
            }
        }
        let whose = usize::from(random.below(4) == 0);
        let party = &parties[whose];
        let now = START + second * 1_000;
        used[whose] += random.one_of(&[0, 0, 0, 10, 10, 25]);
        let balance = look(used[whose], second);
        match random.below(8) {
            0 | 1 => twin.observe(party, &balance).await?,
            2 => {
                twin.observe(party, &balance).await?;
                let last = jobs.iter().rev().find(|(of, _)| *of == whose);
                let intent = an_intent(&mut random, party, key, last.map(|(_, id)| *id));
                let intent = intent.after(balance);
                if let Ok(entry) = twin.intend(&intent, now).await? {
                    jobs.push((whose, entry.id));
                }
            }
            3 if !jobs.is_empty() => {
                let (_, id) = random.one_of(&jobs);
                let _ = twin.reconcile(id, now).await?;
            }
            _ if !jobs.is_empty() => {
                let recent = jobs.len().saturating_sub(6);
                let (_, id) = random.one_of(&jobs[recent..]);
                let event = an_event(&mut random);
                let _ = twin.record(id, &event, now).await?;
                twin.same_history(id).await?;
            }
            _ => {}
        }
        twin.same_credits(party).await?;
    }
    twin.same_jobs().await?;
    // What a process of its own left is all that can be recovered.
    let found = done(Rule::Owned, "recover", ledger.recover(START).await)?;
    let ids: Vec<LocalId> = found.iter().map(|entry| entry.id).collect();
    twin.rule = Rule::Owned;
    super::fixture::holds(Rule::Owned, ids.is_empty(), || {
        format!("recovering took {ids:?}, whose process lives")
    })
}

/// So many seconds more, of which no few add up to whole minutes.
fn key_second(key: u128) -> u64 {
    u64::try_from(key % 7).unwrap_or(0)
}

fn an_intent(random: &mut Random, party: &Party, key: u128, last: Option<LocalId>) -> Intent {
    let prompt = u128::from(random.below(4));
    let mut intent = party.intent(prompt, random.one_of(&[10, 10, 30]));
    intent.key = key;
    intent.limits = random.one_of(&[
        Limits::default(),
        Limits {
            day: Some(60),
            ..Limits::default()
        },
        Limits {
            total: Some(400),
            per_job: Some(12),
            ..Limits::default()
        },
    ]);
    intent.run = (random.below(3) == 0).then(|| Run {
        id: String::from("run"),
        credits: 80,
    });
    let row = Row {
        batch: format!("batch {}", random.below(2)),
        name: format!("row {}", random.below(2)),
    };
    intent.anew = random.below(3) == 0;
    intent.once = random.one_of(&[Once::No, Once::No, Once::Prompt, Once::Row { row, last }]);
    intent
}

fn an_event(random: &mut Random) -> Event {
    let why = String::from("so it was");
    random.one_of(&[
        Event::Sent,
        Event::Sent,
        Event::Sent,
        Event::NotSent(why.clone()),
        Event::Refused(Refusal::RateLimited, why.clone()),
        Event::Unconfirmed(query_id("unconfirmed")),
        Event::Ambiguous(why.clone()),
        Event::Ambiguous(why.clone()),
        Event::Crashed,
        accepted("job"),
        accepted("job"),
        accepted("job"),
        Event::Processing,
        Event::Reconciled(Reconciliation::NotCharged),
        Event::Resolved(Resolution::NotCharged, why.clone()),
        Event::Resolved(Resolution::Charged, why.clone()),
        Event::Resolved(Resolution::Accepted(query_id("job")), why),
        Event::CompletedBetween {
            after: 58_000,
            by: 61_000,
        },
        Event::Completed,
        Event::Failed,
        downloaded("a.wav"),
    ])
}
