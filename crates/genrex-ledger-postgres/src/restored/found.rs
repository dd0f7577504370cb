use genrex_ledger_rescue::Seen;

use super::server::Server;
use crate::failure::Failure;
use crate::relocation::MOVED;
use crate::row::Value;
use crate::session::Session;
use crate::store::nothing;
use crate::text;

/// What a ledger has of a step that this machine saw.
pub(super) struct Found {
    /// The ledger's own name.
    pub(super) name: String,
    /// How often somebody has taken it as it was,
    pub(super) generation: i64,
    /// and of that before it was kept what was known to be missing.
    pub(super) accepted_of_old: i64,
    /// The greatest number that was accepted as missing after the step was seen, of its ledger, server and generation.
    pub(super) accepted: Option<i64>,
    /// Whether this server was accepted after that one.
    pub(super) is_server_accepted: bool,
    /// When all of it was copied here, in milliseconds since 1970, or 0.
    pub(super) moved_at: i64,
    /// Whether the step is there, by its number,
    pub(super) is_there: bool,
    /// and by its job and its time alone: where all of it was copied, it has another number.
    pub(super) is_copied: bool,
    /// The greatest number of a step.
    pub(super) newest: i64,
}

impl Found {
    pub(super) async fn by(
        session: &Session,
        seen: &Seen,
        server: &Server,
    ) -> Result<Self, Failure> {
        let sql = "WITH accepted AS ( \
                 SELECT step.event, step.\"to\", accepted_at \
                 FROM genrex.restored, jsonb_to_recordset(restored.steps) \
                     AS step(ledger text, server text, generation bigint, event bigint, \"to\" text) \
                 WHERE step.ledger = $7 AND step.server IS NOT DISTINCT FROM $8 AND step.generation = $6 \
             ) \
             SELECT ledger.id, restored.*, \
                 (SELECT max(event) FROM accepted WHERE $3 <= extract(epoch FROM accepted_at) * 1000), \
                 EXISTS (SELECT FROM accepted WHERE \"to\" = $9), \
                 EXISTS (SELECT FROM genrex.history WHERE id = $1 AND job = $2 AND at = $3 AND state = $4), \
                 EXISTS (SELECT FROM genrex.history WHERE job = $2 AND at = $3 AND state = $4), \
                 (SELECT coalesce(max(id), 0) FROM genrex.history) \
             FROM genrex.ledger, ( \
                 SELECT count(*), count(*) FILTER (WHERE steps IS NULL), \
                     coalesce(max(extract(epoch FROM accepted_at) * 1000) FILTER (WHERE accepted_by = $5), 0)::bigint \
                 FROM genrex.restored \
             ) AS restored";
        let name = |name: &Option<String>| Value::Text(name.as_deref().map(text::kept));
        let values = [
            Value::from(seen.event),
            seen.job.0.into(),
            seen.at.cast_signed().into(),
            Value::text(seen.state.as_str()),
            Value::text(MOVED),
            seen.generation.into(),
            Value::text(&seen.ledger),
            name(&seen.server),
            name(&server.name),
        ];
        let rows = session.read(sql, &values).await?;
        let row = rows.first().ok_or_else(nothing)?;
        Ok(Self {
            name: row.try_get(0)?,
            generation: row.try_get(1)?,
            accepted_of_old: row.try_get(2)?,
            moved_at: row.try_get(3)?,
            accepted: row.try_get(4)?,
            is_server_accepted: row.try_get(5)?,
            is_there: row.try_get(6)?,
            is_copied: row.try_get(7)?,
            newest: row.try_get(8)?,
        })
    }
}
