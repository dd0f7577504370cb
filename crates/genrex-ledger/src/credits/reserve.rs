use super::Credits;
use super::expect::Expected;
use super::settle::Solo;
use crate::entry::Reserved;
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
        self.expire(at);
        let expected = if intent.is_bounded() {
            self.expect(intent, at, now)?
        } else {
            Expected {
                credits: self.price(intent.duration),
                is_awaited: false,
            }
        };
        let used_before = self.used_if_alone(intent, at);
        // Another beside the one that went alone: what the balance shows is no longer its doing only.
        self.solo = used_before.map(|used_before| Solo {
            id,
            duration: intent.duration,
            used_before,
            is_awaited: expected.is_awaited,
            is_accepted: false,
            first_look: None,
            was_processing: false,
        });
        self.has_unpriced |= expected.credits.is_none() || expected.is_awaited;
        let credits = expected.credits.unwrap_or(0);
        self.pending.add(at, credits);
        if let Some(run) = &intent.run {
            self.runs.reserve(&run.id, credits, at);
        }
        self.running.heard_of(id, at);
        self.newest = self.newest.max(Some(id));
        Ok(Reserved {
            expected: expected.credits,
            alone: used_before.is_some(),
            service_at: at,
        })
    }

    /// The credits used before a purchase, if nothing else can move them while it is under way.
    ///
    /// Its look has to be the last one: what moved between the two would be taken for its doing. And no job of another
    /// duration may still be charged unexpectedly.
    fn used_if_alone(&self, intent: &Intent, at: u64) -> Option<u64> {
        let look = intent.look.as_ref()?;
        let is_alone = self.is_quiet(at) && !self.is_another_unexpected(intent.duration);
        (is_alone && self.is_last(look)).then_some(look.used)
    }
}
