//! The triggers in a fresh file are the machine in the code.

use genrex_ledger::State;
use genrex_ledger_sqlite::SqliteLedger;
use rusqlite::{Connection, params};

use crate::support::{accepted, by_hand, place, record};

fn fresh() -> (tempfile::TempDir, Connection) {
    let (folder, path) = place();
    drop(SqliteLedger::open(&path).unwrap());
    (folder, by_hand(&path))
}

fn insert(connection: &Connection, state: State) -> rusqlite::Result<usize> {
    connection.execute(
        "INSERT INTO job (account, text, duration, body_sha256, state, query_id, alone, resolved_by_hand, path, \
         bytes, sha256, owner, created_at, updated_at, service_at) \
         VALUES ('a', 't', 5, 'b', ?1, 'QRY_1', 0, 0, 'a.wav', 7, '00', 'o', 1, 1, 1)",
        [state.as_str()],
    )
}

#[test]
fn what_the_machine_does_not_have_cannot_be_written_by_anyone() {
    let (_folder, connection) = fresh();
    for state in State::ALL {
        let is_begun = insert(&connection, state).is_ok();
        assert_eq!(is_begun, state == State::Intended, "{state}");
    }
    connection.execute_batch("DROP TRIGGER job_begins").unwrap();
    for from in State::ALL {
        for to in State::ALL {
            insert(&connection, from).unwrap();
            let id = connection.last_insert_rowid();
            let written = connection
                .execute(
                    "UPDATE job SET state = ?2 WHERE id = ?1",
                    params![id, to.as_str()],
                )
                .is_ok();
            let machine = State::transitions().any(|pair| pair == (from, to));
            assert_eq!(written, machine, "{from} to {to}");
        }
    }
}

#[test]
fn what_was_kept_cannot_be_taken_back_by_anyone() {
    let (_folder, connection) = fresh();
    // One without a past, and one that has one.
    insert(&connection, State::Intended).unwrap();
    insert(&connection, State::Intended).unwrap();
    let id = connection.last_insert_rowid();
    connection
        .execute(
            "INSERT INTO history (job, at, state) VALUES (?1, 1, 'intended')",
            [id],
        )
        .unwrap();
    let mine =
        |change: &str| connection.execute(&format!("UPDATE job SET {change} WHERE id = {id}"), []);
    mine("state = 'sent', query_id = NULL").unwrap_err();
    for refused in [
        "DELETE FROM job WHERE id NOT IN (SELECT job FROM history)",
        "DELETE FROM history",
        "UPDATE history SET state = 'sent'",
        "UPDATE job SET query_id = 'QRY_2'",
    ] {
        connection.execute(refused, []).unwrap_err();
    }
    mine("state = 'sent'").unwrap();
    mine("state = 'accepted'").unwrap();
    mine("state = 'downloaded', path = NULL").unwrap_err();
    mine("state = 'downloaded'").unwrap();
}

#[test]
fn a_job_that_was_taken_has_its_id() {
    let (_folder, path, ledger) = crate::support::ledger();
    let id = crate::support::send(&ledger, "music");
    let connection = by_hand(&path);
    let accept = "UPDATE job SET state = 'accepted' WHERE id = ?1";
    connection.execute(accept, [id.0]).unwrap_err();
    record(&ledger, id, &accepted("QRY_1")).unwrap();
}
