//! A job as a row of the table, and back.

use genrex_ledger::{Doubt, Entry, Error, ErrorKind, LocalId, Reconciliation};
use genrex_proto::QueryId;
use serde_json::json;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use crate::failure::Failure;
use crate::text;

/// What a column holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(Option<String>),
    Number(Option<i64>),
    Flag(bool),
}

impl Value {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(Some(text::kept(text)))
    }

    pub(crate) fn into_json(self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.into(),
            Self::Number(number) => number.into(),
            Self::Flag(flag) => flag.into(),
        }
    }

    pub(crate) fn as_parameter(&self) -> (&(dyn ToSql + Sync), Type) {
        match self {
            Self::Text(text) => (text, Type::TEXT),
            Self::Number(number) => (number, Type::INT8),
            Self::Flag(flag) => (flag, Type::BOOL),
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

/// The columns that an entry fills, in the order of [`values`].
pub(crate) const COLUMNS: [&str; 30] = [
    "id",
    "account",
    "text",
    "duration",
    "body_sha256",
    "batch",
    "row",
    "state",
    "query_id",
    "unconfirmed_id",
    "refusal",
    "expected_cost",
    "used_before",
    "changed_before",
    "look_at",
    "alone",
    "run",
    "detail",
    "reconciliation",
    "doubt",
    "doubt_until",
    "resolved_by_hand",
    "superseded_by",
    "output",
    "path",
    "bytes",
    "sha256",
    "created_at",
    "updated_at",
    "service_at",
];

/// What an entry fills them with.
pub(crate) fn values(entry: &Entry) -> [Value; 30] {
    let look = entry.look_before.as_ref();
    let number = |number: Option<u64>| Value::Number(number.map(u64::cast_signed));
    let text = |text: Option<&String>| Value::Text(text.map(|text| text::kept(text)));
    let name = |id: Option<&QueryId>| Value::Text(id.map(|id| text::kept(id.as_str())));
    let (reconciliation, doubt, until) = verdict(entry.reconciliation);
    [
        entry.id.0.into(),
        Value::text(entry.account.as_str()),
        Value::text(&entry.text),
        i64::from(entry.duration).into(),
        Value::text(&entry.body_sha256),
        text(entry.batch.as_ref()),
        text(entry.row.as_ref()),
        Value::text(entry.state.as_str()),
        name(entry.query_id.as_ref()),
        name(entry.unconfirmed_id.as_ref()),
        Value::Text(entry.refusal.map(|refusal| String::from(refusal.as_str()))),
        number(entry.expected_cost),
        number(look.map(|look| look.used)),
        text(look.and_then(|look| look.changed.as_ref())),
        number(look.and_then(|look| look.at)),
        Value::Flag(entry.alone),
        text(entry.run.as_ref()),
        text(entry.detail.as_ref()),
        reconciliation,
        doubt,
        until,
        Value::Flag(entry.resolved_by_hand),
        Value::Number(entry.superseded_by.map(i64::from)),
        text(entry.output.as_ref()),
        text(entry.path.as_ref()),
        number(entry.bytes),
        text(entry.sha256.as_ref()),
        entry.created_at.cast_signed().into(),
        entry.updated_at.cast_signed().into(),
        entry.service_at.cast_signed().into(),
    ]
}

/// The columns of a verdict: its name, its doubt's, and until when that lasts.
fn verdict(found: Option<Reconciliation>) -> (Value, Value, Value) {
    let doubt = match found {
        Some(Reconciliation::Inconclusive(doubt)) => Some(doubt),
        Some(Reconciliation::Charged | Reconciliation::NotCharged) | None => None,
    };
    let until = match doubt {
        Some(Doubt::NotSettled { until }) => Some(until.cast_signed()),
        _ => None,
    };
    (
        Value::Text(found.map(|found| String::from(found.as_str()))),
        Value::Text(doubt.map(|doubt| String::from(doubt.as_str()))),
        Value::Number(until),
    )
}

/// The job of a row that has all [`COLUMNS`].
///
/// # Errors
///
/// [`ErrorKind::Unreadable`]: somebody else wrote to the row, or a newer genrex did.
pub(crate) fn entry(row: &Row) -> Result<Entry, Failure> {
    let text = |column: &str| -> Result<Option<String>, Failure> {
        let kept: Option<String> = row.try_get(column)?;
        Ok(kept.map(|kept| text::read(&kept)))
    };
    let number = |column: &str| -> Result<Option<u64>, Failure> {
        let kept: Option<i64> = row.try_get(column)?;
        Ok(kept.map(i64::cast_unsigned))
    };
    let look_before = match number("used_before")? {
        Some(used) => json!({
            "used": used,
            "changed": text("changed_before")?,
            "at": number("look_at")?,
        }),
        None => serde_json::Value::Null,
    };
    let id: i64 = row.try_get("id")?;
    let json = json!({
        "id": id,
        "account": text("account")?,
        "text": text("text")?,
        "duration": number("duration")?,
        "bodySha256": text("body_sha256")?,
        "batch": text("batch")?,
        "row": text("row")?,
        "state": text("state")?,
        "queryId": text("query_id")?,
        "unconfirmedId": text("unconfirmed_id")?,
        "refusal": text("refusal")?,
        "expectedCost": number("expected_cost")?,
        "lookBefore": look_before,
        "alone": row.try_get::<_, bool>("alone")?,
        "run": text("run")?,
        "detail": text("detail")?,
        "resolvedByHand": row.try_get::<_, bool>("resolved_by_hand")?,
        "supersededBy": row.try_get::<_, Option<i64>>("superseded_by")?,
        "output": text("output")?,
        "path": text("path")?,
        "bytes": number("bytes")?,
        "sha256": text("sha256")?,
        "createdAt": number("created_at")?,
        "updatedAt": number("updated_at")?,
        "serviceAt": number("service_at")?,
    });
    let verdict = text("doubt")?.or(text("reconciliation")?);
    Ok(understood(id, json, verdict, number("doubt_until")?)?)
}

fn understood(
    id: i64,
    json: serde_json::Value,
    verdict: Option<String>,
    until: Option<u64>,
) -> Result<Entry, Error> {
    let unreadable = |cause: serde_json::Error| {
        let error = Error::new(ErrorKind::Unreadable, format!("job {id} cannot be read"));
        error.with_source(cause).about(LocalId(id))
    };
    let mut entry: Entry = serde_json::from_value(json).map_err(unreadable)?;
    let verdict = verdict.map(|name| name.parse()).transpose()?;
    entry.reconciliation = match (verdict, until) {
        (Some(Reconciliation::Inconclusive(Doubt::NotSettled { .. })), Some(until)) => {
            Some(Reconciliation::Inconclusive(Doubt::NotSettled { until }))
        }
        (verdict, _) => verdict,
    };
    Ok(entry)
}
