use genrex_ledger::{Account, Filter, State};

/// The jobs which show that a row was bought by another batch of the account: they may have been charged, and were
/// not given up. `row` is the row's name.
#[must_use]
pub fn bought_elsewhere(account: Account, row: &str) -> Filter {
    let mut filter = Filter::of(account).states([
        State::Sent,
        State::Ambiguous,
        State::Accepted,
        State::Completed,
        State::Downloaded,
    ]);
    filter.row_name = Some(row.to_owned());
    filter
}
