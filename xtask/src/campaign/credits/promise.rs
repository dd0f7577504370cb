//! What `docs/money.md` promises of limits, computed from what the service knows and from nothing else.
//!
//! While prices hold still, no limit is passed, but by the first job of a duration, whose price nobody can know before
//! it is bought. If a price changes, a limit is passed by what was in flight at that time, at most. What a refusal
//! charged counts as soon as the balance shows it.

use std::collections::HashMap;

use genrex_sandbox::{Cause, Happening, What};

/// A bound, and what else the promise depends on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    pub(super) name: &'static str,
    /// In credits.
    pub(super) most: u64,
    /// Only what was charged in so many milliseconds before counts.
    pub(super) window: Option<u64>,
    /// What a job costs at most, as far as the user knows: a first job is reserved at that.
    pub(super) per_job: Option<u64>,
    /// How many processes there are: the last looks may be the others'.
    pub(super) processes: usize,
    /// How many jobs may have been on their way to the service, decided on, when a look showed that a price is another.
    pub(super) on_their_way: usize,
    /// Whether others use the account, or answers were not what they seem: the balance then says less.
    pub(super) is_disturbed: bool,
    /// Whether a refusal may charge while another submit is unclear, or another process looks: no balance tells the one
    /// from the other.
    pub(super) hides_refusals: bool,
}

/// One job of ours, when it was taken.
#[derive(Debug, Clone)]
struct Taken<'a> {
    place: usize,
    at: u64,
    id: &'a str,
    seconds: u8,
    credits: u64,
    /// What fails, or stays unclear, shows no price.
    shows_no_price: bool,
    /// When its last charge came.
    charged_at: usize,
}

/// The jobs that passed a bound, and were not allowed to. `from` is the first happening that counts: of a run.
pub(super) fn broken(history: &[Happening], from: usize, to: usize, bound: Bound) -> Vec<String> {
    let taken = all_taken(history);
    let mut wrong = Vec::new();
    for job in taken.iter().filter(|job| (from..to).contains(&job.place)) {
        let known = known(history, &taken, job, from, bound);
        let after = known + job.credits;
        // What others were given back beside a charge hides so much of it, and no look shows that.
        let hidden = given_back_to_others(&history[from..job.place]);
        if after <= bound.most.saturating_add(hidden)
            || is_allowed(history, &taken, job, from, bound)
        {
            continue;
        }
        wrong.push(format!(
            "{} = {} was passed: {known} known, and {} s for {} more",
            bound.name, bound.most, job.seconds, job.credits
        ));
    }
    let allowed = bound.on_their_way.min(wrong.len());
    wrong.split_off(allowed)
}

/// What all jobs of ours have cost, and refusals; what was given back makes no room.
pub(super) fn spent(history: &[Happening]) -> u64 {
    let moved = history
        .iter()
        .filter_map(|happening| match &happening.what {
            What::Moved {
                cause: Cause::Job(_) | Cause::Refusal,
                credits,
            } => u64::try_from(*credits).ok(),
            _ => None,
        });
    moved.sum()
}

/// What refusals have charged.
pub(super) fn of_refusals(history: &[Happening]) -> u64 {
    let moved = history
        .iter()
        .filter_map(|happening| match &happening.what {
            What::Moved {
                cause: Cause::Refusal,
                credits,
            } => u64::try_from(*credits).ok(),
            _ => None,
        });
    moved.sum()
}

/// What others have spent; what they were given back makes no room.
pub(super) fn of_others(history: &[Happening]) -> u64 {
    let moved = history
        .iter()
        .filter_map(|happening| match &happening.what {
            What::Moved {
                cause: Cause::Others,
                credits,
            } => u64::try_from(*credits).ok(),
            _ => None,
        });
    moved.sum()
}

/// What others were given back.
fn given_back_to_others(history: &[Happening]) -> u64 {
    let moved = history
        .iter()
        .filter_map(|happening| match &happening.what {
            What::Moved {
                cause: Cause::Others,
                credits,
            } if *credits < 0 => Some(credits.unsigned_abs()),
            _ => None,
        });
    moved.sum()
}

fn all_taken(history: &[Happening]) -> Vec<Taken<'_>> {
    let mut charged: HashMap<&str, usize> = HashMap::new();
    for (place, happening) in history.iter().enumerate() {
        if let What::Moved {
            cause: Cause::Job(id),
            ..
        } = &happening.what
        {
            charged.insert(id, place);
        }
    }
    let taken = history.iter().enumerate();
    let taken = taken.filter_map(|(place, happening)| match &happening.what {
        What::Taken {
            id,
            seconds,
            credits,
            text,
            told,
        } => Some(Taken {
            place,
            at: happening.at,
            id,
            seconds: *seconds,
            credits: *credits,
            shows_no_price: !told || text.starts_with("sandbox:fail"),
            charged_at: charged.get(id.as_str()).copied().unwrap_or(usize::MAX),
        }),
        _ => None,
    });
    taken.collect()
}

/// What must have been known to be spent when a job was taken: jobs that were taken before count from then on, refusals
/// once a look has shown them.
fn known(
    history: &[Happening],
    taken: &[Taken<'_>],
    job: &Taken<'_>,
    from: usize,
    bound: Bound,
) -> u64 {
    let own = before(taken, job, from, bound).map(|own| cost_by(history, own, job.place));
    own.sum::<u64>() + refusals(history, job, from, bound)
}

/// The same, where what was in flight is taken for what it was known to cost.
fn believed(
    history: &[Happening],
    taken: &[Taken<'_>],
    job: &Taken<'_>,
    from: usize,
    bound: Bound,
) -> u64 {
    let looked = last_look(history, job.place, bound.processes);
    let own = before(taken, job, from, bound).map(|own| {
        if own.charged_at < looked {
            cost_by(history, own, job.place)
        } else {
            believed_price(taken, own, bound)
        }
    });
    own.sum::<u64>() + refusals(history, job, from, bound) + believed_price(taken, job, bound)
}

/// What a job was known to cost when it was taken: what the last one of its duration did, or what the user knows.
fn believed_price(taken: &[Taken<'_>], job: &Taken<'_>, bound: Bound) -> u64 {
    let alike = |own: &&Taken<'_>| own.place < job.place && own.seconds == job.seconds;
    let earlier = taken.iter().filter(alike).map(|own| own.credits);
    earlier
        .chain(bound.per_job)
        .chain([job.credits])
        .min()
        .unwrap_or(job.credits)
}

/// The jobs that count when this one is taken.
fn before<'a>(
    taken: &'a [Taken<'a>],
    job: &'a Taken<'a>,
    from: usize,
    bound: Bound,
) -> impl Iterator<Item = &'a Taken<'a>> {
    taken.iter().filter(move |own| {
        (from..job.place).contains(&own.place) && is_inside(own.at, job.at, bound.window)
    })
}

/// What refusals have charged, as far as a look has shown it.
fn refusals(history: &[Happening], job: &Taken<'_>, from: usize, bound: Bound) -> u64 {
    if bound.hides_refusals {
        return 0;
    }
    let looked = last_look(history, job.place, bound.processes);
    let shown = history[from..looked.max(from)].iter();
    let refusals = shown.filter_map(|happening| match &happening.what {
        What::Moved {
            cause: Cause::Refusal,
            credits,
        } if is_inside(happening.at, job.at, bound.window) => u64::try_from(*credits).ok(),
        _ => None,
    });
    refusals.sum()
}

/// Whether what happened then counts against a window that ends now.
fn is_inside(at: u64, now: u64, window: Option<u64>) -> bool {
    window.is_none_or(|window| at.saturating_add(window) > now)
}

/// What a job costs, as far as it is over by then: what failed may cost nothing in the end.
fn cost_by(history: &[Happening], job: &Taken<'_>, place: usize) -> u64 {
    let is_over = job.charged_at < place || job.charged_at == usize::MAX;
    if !is_over {
        return job.credits;
    }
    let moved = moves_of(history, job.id).filter(|(at, _)| *at < place);
    u64::try_from(moved.map(|(_, credits)| credits).sum::<i64>()).unwrap_or(0)
}

fn moves_of<'a>(history: &'a [Happening], job: &'a str) -> impl Iterator<Item = (usize, i64)> + 'a {
    let all = history.iter().enumerate();
    all.filter_map(move |(place, happening)| match &happening.what {
        What::Moved {
            cause: Cause::Job(id),
            credits,
        } if id == job => Some((place, *credits)),
        _ => None,
    })
}

/// Where the last look before a place is that each of so many processes must have seen.
fn last_look(history: &[Happening], place: usize, processes: usize) -> usize {
    let looks = history[..place].iter().enumerate().rev();
    let mut looks = looks.filter(|(_, happening)| matches!(happening.what, What::Looked { .. }));
    looks.nth(processes - 1).map_or(0, |(look, _)| look + 1)
}

/// Whether a job may pass a bound: nobody could know what it costs, and something was left.
fn is_allowed(
    history: &[Happening],
    taken: &[Taken<'_>],
    job: &Taken<'_>,
    from: usize,
    bound: Bound,
) -> bool {
    let alike = |own: &&Taken<'_>| own.place < job.place && own.seconds == job.seconds;
    let mut earlier = taken.iter().filter(alike);
    let mut priced = earlier.clone().filter(|own| !own.shows_no_price);
    // A bound that the user knows, and that is so, is kept without a price.
    let is_bound_true = bound.per_job.is_some_and(|most| job.credits <= most);
    let is_first = priced.next().is_none() && !is_bound_true;
    if is_first && known(history, taken, job, from, bound) < bound.most {
        return true;
    }
    // A price has changed under way.
    if believed(history, taken, job, from, bound) <= bound.most {
        return true;
    }
    let looked = last_look(history, job.place, bound.processes);
    let has_changed = earlier.any(|own| own.credits != job.credits);
    (has_changed || bound.is_disturbed)
        && shown(history, job, from..looked.max(from), bound.window) < bound.most
        && !is_price_known(history, taken, job, looked)
}

/// What a look has shown to be spent: a refund of others hides a charge.
fn shown(
    history: &[Happening],
    job: &Taken<'_>,
    within: std::ops::Range<usize>,
    window: Option<u64>,
) -> u64 {
    let is_inside = |at: u64| window.is_none_or(|window| at.saturating_add(window) > job.at);
    let moved = history[within]
        .iter()
        .filter(|happening| is_inside(happening.at));
    let moved = moved.filter_map(|happening| match &happening.what {
        What::Moved {
            cause: Cause::Job(_) | Cause::Refusal,
            credits,
        } => Some(*credits),
        What::Moved {
            cause: Cause::Others,
            credits,
        } => Some((*credits).min(0)),
        What::Taken { .. } | What::Looked { .. } => None,
    });
    u64::try_from(moved.sum::<i64>()).unwrap_or(0)
}

/// Whether an earlier job of this duration and this price, with no other beside it, was shown before.
fn is_price_known(
    history: &[Happening],
    taken: &[Taken<'_>],
    job: &Taken<'_>,
    looked: usize,
) -> bool {
    let alike = |own: &&Taken<'_>| {
        own.place < job.place
            && own.seconds == job.seconds
            && own.credits == job.credits
            && own.charged_at < looked
    };
    let mut candidates = taken.iter().filter(alike);
    candidates.any(|own| {
        let is_beside = |other: &Taken<'_>| {
            other.id != own.id && other.place < own.charged_at && own.place < other.charged_at
        };
        let is_hidden = history[own.place..looked].iter().any(|happening| {
            matches!(
                &happening.what,
                What::Moved {
                    cause: Cause::Others | Cause::Refusal,
                    ..
                }
            )
        });
        !taken.iter().any(is_beside) && !is_hidden && cost_by(history, own, looked) == own.credits
    })
}
