//! A job as a row of the table, and back.

use genrex_ledger::{Doubt, Entry, Error, ErrorKind, LocalId, Reconciliation};
use genrex_proto::QueryId;
use rusqlite::Row;
use rusqlite::types::Value;
use serde_json::json;

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
        entry.output.clone().into(),
        entry.path.clone().into(),
        entry.bytes.map(u64::cast_signed).into(),
        entry.sha256.clone().into(),
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
            "output": text("output")?,
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

#[cfg(test)]
mod tests {
    use genrex_ledger::{Account, Look, Refusal, State};
    use proptest::option;
    use proptest::prelude::*;
    use proptest::strategy::ValueTree as _;
    use rusqlite::{Connection, params_from_iter};

    use super::*;

    fn verdicts() -> impl Strategy<Value = Reconciliation> {
        let names = [
            "charged",
            "notCharged",
            "noLookBefore",
            "noLookSince",
            "otherJobs",
            "priceUnknown",
            "chargeTimeUnknown",
            "otherMovement",
        ];
        prop_oneof![
            prop::sample::select(names.to_vec()).prop_map(|name| name.parse().unwrap()),
            any::<u64>()
                .prop_map(|until| { Reconciliation::Inconclusive(Doubt::NotSettled { until }) }),
        ]
    }

    fn looks() -> impl Strategy<Value = Look> {
        let look = (any::<u64>(), option::of(".*"), option::of(any::<u64>()));
        look.prop_map(|(used, changed, at)| {
            let mut look = Look::new(used);
            (look.changed, look.at) = (changed, at);
            look
        })
    }

    prop_compose! {
        /// An entry of which nothing is left out, in the form that it is kept in elsewhere.
        fn entries()(
            id in 1_i64..,
            texts in (".*", ".*", "[0-9a-f]{64}"),
            flags in any::<(u8, bool, bool)>(),
            times in any::<(u64, u64, u64)>(),
            names in prop::collection::vec(option::of(".*"), 7),
            ids in (option::of("QRY_[a-z0-9]{1,20}"), option::of("QRY_[a-z0-9]{1,20}")),
            state in prop::sample::select(State::ALL.to_vec()),
            refusal in option::of(prop::sample::select(Refusal::ALL.to_vec())),
            numbers in any::<(Option<u64>, Option<u64>)>(),
            look in option::of(looks()),
            verdict in option::of(verdicts()),
            superseded_by in option::of(1_i64..),
        ) -> Entry {
            serde_json::from_value(json!({
                "id": id,
                "account": Account::new(&texts.0, "u"),
                "text": texts.1,
                "duration": flags.0,
                "bodySha256": texts.2,
                "batch": names[0],
                "row": names[1],
                "state": state,
                "queryId": ids.0,
                "unconfirmedId": ids.1,
                "refusal": refusal,
                "expectedCost": numbers.0,
                "lookBefore": look,
                "alone": flags.1,
                "run": names[2],
                "detail": names[3],
                "reconciliation": verdict,
                "resolvedByHand": flags.2,
                "supersededBy": superseded_by,
                "output": names[6],
                "path": names[4],
                "bytes": numbers.1,
                "sha256": names[5],
                "createdAt": times.0,
                "updatedAt": times.1,
                "serviceAt": times.2,
            }))
            .unwrap()
        }
    }

    fn kept(entry: &Entry) -> Entry {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(concat!(
                include_str!("../migrations/2.sql"),
                include_str!("../migrations/4.sql")
            ))
            .unwrap();
        let insert = format!(
            "INSERT INTO job ({}, owner) VALUES ({}, 'o')",
            COLUMNS.join(", "),
            ["?"; COLUMNS.len()].join(", ")
        );
        connection
            .pragma_update(None, "foreign_keys", false)
            .unwrap();
        connection
            .execute(&insert, params_from_iter(values(entry)))
            .unwrap();
        let raw = connection.query_row("SELECT * FROM job", [], Raw::read);
        raw.unwrap().understand().unwrap()
    }

    proptest! {
        #[test]
        fn an_entry_is_read_as_it_was_written(entry in entries()) {
            prop_assert_eq!(kept(&entry), entry);
        }
    }

    /// Who adds a field to an entry has to add its column: without it the field would be lost.
    #[test]
    fn each_field_of_an_entry_has_its_columns() {
        let entry = entries()
            .new_tree(&mut proptest::test_runner::TestRunner::deterministic())
            .unwrap()
            .current();
        let fields = serde_json::to_value(entry).unwrap();
        // A look is three columns, and a verdict with its doubt is three.
        assert_eq!(fields.as_object().unwrap().len(), COLUMNS.len() - 4);
    }
}
