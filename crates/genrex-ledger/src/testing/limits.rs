//! What is known of the credits, and what may be spent.

use super::fixture::{Kept, Party, START, accepted, done, holds, look, observed, path_to, total};
use super::race::{Call, Way};
use super::twin::{Twin, now_of};
use super::{Finding, Rule};
use crate::error::ErrorKind;
use crate::{Entry, Error, Event, Filter, Intent, Ledger, Limits, LocalId, Run, State};

pub(super) async fn check<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    credits_are_kept(open).await?;
    what_counts_is_counted(open).await?;
    limits_hold_between_processes(open).await?;
    reads_never_see_half(open).await
}

/// A price that was observed, and what was spent, in the next process.
async fn credits_are_kept<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    const RULE: Rule = Rule::Credits;
    let party = Party::new("credits");
    let before = {
        let ledger = open("credits").await;
        let mut twin = Twin::new(&ledger, RULE);
        let id = price_shown(&mut twin, &party, 0, &mut 0).await?;
        Kept::of(&ledger, &party, id).await?.credits
    };
    holds(RULE, before.price(10) == Some(10), || {
        format!(
            "a job that went alone and cost 10 credits showed {:?}",
            before.price(10)
        )
    })?;
    let ledger = open("credits").await;
    let after = done(RULE, "credits", ledger.credits(&party.account).await)?;
    holds(RULE, after == before, || {
        format!("the credits were {before:?}, and after a crash {after:?}")
    })
}

/// A job under a limit that goes alone and costs ten credits; looks until the price is known.
async fn price_shown<L: Ledger>(
    twin: &mut Twin<'_, L>,
    party: &Party,
    key: u128,
    second: &mut u64,
) -> Result<LocalId, Finding> {
    twin.observe(party, &look(0, *second)).await?;
    let before = look(0, *second);
    let now = now_of(&before);
    let intent = party.intent(key, 10).after(before).within(total(1_000));
    let rule = twin.rule;
    let id = done(rule, "intend", twin.intend(&intent, now).await?)?.id;
    for event in [Event::Sent, accepted("shown")] {
        let _ = twin.record(id, &event, now).await?;
        twin.same_credits(party).await?;
    }
    *second += 5;
    twin.observe(party, &look(10, *second)).await?;
    *second += 30;
    let now = START + *second * 1_000;
    let _ = twin.record(id, &Event::Completed, now).await?;
    for _ in 0..30 {
        *second += 60;
        twin.observe(party, &look(10, *second)).await?;
    }
    Ok(id)
}

/// Each limit, with jobs in each state behind it.
async fn what_counts_is_counted<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    for (number, limits) in (0_u128..).zip(limits()) {
        for (place, state) in (0_u128..).zip(State::ALL) {
            let name = format!("counted {number} {state}");
            let ledger = open(&format!("counted {number}")).await;
            let mut twin = Twin::new(&ledger, Rule::Limits);
            let party = Party::new(&name);
            let base = (number + 1) * 100_000 + place * 1_000;
            let mut second = 0;
            price_shown(&mut twin, &party, base, &mut second).await?;
            let mut used = 10;
            for key in 1..=12 {
                second += if key == 9 { 30 * 3_600 } else { 20 };
                let before = look(used, second);
                twin.observe(&party, &before).await?;
                let mut intent = party.intent(base + key, 10).after(before).within(limits);
                intent.run = (number == 0).then(|| Run {
                    id: format!("run {name}"),
                    credits: 35,
                });
                let now = START + second * 1_000;
                let Ok(entry) = twin.intend(&intent, now).await? else {
                    continue;
                };
                for event in path_to(state, "counted") {
                    let _ = twin.record(entry.id, &event, now).await?;
                }
                let is_charged =
                    !matches!(state, State::NotSent | State::Refused | State::Intended);
                used += if is_charged { 10 } else { 0 };
            }
            twin.same_credits(&party).await?;
            twin.rule = Rule::Decisions;
        }
    }
    Ok(())
}

fn limits() -> [Limits; 4] {
    let none = Limits::default();
    [
        none,
        Limits {
            day: Some(35),
            ..none
        },
        Limits {
            month: Some(45),
            ..none
        },
        Limits {
            total: Some(45),
            per_job: Some(10),
            ..none
        },
    ]
}

/// Three jobs fill a bound; one of them is not sent, and leaves room for one more and no other.
pub(super) async fn what_was_not_sent_makes_room_for_one<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    const RULE: Rule = Rule::Limits;
    for by_run in [true, false] {
        let ledger = open("room for one").await;
        let party = Party::new(&format!("room for one, by a run: {by_run}"));
        observed(RULE, &ledger, &party, &look(0, 0)).await?;
        let (mut let_through, mut first) = (Vec::new(), None);
        for key in 1..=6 {
            let mut intent = party
                .intent(key + u128::from(by_run) * 100, 10)
                .after(look(0, 0));
            intent.limits.per_job = Some(10);
            if by_run {
                intent.run = Some(Run {
                    id: String::from("run"),
                    credits: 30,
                });
            } else {
                intent.limits.total = Some(30);
            }
            let began = ledger.intend(&intent, START).await;
            let_through.push(began.is_ok());
            first = first.or(began.ok().map(|entry| entry.id));
            if let (4, Some(id)) = (key, first) {
                let event = Event::NotSent(String::from("no route"));
                done(RULE, "record", ledger.record(id, &event, START).await)?;
            }
        }
        holds(
            RULE,
            let_through == [true, true, true, false, true, false],
            || {
                format!(
                    "of jobs of 10 credits, 30 may be spent, and the first is not sent after the fourth was tried; let \
                 through were {let_through:?}, by a run: {by_run}"
                )
            },
        )?;
    }
    Ok(())
}

/// Two processes intend twenty jobs of ten credits at once, and fifty may be spent.
async fn limits_hold_between_processes<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    const RULE: Rule = Rule::Limits;
    let ledgers = [open("between").await, open("between").await];
    for (round, way) in (0_u128..).zip(Way::of(&ledgers[0]).await) {
        let party = Party::new(&format!("between {way:?}"));
        observed(RULE, &ledgers[0], &party, &look(0, 0)).await?;
        let intents: Vec<Intent> = (0..20)
            .map(|key| {
                let intent = party.intent(round * 100 + key, 10).after(look(0, 0));
                let mut intent = intent.within(total(50));
                intent.limits.per_job = Some(10);
                intent
            })
            .collect();
        let calls: Vec<Call<'_, Result<Entry, Error>>> = intents
            .iter()
            .zip(ledgers.iter().cycle())
            .map(|(intent, ledger)| ledger.intend(intent, START))
            .collect();
        let results = way.all(calls).await;
        let began = results.iter().filter(|result| result.is_ok()).count();
        holds(RULE, began == 5, || {
            format!(
                "50 credits were allowed, and of 20 jobs of 10 credits {began} were let through"
            )
        })?;
        let others = results.iter().filter_map(|result| result.as_ref().err());
        let kinds: Vec<ErrorKind> = others.map(Error::kind).collect();
        let is_told =
            |kind: &ErrorKind| matches!(kind, ErrorKind::OverLimit | ErrorKind::PriceUnknown);
        holds(RULE, kinds.iter().all(is_told), || {
            format!("over a limit, {kinds:?} was told")
        })?;
        let kept = ledgers[1].entries(&Filter::of(party.account.clone())).await;
        let kept = done(RULE, "entries", kept)?.len();
        holds(RULE, kept == began, || {
            format!("{began} jobs were let through, and {kept} are kept")
        })?;
        let credits = done(RULE, "credits", ledgers[1].credits(&party.account).await)?;
        let promised = credits.spending(START).total;
        holds(Rule::OneAtATime, promised == 50, || {
            format!("five jobs of 10 credits were let through, and {promised} are promised")
        })?;
    }
    Ok(())
}

/// While one process writes, another reads.
async fn reads_never_see_half<L: Ledger, F: AsyncFnMut(&str) -> L>(
    open: &mut F,
) -> Result<(), Finding> {
    const RULE: Rule = Rule::OneAtATime;
    let (writer, reader) = (open("half").await, open("half").await);
    for (round, way) in (0_u128..).zip(Way::of(&writer).await) {
        let party = Party::new(&format!("half {way:?}"));
        let written = Box::pin(async {
            for key in 0..20 {
                let intent = party.intent(round * 100 + key, 10);
                let id = writer.intend(&intent, START).await?.id;
                for event in path_to(State::Downloaded, "half") {
                    writer.record(id, &event, START).await?;
                }
            }
            Ok(Vec::new())
        });
        let read = Box::pin(async {
            let mut seen = Vec::new();
            for _ in 0..40 {
                seen.extend(reader.entries(&Filter::of(party.account.clone())).await?);
            }
            Ok(seen)
        });
        let calls: Vec<Call<'_, Result<Vec<Entry>, Error>>> = vec![written, read];
        for seen in way.all(calls).await {
            for entry in done(RULE, "reading while another writes", seen)? {
                let state = entry.state;
                let is_named = !matches!(state, State::Intended | State::Sent);
                let is_here = state == State::Downloaded;
                let is_whole = entry.query_id.is_some() == is_named
                    && [
                        entry.path.is_some(),
                        entry.bytes.is_some(),
                        entry.sha256.is_some(),
                    ] == [is_here; 3];
                holds(RULE, is_whole, || {
                    format!("half of a write was seen: {entry:?}")
                })?;
            }
        }
    }
    Ok(())
}
