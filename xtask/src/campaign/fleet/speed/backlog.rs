//! A database that holds many jobs.

use genrex_ledger::Row;

use super::super::cluster::Cluster;
use super::super::suite::make;
use super::ACCOUNT;

pub(crate) const DATABASE: &str = "backlog";
const BATCH: &str = "backlog";

/// The row of a job by its number.
pub(crate) fn row(job: u64) -> Row {
    Row::new(BATCH, format!("row {job}"))
}

pub(crate) fn make_empty(cluster: &Cluster) -> anyhow::Result<()> {
    make(cluster, DATABASE)
}

/// Adds jobs up to so many: one of a thousand is under way, the others are here, each with its steps.
pub(crate) fn fill(cluster: &Cluster, jobs: u64) -> anyhow::Result<()> {
    let sql = format!(
        "SET synchronous_commit = off;
         ALTER TABLE genrex.job DISABLE TRIGGER USER;
         INSERT INTO genrex.job (id, key, account, text, duration, body_sha256, batch, \"row\", state, query_id, alone, \
             resolved_by_hand, path, bytes, sha256, created_at, updated_at, service_at, owner, epoch) \
         SELECT job, md5(job::text), '{ACCOUNT}', 'a prompt of a usual length, number ' || job, 10, \
             encode(sha256(job::text::bytea), 'hex'), '{BATCH}', 'row ' || job, \
             CASE WHEN job % 1000 = 0 THEN 'accepted' ELSE 'downloaded' END, 'QRY_' || job, false, false, \
             '/music/' || job || '.wav', 44, encode(sha256(job::text::bytea), 'hex'), job, job, job, '', 0 \
         FROM generate_series((SELECT coalesce(max(id), 0) + 1 FROM genrex.job), {jobs}) job;
         ALTER TABLE genrex.job ENABLE TRIGGER USER;
         INSERT INTO genrex.history (job, at, state) \
         SELECT id, created_at, steps.state FROM genrex.job, \
             unnest(ARRAY['intended', 'sent', 'accepted', 'downloaded']) AS steps (state) \
         WHERE id > (SELECT coalesce(max(job), 0) FROM genrex.history) ORDER BY id;
         SELECT setval('genrex.job_id', {jobs});"
    );
    cluster.sql(DATABASE, &sql)?;
    cluster.sql(DATABASE, "VACUUM ANALYZE genrex.job")?;
    cluster
        .sql(DATABASE, "VACUUM ANALYZE genrex.history")
        .map(drop)
}
