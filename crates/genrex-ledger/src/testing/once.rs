//! What must not be bought beside itself, and what is bought in place of another.

mod other_batches;

use super::fixture::{Kept, Party, START, accepted, done, holds, look, path_to};
use super::race::{Call, Way};
use super::twin::Twin;
use super::{Finding, Rule};
use crate::error::ErrorKind;
use crate::{
    Entry, Error, Event, Filter, Intent, Ledger, LocalId, Once, Reconciliation, Resolution, Row,
    State,
};

pub(super) async fn check<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    a_prompt_is_bought_once(open).await?;
    a_row_is_bought_once(open).await?;
    a_row_goes_by_its_newest_job(open).await?;
    other_batches::check(open).await?;
    one_of_many_wins(open).await?;
    what_was_not_charged_is_superseded(open).await?;
    a_verdict_is_checked_again(open).await
}

fn not_charged() -> Event {
    Event::Resolved(Resolution::NotCharged, String::from("support says so"))
}

/// Another job of the same body in each state.
async fn a_prompt_is_bought_once<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let ledger = open("prompts").await;
    let mut twin = Twin::new(&ledger, Rule::Once);
    for (number, state) in (0_u128..).zip(State::ALL) {
        let party = Party::new(&format!("prompts {number}"));
        let first = party.intent(number, 10);
        let id = done(Rule::Once, "intend", twin.intend(&first, START).await?)?.id;
        for event in path_to(state, "prompt") {
            let _ = twin.record(id, &event, START).await?;
        }
        let mut second = first.clone().once(Once::Prompt);
        second.key += 100;
        let _ = twin.intend(&second, START).await?;
        let mut elsewhere = second.clone();
        elsewhere.key += 100;
        elsewhere.account = Party::new("another's").account;
        done(
            Rule::Once,
            "the same prompt on another account",
            twin.intend(&elsewhere.once(Once::No), START).await?,
        )?;
    }
    twin.same_jobs().await
}

fn row(party: &Party, key: u128, last: Option<LocalId>) -> Intent {
    let row = Row {
        batch: String::from("batch"),
        name: String::from("row"),
    };
    party.intent(key, 10).once(Once::Row { row, last })
}

/// A row's newest job in each state, with the newest, an older and no job as the last one seen.
async fn a_row_is_bought_once<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let ledger = open("rows").await;
    let mut twin = Twin::new(&ledger, Rule::Once);
    let mut key = 0;
    for state in State::ALL {
        let party = Party::new(&format!("rows {state}"));
        let mut seen = vec![None];
        for step in 0..3 {
            key += 1;
            let last = *seen.last().unwrap_or(&None);
            let id = match twin.intend(&row(&party, key, last), START).await? {
                Ok(entry) => entry.id,
                Err(_) => break,
            };
            let path = if step == 0 { State::NotSent } else { state };
            for event in path_to(path, "row") {
                let _ = twin.record(id, &event, START).await?;
            }
            for last in &seen {
                key += 1;
                let _ = twin.intend(&row(&party, key, *last), START).await?;
            }
            seen.push(Some(id));
        }
    }
    twin.same_jobs().await?;
    let nobody = Party::new("nobody's rows");
    let unknown = ledger
        .intend(&row(&nobody, 9_000, Some(LocalId(1))), START)
        .await;
    let kind = unknown.map_err(|error| error.kind());
    holds(Rule::Once, kind == Err(ErrorKind::NotFound), || {
        format!("a row whose last job is unknown came to {kind:?}")
    })
}

/// What a second purchase of a row comes to: whatever the rules say, it is written down here.
async fn a_row_goes_by_its_newest_job<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    const RULE: Rule = Rule::Once;
    let ledger = open("newest of a row").await;
    let by_hand = |resolution| Some(Event::Resolved(resolution, String::from("support says so")));
    let by_balance = |found| Some(Event::Reconciled(found));
    let free = [State::NotSent, State::Refused, State::Failed];
    let states = State::ALL.map(|state| (state, None, free.contains(&state), false));
    let found = [
        (by_balance(Reconciliation::Charged), false, false),
        (by_hand(Resolution::Charged), true, false),
        (by_hand(Resolution::NotCharged), true, true),
    ];
    let found = found.map(|(event, named, any)| (State::Ambiguous, event, named, any));
    // Whether it may be bought by who names the newest job, and by who saw another one, or none.
    for (number, (state, then, named, any)) in (0_u128..).zip(states.into_iter().chain(found)) {
        for (which, is_let) in [(0, any), (1, any), (2, named)] {
            let party = Party::new(&format!("newest {number} {which}"));
            let key = number * 100 + which * 10;
            let seen = an_old_and_a_new_one(&ledger, &party, key, state).await?;
            let newest = seen[2].unwrap_or(LocalId(0));
            if let Some(event) = &then {
                done(RULE, "record", ledger.record(newest, event, START).await)?;
            }
            let last = seen[usize::try_from(which).unwrap_or(0)];
            let again = ledger.intend(&row(&party, key + 3, last), START).await;
            let came = again
                .as_ref()
                .map(drop)
                .map_err(|error| (error.kind(), error.job()));
            let expected = if is_let {
                Ok(())
            } else {
                Err((ErrorKind::Taken, Some(newest)))
            };
            holds(RULE, came == expected, || {
                format!(
                    "of a row whose newest job is {state} ({then:?}), another purchase that had seen job {last:?} came \
                     to {came:?}"
                )
            })?;
            let superseded = Kept::of(&ledger, &party, newest).await?.entry;
            let superseded = superseded.and_then(|entry| entry.superseded_by);
            let by = again
                .ok()
                .map(|entry| entry.id)
                .filter(|_| state == State::Ambiguous);
            holds(Rule::Superseded, superseded == by, || {
                format!("job {newest}, in whose place {by:?} was bought, says {superseded:?}")
            })?;
        }
    }
    Ok(())
}

/// Makes two jobs of a row, of which the first was refused; what may have been seen as its last.
async fn an_old_and_a_new_one<L: Ledger>(
    ledger: &L,
    party: &Party,
    key: u128,
    state: State,
) -> Result<Vec<Option<LocalId>>, Finding> {
    let mut seen = vec![None];
    for (step, state) in [(1, State::Refused), (2, state)] {
        let intent = row(party, key + step, seen.last().copied().flatten());
        let id = done(Rule::Once, "intend", ledger.intend(&intent, START).await)?.id;
        for event in path_to(state, "newest") {
            done(Rule::Once, "record", ledger.record(id, &event, START).await)?;
        }
        seen.push(Some(id));
    }
    Ok(seen)
}

/// Two processes intend the same prompt, or the same row, many times at once: as the first of an account, and of one that
/// has a job.
async fn one_of_many_wins<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let ledgers = [open("one of many").await, open("one of many").await];
    for way in Way::of(&ledgers[0]).await {
        let kinds = ["prompt", "row", "key"].map(|kind| [(kind, false), (kind, true)]);
        for (kind, is_first) in kinds.into_iter().flatten() {
            let party = Party::new(&format!("{kind} {way:?} {is_first}"));
            let hash = crate::hash(party.account.as_str().as_bytes());
            let base = u128::from_str_radix(&hash[..24], 16).unwrap_or(0) << 16;
            let mut before = Vec::new();
            if !is_first {
                let mut other = party.intent(1, 10);
                other.key = base;
                let begun = ledgers[0].intend(&other, START).await;
                before.push(done(Rule::Once, "intend", begun)?.id);
            }
            let intents: Vec<Intent> = (1..=8)
                .map(|number| {
                    let mut intent = match kind {
                        "prompt" => party.intent(0, 10).once(Once::Prompt),
                        "row" => row(&party, 0, None),
                        _ => party.intent(0, 10),
                    };
                    intent.key = base + if kind == "key" { 1 } else { number };
                    intent
                })
                .collect();
            let calls: Vec<Call<'_, Result<Entry, Error>>> = intents
                .iter()
                .zip(ledgers.iter().cycle())
                .map(|(intent, ledger)| ledger.intend(intent, START))
                .collect();
            let results = way.all(calls).await;
            let rule = if kind == "key" {
                Rule::Repeatable
            } else {
                Rule::Once
            };
            let began = results.iter().filter(|result| result.is_ok()).count();
            let expected = if kind == "key" { 8 } else { 1 };
            holds(rule, began == expected, || {
                format!(
                    "of eight that intend one {kind} at once, {began} were let through: {results:?}"
                )
            })?;
            let jobs = ledgers[0].entries(&Filter::of(party.account)).await;
            let jobs = done(rule, "entries", jobs)?;
            let made = jobs.len() - before.len();
            holds(rule, made == 1, || {
                format!("eight that intend one {kind} at once made {made} jobs")
            })?;
        }
    }
    Ok(())
}

async fn what_was_not_charged_is_superseded<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    const RULE: Rule = Rule::Superseded;
    let party = Party::new("superseded");
    let (old, new) = {
        let ledger = open("superseded").await;
        let mut twin = Twin::new(&ledger, RULE);
        let first = party.intent(1, 10).once(Once::Prompt);
        let old = done(RULE, "intend", twin.intend(&first, START).await?)?.id;
        for event in path_to(State::Ambiguous, "old") {
            let _ = twin.record(old, &event, START).await?;
        }
        let _ = twin.record(old, &not_charged(), START).await?;
        let again = |key| {
            let mut again = first.clone();
            again.key = key;
            again
        };
        let new = done(RULE, "to buy again", twin.intend(&again(2), START).await?)?.id;
        twin.same_jobs().await?;
        // It has been replaced: the one in its place is what stands in the way now.
        let third = twin.intend(&again(3), START).await?;
        let taken = third.map_err(|error| (error.kind(), error.job()));
        holds(RULE, taken == Err((ErrorKind::Taken, Some(new))), || {
            format!("a third purchase beside job {new} came to {taken:?}")
        })?;
        let charged = Event::Reconciled(Reconciliation::Charged);
        let _ = twin.record(old, &charged, START).await?;
        twin.same_jobs().await?;
        (old, new)
    };
    let ledger = open("superseded").await;
    let entry = Kept::of(&ledger, &party, old).await?.entry;
    let by = entry.and_then(|entry| entry.superseded_by);
    holds(RULE, by == Some(new), || {
        format!("job {old} was superseded by job {new}, and after a crash by {by:?}")
    })
}

/// What a balance showed may be otherwise when it is acted on.
async fn a_verdict_is_checked_again<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    const RULE: Rule = Rule::Rechecked;
    for (moves, name) in [(false, "it stands"), (true, "it falls")] {
        let ledger = open(name).await;
        let mut twin = Twin::new(&ledger, RULE);
        let party = Party::new(name);
        let mut second = 0;
        for key in 0..3 {
            let used = u64::try_from(key).unwrap_or(0) * 10;
            alone(&mut twin, &party, key, used, &mut second).await?;
        }
        let before = look(30, second);
        twin.observe(&party, &before).await?;
        let first = party.intent(10, 10).after(before).once(Once::Prompt);
        let now = START + second * 1_000;
        let old = done(RULE, "intend", twin.intend(&first, now).await?)?.id;
        for event in path_to(State::Ambiguous, "unclear") {
            let _ = twin.record(old, &event, now).await?;
        }
        for _ in 0..60 {
            // No bound falls on a look: a storage with a clock of its own is some milliseconds later.
            second += 61;
            twin.observe(&party, &look(30, second)).await?;
            let now = START + second * 1_000;
            let found = done(RULE, "reconcile", twin.reconcile(old, now).await?)?;
            if found.reconciliation == Some(Reconciliation::NotCharged) {
                break;
            }
        }
        let found = Kept::of(&ledger, &party, old).await?.entry;
        holds(
            RULE,
            found.is_some_and(|entry| entry.is_not_charged()),
            || {
                String::from(
                    "an hour in which the balance stood still did not show that job not charged",
                )
            },
        )?;
        second += 60;
        let last = look(if moves { 40 } else { 30 }, second);
        twin.observe(&party, &last).await?;
        let mut again = first.clone().after(last);
        again.key = 11;
        let again = twin.intend(&again, START + second * 1_000).await?;
        holds(RULE, again.is_err() == moves, || {
            format!("to buy again, when the balance has moved ({moves}), came to {again:?}")
        })?;
        twin.same_credits(&party).await?;
        twin.same_jobs().await?;
    }
    Ok(())
}

/// A job that goes alone, costs ten credits at the submit, and is settled.
async fn alone<L: Ledger>(
    twin: &mut Twin<'_, L>,
    party: &Party,
    key: u128,
    used: u64,
    second: &mut u64,
) -> Result<(), Finding> {
    let before = look(used, *second);
    twin.observe(party, &before).await?;
    let now = START + *second * 1_000;
    let intent = party.intent(key, 10).after(before);
    let id = done(Rule::Rechecked, "intend", twin.intend(&intent, now).await?)?.id;
    for event in [Event::Sent, accepted("alone")] {
        let _ = twin.record(id, &event, now).await?;
    }
    *second += 1;
    twin.observe(party, &look(used + 10, *second)).await?;
    *second += 1;
    let now = START + *second * 1_000;
    let _ = twin.record(id, &Event::Processing, now).await?;
    *second += 30;
    twin.observe(party, &look(used + 10, *second)).await?;
    let now = START + *second * 1_000;
    let _ = twin.record(id, &Event::Completed, now).await?;
    for _ in 0..25 {
        *second += 60;
        twin.observe(party, &look(used + 10, *second)).await?;
    }
    Ok(())
}
