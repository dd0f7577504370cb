use super::Credits;
use crate::error::ErrorKind;
use crate::{Bound, Error, Intent, Passed};

/// What counts against one bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sum {
    bound: Bound,
    most: u64,
    spent: u64,
    /// All of it but what may yet be released.
    certain: u64,
}

impl Credits {
    /// Whether a purchase that costs so much is within each bound.
    pub(super) fn fits(&self, intent: &Intent, cost: u64, at: u64) -> Result<(), Error> {
        let limits = intent.limits.sums().map(|(bound, window, most)| Sum {
            bound,
            most,
            spent: self.spent(window, at),
            certain: self.certain(window, at),
        });
        let run = intent.run.as_ref().map(|run| Sum {
            bound: Bound::Run,
            most: run.credits,
            spent: self.runs.spent(&run.id),
            certain: self.runs.certain(&run.id),
        });
        for sum in limits.chain(run) {
            self.fits_one(sum, cost, intent, at)?;
        }
        match &intent.run {
            Some(run) if !self.runs.has_room(&run.id, at) => Err(self.wait(intent, at)),
            Some(_) | None => Ok(()),
        }
    }

    fn fits_one(&self, sum: Sum, cost: u64, intent: &Intent, at: u64) -> Result<(), Error> {
        if sum.spent.saturating_add(cost) <= sum.most {
            return Ok(());
        }
        // What is reserved may turn out not to be spent: that is known when its time is over.
        let may_fit = sum.certain.saturating_add(cost) <= sum.most;
        if may_fit && !self.pending.is_empty() {
            return Err(self.wait(intent, at));
        }
        let said = if self.price(intent.duration).is_some() {
            cost.to_string()
        } else {
            format!("at least {cost}")
        };
        let Sum {
            bound, most, spent, ..
        } = sum;
        let name = bound.name();
        let message = format!(
            "this would cost {said} credits, and {spent} of the {most} that are allowed ({name}) are spent or promised"
        );
        Err(Error::new(ErrorKind::OverLimit, message).passing(Passed {
            bound,
            is_used: spent > 0,
            fits_alone: cost <= most,
        }))
    }
}
