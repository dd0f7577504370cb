//! What must hold, by what the service really counted.

use std::collections::BTreeMap;

use genrex_ledger::{ErrorKind, Limits, Reconciliation};

use crate::service::HOUR;
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

/// What the first jobs of durations cost, whose price nobody knew: the dearest of each duration.
pub(crate) fn first_jobs(world: &World) -> u64 {
    let mut firsts: BTreeMap<u8, u64> = BTreeMap::new();
    for bought in world
        .bought
        .iter()
        .filter(|bought| bought.expected.is_none())
    {
        let cost = bought.job.map_or(0, |job| world.service.jobs[job].cost);
        let first = firsts.entry(bought.duration).or_default();
        *first = cost.max(*first);
    }
    firsts.values().sum()
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

/// What a balance was said to show is so.
pub(crate) fn verdicts_are_true(world: &World) -> Result<(), String> {
    for entry in world.entries() {
        let bought = world.bought.iter().find(|bought| bought.id == entry.id);
        let job = bought.and_then(|bought| bought.job);
        let is_charged = job.is_some_and(|job| !world.service.jobs[job].charges.is_empty());
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
pub(crate) fn stops_are_true(world: &World, dearest: u64) -> Result<(), String> {
    for stopped in &world.stopped {
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
                + world.service.bought_by_others(from, stopped.at);
            // A job that was intended in the window may be charged yet, or may be unclear.
            let awaited = world.bought.iter().filter(|bought| {
                let charges = bought.job.map(|job| &world.service.jobs[job].charges);
                let is_charged = charges.is_some_and(|charges| {
                    !charges.is_empty() && charges.iter().all(|(at, _)| *at <= stopped.at)
                });
                (from..=stopped.at).contains(&bought.at) && !is_charged
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
