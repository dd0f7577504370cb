//! A filter as a query.

use genrex_ledger::{Account, Filter, State};
use rusqlite::types::Value;

/// The query that finds what a filter may let through, by an index where it names anything; what it lets
/// through is [`Filter::admits`]'s to say, and how much its limit's.
pub(crate) fn select(filter: &Filter) -> (String, Vec<Value>) {
    let mut conditions = Vec::new();
    let mut values = Vec::new();
    let mut is_like = |column: &str, value: Option<&str>| {
        if let Some(value) = value {
            conditions.push(format!("{column} = ?"));
            values.push(Value::from(String::from(value)));
        }
    };
    is_like("account", filter.account.as_ref().map(Account::as_str));
    is_like("query_id", filter.query_id.as_deref());
    is_like("body_sha256", filter.body_sha256.as_deref());
    is_like("row", filter.row.as_ref().map(|row| row.name.as_str()));
    is_like("batch", filter.row.as_ref().map(|row| row.batch.as_str()));
    is_like("row", filter.row_name.as_deref());
    if !filter.states.is_empty() {
        conditions.push(is_in(filter.states.len()));
        values.extend(names(&filter.states));
    }
    if let Some(since) = filter.since {
        conditions.push(String::from("created_at >= ?"));
        values.push(i64::try_from(since).unwrap_or(i64::MAX).into());
    }
    let conditions = match conditions.as_slice() {
        [] => String::new(),
        conditions => format!(" WHERE {}", conditions.join(" AND ")),
    };
    let order = if filter.oldest_first { "ASC" } else { "DESC" };
    (
        format!("SELECT * FROM job{conditions} ORDER BY id {order}"),
        values,
    )
}

/// The query that finds the jobs in flight, and whose they are.
pub(crate) fn in_flight() -> (String, Vec<Value>) {
    let states: Vec<State> = State::ALL
        .into_iter()
        .filter(|state| state.is_in_flight())
        .collect();
    (
        format!(
            "SELECT id, owner FROM job WHERE {} ORDER BY id",
            is_in(states.len())
        ),
        names(&states).collect(),
    )
}

fn is_in(count: usize) -> String {
    format!("state IN ({})", vec!["?"; count].join(", "))
}

fn names(states: &[State]) -> impl Iterator<Item = Value> {
    states
        .iter()
        .map(|state| Value::from(String::from(state.as_str())))
}
