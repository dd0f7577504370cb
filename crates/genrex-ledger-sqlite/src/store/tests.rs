//! What a purchase costs the database does not grow with the jobs that it holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use genrex_ledger::{Limits, Once, Row, Run};

use super::*;
use crate::connection::{self, Written};
use crate::options::Options;

const NOW: u64 = 1_717_574_785_354;
const ORIGIN: &str = "https://api.genrex.com";

/// A ledger of so many jobs of one account, each of a row of its own.
fn filled(jobs: u64) -> (tempfile::TempDir, Written) {
    let folder = tempfile::tempdir().unwrap();
    let written =
        connection::open(&folder.path().join("genrex/ledger.db"), &Options::new()).unwrap();
    written
        .connection
        .execute_batch(&format!(
            "BEGIN;
             DROP TRIGGER job_begins;
             WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {jobs})
             INSERT INTO job (key, account, text, duration, body_sha256, batch, row, state, query_id, expected_cost, \
                 alone, resolved_by_hand, owner, created_at, updated_at, service_at) \
             SELECT 'key ' || n, '{ORIGIN}#u1', 'music', 10, 'body ' || n, 'batch', 'row ' || n, 'completed', \
                 'QRY_' || n, 10, 0, 0, '', {NOW}, {NOW}, {NOW} FROM number;
             COMMIT;",
        ))
        .unwrap();
    (folder, written)
}

/// How many instructions SQLite's machine runs for each step of a purchase, by what it must not be bought beside.
fn instructions(jobs: u64) -> Vec<[u64; 3]> {
    let (_folder, mut written) = filled(jobs);
    let count = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&count);
    let counted = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        false
    };
    written
        .connection
        .progress_handler(1, Some(counted))
        .unwrap();
    let store = Store {
        connection: &written.connection,
        owners: &Owners::of(written.place.owners()),
        owner: "me",
        unwritten: None,
    };
    let counts = |work: &mut dyn FnMut()| {
        let before = count.load(Ordering::Relaxed);
        work();
        count.load(Ordering::Relaxed) - before
    };
    let (alias, account) = (Alias::new(ORIGIN, "key"), Account::new(ORIGIN, "u1"));
    let look = Look::new(0).at(NOW);
    let mut all = Vec::new();
    for key in 0..9 {
        let name = format!("row of {key}");
        let mut limits = Limits::default();
        (limits.total, limits.day, limits.per_job) = (Some(1_000), Some(900), Some(10));
        let intent = Intent::new(key, account.clone(), "music", 10, name.as_bytes())
            .after(look.clone())
            .within(limits)
            .of_run(Run::new("run", 500))
            .once(match key % 3 {
                0 => Once::No,
                1 => Once::Prompt,
                _ => Once::Row {
                    row: Row::new("batch", name),
                    last: None,
                },
            });
        let mut id = LocalId(0);
        all.push([
            counts(&mut || store.observe(&alias, &account, &look, NOW).unwrap()),
            counts(&mut || id = store.intend(&intent, NOW).unwrap().entry.id),
            counts(&mut || drop(store.record(id, &Event::Sent, NOW).unwrap())),
        ]);
    }
    // The first of each kind prepares its statements.
    all.split_off(3)
}

#[test]
fn a_purchase_runs_as_many_instructions_among_many_jobs_as_among_few() {
    let few = instructions(1_000);
    assert!(few.iter().flatten().all(|count| *count > 10), "{few:?}");
    assert_eq!(few, instructions(100_000));
}
