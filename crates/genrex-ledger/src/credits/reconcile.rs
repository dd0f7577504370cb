use serde::{Deserialize, Serialize};

use super::Credits;
use crate::reconciliation::Doubt;
use crate::{Entry, LocalId, Look, Reconciliation};

/// A job that a balance showed not to be charged: it counts until the next look shows the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Doubted {
    pub(super) id: LocalId,
    run: Option<String>,
    credits: u64,
    service_at: u64,
    look: Look,
}

impl Doubted {
    pub(super) fn new(entry: &Entry, credits: u64, look: Look) -> Self {
        Self {
            id: entry.id,
            run: entry.run.clone(),
            credits,
            service_at: entry.service_at,
            look,
        }
    }
}

impl Credits {
    /// What the last look at the balance shows of an ambiguous job.
    pub(crate) fn reconcile(&self, entry: &Entry) -> Reconciliation {
        match self.shown(entry) {
            Ok(found) => found,
            Err(doubt) => Reconciliation::Inconclusive(doubt),
        }
    }

    /// Why the balance will not tell of an ambiguous job, whatever the next looks show; `None` if a look may tell.
    pub(crate) fn foresee(&self, entry: &Entry) -> Option<Doubt> {
        if entry.look_before.is_none() {
            return Some(Doubt::NoLookBefore);
        }
        // `alone` says that all was quiet before it, the rest that nothing has begun since.
        let is_quiet = entry.alone && self.newest == Some(entry.id);
        (!is_quiet).then_some(Doubt::OtherJobs)
    }

    /// What was found not to be charged is released by the first look that shows the same again.
    pub(super) fn release_what_is_agreed(&mut self, look: &Look) {
        for doubted in std::mem::take(&mut self.doubted) {
            if look.is_like(&doubted.look) {
                self.free(doubted.run.as_deref(), doubted.service_at, doubted.credits);
            } else {
                self.doubted.push(doubted);
            }
        }
    }

    fn shown(&self, entry: &Entry) -> Result<Reconciliation, Doubt> {
        let before = entry.look_before.as_ref().ok_or(Doubt::NoLookBefore)?;
        let last = self.look.as_ref().ok_or(Doubt::NoLookSince)?;
        if self.foresee(entry).is_some() || !self.running.is_empty() {
            return Err(Doubt::OtherJobs);
        }
        if last.at < entry.service_at {
            return Err(Doubt::NoLookSince);
        }
        if last.look.used == before.used {
            return self.not_charged(entry, before);
        }
        // What it was expected to cost may be no more than a bound that the user knows.
        let price = self.price(entry.duration).ok_or(Doubt::PriceUnknown)?;
        let moved = last.look.used.checked_sub(before.used);
        if moved == Some(price) {
            Ok(Reconciliation::Charged)
        } else {
            Err(Doubt::OtherMovement)
        }
    }

    /// The balance stands where it stood before.
    fn not_charged(&self, entry: &Entry, before: &Look) -> Result<Reconciliation, Doubt> {
        let last = self.look.as_ref().ok_or(Doubt::NoLookSince)?;
        // Without a time of its last change, an account that was charged and refunded looks like one that
        // was not.
        if before.changed.is_none() || last.look.changed != before.changed {
            return Err(Doubt::OtherMovement);
        }
        if !self.charging.is_at_submit() {
            return Err(Doubt::ChargeTimeUnknown);
        }
        // A look without a date may be older than it seems.
        if last.look.at.is_none() {
            return Err(Doubt::NoLookSince);
        }
        let until = entry.service_at.saturating_add(self.settling());
        if last.at < until {
            return Err(Doubt::NotSettled { until });
        }
        Ok(Reconciliation::NotCharged)
    }
}
