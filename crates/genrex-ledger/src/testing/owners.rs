//! What survives a process, and whose a job in flight is.

use std::future::poll_fn;
use std::task::Poll;

use super::fixture::{
    Kept, Party, START, accepted, details, done, holds, lives, look, path_to, query_id, total,
};
use super::race::{Call, Way};
use super::twin::Twin;
use super::{Finding, Rule};
use crate::{Entry, Error, Event, Filter, Intent, Ledger, LocalId, State};

pub(super) async fn check<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    the_living_keep_their_jobs(open).await?;
    every_step_survives_a_crash(open).await?;
    what_is_released_is_found(open).await?;
    what_is_dropped_is_ended(open).await?;
    an_ended_process_s_jobs_are_found_once(open).await
}

/// Of an account of which a look and a limit are known, so that each step changes its credits too.
fn limited(party: &Party, key: u128) -> Intent {
    let mut intent = party.intent(key, 10).after(look(0, 0)).within(total(90));
    intent.limits.per_job = Some(10);
    intent
}

/// A process that ends after each step of each life; the next one finds all that was kept, and no more.
async fn every_step_survives_a_crash<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let lives = [lives("crash"), details("crash")].concat();
    for (number, life) in lives.iter().enumerate() {
        let name = format!("crash {number}");
        for steps in 0..=life.len() {
            let party = Party::new(&format!("{name} after {steps}"));
            let key = u128::try_from(steps).unwrap_or(0);
            let events = &life[..steps];
            let (id, before) = a_process(&open(&name).await, &party, key, events).await?;
            let ledger = open(&name).await;
            let after = Kept::of(&ledger, &party, id).await?;
            if let Some(difference) = before.difference(&after) {
                let detail = format!("after {events:?} and a crash, {difference}");
                return Err(Finding::new(Rule::Lasting, detail));
            }
            let again = ledger.intend(&limited(&party, key), START).await;
            let again = done(Rule::Lasting, "the same intent after a crash", again)?;
            holds(Rule::Lasting, Some(&again) == after.entry.as_ref(), || {
                format!("after a crash the same intent began {again:?}")
            })?;
            let found = done(Rule::Owned, "recover", ledger.recover(START + 60_000).await)?;
            let found: Vec<&Entry> = found.iter().filter(|entry| entry.id == id).collect();
            crashed(after.entry.as_ref(), &found)?;
        }
    }
    Ok(())
}

/// A process that does so much, and ends.
async fn a_process<L: Ledger>(
    ledger: &L,
    party: &Party,
    key: u128,
    events: &[Event],
) -> Result<(LocalId, Kept), Finding> {
    let mut twin = Twin::new(ledger, Rule::Decisions);
    twin.observe(party, &look(0, 0)).await?;
    let began = twin.intend(&limited(party, key), START).await?;
    let id = done(Rule::Decisions, "intend", began)?.id;
    for (second, event) in (1..).zip(events) {
        let recorded = twin.record(id, event, START + second * 1_000).await?;
        done(Rule::Decisions, "record", recorded)?;
        twin.same_credits(party).await?;
    }
    twin.rule = Rule::History;
    twin.same_history(id).await?;
    Ok((id, Kept::of(ledger, party, id).await?))
}

/// What recovering has to return of a job that stood so when its process ended.
fn crashed(before: Option<&Entry>, found: &[&Entry]) -> Result<(), Finding> {
    let Some(before) = before else {
        return Err(Finding::new(Rule::Lasting, "a job is gone"));
    };
    let expected = match before.state {
        State::Intended => Some(State::NotSent),
        State::Sent => Some(State::Ambiguous),
        _ => None,
    };
    let is_right = match (expected, found) {
        (None, []) => true,
        (Some(state), [entry]) => {
            entry.state == state
                && entry.detail.is_some()
                && entry.unconfirmed_id == before.unconfirmed_id
                && entry.text == before.text
        }
        _ => false,
    };
    holds(Rule::Owned, is_right, || {
        format!(
            "recovering a job that was {} when its process ended returned {found:?}",
            before.state
        )
    })
}

async fn the_living_keep_their_jobs<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    const RULE: Rule = Rule::Owned;
    let owner = open("owned").await;
    let party = Party::new("owned");
    let mut before = Vec::new();
    for (key, state) in (0..).zip(State::ALL) {
        let id = done(
            RULE,
            "intend",
            owner.intend(&party.intent(key, 10), START).await,
        )?
        .id;
        for event in path_to(state, "owned") {
            done(RULE, "record", owner.record(id, &event, START).await)?;
        }
        before.push((id, Kept::of(&owner, &party, id).await?.entry));
    }
    let other = open("owned").await;
    for ledger in [&other, &owner] {
        let found = done(RULE, "recover", ledger.recover(START + 90_000_000).await)?;
        holds(RULE, found.is_empty(), || {
            format!("recovering took {found:?}, whose process lives")
        })?;
    }
    drop(other);
    let third = open("owned").await;
    for (id, entry) in &before {
        let after = Kept::of(&third, &party, *id).await?.entry;
        holds(RULE, after == *entry, || {
            format!("recovering from elsewhere made {entry:?} into {after:?}")
        })?;
    }
    Ok(())
}

/// A dropped future's jobs are found while its process lives, and the others' are not.
async fn what_is_released_is_found<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    const RULE: Rule = Rule::Released;
    let ledger = open("released").await;
    let party = Party::new("released");
    let mut jobs = Vec::new();
    for (key, state) in (0..).zip(State::ALL) {
        for _ in 0..2 {
            let intent = party.intent(key + 100 * u128::from(jobs.len() % 2 == 1), 10);
            let id = done(RULE, "intend", ledger.intend(&intent, START).await)?.id;
            for event in path_to(state, "released") {
                done(RULE, "record", ledger.record(id, &event, START).await)?;
            }
            jobs.push((id, state));
        }
    }
    for (id, _) in jobs.iter().step_by(2) {
        ledger.release(*id, START + 1);
        ledger.release(*id, START + 2);
    }
    let kept = Kept::of(&ledger, &party, LocalId(0)).await?;
    let found = done(RULE, "recover", ledger.recover(START + 3).await)?;
    let mut found: Vec<_> = found.iter().map(|entry| (entry.id, entry.state)).collect();
    found.sort();
    let released = jobs.iter().step_by(2);
    let expected: Vec<_> = released
        .filter_map(|(id, state)| match state {
            State::Intended => Some((*id, State::NotSent)),
            State::Sent => Some((*id, State::Ambiguous)),
            _ => None,
        })
        .collect();
    holds(RULE, found == expected, || {
        format!("{expected:?} were released, and recovering returned {found:?}")
    })?;
    for (id, state) in jobs.iter().skip(1).step_by(2) {
        let entry = kept.listed.iter().find(|entry| entry.id == *id);
        holds(
            RULE,
            entry.is_some_and(|entry| entry.state == *state),
            || format!("a job that was not released became {entry:?}"),
        )?;
    }
    // The answer came after all.
    for (id, state) in &expected {
        if *state == State::Ambiguous {
            let late = ledger.record(*id, &accepted("late"), START + 4).await;
            done(RULE, "an outcome after a release", late)?;
        }
    }
    Ok(())
}

/// Intents whose futures are dropped after some steps, as a caller's are who gives up.
async fn what_is_dropped_is_ended<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    const RULE: Rule = Rule::Dropped;
    // More calls than any storage needs to come to it.
    const SOON: usize = 10_000;
    let ledger = open("dropped").await;
    let party = Party::new("dropped");
    // What was told is the caller's, who lives.
    let mut known = Vec::new();
    for steps in 1..=6 {
        let intent = party.intent(steps, 10);
        let mut call = ledger.intend(&intent, START);
        let mut left = steps;
        let told = poll_fn(|context| {
            if let Poll::Ready(told) = call.as_mut().poll(context) {
                return Poll::Ready(Some(told));
            }
            left -= 1;
            if left == 0 {
                return Poll::Ready(None);
            }
            context.waker().wake_by_ref();
            Poll::Pending
        });
        if let Some(told) = told.await {
            known.push(done(RULE, "intend", told)?.id);
        }
    }
    let mut open_jobs = Vec::new();
    for _ in 0..SOON {
        done(RULE, "recover", ledger.recover(START + 1).await)?;
        let mut jobs = Filter::of(party.account.clone());
        jobs.states = vec![State::Intended, State::Sent];
        open_jobs = done(RULE, "entries", ledger.entries(&jobs).await)?;
        open_jobs.retain(|job| !known.contains(&job.id));
        if open_jobs.is_empty() {
            break;
        }
    }
    holds(RULE, open_jobs.is_empty(), || {
        format!("the futures of intents were dropped, and their jobs are open: {open_jobs:?}")
    })?;
    let all = done(
        RULE,
        "entries",
        ledger.entries(&Filter::of(party.account.clone())).await,
    )?;
    let mut dropped = all.iter().filter(|job| !known.contains(&job.id));
    let wrong = dropped.find(|job| job.state != State::NotSent);
    holds(RULE, wrong.is_none(), || {
        format!("the future of an intent was dropped, and its job became {wrong:?}")
    })
}

/// Two recover at once what an ended process left.
async fn an_ended_process_s_jobs_are_found_once<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    const RULE: Rule = Rule::Owned;
    let party = Party::new("ended");
    let ways = Way::of(&open("ended").await).await;
    for (round, way) in (0_u128..).zip(ways) {
        let mut left = Vec::new();
        {
            let gone = open("ended").await;
            for key in 0..12 {
                let key = round * 100 + key;
                let id = done(
                    RULE,
                    "intend",
                    gone.intend(&party.intent(key, 10), START).await,
                )?
                .id;
                if key % 2 == 0 {
                    done(RULE, "record", gone.record(id, &Event::Sent, START).await)?;
                }
                if key % 4 == 0 {
                    let salvaged = Event::Unconfirmed(query_id("salvaged"));
                    done(RULE, "record", gone.record(id, &salvaged, START).await)?;
                }
                left.push(id);
            }
        }
        let finders = [open("ended").await, open("ended").await];
        let calls: Vec<Call<'_, Result<Vec<Entry>, Error>>> = finders
            .iter()
            .map(|finder| finder.recover(START + 1))
            .collect();
        let mut found = Vec::new();
        for part in way.all(calls).await {
            found.extend(done(RULE, "recover", part)?);
        }
        found.sort_by_key(|entry| entry.id);
        let ids: Vec<LocalId> = found.iter().map(|entry| entry.id).collect();
        holds(RULE, ids == left, || {
            format!("an ended process left {left:?}, and two that recovered at once found {ids:?}")
        })?;
        let salvaged = found.iter().filter(|entry| entry.unconfirmed_id.is_some());
        let salvaged = salvaged.count();
        holds(RULE, salvaged == 3, || {
            format!("three unconfirmed ids were kept, and {salvaged} were recovered")
        })?;
        let again = done(RULE, "recover", finders[0].recover(START + 2).await)?;
        holds(RULE, again.is_empty(), || {
            format!("what was recovered was found again: {again:?}")
        })?;
    }
    Ok(())
}
