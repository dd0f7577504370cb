//! The same rows in several batches.

use super::super::fixture::{Party, START, done, holds, path_to};
use super::super::race::{Call, Way};
use super::super::{Finding, Rule};
use crate::error::ErrorKind;
use crate::{Entry, Error, Filter, Intent, Ledger, LocalId, Once, Row, State};

const RULE: Rule = Rule::Once;

pub(super) async fn check<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    a_row_is_not_bought_beside_another_batchs(open).await?;
    a_row_that_was_wanted_anew_goes_on(open).await?;
    one_of_many_batches_wins(open).await
}

/// A row of a batch, whose prompt is the same in each.
fn row_of(party: &Party, batch: &str, key: u128, last: Option<LocalId>) -> Intent {
    let row = Row {
        batch: String::from(batch),
        name: String::from("row"),
    };
    let mut intent = party.intent(0, 10).once(Once::Row { row, last });
    intent.key = key;
    intent
}

/// Another batch's job in each state.
async fn a_row_is_not_bought_beside_another_batchs<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let ledger = open("rows of several batches").await;
    for (number, state) in (0_u128..).zip(State::ALL) {
        let party = Party::new(&format!("batches {state}"));
        let key = number * 10;
        let first = row_of(&party, "first", key, None);
        let other = done(RULE, "intend", ledger.intend(&first, START).await)?.id;
        for event in path_to(state, "other") {
            done(RULE, "record", ledger.record(other, &event, START).await)?;
        }
        let is_bought = ![State::NotSent, State::Refused, State::Failed].contains(&state);
        let expected = if is_bought {
            Err((ErrorKind::Taken, Some(other)))
        } else {
            Ok(())
        };
        let second = row_of(&party, "second", key + 1, None);
        let came = came_of(ledger.intend(&second, START).await);
        holds(RULE, came == expected, || {
            format!("a row that is {state} in another batch, as job {other}, came to {came:?}")
        })?;
        let mut another_prompt = row_of(&party, "third", key + 2, None);
        another_prompt.text.push_str(", slower");
        let mut another_account = row_of(&Party::new("another's"), "third", key + 3, None);
        another_account.account = Party::new(&format!("another's {state}")).account;
        let mut anew = row_of(&party, "fourth", key + 4, None);
        anew.anew = true;
        for (what, intent) in [
            ("another prompt of its name", another_prompt),
            ("the same row of another account", another_account),
            ("a row that is wanted anew", anew),
        ] {
            done(RULE, what, ledger.intend(&intent, START).await)?;
        }
    }
    Ok(())
}

/// What it was bought beside, it may be tried again beside; what another batch has bought since, not.
async fn a_row_that_was_wanted_anew_goes_on<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let ledger = open("rows that are wanted anew").await;
    let party = Party::new("anew");
    let first = row_of(&party, "first", 1, None);
    done(RULE, "intend", ledger.intend(&first, START).await)?;
    let mut last = None;
    for key in [2, 3] {
        let mut second = row_of(&party, "second", key, last);
        second.anew = last.is_none();
        let begun = done(RULE, "to go on", ledger.intend(&second, START).await)?;
        for event in path_to(State::NotSent, "second") {
            done(RULE, "record", ledger.record(begun.id, &event, START).await)?;
        }
        last = Some(begun.id);
    }
    let mut third = row_of(&party, "third", 4, None);
    third.anew = true;
    let third = done(RULE, "intend", ledger.intend(&third, START).await)?.id;
    let again = row_of(&party, "second", 5, last);
    let came = came_of(ledger.intend(&again, START).await);
    holds(RULE, came == Err((ErrorKind::Taken, Some(third))), || {
        format!("a row that another batch has bought since as job {third} came to {came:?}")
    })
}

/// Two processes intend the same row, each time of another batch, many times at once.
async fn one_of_many_batches_wins<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let ledgers = [
        open("one of many batches").await,
        open("one of many batches").await,
    ];
    for (number, way) in (0_u128..).zip(Way::of(&ledgers[0]).await) {
        let party = Party::new(&format!("batches at once {way:?}"));
        let intents: Vec<Intent> = (0..8)
            .map(|batch| row_of(&party, &format!("batch {batch}"), number * 10 + batch, None))
            .collect();
        let calls: Vec<Call<'_, Result<Entry, Error>>> = intents
            .iter()
            .zip(ledgers.iter().cycle())
            .map(|(intent, ledger)| ledger.intend(intent, START))
            .collect();
        let results = way.all(calls).await;
        let jobs = ledgers[0].entries(&Filter::of(party.account)).await;
        let jobs = done(RULE, "entries", jobs)?;
        let began = results.iter().filter(|result| result.is_ok()).count();
        holds(RULE, (began, jobs.len()) == (1, 1), || {
            format!(
                "of eight batches that intend one row at once, {began} were let through: {results:?}"
            )
        })?;
    }
    Ok(())
}

fn came_of(began: Result<Entry, Error>) -> Result<(), (ErrorKind, Option<LocalId>)> {
    began.map(drop).map_err(|error| (error.kind(), error.job()))
}
