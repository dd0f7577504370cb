//! Texts and numbers come back as they were.

use super::fixture::{Kept, Party, START, accepted, done, holds, observed};
use super::{Finding, Rule};
use crate::{Entry, Event, Filter, Ledger, LocalId, Look, Once, Row, Run};

const RULE: Rule = Rule::Values;

pub(super) async fn check<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    texts_come_back(open).await?;
    keys_are_whole_numbers(open).await?;
    times_and_credits_come_back(open).await?;
    what_is_too_great_is_kept_whole_or_refused(open).await
}

fn texts() -> Vec<String> {
    vec![
        String::new(),
        String::from("a\0b"),
        String::from("it's \"quoted\" `so` \\ and; DROP TABLE job; -- $1 %s {} ?"),
        String::from("line\r\nbreak\ttab \u{1b}[31m"),
        String::from("\u{202e}right to left\u{200b}\u{feff}"),
        "🎵".repeat(250),
        "e\u{301}".repeat(125),
        String::from("NULL"),
        String::from(" padded "),
        "x".repeat(100_000),
    ]
}

async fn texts_come_back<L: Ledger, F: AsyncFnMut(&str) -> L>(open: &mut F) -> Result<(), Finding> {
    let name = "odd texts: it's \"quoted\" 🎵";
    let mut written = Vec::new();
    {
        let ledger = open(name).await;
        for (key, text) in (0..).zip(texts()) {
            let kept = a_job_of(&ledger, key, &text).await?;
            written.push((text, kept));
        }
    }
    let ledger = open(name).await;
    for (text, before) in written {
        let party = Party::new(named(&text));
        let id = before.entry.as_ref().map_or(LocalId(0), |entry| entry.id);
        let after = Kept::of(&ledger, &party, id).await?;
        let differ = before.history != after.history || before.entry != after.entry;
        holds(RULE, !differ, || format!("{text:?} came back as {after:?}"))?;
        let Some(entry) = after.entry else {
            return Err(Finding::new(RULE, format!("the job of {text:?} is gone")));
        };
        holds(RULE, is_all(&entry, &text), || {
            format!("{text:?} came back as {entry:?}")
        })?;
        let mut rows = Filter::of(party.account);
        rows.row = entry.row();
        let found = done(RULE, "entries", ledger.entries(&rows).await)?;
        holds(RULE, found.len() == 1, || {
            format!("the row {text:?} was found {} times", found.len())
        })?;
    }
    Ok(())
}

/// What a text is as a name: of no more than a kibibyte.
fn named(text: &str) -> &str {
    if text.len() > 1_024 { "long" } else { text }
}

/// A job that says the same text wherever it can.
async fn a_job_of<L: Ledger>(ledger: &L, key: u128, text: &str) -> Result<Kept, Finding> {
    let name = || named(text).to_owned();
    let party = Party::new(named(text));
    let changed = Look::new(1).changed(text).at(START);
    observed(RULE, ledger, &party, &changed).await?;
    let mut intent = party.intent(key, 60).after(changed);
    text.clone_into(&mut intent.text);
    intent.run = Some(Run {
        id: name(),
        credits: 9,
    });
    let row = Row {
        batch: name(),
        name: name(),
    };
    intent.once = Once::Row { row, last: None };
    intent.output = Some(text.to_owned());
    let id = done(RULE, "intend", ledger.intend(&intent, START).await)?.id;
    let whole = Event::Downloaded {
        path: text.to_owned(),
        bytes: 1,
        sha256: name(),
    };
    let unclear = Event::Ambiguous(text.to_owned());
    for event in [Event::Sent, unclear, accepted("x"), whole] {
        done(RULE, "record", ledger.record(id, &event, START).await)?;
    }
    Kept::of(ledger, &party, id).await
}

/// Whether a job says the same text wherever it can.
fn is_all(entry: &Entry, text: &str) -> bool {
    let name = Some(named(text));
    let look = entry.look_before.as_ref();
    entry.text == text
        && entry.detail.as_deref() == Some(text)
        && entry.output.as_deref() == Some(text)
        && entry.path.as_deref() == Some(text)
        && look.and_then(|look| look.changed.as_deref()) == Some(text)
        && entry.account == Party::new(named(text)).account
        && entry.batch.as_deref() == name
        && entry.row.as_deref() == name
        && entry.run.as_deref() == name
        && entry.sha256.as_deref() == name
}

async fn keys_are_whole_numbers<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let ledger = open("keys").await;
    let party = Party::new("keys");
    let keys = [0, 1, 1 << 63, 1 << 64, (1 << 64) + 1, 1 << 127, u128::MAX];
    for key in keys {
        done(
            RULE,
            "intend",
            ledger.intend(&party.intent(key, 5), START).await,
        )?;
    }
    let jobs = ledger.entries(&Filter::of(party.account)).await;
    let jobs = done(RULE, "entries", jobs)?.len();
    holds(RULE, jobs == keys.len(), || {
        format!("{} keys made {jobs} jobs", keys.len())
    })
}

/// A service that was restarted may give an id again.
pub(super) async fn one_id_may_name_two_jobs<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let ledger = open("one id").await;
    let party = Party::new("one id");
    for key in 0..2 {
        let id = done(
            RULE,
            "intend",
            ledger.intend(&party.intent(key, 5), START).await,
        )?
        .id;
        for event in [Event::Sent, accepted("same"), Event::Completed] {
            done(
                RULE,
                "two jobs of one id",
                ledger.record(id, &event, START).await,
            )?;
        }
    }
    let named = ledger.entries(&Filter::named("QRY_same")).await;
    let named = done(RULE, "entries", named)?.len();
    holds(RULE, named == 2, || {
        format!("two jobs of one id, and {named} are found by it")
    })
}

/// The greatest number that every storage must keep.
const GREATEST: u64 = i64::MAX.cast_unsigned();

async fn times_and_credits_come_back<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let ledger = open("numbers").await;
    for (key, number) in (0_u128..).zip([0, 1, u64::from(u32::MAX) + 1, GREATEST]) {
        let party = Party::new(&format!("number {number}"));
        let look = Look::new(number).at(START);
        observed(RULE, &ledger, &party, &look).await?;
        let mut intent = party.intent(key, u8::MAX).after(look.clone());
        intent.limits.total = Some(u64::MAX);
        intent.limits.per_job = Some(number.max(1));
        let id = done(RULE, "intend", ledger.intend(&intent, START).await)?.id;
        let whole = Event::Downloaded {
            path: String::from("a.wav"),
            bytes: number,
            sha256: crate::hash(b""),
        };
        for event in [Event::Sent, accepted("number"), whole] {
            done(RULE, "record", ledger.record(id, &event, START).await)?;
        }
        let kept = Kept::of(&ledger, &party, id).await?.entry;
        holds(
            RULE,
            kept.as_ref().is_some_and(|entry| {
                entry.bytes == Some(number)
                    && entry.duration == u8::MAX
                    && entry.look_before.as_ref() == Some(&look)
                    && entry.expected_cost == Some(number.max(1))
            }),
            || format!("{number} came back as {kept:?}"),
        )?;
    }
    Ok(())
}

async fn what_is_too_great_is_kept_whole_or_refused<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let ledger = open("too great").await;
    let party = Party::new("too great");
    let id = done(
        RULE,
        "intend",
        ledger.intend(&party.intent(0, 5), START).await,
    )?
    .id;
    for event in [Event::Sent, accepted("great")] {
        done(RULE, "record", ledger.record(id, &event, START).await)?;
    }
    for bytes in [GREATEST + 1, u64::MAX] {
        let before = Kept::of(&ledger, &party, id).await?;
        let whole = Event::Downloaded {
            path: format!("{bytes}.wav"),
            bytes,
            sha256: crate::hash(b""),
        };
        let recorded = ledger.record(id, &whole, START).await;
        let after = Kept::of(&ledger, &party, id).await?;
        let is_right = match &recorded {
            Ok(entry) => entry.bytes == Some(bytes) && after.entry.as_ref() == Some(entry),
            Err(_) => before == after,
        };
        holds(RULE, is_right, || {
            format!(
                "{bytes} bytes came to {recorded:?}, and {:?} is kept",
                after.entry
            )
        })?;
        let is_kept = observed(RULE, &ledger, &party, &Look::new(bytes))
            .await
            .is_ok();
        let next = party.intent(u128::from(bytes), 5).after(Look::new(bytes));
        let entry = ledger.intend(&next, START).await;
        let is_right = match &entry {
            Ok(entry) => entry.look_before == next.look,
            Err(_) => !is_kept || bytes > GREATEST,
        };
        holds(RULE, is_right, || {
            format!("a look at {bytes} credits came to {entry:?}")
        })?;
    }
    Ok(())
}
