//! A job as a row of the table, and back.

use genrex_ledger::{Doubt, Entry, Error, ErrorKind, LocalId, Reconciliation};
use genrex_proto::QueryId;
use rusqlite::Row;
use rusqlite::types::Value;
use serde_json::json;

/// The columns that an entry fills, in the order of [`values`].
pub(crate) const COLUMNS: [&str; 29] = [
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
    "path",
    "bytes",
    "sha256",
    "created_at",
    "updated_at",
    "service_at",
];

/// What an entry fills them with.
pub(crate) fn values(entry: &Entry) -> [Value; 29] {
    let look = entry.look_before.as_ref();
    let (reconciliation, doubt, until) = verdict(entry.reconciliation);
    [
        entry.id.0.into(),
        text(entry.account.as_str()),
        text(&entry.text),
        i64::from(entry.duration).into(),
        text(&entry.body_sha256),
        entry.batch.clone().into(),
        entry.row.clone().into(),
        text(entry.state.as_str()),
        name(entry.query_id.as_ref()),
        name(entry.unconfirmed_id.as_ref()),
        entry
            .refusal
            .map(|refusal| String::from(refusal.as_str()))
            .into(),
        entry.expected_cost.map(u64::cast_signed).into(),
        look.map(|look| look.used.cast_signed()).into(),
        look.and_then(|look| look.changed.clone()).into(),
        look.and_then(|look| look.at).map(u64::cast_signed).into(),
        i64::from(entry.alone).into(),
        entry.run.clone().into(),
        entry.detail.clone().into(),
        reconciliation,
        doubt,
        until,
        i64::from(entry.resolved_by_hand).into(),
        entry.superseded_by.map(i64::from).into(),
        entry.path.clone().into(),
        entry.bytes.map(u64::cast_signed).into(),
        entry.sha256.clone().into(),
        entry.created_at.cast_signed().into(),
        entry.updated_at.cast_signed().into(),
        entry.service_at.cast_signed().into(),
    ]
}

/// The columns of a verdict: its name, its doubt's, and until when that lasts.
pub(crate) fn verdict(found: Option<Reconciliation>) -> (Value, Value, Value) {
    let doubt = match found {
        Some(Reconciliation::Inconclusive(doubt)) => Some(doubt),
        Some(Reconciliation::Charged | Reconciliation::NotCharged) | None => None,
    };
    let until = match doubt {
        Some(Doubt::NotSettled { until }) => Some(until.cast_signed()),
        _ => None,
    };
    (
        found.map(|found| String::from(found.as_str())).into(),
        doubt.map(|doubt| String::from(doubt.as_str())).into(),
        until.into(),
    )
}

/// A row, read but not understood yet.
#[derive(Debug)]
pub(crate) struct Raw {
    id: LocalId,
    verdict: Option<String>,
    until: Option<u64>,
    /// All else of the entry, in its own form.
    entry: serde_json::Value,
}

impl Raw {
    pub(crate) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let text = |column: &str| row.get::<_, Option<String>>(column);
        let number = |column: &str| -> rusqlite::Result<Option<u64>> {
            Ok(row.get::<_, Option<i64>>(column)?.map(i64::cast_unsigned))
        };
        let look_before = match number("used_before")? {
            Some(used) => json!({
                "used": used,
                "changed": text("changed_before")?,
                "at": number("look_at")?,
            }),
            None => serde_json::Value::Null,
        };
        let id: i64 = row.get("id")?;
        let entry = json!({
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
            "alone": row.get::<_, bool>("alone")?,
            "run": text("run")?,
            "detail": text("detail")?,
            "resolvedByHand": row.get::<_, bool>("resolved_by_hand")?,
            "supersededBy": row.get::<_, Option<i64>>("superseded_by")?,
            "path": text("path")?,
            "bytes": number("bytes")?,
            "sha256": text("sha256")?,
            "createdAt": number("created_at")?,
            "updatedAt": number("updated_at")?,
            "serviceAt": number("service_at")?,
        });
        Ok(Self {
            id: LocalId(id),
            verdict: text("doubt")?.or(text("reconciliation")?),
            until: number("doubt_until")?,
            entry,
        })
    }

    /// # Errors
    ///
    /// [`ErrorKind::Unreadable`]: somebody else wrote to the row, or a newer genrex did.
    pub(crate) fn understand(self) -> Result<Entry, Error> {
        let unreadable = |error: serde_json::Error| {
            let message = format!("job {} cannot be read", self.id);
            let error = Error::new(ErrorKind::Unreadable, message).with_source(error);
            error.about(self.id)
        };
        let mut entry: Entry = serde_json::from_value(self.entry).map_err(unreadable)?;
        let verdict = self.verdict.map(|name| name.parse()).transpose()?;
        entry.reconciliation = match (verdict, self.until) {
            (Some(Reconciliation::Inconclusive(Doubt::NotSettled { .. })), Some(until)) => {
                Some(Reconciliation::Inconclusive(Doubt::NotSettled { until }))
            }
            (verdict, _) => verdict,
        };
        Ok(entry)
    }
}

fn text(text: &str) -> Value {
    Value::from(String::from(text))
}

fn name(id: Option<&QueryId>) -> Value {
    id.map(|id| String::from(id.as_str())).into()
}
