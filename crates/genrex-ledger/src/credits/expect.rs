use std::time::Duration;

use super::Credits;
use crate::error::ErrorKind;
use crate::{Bound, Error, Intent, LocalId, Passed};

/// What a purchase is expected to cost, in credits, and whether it goes alone to show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) credits: Option<u64>,
    pub(super) is_awaited: bool,
}

impl Credits {
    /// What a purchase under a limit is expected to cost, if it may start now.
    pub(super) fn expect(&self, intent: &Intent, at: u64, now: u64) -> Result<Expected, Error> {
        let looked = intent.look.as_ref().filter(|_| self.look.is_some());
        let Some(look) = looked else {
            let message = "a limit is set, and it can only be kept by a look at the balance before each purchase";
            return Err(Error::new(ErrorKind::BalanceUnknown, message));
        };
        refuse_zero(intent)?;
        if !self.is_fresh(now) {
            return Err(self.wait(intent, at));
        }
        if let Some(solo) = self.solo.as_ref().filter(|solo| solo.is_awaited) {
            return Err(self.wait_for(solo.id, at));
        }
        // Nobody knows what an unclear one costs whose price was not observed: it counts when it shows.
        if self.has_unpriced && at < self.unclear_until {
            return Err(self.wait(intent, at));
        }
        let bound = intent.limits.per_job;
        if let Some(most) = bound {
            self.refuse_dearer(most)?;
        }
        // Each charge beyond what was expected shows that what the user knows is not so, or that others buy.
        let bound = bound.filter(|_| !self.prices.is_surprised());
        let known = self
            .price(intent.duration)
            .filter(|price| self.can_ever_fit(intent, *price));
        let Some(credits) = known.or(bound) else {
            return self.alone(intent, self.is_last(look), at);
        };
        self.fits(intent, credits, at)?;
        let is_full = bound.is_none() && self.running.count() >= self.prices.most_at_once();
        if is_full || self.running.is_full() {
            return Err(self.wait(intent, at));
        }
        Ok(Expected {
            credits: Some(credits),
            is_awaited: false,
        })
    }

    /// The price is not known, or no longer for sure: one goes alone, if anything may be spent at all.
    fn alone(&self, intent: &Intent, is_last: bool, at: u64) -> Result<Expected, Error> {
        let last = self.prices.last(intent.duration).map(|price| price.credits);
        let credits = last.filter(|price| self.can_ever_fit(intent, *price));
        // What was not observed is taken for what the user knows that it costs at most.
        let most = credits.or(intent.limits.per_job);
        self.fits(intent, most.unwrap_or(0).max(1), at)?;
        if !self.is_quiet(at) || !is_last {
            return Err(self.wait(intent, at));
        }
        Ok(Expected {
            credits,
            is_awaited: true,
        })
    }

    /// Whether a price may be relied on to refuse a purchase.
    ///
    /// One that is beyond a whole limit would be refused for ever, and nothing would show that it was
    /// somebody else's purchase: where that may be, it is observed a second time.
    fn can_ever_fit(&self, intent: &Intent, price: u64) -> bool {
        let is_uncertain = self
            .prices
            .last(intent.duration)
            .is_some_and(|last| last.is_uncertain(self.is_shared));
        let run = intent.run.as_ref().map(|run| run.credits);
        let sums = intent.limits.sums().map(|(.., most)| most);
        let mut bounds = sums.chain(run).chain(intent.limits.per_job);
        !is_uncertain || bounds.all(|most| price <= most)
    }

    /// A job that cost more than the user knows that one can stops everything.
    fn refuse_dearer(&self, most: u64) -> Result<(), Error> {
        match self.prices.dearest(self.is_shared) {
            Some(dearest) if dearest > most => {
                let message = format!(
                    "a job was observed to cost {dearest} credits, more than per_job = {most} allows"
                );
                let passed = Passed::never(Bound::PerJob);
                Err(Error::new(ErrorKind::OverLimit, message).passing(passed))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Not now: jobs have to be over, and the balance settled, first.
    pub(super) fn wait(&self, intent: &Intent, at: u64) -> Error {
        let oldest = self.running.oldest().map(|(oldest, _)| oldest);
        let job = oldest.or(self.newest).unwrap_or(LocalId(0));
        self.wait_for(job, at).with_source(format!(
            "{} jobs are under way, and what {} s of music cost is {}",
            self.running.count(),
            intent.duration,
            if self.price(intent.duration).is_some() {
                "not confirmed yet"
            } else {
                "not known"
            }
        ))
    }

    fn wait_for(&self, job: LocalId, at: u64) -> Error {
        const LONGEST: u64 = 60_000;
        let settled_at = self.late_until().max(self.unclear_until);
        let delay = if self.running.is_empty() {
            let left = settled_at.saturating_sub(at);
            let is_late = self.unsettled.as_ref().is_none_or(|unsettled| {
                let first_look = unsettled.first_look.as_ref();
                first_look.is_some_and(|(first_at, _)| at >= first_at.saturating_add(self.apart()))
            });
            if is_late {
                (left / 8).clamp(self.apart(), LONGEST)
            } else {
                self.apart()
            }
        } else {
            1_000
        };
        Error::new(
            ErrorKind::PriceUnknown,
            "a limit is set, and what earlier jobs cost has to be settled before this one may start",
        )
        .about(job)
        .again_in(Duration::from_millis(delay))
        .settled_at_latest((self.running.is_empty() && settled_at > at).then_some(settled_at))
    }
}

fn refuse_zero(intent: &Intent) -> Result<(), Error> {
    let run = intent.run.as_ref();
    let run = run.map(|run| (Bound::Run, None, run.credits));
    let job = intent.limits.per_job;
    let job = job.map(|credits| (Bound::PerJob, None, credits));
    let zero = intent
        .limits
        .sums()
        .chain(run)
        .chain(job)
        .find(|(.., most)| *most == 0);
    match zero {
        Some((bound, ..)) => {
            let message = format!("nothing may be spent ({} = 0)", bound.name());
            Err(Error::new(ErrorKind::OverLimit, message).passing(Passed::never(bound)))
        }
        None => Ok(()),
    }
}
