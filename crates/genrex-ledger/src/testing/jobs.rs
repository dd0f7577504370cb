//! Repeated calls, transitions, history, and which jobs a filter lets through.

use super::fixture::{
    Kept, Party, START, accepted, done, downloaded, holds, lives, look, observed, path_to,
    query_id, total,
};
use super::twin::Twin;
use super::{Finding, Rule};
use crate::error::ErrorKind;
use crate::event::EventKind;
use crate::{
    Entry, Event, Filter, Intent, Ledger, LocalId, Once, Reconciliation, Refusal, Resolution, Row,
    State, Transition,
};

pub(super) async fn check<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    intents_are_repeatable(open).await?;
    events_are_repeatable(open).await?;
    only_the_machine_moves_a_job(open).await?;
    unknown_jobs_are_not_found(open).await?;
    a_job_keeps_its_past(open).await?;
    filters_select(open).await
}

async fn intents_are_repeatable<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    const RULE: Rule = Rule::Repeatable;
    let ledger = open("repeated intents").await;
    let other = open("repeated intents").await;
    let party = Party::new("repeated");
    let intent = party.intent(7, 10).once(Once::Prompt);
    let mut id = None;
    for event in [None, Some(Event::Sent), Some(accepted("repeated"))] {
        if let (Some(event), Some(id)) = (&event, id) {
            done(RULE, "record", ledger.record(id, event, START).await)?;
        }
        let first = done(RULE, "intend", ledger.intend(&intent, START).await)?;
        let again = done(
            RULE,
            "intend again",
            ledger.intend(&intent, START + 5).await,
        )?;
        let there = done(
            RULE,
            "intend again from another process",
            other.intend(&intent, START + 9).await,
        )?;
        holds(RULE, first == again && again == there, || {
            format!("the same intent returned {first:?}, then {again:?}, elsewhere {there:?}")
        })?;
        holds(RULE, id.is_none_or(|id| id == first.id), || {
            format!("the same intent began job {} after {id:?}", first.id)
        })?;
        id = Some(first.id);
    }
    let kept = Kept::of(&ledger, &party, id.unwrap_or(LocalId(0))).await?;
    holds(RULE, kept.listed.len() == 1, || {
        format!("one intent made {} jobs", kept.listed.len())
    })?;
    holds(RULE, kept.history.len() == 3, || {
        format!("a repeated intent left its mark: {:?}", kept.history)
    })
}

/// Each event of each life, twice.
async fn events_are_repeatable<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    const RULE: Rule = Rule::Repeatable;
    let ledger = open("repeated events").await;
    for (number, life) in (0_u128..).zip(lives("twice")) {
        let party = Party::new(&format!("twice {number}"));
        for _ in 0..2 {
            observed(RULE, &ledger, &party, &look(0, 0)).await?;
        }
        let intent = party.intent(number, 10).after(look(0, 0));
        let mut limited = intent.clone().within(total(50));
        limited.limits.per_job = Some(10);
        let id = done(RULE, "intend", ledger.intend(&limited, START).await)?.id;
        for event in &life {
            done(RULE, "record", ledger.record(id, event, START + 1).await)?;
            let once = Kept::of(&ledger, &party, id).await?;
            let again = done(
                RULE,
                "a repeated event",
                ledger.record(id, event, START + 9).await,
            )?;
            let twice = Kept::of(&ledger, &party, id).await?;
            if let Some(difference) = once.difference(&twice) {
                return Err(Finding::new(RULE, format!("{event:?} twice: {difference}")));
            }
            holds(RULE, Some(&again) == once.entry.as_ref(), || {
                format!(
                    "{event:?} again returned {again:?}, and {:?} is kept",
                    once.entry
                )
            })?;
        }
    }
    Ok(())
}

fn an_event(kind: EventKind) -> Event {
    let why = || String::from("a reason");
    match kind {
        EventKind::Sent => Event::Sent,
        EventKind::NotSent => Event::NotSent(why()),
        EventKind::Refused => Event::Refused(Refusal::RateLimited, why()),
        EventKind::Unconfirmed => Event::Unconfirmed(query_id("unconfirmed")),
        EventKind::Ambiguous => Event::Ambiguous(why()),
        EventKind::Crashed => Event::Crashed,
        EventKind::Accepted => accepted("job"),
        EventKind::Processing => Event::Processing,
        EventKind::Identified => Event::Resolved(Resolution::Accepted(query_id("job")), why()),
        EventKind::Reconciled => Event::Reconciled(Reconciliation::Charged),
        EventKind::Resolved => Event::Resolved(Resolution::Charged, why()),
        EventKind::Completed => Event::Completed,
        EventKind::Failed => Event::Failed,
        EventKind::Downloaded => downloaded("c.wav"),
    }
}

/// Every event on a job in every state.
async fn only_the_machine_moves_a_job<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    const RULE: Rule = Rule::Transitions;
    let ledger = open("transitions").await;
    let mut events: Vec<Event> = EventKind::ALL.into_iter().map(an_event).collect();
    events.push(Event::Accepted(query_id("another")));
    let pairs = State::ALL
        .into_iter()
        .flat_map(|state| events.iter().map(move |event| (state, event)));
    for (number, (from, event)) in (0_u128..).zip(pairs) {
        let party = Party::new(&format!("transition {number}"));
        let intent = party.intent(number, 10);
        let id = done(RULE, "intend", ledger.intend(&intent, START).await)?.id;
        for step in path_to(from, "job") {
            done(RULE, "record", ledger.record(id, &step, START).await)?;
        }
        let before = Kept::of(&ledger, &party, id).await?;
        let result = ledger.record(id, event, START + 1).await;
        let after = Kept::of(&ledger, &party, id).await?;
        let is_another_id = *event == Event::Accepted(query_id("another"));
        let has_an_id = before
            .entry
            .as_ref()
            .is_some_and(|entry| entry.query_id.is_some());
        match from.after(event.kind()) {
            Transition::To(state) => {
                let entry = done(RULE, &format!("{event:?} on a job that is {from}"), result)?;
                holds(
                    RULE,
                    entry.state == state && after.entry.as_ref() == Some(&entry),
                    || format!("{event:?} on a job that is {from} led to {:?}", after.entry),
                )?;
            }
            Transition::Already if !(is_another_id && has_an_id) => {
                done(RULE, &format!("{event:?} on a job that is {from}"), result)?;
                unchanged(RULE, from, event, &before, &after)?;
            }
            Transition::Already | Transition::Impossible => {
                let kind = result.map_err(|error| error.kind());
                holds(RULE, kind == Err(ErrorKind::Transition), || {
                    format!("{event:?} on a job that is {from} came to {kind:?}")
                })?;
                unchanged(RULE, from, event, &before, &after)?;
            }
        }
    }
    Ok(())
}

fn unchanged(
    rule: Rule,
    from: State,
    event: &Event,
    before: &Kept,
    after: &Kept,
) -> Result<(), Finding> {
    match before.difference(after) {
        Some(difference) => Err(Finding::new(
            rule,
            format!("{event:?} on a job that is {from}: {difference}"),
        )),
        None => Ok(()),
    }
}

async fn unknown_jobs_are_not_found<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    const RULE: Rule = Rule::Transitions;
    let ledger = open("nothing").await;
    let party = Party::new("nobody");
    for id in [LocalId(1), LocalId(0), LocalId(-1), LocalId(i64::MAX)] {
        let recorded = ledger.record(id, &Event::Sent, START).await;
        let reconciled = ledger.reconcile(id, START).await;
        for (call, result) in [("record", recorded), ("reconcile", reconciled)] {
            let kind = result.map_err(|error| error.kind());
            holds(RULE, kind == Err(ErrorKind::NotFound), || {
                format!("{call} on job {id}, which is unknown, came to {kind:?}")
            })?;
        }
        ledger.release(id, START);
        let kept = Kept::of(&ledger, &party, id).await?;
        let is_nothing = kept.entry.is_none()
            && kept.listed.is_empty()
            && kept.history.is_empty()
            && kept.account.is_none()
            && kept.credits == crate::Credits::new();
        holds(RULE, is_nothing, || {
            format!("an empty storage tells {kept:?} of job {id}")
        })?;
    }
    Ok(())
}

async fn a_job_keeps_its_past<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    let ledger = open("history").await;
    let mut twin = Twin::new(&ledger, Rule::Decisions);
    for (number, life) in (0_u128..).zip(lives("past")) {
        let party = Party::new(&format!("past {number}"));
        twin.rule = Rule::Decisions;
        let id = begun(&mut twin, &party.intent(number, 10), START).await?.id;
        for (step, event) in (1..).zip(&life) {
            twin.rule = Rule::Decisions;
            let _ = twin.record(id, event, START + step).await?;
            twin.rule = Rule::History;
            twin.same_history(id).await?;
        }
        let past = done(Rule::History, "history", ledger.history(id).await)?;
        holds(Rule::History, past.is_sorted_by_key(|past| past.at), || {
            format!("the past is not oldest first: {past:?}")
        })?;
    }
    Ok(())
}

/// An intent that both begin.
async fn begun<L: Ledger>(
    twin: &mut Twin<'_, L>,
    intent: &Intent,
    now: u64,
) -> Result<Entry, Finding> {
    let rule = twin.rule;
    done(rule, "intend", twin.intend(intent, now).await?)
}

async fn filters_select<L: Ledger, F: AsyncFnMut(&str) -> L>(open: &mut F) -> Result<(), Finding> {
    const RULE: Rule = Rule::Selection;
    let ledger = open("filters").await;
    let ids = make_jobs(&ledger).await?;
    let mut all = Vec::new();
    for id in ids {
        let entry = done(RULE, "entry", ledger.entry(id).await)?;
        all.extend(entry);
    }
    all.sort_by_key(|entry| entry.id);
    for filter in filters(&all) {
        let mut expected: Vec<&Entry> = all.iter().filter(|entry| filter.admits(entry)).collect();
        if !filter.oldest_first {
            expected.reverse();
        }
        if let Some(limit) = filter.limit {
            expected.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        let found = done(RULE, "entries", ledger.entries(&filter).await)?;
        holds(RULE, found.iter().eq(expected.iter().copied()), || {
            let ids = |entries: &mut dyn Iterator<Item = LocalId>| -> Vec<i64> {
                entries.map(i64::from).collect()
            };
            format!(
                "{filter:?} had to return {:?}, and returned {:?}",
                ids(&mut expected.iter().map(|entry| entry.id)),
                ids(&mut found.iter().map(|entry| entry.id))
            )
        })?;
    }
    Ok(())
}

/// Two accounts, each state, two batches with a row of the same name, one body twice, two jobs of one id.
async fn make_jobs<L: Ledger>(ledger: &L) -> Result<Vec<LocalId>, Finding> {
    const RULE: Rule = Rule::Selection;
    let mut ids = Vec::new();
    let mut now = START;
    for party in [Party::new("one"), Party::new("other")] {
        for (number, state) in (0_u128..).zip(State::ALL) {
            for batch in ["summer", "winter"] {
                now += 1_000;
                let row = Row {
                    batch: String::from(batch),
                    name: format!("row {}", number % 4),
                };
                let mut rows = Filter::of(party.account.clone());
                rows.row = Some(row.clone());
                rows.limit = Some(1);
                let last = done(RULE, "entries", ledger.entries(&rows).await)?;
                let last = last.first().map(|entry| entry.id);
                let key = 1_000 + u128::from(now);
                let mut intent = party.intent(key, 10);
                intent.body_sha256 = crate::hash(&[u8::try_from(number % 3).unwrap_or(0)]);
                intent.once = Once::Row { row, last };
                let began = match ledger.intend(&intent, now).await {
                    Err(error) if error.kind() == ErrorKind::Taken => {
                        intent.once = Once::No;
                        ledger.intend(&intent, now).await
                    }
                    began => began,
                };
                let id = done(RULE, "intend", began)?.id;
                for event in path_to(state, if number % 2 == 0 { "even" } else { "odd" }) {
                    now += 1;
                    done(RULE, "record", ledger.record(id, &event, now).await)?;
                }
                ids.push(id);
            }
        }
    }
    Ok(ids)
}

fn filters(all: &[Entry]) -> Vec<Filter> {
    let party = Party::new("one");
    let row = |batch: &str, name: &str| Row {
        batch: String::from(batch),
        name: String::from(name),
    };
    let with = |change: &dyn Fn(&mut Filter)| {
        let mut filter = Filter::default();
        change(&mut filter);
        filter
    };
    let mut filters = vec![
        Filter::default(),
        Filter::of(party.account.clone()),
        Filter::of(Party::new("nobody").account),
        Filter::named("QRY_even"),
        Filter::named("QRY_none"),
        Filter::of(party.account.clone()).states([State::Failed, State::Downloaded]),
        with(&|filter| filter.body_sha256 = Some(crate::hash(&[1]))),
        with(&|filter| filter.row = Some(row("summer", "row 1"))),
        with(&|filter| filter.row = Some(row("winter", "row 1"))),
        with(&|filter| filter.row = Some(row("autumn", "row 1"))),
        with(&|filter| filter.row_name = Some(String::from("row 2"))),
    ];
    filters.extend(State::ALL.map(|state| Filter::default().states([state])));
    let middle = &all[all.len() / 2];
    for since in [0, middle.created_at, middle.created_at + 1, u64::MAX] {
        filters.push(with(&|filter| filter.since = Some(since)));
    }
    for after in [LocalId(0), middle.id, all[all.len() - 1].id] {
        filters.push(with(&|filter| filter.after = Some(after)));
    }
    let mut every = Filter::of(party.account).states(State::ALL);
    every.query_id = Some(String::from("QRY_odd"));
    every.body_sha256 = Some(crate::hash(&[1]));
    every.since = Some(all[0].created_at);
    filters.push(every);
    let ordered = filters.clone().into_iter().flat_map(|filter| {
        [None, Some(0), Some(1), Some(3), Some(u32::MAX)].map(|limit| Filter {
            oldest_first: true,
            limit,
            ..filter.clone()
        })
    });
    let newest = filters.clone().into_iter().map(|filter| Filter {
        limit: Some(2),
        ..filter
    });
    let more: Vec<Filter> = ordered.chain(newest).collect();
    filters.extend(more);
    filters
}
