use std::time::Duration;

use super::{Credits, Solo};
use crate::entry::Reserved;
use crate::error::ErrorKind;
use crate::{Error, Intent, LocalId};

impl Credits {
    /// Holds an intent against what may be spent, and reserves what it is expected to cost.
    ///
    /// The caller has let [`observe`](Self::observe) see the intent's look. `id` is the job that it begins.
    pub(crate) fn reserve(
        &mut self,
        id: LocalId,
        intent: &Intent,
        now: u64,
    ) -> Result<Reserved, Error> {
        let at = self.service_time(now);
        self.running.expire(at);
        let used_before = self.look.as_ref().map(|last| last.look.used);
        let used_before = used_before.filter(|_| intent.look.is_some());
        let alone = self.is_settled() && used_before.is_some();
        let (expected, is_awaited) = if intent.is_bounded() {
            self.bounded(intent, at)?
        } else {
            (self.price(intent.duration), false)
        };
        // Another beside the one that went alone: what the balance shows is no longer its doing only.
        self.solo = match used_before {
            Some(used_before) if alone => Some(Solo {
                id,
                duration: intent.duration,
                used_before,
                used_after_submit: None,
                is_accepted: false,
                is_awaited,
            }),
            Some(_) | None => None,
        };
        if expected.is_none() {
            self.unpriced += 1;
        }
        let credits = expected.unwrap_or(0);
        self.pending.add(at, credits);
        if let Some(run) = &intent.run {
            self.runs.reserve(&run.id, credits, at);
        }
        self.running.add(at);
        self.newest = Some(id);
        Ok(Reserved {
            expected,
            alone,
            service_at: at,
        })
    }

    /// What a purchase under a limit is expected to cost, and whether it goes alone to show it.
    fn bounded(&self, intent: &Intent, at: u64) -> Result<(Option<u64>, bool), Error> {
        if intent.look.is_none() || self.look.is_none() {
            let message = "a limit is set, and it can only be kept by a look at the balance before each purchase";
            return Err(Error::new(ErrorKind::BalanceUnknown, message));
        }
        self.refuse_zero(intent)?;
        if let Some(solo) = &self.solo
            && solo.is_awaited
        {
            return Err(self.wait_for(solo.id));
        }
        let known = self.price(intent.duration);
        if let Some(most) = intent.limits.per_job {
            self.refuse_dearer(most)?;
        }
        let Some(expected) = known.or(intent.limits.per_job) else {
            if !self.is_settled() {
                return Err(self.wait(intent));
            }
            // The price is not known: one goes alone, if anything may be spent at all.
            self.fits(intent, 1, at)?;
            return Ok((None, true));
        };
        let is_certain = intent.limits.per_job.is_some();
        if !is_certain && self.running.count() >= self.prices.most_at_once() {
            return Err(self.wait(intent));
        }
        self.fits(intent, expected, at)?;
        Ok((Some(expected), false))
    }

    fn refuse_zero(&self, intent: &Intent) -> Result<(), Error> {
        let run = intent
            .run
            .as_ref()
            .map(|run| ("max-credits", None, run.credits));
        let zero = intent
            .limits
            .sums()
            .chain(run)
            .find(|(.., most)| *most == 0);
        match zero {
            Some((name, ..)) => Err(Error::new(
                ErrorKind::OverLimit,
                format!("nothing may be spent ({name} = 0)"),
            )),
            None => Ok(()),
        }
    }

    /// A job that cost more than the user knows that one can stops everything.
    fn refuse_dearer(&self, most: u64) -> Result<(), Error> {
        match self.prices.dearest() {
            Some(dearest) if dearest > most => Err(Error::new(
                ErrorKind::OverLimit,
                format!(
                    "a job was observed to cost {dearest} credits, more than per_job = {most} allows"
                ),
            )),
            Some(_) | None => Ok(()),
        }
    }

    fn fits(&self, intent: &Intent, cost: u64, at: u64) -> Result<(), Error> {
        for (name, window, most) in intent.limits.sums() {
            let (spent, certain) = (self.spent(window, at), self.certain(window, at));
            self.fits_one(name, most, cost, spent, certain, intent)?;
        }
        if let Some(run) = &intent.run {
            let (spent, certain) = (self.runs.spent(&run.id), self.runs.certain(&run.id));
            self.fits_one("max-credits", run.credits, cost, spent, certain, intent)?;
        }
        Ok(())
    }

    fn fits_one(
        &self,
        name: &str,
        most: u64,
        cost: u64,
        spent: u64,
        certain: u64,
        intent: &Intent,
    ) -> Result<(), Error> {
        if spent.saturating_add(cost) <= most {
            return Ok(());
        }
        // What is reserved may turn out not to be spent: that is known when everything is settled.
        if certain.saturating_add(cost) <= most && !self.is_settled() {
            return Err(self.wait(intent));
        }
        let message = format!(
            "this would cost {} credits, and {spent} of the {most} that are allowed ({name}) are spent or promised",
            intent_cost(cost, self.price(intent.duration).is_some()),
        );
        Err(Error::new(ErrorKind::OverLimit, message))
    }

    /// Not now: jobs have to be over, and the balance settled, first.
    fn wait(&self, intent: &Intent) -> Error {
        match &self.newest {
            Some(newest) => self.wait_for(*newest),
            None => self.wait_for(LocalId(0)),
        }
        .with_source(format!(
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

    fn wait_for(&self, job: LocalId) -> Error {
        let delay = if self.running.is_empty() {
            self.apart()
        } else {
            1_000
        };
        Error::new(
            ErrorKind::PriceUnknown,
            "a limit is set, and what earlier jobs cost has to be settled before this one may start",
        )
        .about(job)
        .again_in(Duration::from_millis(delay))
    }
}

fn intent_cost(cost: u64, is_known: bool) -> String {
    if is_known {
        cost.to_string()
    } else {
        format!("at least {cost}")
    }
}
