use genrex_ledger::{Account, Filter, rules};

/// The jobs which show that a row was bought by another batch of the account, or is being bought: they may have been
/// charged, and were not given up. `row` is the row's name.
#[must_use]
pub fn bought_elsewhere(account: Account, row: &str) -> Filter {
    rules::bought(account, row)
}
