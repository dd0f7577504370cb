/// What a balance before and after one submit has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Observation {
    /// The piece's duration, in seconds.
    pub duration: u8,
    /// How many credits it took.
    pub credits: u64,
    /// Whether they were gone right after the submit, and not only when the job was done.
    pub at_submit: bool,
}

/// What is known of an account's prices: what was seen, and what follows for other durations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Price {
    seen: Vec<Observation>,
}

impl Price {
    /// Of what was seen, in any order.
    #[must_use]
    pub const fn new(seen: Vec<Observation>) -> Self {
        Self { seen }
    }

    /// Whether this account is charged at the submit, as far as it was seen.
    #[must_use]
    pub fn is_charged_at_submit(&self) -> bool {
        !self.seen.is_empty() && self.seen.iter().all(|seen| seen.at_submit)
    }

    /// What a piece of this duration (in seconds) costs; `None` while nothing is known.
    ///
    /// A duration that was seen costs what it cost last. Another costs as much a second as the dearest
    /// that was seen, rounded up, since a limit must not be passed by a guess.
    #[must_use]
    pub fn of(&self, duration: u8) -> Option<u64> {
        let same = self
            .seen
            .iter()
            .rev()
            .find(|seen| seen.duration == duration);
        if let Some(same) = same {
            return Some(same.credits);
        }
        let wanted = u64::from(duration);
        let scaled = self
            .seen
            .iter()
            .filter(|seen| seen.duration > 0)
            .map(|seen| {
                let product = seen.credits.saturating_mul(wanted);
                product.div_ceil(u64::from(seen.duration))
            });
        scaled.max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dearest_second_counts_for_what_was_not_seen() {
        let seen = |duration, credits| Observation {
            duration,
            credits,
            at_submit: true,
        };
        assert_eq!(Price::default().of(10), None);
        let price = Price::new(vec![seen(10, 10), seen(30, 25), seen(10, 12)]);
        assert_eq!(price.of(10), Some(12));
        assert_eq!(price.of(30), Some(25));
        assert_eq!(price.of(20), Some(24));
        assert_eq!(price.of(7), Some(9));
    }
}
