use genrex_ledger::Credits;

/// What pieces of these durations, in seconds, cost together, in credits; `None` if a price among them was not
/// observed.
#[must_use]
pub fn cost_of(credits: &Credits, durations: impl IntoIterator<Item = u8>) -> Option<u64> {
    let mut prices = durations
        .into_iter()
        .map(|duration| credits.price(duration));
    prices.try_fold(0, |sum: u64, price| sum.checked_add(price?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_that_is_not_known_makes_a_cost_that_is_not_known() {
        let credits = Credits::new();
        assert_eq!(cost_of(&credits, []), Some(0));
        assert_eq!(cost_of(&credits, [5, 10]), None);
    }
}
