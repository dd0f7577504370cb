//! A file of version 1, as an older genrex left it.

use std::fs;
use std::path::Path;

use genrex_ledger::{
    Account, Alias, Doubt, Entry, ErrorKind, Event, Filter, Ledger as _, LocalId, Look,
    Reconciliation, State,
};
use genrex_ledger_sqlite::SqliteLedger;
use rusqlite::{Connection, params};

use crate::support::{NOW, accepted, beside, by_hand, entry, place, record, state, wait};

const FIRST: &str = include_str!("../../migrations/1.sql");
const KEY: &str = "key";

/// Each state that version 1 had, with the steps to it, and what it is in this version.
const STATES: [(&[&str], &str); 9] = [
    (&["intended"], "sent"),
    (&["intended", "sent"], "sent"),
    (&["intended", "notSent"], "notSent"),
    (&["intended", "sent", "refused"], "refused"),
    (&["intended", "sent", "ambiguous"], "ambiguous"),
    (&["intended", "sent", "accepted"], "accepted"),
    (&["intended", "accepted", "failed"], "failed"),
    (&["intended", "sent", "accepted", "completed"], "completed"),
    (
        &["intended", "sent", "accepted", "downloaded"],
        "downloaded",
    ),
];

/// A ledger of version 1 with a job in each state, and one of each verdict.
fn first(path: &Path) -> Connection {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let connection = by_hand(path);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    connection
        .pragma_update(None, "journal_mode", "wal")
        .unwrap();
    connection.execute_batch(FIRST).unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    for (steps, _) in STATES {
        job(&connection, steps, None);
    }
    for verdict in ["charged", "notCharged", "inconclusive"] {
        job(
            &connection,
            &["intended", "sent", "ambiguous"],
            Some(verdict),
        );
    }
    connection
        .execute(
            "INSERT INTO price (account, duration, credits, at_submit, seen_at) VALUES ('a', 10, 7, 1, 1)",
            [],
        )
        .unwrap();
    connection
}

/// Writes a job as version 1 did.
fn job(connection: &Connection, steps: &[&str], verdict: Option<&str>) {
    let alias = Alias::new("", KEY);
    let fingerprint = alias.as_str().trim_start_matches('#');
    // Spellings that version 1 took for two accounts.
    let spellings = [
        "https://api.genrex.com",
        "HTTPS://API.genrex.com:443/",
        "https://api.genrex.com/some/path",
    ];
    let number = connection.last_insert_rowid();
    let url = spellings[usize::try_from(number % 3).unwrap()];
    connection
        .execute(
            "INSERT INTO job (account, text, duration, body_sha256, batch, row, state, expected_cost, used_before, \
             changed_before, owner, created_at, updated_at) \
             VALUES (?1, 'music', 10, 'b0d7', ?2, ?2, 'intended', 7, 40, 'then', '1-gone', ?3, ?4)",
            params![
                format!("{url}#{fingerprint}"),
                (number % 2 == 0).then(|| number.to_string()),
                NOW.cast_signed(),
                NOW.cast_signed() + 9,
            ],
        )
        .unwrap();
    let id = connection.last_insert_rowid();
    for (at, step) in steps.iter().enumerate() {
        if ["accepted"].contains(step) {
            connection
                .execute(
                    "UPDATE job SET state = ?2, query_id = 'QRY_' || id WHERE id = ?1",
                    params![id, step],
                )
                .unwrap();
        } else if *step == "downloaded" {
            connection
                .execute(
                    "UPDATE job SET state = ?2, path = 'a.wav', bytes = 7, sha256 = '00' WHERE id = ?1",
                    params![id, step],
                )
                .unwrap();
        } else if *step != "intended" {
            connection
                .execute(
                    "UPDATE job SET state = ?2, detail = 'why' WHERE id = ?1",
                    params![id, step],
                )
                .unwrap();
        }
        connection
            .execute(
                "INSERT INTO history (job, at, state, detail) VALUES (?1, ?2, ?3, 'a step')",
                params![id, NOW.cast_signed() + i64::try_from(at).unwrap(), step],
            )
            .unwrap();
    }
    connection
        .execute(
            "UPDATE job SET verdict = ?2 WHERE id = ?1",
            params![id, verdict],
        )
        .unwrap();
}

type Known = (
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// What a file of version 1 knows of its jobs, beside their states.
fn known(connection: &Connection) -> Vec<Known> {
    let mut query = connection
        .prepare("SELECT query_id, detail, path, sha256 FROM job ORDER BY id")
        .unwrap();
    let rows = query.query_map([], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn all(ledger: &SqliteLedger) -> Vec<Entry> {
    let mut filter = Filter::default();
    filter.oldest_first = true;
    wait(ledger.entries(&filter)).unwrap()
}

#[test]
fn all_jobs_of_an_older_file_are_kept() {
    let (_folder, path) = place();
    let known = known(&first(&path));
    let ledger = SqliteLedger::open(&path).unwrap();
    let entries = all(&ledger);
    assert_eq!(entries.len(), STATES.len() + 3);
    let account = Account::from(Alias::new("https://api.genrex.com", KEY));
    for (index, entry) in entries.iter().enumerate() {
        assert_eq!(entry.id, LocalId(i64::try_from(index).unwrap() + 1));
        assert_eq!(entry.account, account);
        assert_eq!((entry.text.as_str(), entry.duration), ("music", 10));
        assert_eq!(entry.body_sha256, "b0d7");
        assert_eq!(entry.expected_cost, Some(7));
        assert_eq!(entry.look_before, Some(Look::new(40).changed("then")));
        assert_eq!((entry.created_at, entry.updated_at), (NOW, NOW + 9));
        assert_eq!(entry.batch, entry.row);
        assert!(!entry.alone && !entry.resolved_by_hand);
        let query_id = entry.query_id.as_ref().map(|id| String::from(id.as_str()));
        let now = (
            query_id,
            entry.detail.clone(),
            entry.path.clone(),
            entry.sha256.clone(),
        );
        assert_eq!(now, known[index]);
    }
    assert!(entries.iter().any(|entry| entry.row().is_some()));
    for (entry, (steps, now)) in entries.iter().zip(STATES) {
        assert_eq!(entry.state.as_str(), now, "{steps:?}");
        let history = wait(ledger.history(entry.id)).unwrap();
        let kept: Vec<&str> = history.iter().map(|past| past.state.as_str()).collect();
        assert_eq!(&kept[..steps.len()], steps);
        assert_eq!(history[0].at, NOW);
        assert_eq!(history[0].detail.as_deref(), Some("a step"));
    }
    let found = entries[STATES.len()..]
        .iter()
        .map(|entry| entry.reconciliation);
    let doubt = Reconciliation::Inconclusive(Doubt::OtherMovement);
    assert!(found.eq([Reconciliation::Charged, Reconciliation::NotCharged, doubt].map(Some)));
}

/// Version 1 went on with a submit even if it could not keep that it was sent.
#[test]
fn what_an_older_file_calls_intended_may_have_been_charged() {
    let (_folder, path) = place();
    drop(first(&path));
    let ledger = SqliteLedger::open(&path).unwrap();
    let ended = wait(ledger.recover(NOW)).unwrap();
    let ended: Vec<_> = ended
        .iter()
        .map(|entry| (entry.id.0, entry.state))
        .collect();
    assert_eq!(ended, [(1, State::Ambiguous), (2, State::Ambiguous)]);
    let history = wait(ledger.history(LocalId(1))).unwrap();
    let states: Vec<&str> = history.iter().map(|past| past.state.as_str()).collect();
    assert_eq!(states, ["intended", "sent", "ambiguous"]);
}

#[test]
fn jobs_of_an_older_file_go_on() {
    let (_folder, path) = place();
    drop(first(&path));
    let ledger = SqliteLedger::open(&path).unwrap();
    assert_eq!(
        record(&ledger, LocalId(6), &Event::Completed)
            .unwrap()
            .state,
        State::Completed
    );
    assert_eq!(
        record(&ledger, LocalId(5), &accepted("QRY_5"))
            .unwrap()
            .state,
        State::Accepted
    );
    record(&ledger, LocalId(3), &accepted("QRY_3")).unwrap_err();
    wait(ledger.observe(
        &Alias::new("https://api.genrex.com", KEY),
        &Account::new("https://api.genrex.com", "u1"),
        &Look::new(41),
        NOW,
    ))
    .unwrap();
    let moved = Account::new("https://api.genrex.com", "u1");
    assert!(all(&ledger).iter().all(|entry| entry.account == moved));
    let new = crate::support::intend(&ledger, "more");
    assert_eq!(new.0, 13);
}

/// What a person sees of a file: its tables, its indexes, its triggers.
fn schema(path: &Path) -> Vec<(String, String)> {
    let connection = by_hand(path);
    let mut query = connection
        .prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
        .unwrap();
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn an_older_file_becomes_what_a_new_one_is() {
    let ((_one, old), (_two, new)) = (place(), place());
    drop(first(&old));
    for path in [&old, &new] {
        drop(SqliteLedger::open(path).unwrap());
    }
    assert_eq!(schema(&old), schema(&new));
    let check: String = by_hand(&old)
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    let broken = by_hand(&old)
        .prepare("PRAGMA foreign_key_check")
        .unwrap()
        .exists([])
        .unwrap();
    assert!(!broken);
    // Once is enough.
    let before = entry(&SqliteLedger::open(&old).unwrap(), LocalId(1));
    assert_eq!(
        entry(&SqliteLedger::open(&old).unwrap(), LocalId(1)),
        before
    );
}

#[test]
fn an_older_genrex_that_has_it_open_is_not_disturbed() {
    let (_folder, path) = place();
    drop(first(&path));
    let owners = beside(&path, ".owners");
    fs::create_dir(&owners).unwrap();
    let owner = fs::File::create(owners.join("1-alive")).unwrap();
    owner.lock().unwrap();
    let error = SqliteLedger::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert!(error.to_string().contains("older genrex"), "{error}");
    let version: i64 = by_hand(&path)
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 1);
    drop(owner);
    drop(SqliteLedger::open(&path).unwrap());
}

#[test]
fn an_older_file_is_not_read_without_the_right_to_bring_it_up() {
    let (_folder, path) = place();
    drop(first(&path));
    let error = SqliteLedger::open_to_read(&path).unwrap_err();
    assert!(error.to_string().contains("older version"), "{error}");
    let ledger = SqliteLedger::open(&path).unwrap();
    assert_eq!(state(&ledger, LocalId(6)), State::Accepted);
}

/// The triggers in a fresh file are the machine in the code.
#[test]
fn what_the_machine_does_not_have_cannot_be_written_by_anyone() {
    let (_folder, path) = place();
    drop(SqliteLedger::open(&path).unwrap());
    let connection = by_hand(&path);
    let insert = |state: State| {
        connection.execute(
            "INSERT INTO job (account, text, duration, body_sha256, state, query_id, alone, resolved_by_hand, path, \
             bytes, sha256, owner, created_at, updated_at, service_at) \
             VALUES ('a', 't', 5, 'b', ?1, 'QRY_1', 0, 0, 'a.wav', 7, '00', 'o', 1, 1, 1)",
            [state.as_str()],
        )
    };
    for state in State::ALL {
        assert_eq!(insert(state).is_ok(), state == State::Intended, "{state}");
    }
    let begins: String = connection
        .query_row(
            "SELECT sql FROM sqlite_schema WHERE name = 'job_begins'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    connection.execute_batch("DROP TRIGGER job_begins").unwrap();
    for from in State::ALL {
        for to in State::ALL {
            insert(from).unwrap();
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
    connection.execute_batch(&begins).unwrap();
    insert(State::Intended).unwrap();
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
