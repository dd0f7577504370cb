//! A filter as a query.

use genrex_ledger::{Account, Filter, State};

use crate::row::Value;

/// What a job in flight is, as SQL.
pub(crate) const IN_FLIGHT: &str = "state IN ('intended', 'sent')";

/// The query for what a filter lets through, in its order and up to its limit, and its parameters. What it names
/// is found by an index, however many other jobs there are.
pub(crate) fn select(filter: &Filter) -> (String, Vec<Value>) {
    let mut conditions = Vec::new();
    let mut values = Vec::new();
    let mut is_like = |column: &str, value: Option<&str>, is_hashed: bool| {
        if let Some(value) = value {
            values.push(Value::text(value));
            let at = values.len();
            conditions.push(format!("{column} = ${at}"));
            if is_hashed {
                conditions.push(format!(
                    "hashtextextended({column}, 0) = hashtextextended(${at}, 0)"
                ));
            }
        }
    };
    let row = filter.row.as_ref();
    is_like(
        "account",
        filter.account.as_ref().map(Account::as_str),
        true,
    );
    is_like("query_id", filter.query_id.as_deref(), true);
    is_like("body_sha256", filter.body_sha256.as_deref(), false);
    is_like("\"row\"", row.map(|row| row.name.as_str()), true);
    is_like("batch", row.map(|row| row.batch.as_str()), true);
    is_like("\"row\"", filter.row_name.as_deref(), true);
    if !filter.states.is_empty() {
        conditions.push(format!("state IN ({})", names(&filter.states)));
    }
    if let Some(since) = filter.since {
        values.push(i64::try_from(since).unwrap_or(i64::MAX).into());
        conditions.push(format!("created_at >= ${}", values.len()));
    }
    if let Some(after) = filter.after {
        values.push(after.0.into());
        conditions.push(format!("id > ${}", values.len()));
    }
    let conditions = match conditions.as_slice() {
        [] => String::new(),
        conditions => format!(" WHERE {}", conditions.join(" AND ")),
    };
    let direction = if filter.oldest_first { "ASC" } else { "DESC" };
    let limit = filter
        .limit
        .map_or_else(String::new, |most| format!(" LIMIT {most}"));
    let order = order(filter);
    (
        format!("SELECT * FROM genrex.job{conditions} ORDER BY {order} {direction}{limit}"),
        values,
    )
}

/// What names few jobs is found first and put in order then. Left to itself the planner may read all jobs in their
/// order for the sake of a limit.
const fn order(filter: &Filter) -> &'static str {
    let is_one_of_few = filter.query_id.is_some()
        || filter.body_sha256.is_some()
        || filter.row.is_some()
        || filter.row_name.is_some();
    if is_one_of_few { "id + 0" } else { "id" }
}

fn names(states: &[State]) -> String {
    let names = states.iter().map(|state| format!("'{state}'"));
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_flight_is_what_the_machine_says() {
        let states: Vec<State> = State::ALL
            .into_iter()
            .filter(|state| state.is_in_flight())
            .collect();
        assert_eq!(IN_FLIGHT, format!("state IN ({})", names(&states)));
        assert!(include_str!("../migrations/1.sql").contains(IN_FLIGHT));
    }
}
