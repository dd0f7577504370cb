/// What a client may spend on retries, shared by all of its operations, so that a service in trouble is
/// not asked ever more: the standard retry mode of the AWS SDKs.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    tokens: u32,
}

impl RetryBudget {
    const FULL: u32 = 500;
    const RETRY: u32 = 5;
    const TIMEOUT: u32 = 10;

    pub(crate) const fn full() -> Self {
        Self { tokens: Self::FULL }
    }

    /// Takes what a retry costs, and says how much that was; `None` when too little is left.
    pub(crate) fn take(&mut self, after_timeout: bool) -> Option<u32> {
        let cost = if after_timeout {
            Self::TIMEOUT
        } else {
            Self::RETRY
        };
        self.tokens = self.tokens.checked_sub(cost)?;
        Some(cost)
    }

    /// Gives back after a success: what its last retry had cost, or one token.
    pub(crate) fn give_back(&mut self, last_cost: Option<u32>) {
        self.tokens = (self.tokens + last_cost.unwrap_or(1)).min(Self::FULL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_retries_or_fifty_time_outs_empty_it_and_successes_fill_it() {
        for (after_timeout, retries) in [(false, 100), (true, 50)] {
            let mut budget = RetryBudget::full();
            let taken =
                std::iter::repeat_with(|| budget.take(after_timeout)).take_while(Option::is_some);
            assert_eq!(taken.count(), retries);
            for _ in 0..5 {
                budget.give_back(None);
            }
            assert_eq!(budget.take(false), Some(5));
            assert_eq!(budget.take(false), None);
            budget.give_back(Some(5));
            assert_eq!(budget.take(false), Some(5));
            budget.give_back(Some(10_000));
            assert_eq!(budget.tokens, RetryBudget::FULL);
        }
    }
}
