//! What a storage does when all that it holds is moved to another.

use super::fixture::{Party, START, accepted, done, downloaded, holds, lives, look, observed};
use super::{Finding, Rule};
use crate::error::ErrorKind;
use crate::relocation::{Contents, Moved, Portable, Route, give_up, step};
use crate::{Error, Event, Filter, Hold, HoldKind, LocalId, Once, Row};

const RULE: Rule = Rule::Relocated;

/// Holds a storage to what [`Portable`] promises; `open` is as [`conformance`](super::conformance)'s.
///
/// # Errors
///
/// The [`Finding`].
pub async fn relocation<L, F>(mut open: F) -> Result<(), Finding>
where
    L: Portable,
    F: AsyncFnMut(&str) -> L,
{
    contents_come_back(&mut open).await?;
    a_crash_after_any_step_leaves_one(&mut open).await?;
    what_is_held_changes_no_more(&mut open).await?;
    nothing_in_flight_is_moved(&mut open).await?;
    what_is_not_empty_is_not_filled(&mut open).await?;
    a_move_that_was_given_up_is_not_gone_on_with(&mut open).await
}

fn route(to: &str) -> Route {
    Route {
        from: String::from("old"),
        to: to.to_owned(),
        command: format!("genrex ledger copy old {to}"),
        use_it: format!("set GENREX_LEDGER to {to}"),
        token: format!("token of {to}"),
    }
}

/// Jobs of each life, one that superseded another among them, and odd texts.
async fn full<L: Portable>(ledger: &L) -> Result<Party, Finding> {
    let party = Party::new("moved");
    observed(RULE, ledger, &party, &look(7, 0)).await?;
    for (key, life) in (1..).zip(lives("moved")) {
        let mut intent = party.intent(key, 10).after(look(7, 0));
        intent.text.push_str("\0\u{1a}\u{1a}0 'quoted' \u{202e}🎵");
        let entry = done(RULE, "intend", ledger.intend(&intent, START).await)?;
        for event in &life {
            done(RULE, "record", ledger.record(entry.id, event, START).await)?;
        }
    }
    for (key, last) in [(100, None), (101, Some(()))] {
        let row = Row::new("batch", "row");
        let of_row = Filter {
            row: Some(row.clone()),
            ..Filter::default()
        };
        let found = done(RULE, "entries", ledger.entries(&of_row).await)?;
        let last = last.and_then(|()| found.first()).map(|entry| entry.id);
        let intent = party
            .intent(key, 10)
            .after(look(7, 0))
            .once(Once::Row { row, last });
        let entry = done(RULE, "intend", ledger.intend(&intent, START).await)?;
        let settled = Event::Resolved(crate::Resolution::NotCharged, String::from("support"));
        for event in [Event::Sent, Event::Ambiguous(String::from("504")), settled] {
            done(RULE, "record", ledger.record(entry.id, &event, START).await)?;
        }
    }
    Ok(party)
}

async fn contents_of<L: Portable>(ledger: &L) -> Result<Contents, Finding> {
    done(RULE, "contents", ledger.contents().await)
}

/// Of two states of a ledger; the first part in which they differ is told.
fn is_same(before: &Contents, after: &Contents) -> Result<(), Finding> {
    fn differ<T: PartialEq + std::fmt::Debug>(
        what: &str,
        one: &[T],
        other: &[T],
    ) -> Option<String> {
        let found = one.iter().zip(other).find(|(one, other)| one != other);
        let counts = (one.len(), other.len());
        match found {
            Some((one, other)) => Some(format!("{what}: {one:?} became {other:?}")),
            None => (counts.0 != counts.1).then(|| format!("{what}: {counts:?}")),
        }
    }
    let named = (before.name != after.name).then(|| String::from("the name differs"));
    let differ = named
        .or_else(|| differ("a job", &before.jobs, &after.jobs))
        .or_else(|| differ("a step", &before.history, &after.history))
        .or_else(|| differ("an alias", &before.aliases, &after.aliases))
        .or_else(|| differ("an account", &before.credits, &after.credits));
    match differ {
        Some(detail) => Err(Finding::new(RULE, detail)),
        None => Ok(()),
    }
}

async fn hold_of<L: Portable>(ledger: &L) -> Result<Option<HoldKind>, Finding> {
    let hold = done(RULE, "hold", ledger.hold().await)?;
    Ok(hold.map(|hold| hold.kind))
}

async fn contents_come_back<L: Portable, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let (from, to) = (open("moved from").await, open("moved to").await);
    let party = full(&from).await?;
    let before = contents_of(&from).await?;
    let is_whole = before
        .jobs
        .iter()
        .any(|job| job.entry.superseded_by.is_some());
    holds(RULE, is_whole && before.jobs.len() > 10, || {
        format!("the contents have {} jobs", before.jobs.len())
    })?;
    let route = route("there");
    let mut steps = Vec::new();
    // A storage that does not keep a step would take it again and again.
    for _ in 0..8 {
        let taken = step(&from, &to, &route, START).await;
        let Some(moved) = done(RULE, "a step", taken)? else {
            break;
        };
        steps.push(moved);
    }
    let all = [Moved::Held, Moved::Filled, Moved::Left, Moved::Opened];
    holds(RULE, steps == all, || format!("the steps were {steps:?}"))?;
    drop(to);
    let to = open("moved to").await;
    is_same(&before, &contents_of(&to).await?)?;
    // What is bought there is a job after those, and one that was bought is found by its key.
    let again = party.intent(1, 10).after(look(7, 0));
    let known = done(RULE, "intend", to.intend(&again, START).await)?;
    holds(RULE, known.id == LocalId(1), || {
        format!("the key of job 1 began job {} anew", known.id)
    })?;
    let new = party.intent(1_000, 10).after(look(7, 0));
    let new = done(RULE, "intend", to.intend(&new, START).await)?;
    let last = before.jobs.last().map_or(LocalId(0), |job| job.entry.id);
    holds(RULE, new.id > last, || {
        format!("job {} was begun after job {last} was moved", new.id)
    })
}

/// Each step is taken by processes that end right after it.
async fn a_crash_after_any_step_leaves_one<L: Portable, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let (old, new) = ("left step by step", "reached step by step");
    let party = full(&open(old).await).await?;
    let expected = [
        (None, None),
        (Some(HoldKind::Moving), None),
        (Some(HoldKind::Moving), Some(HoldKind::Arriving)),
        (Some(HoldKind::Moved), Some(HoldKind::Arriving)),
        (Some(HoldKind::Moved), None),
    ];
    for (at, stands) in expected.into_iter().enumerate() {
        let (from, to) = (open(old).await, open(new).await);
        let found = (hold_of(&from).await?, hold_of(&to).await?);
        holds(RULE, found == stands, || {
            format!("after {at} steps the ledgers are {found:?}, and not {stands:?}")
        })?;
        // A purchase that is tried in between is made with one of both, or with none. It is not made here before the
        // end: it would be in flight.
        for (ledger, hold) in [(&from, stands.0), (&to, stands.1)] {
            if hold.is_some() {
                refused(ledger, &party, 2_000, ErrorKind::Moved).await?;
            }
        }
        done(
            RULE,
            "a step",
            step(&from, &to, &route("here"), START).await,
        )?;
    }
    let (from, to) = (open(old).await, open(new).await);
    let over = done(
        RULE,
        "a step",
        step(&from, &to, &route("here"), START).await,
    )?;
    holds(RULE, over.is_none(), || format!("{over:?} after the end"))?;
    refused(&from, &party, 2_000, ErrorKind::Moved).await?;
    let left = done(RULE, "hold", from.hold().await)?;
    let said = left.map(|hold| hold.command);
    holds(RULE, said == Some(route("here").use_it), || {
        format!("the one that was left says to type {said:?}")
    })?;
    let intent = party.intent(2_000, 10).after(look(7, 0));
    done(RULE, "intend", to.intend(&intent, START).await).map(drop)
}

async fn refused<L: Portable>(
    ledger: &L,
    party: &Party,
    key: u128,
    kind: ErrorKind,
) -> Result<(), Finding> {
    let intent = party.intent(key, 10).after(look(7, 0));
    let tried = ledger.intend(&intent, START).await;
    let found = tried.as_ref().map_err(Error::kind);
    holds(
        RULE,
        found.as_ref().is_err_and(|found| *found == kind),
        || format!("an intent came to {tried:?}, and not to {kind:?}"),
    )?;
    let words = tried.err().map(|error| error.to_string());
    holds(
        RULE,
        words.is_some_and(|words| {
            words.contains("GENREX_LEDGER") || words.contains("genrex ledger")
        }),
        || String::from("it is not said what to type"),
    )
}

/// Neither by a call nor by an outcome that comes late; what was restored takes outcomes.
async fn what_is_held_changes_no_more<L: Portable, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let ledger = open("held").await;
    let party = full(&ledger).await?;
    let late = party.intent(500, 10).after(look(7, 0));
    let late = done(RULE, "intend", ledger.intend(&late, START).await)?.id;
    for event in [Event::Sent, accepted("late")] {
        done(RULE, "record", ledger.record(late, &event, START).await)?;
    }
    let other = open("held").await;
    for kind in [HoldKind::Moving, HoldKind::Moved, HoldKind::Arriving] {
        let hold = a_hold(kind);
        done(
            RULE,
            "change_hold",
            ledger.change_hold(None, Some(&hold), START).await,
        )?;
        let before = contents_of(&ledger).await?;
        refused(&other, &party, 501, ErrorKind::Moved).await?;
        let moved = look(90, 9);
        let seen = other.observe(&party.alias, &party.account, &moved, START);
        let told = [
            seen.await.err(),
            other.record(late, &Event::Completed, START).await.err(),
            other.reconcile(late, START).await.err(),
        ];
        let kinds = told.map(|error| error.map(|error| error.kind()));
        holds(RULE, kinds == [Some(ErrorKind::Moved); 3], || {
            format!("a ledger that is {kind} said {kinds:?}")
        })?;
        let wrong = other.change_hold(None, None, START).await;
        let wrong = wrong.err().map(|error| error.kind());
        holds(RULE, wrong == Some(ErrorKind::Moved), || {
            format!("another hold was expected, and it came to {wrong:?}")
        })?;
        is_same(&before, &contents_of(&ledger).await?)?;
        // What was told meanwhile may have been put aside, and is read from here on.
        done(
            RULE,
            "change_hold",
            ledger.change_hold(Some(&hold), None, START).await,
        )?;
    }
    what_was_restored_takes_outcomes(&ledger, &other, &party, late).await
}

/// What is free goes on, and nothing is bought.
async fn what_was_restored_takes_outcomes<L: Portable>(
    ledger: &L,
    other: &L,
    party: &Party,
    late: LocalId,
) -> Result<(), Finding> {
    let hold = a_hold(HoldKind::Restored);
    done(
        RULE,
        "change_hold",
        ledger.change_hold(None, Some(&hold), START).await,
    )?;
    refused(other, party, 501, ErrorKind::Restored).await?;
    done(
        RULE,
        "record",
        other.record(late, &Event::Completed, START).await,
    )?;
    done(
        RULE,
        "record",
        other.record(late, &downloaded("a.wav"), START).await,
    )?;
    Ok(())
}

fn a_hold(kind: HoldKind) -> Hold {
    Hold {
        kind,
        token: String::from("token"),
        detail: String::from("there's \u{202e}"),
        command: String::from("genrex ledger copy here there"),
    }
}

async fn nothing_in_flight_is_moved<L: Portable, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let (from, to) = (open("in flight").await, open("no flight").await);
    let party = full(&from).await?;
    let busy = open("in flight").await;
    let intent = party.intent(500, 10).after(look(7, 0));
    let id = done(RULE, "intend", busy.intend(&intent, START).await)?.id;
    for event in [None, Some(Event::Sent)] {
        if let Some(event) = event {
            done(RULE, "record", busy.record(id, &event, START).await)?;
        }
        let tried = step(&from, &to, &route("no flight"), START).await;
        let kind = tried.err().map(|error| error.kind());
        holds(RULE, kind == Some(ErrorKind::InFlight), || {
            format!("with a job in flight it came to {kind:?}")
        })?;
    }
    done(
        RULE,
        "record",
        busy.record(id, &accepted("flown"), START).await,
    )?;
    let moved = step(&from, &to, &route("no flight"), START).await;
    let moved = done(RULE, "a step", moved)?;
    holds(RULE, moved == Some(Moved::Held), || format!("{moved:?}"))
}

async fn what_is_not_empty_is_not_filled<L: Portable, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let (from, to) = (open("one full").await, open("another full").await);
    full(&from).await?;
    full(&to).await?;
    let before = contents_of(&to).await?;
    let tried = step(&from, &to, &route("another"), START).await;
    let contents = contents_of(&from).await?;
    let filled = to.fill(&contents, &a_hold(HoldKind::Arriving), START).await;
    for tried in [tried.err(), filled.err()] {
        let kind = tried.map(|error| error.kind());
        holds(RULE, kind == Some(ErrorKind::Taken), || {
            format!("a ledger that has jobs was to be filled: {kind:?}")
        })?;
    }
    let stands = (hold_of(&from).await?, hold_of(&to).await?);
    is_same(&before, &contents_of(&to).await?)?;
    holds(RULE, stands == (None, None), || {
        format!("a copy that was refused left {stands:?} behind")
    })
}

async fn a_move_that_was_given_up_is_not_gone_on_with<L: Portable, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let (from, to) = (open("given up").await, open("half way").await);
    let party = full(&from).await?;
    for _ in [Moved::Held, Moved::Filled] {
        done(
            RULE,
            "a step",
            step(&from, &to, &route("half way"), START).await,
        )?;
    }
    done(RULE, "give_up", give_up(&from, START).await)?;
    let intent = party.intent(3_000, 10).after(look(7, 0));
    let id = done(RULE, "intend", from.intend(&intent, START).await)?.id;
    done(
        RULE,
        "record",
        from.record(id, &Event::Crashed, START).await,
    )?;
    // The same process goes on, or another begins anew, to the same place.
    for _ in 0..2 {
        let tried = step(&from, &to, &route("half way"), START).await;
        let kind = tried.err().map(|error| error.kind());
        holds(RULE, kind == Some(ErrorKind::Taken), || {
            format!("an old copy was gone on with: {kind:?}")
        })?;
        let mut other = route("half way");
        other.token = String::from("another");
        let moving = Hold {
            kind: HoldKind::Moving,
            token: other.token,
            detail: other.to,
            command: other.command,
        };
        if hold_of(&from).await?.is_none() {
            let held = from.change_hold(None, Some(&moving), START).await;
            done(RULE, "change_hold", held)?;
        }
    }
    refused(&to, &party, 3_001, ErrorKind::Moved).await
}
