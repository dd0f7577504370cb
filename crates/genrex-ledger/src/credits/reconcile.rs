use super::Credits;
use crate::reconciliation::Doubt;
use crate::{Entry, Reconciliation};

impl Credits {
    /// What the last look at the balance shows of an ambiguous job.
    pub(crate) fn reconcile(&self, entry: &Entry) -> Reconciliation {
        match self.shown(entry) {
            Ok(found) => found,
            Err(doubt) => Reconciliation::Inconclusive(doubt),
        }
    }

    fn shown(&self, entry: &Entry) -> Result<Reconciliation, Doubt> {
        let before = entry.look_before.as_ref().ok_or(Doubt::NoLookBefore)?;
        let last = self.look.as_ref().ok_or(Doubt::NoLookSince)?;
        let others = self.ambiguous - u64::from(entry.is_unclear()).min(self.ambiguous);
        let is_alone = entry.alone && self.newest == Some(entry.id);
        if !is_alone || others > 0 || !self.running.is_empty() {
            return Err(Doubt::OtherJobs);
        }
        if last.at < entry.service_at {
            return Err(Doubt::NoLookSince);
        }
        if last.look.used == before.used {
            // Without a time of its last change, an account that was charged and refunded looks like one that
            // was not.
            if before.changed.is_none() || last.look.changed != before.changed {
                return Err(Doubt::OtherMovement);
            }
            if !self.charging.is_at_submit() {
                return Err(Doubt::ChargeTimeUnknown);
            }
            let until = entry.service_at + self.settling();
            if last.at < until {
                return Err(Doubt::NotSettled { until });
            }
            return Ok(Reconciliation::NotCharged);
        }
        let moved = last.look.used.checked_sub(before.used);
        let price = entry
            .expected_cost
            .or_else(|| self.price(entry.duration))
            .ok_or(Doubt::PriceUnknown)?;
        if moved == Some(price) && price > 0 {
            Ok(Reconciliation::Charged)
        } else {
            Err(Doubt::OtherMovement)
        }
    }
}
