//! What must hold, by what the service really counted.

use std::collections::BTreeMap;

use genrex_ledger::{ErrorKind, Limits, LocalId, Reconciliation, State};

use crate::purchase::Bought;
use crate::service::{HOUR, MINUTE};
use crate::world::World;

const DAY: u64 = 24 * HOUR;

/// The most that our jobs were really charged in any window of this length, in milliseconds.
pub(crate) fn most_within(world: &World, window: Option<u64>) -> u64 {
    let Some(window) = window else {
        return world.service.charged(0, u64::MAX);
    };
    let charges = world.service.jobs.iter().flat_map(|job| &job.charges);
    let ends = charges.map(|(at, _)| world.service.charged(at.saturating_sub(window - 1), *at));
    ends.max().unwrap_or(0)
}

/// What the first jobs of durations cost, whose price nobody knew: the dearest of each duration. One that
/// fails teaches no price, so that another comes first; what it costs counts when it shows.
pub(crate) fn first_jobs(world: &World) -> u64 {
    let mut firsts: BTreeMap<u8, u64> = BTreeMap::new();
    let mut failed = 0;
    for bought in world
        .bought
        .iter()
        .filter(|bought| bought.expected.is_none())
    {
        let Some(job) = bought.job.map(|job| &world.service.jobs[job]) else {
            continue;
        };
        if job.fails {
            failed += job.cost;
        } else {
            let first = firsts.entry(bought.duration).or_default();
            *first = job.cost.max(*first);
        }
    }
    firsts.values().sum::<u64>() + failed
}

/// No limit was passed by more than is allowed.
pub(crate) fn limits_held(world: &World, limits: Limits, allowance: u64) -> Result<(), String> {
    let sums = [
        ("day", Some(DAY), limits.day),
        ("month", Some(30 * DAY), limits.month),
        ("total", None, limits.total),
    ];
    for (name, window, most) in sums {
        let Some(most) = most else { continue };
        let used = most_within(world, window);
        if used > most + allowance {
            return Err(format!(
                "{used} credits were used, and {name} = {most} allows no more than {allowance} beyond"
            ));
        }
    }
    Ok(())
}

/// What our jobs were charged counts as spent, and nothing is counted that nobody was charged or may be.
pub(crate) fn what_was_charged_is_counted(world: &mut World) -> Result<(), String> {
    for _ in 0..3 {
        world.look();
        world.pass(30 * MINUTE);
    }
    let counted = world.credits().spending(world.machine()).total;
    let charged = world.service.charged(0, u64::MAX);
    let unclear = world.entries().into_iter();
    let unclear = unclear.filter(|entry| entry.state == State::Ambiguous);
    let unclear: u64 = unclear.filter_map(|entry| entry.expected_cost).sum();
    let failed = world.service.jobs.iter().filter(|job| job.fails);
    // What is given back may hide as much as was expected of a job that failed.
    let given_back = match world.service.given_back {
        0 => 0,
        given_back => given_back.max(failed.map(|job| job.cost).sum()),
    };
    let most = charged + given_back + unclear;
    if (charged..=most).contains(&counted) {
        Ok(())
    } else {
        Err(format!(
            "{counted} credits count; {charged} were charged, {given_back} given back, {unclear} are unclear; {:?}",
            world.credits()
        ))
    }
}

/// What a balance was said to show is so.
pub(crate) fn verdicts_are_true(world: &World) -> Result<(), String> {
    for entry in world.entries() {
        let bought = world.bought.iter().find(|bought| bought.id == entry.id);
        let job = bought.and_then(|bought| bought.job);
        let job = job.map(|job| &world.service.jobs[job]);
        // What failed may have been charged, and given back since.
        let is_charged = job.is_some_and(|job| !job.charges.is_empty() || job.fails);
        match entry.reconciliation {
            Some(Reconciliation::Charged) if !is_charged => {
                return Err(format!(
                    "job {} was not charged, and is said to be",
                    entry.id
                ));
            }
            Some(Reconciliation::NotCharged) if job.is_some() => {
                return Err(format!(
                    "job {} was taken, and is said not to be charged",
                    entry.id
                ));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whoever was stopped, was stopped by a limit: with what was spent, what may yet be charged, and the price
/// as it was last seen, no room was left.
pub(crate) fn stops_are_true(world: &World) -> Result<(), String> {
    let costs = world.service.jobs.iter().map(|job| job.cost);
    let dearest = costs.max().unwrap_or(0).max(1);
    let unclear: Vec<LocalId> = world
        .entries()
        .iter()
        .filter(|entry| entry.state == State::Ambiguous)
        .map(|entry| entry.id)
        .collect();
    // What is bought once may have been bought before.
    let stopped = world.stopped.iter();
    for stopped in stopped.filter(|stopped| stopped.kind != ErrorKind::Taken) {
        if stopped.kind != ErrorKind::OverLimit {
            return Err(format!(
                "stopped by {:?}: {}",
                stopped.kind, stopped.message
            ));
        }
        let limits = stopped.purchase.limits;
        let sums = [
            (Some(DAY + 2 * HOUR), limits.day),
            (Some(32 * DAY), limits.month),
            (None, limits.total),
        ];
        let is_true = sums.into_iter().any(|(window, most)| {
            let from = window.map_or(0, |window| stopped.at.saturating_sub(window));
            let shown = world.service.charged(from, stopped.at)
                + world.service.bought_by_others(from, stopped.at)
                // What was given back makes no room.
                + world.service.given_back;
            // A job that was intended in the window may be charged yet, or may be unclear.
            let awaited = world.bought.iter().filter(|bought| {
                (from..=stopped.at).contains(&bought.at)
                    && (unclear.contains(&bought.id) || is_awaited(world, bought, stopped.at))
            });
            let awaited = u64::try_from(awaited.count()).unwrap() * dearest;
            most.is_some_and(|most| shown + awaited + dearest > most)
        });
        let is_of_a_run =
            stopped.message.contains("max-credits") || stopped.message.contains("per_job");
        if !is_true && !is_of_a_run {
            return Err(format!(
                "stopped at {} without a reason: {}; {:?}",
                stopped.at, stopped.message, stopped.credits
            ));
        }
    }
    Ok(())
}

/// Whether a job may be charged more than it was, at this time.
fn is_awaited(world: &World, bought: &Bought, at: u64) -> bool {
    const LATE: u64 = 25 * MINUTE;
    let Some(job) = bought.job.map(|job| &world.service.jobs[job]) else {
        return at < bought.at + HOUR + LATE;
    };
    let charges = job.charges.iter().filter(|(charged, _)| *charged <= at);
    let charged: u64 = charges.map(|(_, credits)| credits).sum();
    // One that nobody asks after is under way for an hour, as far as anybody knows.
    charged < job.cost && at < job.over_at.max(bought.at + HOUR) + LATE
}

/// What the jobs of a run were really charged.
pub(crate) fn charged_to_run(world: &World, run: &str) -> u64 {
    let entries = world.entries().into_iter();
    let of_run = entries.filter(|entry| entry.run.as_deref() == Some(run));
    let jobs = of_run.filter_map(|entry| {
        let bought = world.bought.iter().find(|bought| bought.id == entry.id);
        bought.and_then(|bought| bought.job)
    });
    let charges = jobs.flat_map(|job| &world.service.jobs[job].charges);
    charges.map(|(_, credits)| credits).sum()
}

/// By how much jobs were dearer than expected.
pub(crate) fn surprises(world: &World) -> u64 {
    let surprises = world.bought.iter().filter_map(|bought| {
        let cost = world.service.jobs[bought.job?].cost;
        cost.checked_sub(bought.expected?)
    });
    surprises.sum()
}

/// The most that jobs cost which were on their way, or whose charge nobody had to have seen, at one time.
pub(crate) fn most_under_way(world: &World) -> u64 {
    let jobs = world.bought.iter().filter_map(|bought| {
        let job = &world.service.jobs[bought.job?];
        let (end, _) = job.charges.last()?;
        // A purchase may rest on a look of the minute before.
        Some((bought.at, end + MINUTE, job.cost))
    });
    let jobs: Vec<_> = jobs.collect();
    let at_once = jobs.iter().map(|(begin, ..)| {
        let beside = jobs
            .iter()
            .filter(|(from, to, _)| (from..=to).contains(&begin));
        beside.map(|(.., cost)| cost).sum()
    });
    at_once.max().unwrap_or(0)
}

/// A job that was dearer than expected was bought before a look could show the new price, or went alone.
pub(crate) fn surprises_were_under_way(world: &World) -> Result<(), String> {
    let dearer = |bought: &Bought| {
        let job = &world.service.jobs[bought.job?];
        (job.cost > bought.expected?).then_some(job)
    };
    let dearer_jobs = world.bought.iter().filter_map(dearer);
    let charged = dearer_jobs.filter_map(|job| job.charges.last().map(|(at, _)| *at));
    // A rise hides in what others are expected to cost, until all that came is more than all that was expected.
    let Some(shown) = charged.filter(|at| is_more_than_expected(world, *at)).min() else {
        return Ok(());
    };
    for bought in &world.bought {
        let is_late = bought.at > shown + 2 * MINUTE && !bought.is_alone;
        if is_late && dearer(bought).is_some() {
            return Err(format!("{bought:?}: the new price had shown at {shown}"));
        }
    }
    Ok(())
}

/// Whether more had been charged by then than the jobs that were begun by then were expected to cost in all.
fn is_more_than_expected(world: &World, at: u64) -> bool {
    let begun = world.bought.iter().filter(|bought| bought.at <= at);
    let (expected, charged) = begun.fold((0, 0), |(expected, charged), bought| {
        let job = bought.job.map(|job| &world.service.jobs[job]);
        let cost = job.map_or(0, |job| job.cost);
        let charges = job.into_iter().flat_map(|job| &job.charges);
        let shown = charges.filter(|(paid_at, _)| *paid_at <= at);
        let shown: u64 = shown.map(|(_, credits)| credits).sum();
        (expected + bought.expected.unwrap_or(cost), charged + shown)
    });
    charged > expected
}
