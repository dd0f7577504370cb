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
    if let Some(after) = filter.after {
        conditions.push(String::from("id > ?"));
        values.push(after.0.into());
    }
    let conditions = match conditions.as_slice() {
        [] => String::new(),
        conditions => format!(" WHERE {}", conditions.join(" AND ")),
    };
    let order = if filter.oldest_first { "ASC" } else { "DESC" };
    let index = index(filter).map_or_else(String::new, |name| format!(" INDEXED BY {name}"));
    (
        format!("SELECT * FROM job{index}{conditions} ORDER BY id {order}"),
        values,
    )
}

/// The index that leads to the fewest jobs. Left to itself SQLite takes one that has them in order, and reads
/// all jobs of an account for the sake of one.
fn index(filter: &Filter) -> Option<&'static str> {
    let is_any_state = filter.states.is_empty();
    if filter.query_id.is_some() {
        Some("job_query_id")
    } else if filter.body_sha256.is_some() {
        Some("job_body")
    } else if filter.row.is_some() || filter.row_name.is_some() {
        Some("job_row")
    } else if filter.account.is_some() && is_any_state {
        Some("job_account")
    } else if filter.account.is_some() {
        Some("job_account_state")
    } else if !is_any_state {
        Some("job_state")
    } else if filter.since.is_some() {
        Some("job_created")
    } else {
        None
    }
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

#[cfg(test)]
mod tests {
    use genrex_ledger::Row;
    use rusqlite::{Connection, params_from_iter};

    use super::*;
    use crate::store::sql;

    /// How SQLite goes about a query: each step in words.
    fn plan(query: &str, values: &[Value]) -> Vec<String> {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(include_str!("../migrations/2.sql"))
            .unwrap();
        connection.execute_batch(&crate::triggers::sql()).unwrap();
        let mut explained = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {query}"))
            .unwrap();
        let count = explained.parameter_count();
        let values = values.iter().cloned().chain(std::iter::repeat(Value::Null));
        let rows = explained.query_map(params_from_iter(values.take(count)), |row| {
            row.get("detail")
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    fn scans(plan: &[String]) -> bool {
        plan.iter().any(|step| step.starts_with("SCAN"))
    }

    /// What a purchase asks takes as long with a hundred thousand jobs as with one.
    #[test]
    fn no_question_of_a_purchase_grows_with_the_jobs() {
        let (in_flight, values) = in_flight();
        assert!(!scans(&plan(&in_flight, &values)));
        for query in [
            sql::ACCOUNT,
            sql::NAME_ALIAS,
            sql::MOVE_JOBS,
            sql::DROP_CREDITS,
            sql::CREDITS,
            sql::KEEP_CREDITS,
            sql::BY_KEY,
            sql::BY_ID,
            sql::KEY,
            sql::RELEASE,
            sql::NEWEST,
            sql::SUPERSEDE,
            sql::NOTE,
            sql::HISTORY,
        ] {
            let plan = plan(query, &[]);
            assert!(!scans(&plan), "{query}: {plan:?}");
        }
    }

    #[test]
    fn no_question_that_names_anything_looks_at_all_jobs() {
        let account = || Some(Account::from(String::from("a")));
        let row = Row::new("b", "r");
        let changes: [&dyn Fn(&mut Filter); 7] = [
            &|filter| filter.account = account(),
            &|filter| filter.states = vec![State::Sent, State::Accepted],
            &|filter| filter.query_id = Some(String::from("QRY_1")),
            &|filter| filter.body_sha256 = Some(String::from("00")),
            &|filter| filter.row = Some(row.clone()),
            &|filter| filter.row_name = Some(String::from("r")),
            &|filter| filter.since = Some(1),
        ];
        for one in changes {
            for other in changes {
                let mut filter = Filter::default();
                one(&mut filter);
                other(&mut filter);
                let (query, values) = select(&filter);
                let plan = plan(&query, &values);
                assert!(!scans(&plan), "{query}: {plan:?}");
            }
        }
        let (all, values) = select(&Filter::default());
        assert!(scans(&plan(&all, &values)), "the test sees a scan");
    }

    /// By the very same index, whatever else there is of the account.
    #[test]
    fn rivals_are_found_by_all_that_is_asked_of_them() {
        let mut filter = Filter::of(Account::from(String::from("a")));
        filter.body_sha256 = Some(String::from("00"));
        filter.states = vec![State::Sent, State::Accepted];
        let (query, values) = select(&filter);
        let found = plan(&query, &values).concat();
        let by = "job_body (body_sha256=? AND account=? AND state=?)";
        assert!(found.contains(by), "{found}");
        filter.body_sha256 = None;
        filter.states.clear();
        filter.row = Some(Row::new("b", "r"));
        let (query, values) = select(&filter);
        let found = plan(&query, &values).concat();
        let by = "job_row (row=? AND batch=? AND account=?)";
        assert!(found.contains(by), "{found}");
        assert!(!found.contains("TEMP B-TREE"), "{found}");
        filter.row = None;
        filter.row_name = Some(String::from("r"));
        let (query, values) = select(&filter);
        let found = plan(&query, &values).concat();
        assert!(found.contains("job_row (row=?)"), "{found}");
    }
}
