//! A file of an older version, as an older genrex left it.

mod fourth;

use std::fs;
use std::path::Path;

use genrex_ledger::relocation::Portable as _;
use genrex_ledger::{
    Account, Alias, Doubt, Entry, ErrorKind, Event, Filter, Ledger as _, Limits, LocalId, Look,
    Reconciliation, Refusal, Resolution, State,
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

/// A ledger of version 1 without a job.
fn empty(path: &Path) -> Connection {
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
    connection
}

/// One with a job in each state, and one of each verdict.
fn first(path: &Path) -> Connection {
    let connection = empty(path);
    for (steps, _) in STATES {
        job(&connection, steps, None, Some(7));
    }
    for verdict in ["charged", "notCharged", "inconclusive"] {
        job(
            &connection,
            &["intended", "sent", "ambiguous"],
            Some(verdict),
            Some(7),
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
fn job(connection: &Connection, steps: &[&str], verdict: Option<&str>, cost: Option<i64>) {
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
             VALUES (?1, 'music', 10, 'b0d7', ?2, ?2, 'intended', ?5, 40, 'then', '1-gone', ?3, ?4)",
            params![
                format!("{url}#{fingerprint}"),
                (number % 2 == 0).then(|| number.to_string()),
                NOW.cast_signed(),
                NOW.cast_signed() + 9,
                cost,
            ],
        )
        .unwrap();
    let id = connection.last_insert_rowid();
    for (at, state) in (NOW.cast_signed()..).zip(steps) {
        step(connection, id, at, state);
    }
    let set = "UPDATE job SET verdict = ?2 WHERE id = ?1";
    connection.execute(set, params![id, verdict]).unwrap();
}

/// A step of a job, as version 1 wrote it.
fn step(connection: &Connection, id: i64, at: i64, state: &str) {
    let with = match state {
        "accepted" => ", query_id = 'QRY_' || id",
        "downloaded" => ", path = 'a.wav', bytes = 7, sha256 = '00'",
        "intended" => "",
        _ => ", detail = 'why'",
    };
    if state != "intended" {
        let set = format!("UPDATE job SET state = ?2{with} WHERE id = ?1");
        connection.execute(&set, params![id, state]).unwrap();
    }
    connection
        .execute(
            "INSERT INTO history (job, at, state, detail) VALUES (?1, ?2, ?3, 'a step')",
            params![id, at, state],
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

/// What version 1 had bought counts against the limits of this one: 190 of 200 credits.
#[test]
fn what_jobs_of_an_older_file_cost_counts_on() {
    let (_folder, path) = place();
    let connection = empty(&path);
    for (steps, cost) in [
        (&["intended"][..], 10),
        (&["intended", "sent"], 20),
        (&["intended", "sent", "ambiguous"], 21),
        (&["intended", "sent", "accepted"], 32),
        (&["intended", "sent", "accepted", "failed"], 33),
        (&["intended", "sent", "accepted", "completed"], 34),
        (&["intended", "sent", "accepted", "downloaded"], 30),
        (&["intended", "notSent"], 1_000),
        (&["intended", "sent", "refused"], 1_000),
    ] {
        job(&connection, steps, None, Some(cost));
    }
    let unclear = ["intended", "sent", "ambiguous"];
    job(&connection, &unclear, Some("notCharged"), Some(1_000));
    job(&connection, &unclear, Some("charged"), Some(3));
    // Its price was observed by it.
    job(&connection, &["intended", "sent", "accepted"], None, None);
    connection
        .execute_batch(
            "INSERT INTO price SELECT account, 10, 99, 1, 1 FROM job WHERE id = 12;
             INSERT INTO price SELECT account, 10, 7, 1, 2 FROM job WHERE id = 12;
             UPDATE job SET created_at = created_at - 40 * 86400000 WHERE id = 7",
        )
        .unwrap();
    drop(connection);
    let ledger = SqliteLedger::open(&path).unwrap();
    let alias = Alias::new("https://api.genrex.com", KEY);
    let spent = |account: &Account| {
        let spending = wait(ledger.credits(account)).unwrap().spending(NOW);
        (spending.day, spending.month, spending.total)
    };
    assert_eq!(spent(&Account::from(alias.clone())), (160, 160, 190));
    let account = crate::support::account();
    let look = |used: u64| Look::new(used).at(NOW);
    wait(ledger.observe(&alias, &account, &look(500), NOW)).unwrap();
    assert_eq!(spent(&account), (160, 160, 190));
    wait(ledger.recover(NOW)).unwrap();
    assert_eq!(
        spent(&account),
        (160, 160, 190),
        "in flight, and now unclear"
    );
    let more = |text| {
        let intent = crate::support::limited(text, 200).after(look(500));
        wait(ledger.intend(&intent, NOW)).map_err(|error| error.kind())
    };
    more("it fits").unwrap();
    // What is in flight may turn out not to be spent: who is over by that alone waits.
    assert_eq!(more("it does not"), Err(ErrorKind::PriceUnknown));
    assert_eq!(spent(&account).2, 200);
}

/// A file as version 2 left it: with fewer transitions, and accounts by the spelling of their origin.
fn second(path: &Path) {
    let ledger = SqliteLedger::open(path).unwrap();
    let port = |host: &str| format!("http://{host}:8080");
    for (key, host) in (1_u8..).zip(["localhost", "other", "third"]) {
        let alias = Alias::new(&port(host), "key");
        let account = Account::new(&port(host), "u1");
        let mut limits = Limits::default();
        limits.per_job = Some(10 * u64::from(key));
        let look = Look::new(0).at(NOW);
        wait(ledger.observe(&alias, &account, &look, NOW)).unwrap();
        let mut intent = crate::support::intent(host).after(look).within(limits);
        intent.account = account;
        let id = wait(ledger.intend(&intent, NOW)).unwrap().id;
        record(&ledger, id, &Event::Sent).unwrap();
        if host == "third" {
            record(
                &ledger,
                id,
                &Event::Refused(Refusal::RateLimited, "429".into()),
            )
            .unwrap();
        }
    }
    drop(ledger);
    by_hand(path)
        .execute_batch(
            "DROP TRIGGER job_goes;
             CREATE TRIGGER job_goes BEFORE UPDATE OF state ON job
             WHEN (OLD.state || '>' || NEW.state) NOT IN ('intended>sent', 'sent>accepted', 'sent>ambiguous')
             BEGIN SELECT RAISE(ABORT, 'a job does not go there from where it stands'); END;
             UPDATE job SET account = replace(account, 'other', '[0:0:0:0:0:0:0:1]');
             UPDATE credits SET account = replace(account, 'other', '[0:0:0:0:0:0:0:1]');
             UPDATE alias SET alias = replace(alias, 'other', '[0:0:0:0:0:0:0:1]'),
                 account = replace(account, 'other', '[0:0:0:0:0:0:0:1]');
             UPDATE job SET account = replace(account, 'third:8', 'third:08');
             UPDATE credits SET account = replace(account, 'third:8', 'third:08');
             UPDATE alias SET alias = replace(alias, 'third:8', 'third:08'),
                 account = replace(account, 'third:8', 'third:08');
             ALTER TABLE job DROP COLUMN output;
             DROP TABLE hold;
             PRAGMA user_version = 2;",
        )
        .unwrap();
}

#[test]
fn a_file_of_version_2_has_this_version_s_machine_and_accounts() {
    let ((_one, old), (_two, new)) = (place(), place());
    second(&old);
    let by = by_hand(&old);
    by.execute(
        "UPDATE job SET state = 'accepted', query_id = 'Q' WHERE id = 3",
        [],
    )
    .unwrap_err();
    drop(by);
    let error = SqliteLedger::open_to_read(&old).unwrap_err();
    assert!(error.to_string().contains("older version"), "{error}");
    let ledger = SqliteLedger::open(&old).unwrap();
    drop(SqliteLedger::open(&new).unwrap());
    assert_eq!(schema(&old), schema(&new));
    let here = Account::new("http://127.0.0.1:8080", "u1");
    let accounts: Vec<Account> = all(&ledger).into_iter().map(|job| job.account).collect();
    let third = Account::new("http://third:8080", "u1");
    assert_eq!(accounts, [here.clone(), here.clone(), third.clone()]);
    assert_eq!(wait(ledger.credits(&here)).unwrap().spending(NOW).total, 30);
    for (origin, account) in [("http://[::1]:8080", here), ("http://third:8080", third)] {
        let alias = Alias::new(origin, "key");
        assert_eq!(wait(ledger.account(&alias)).unwrap(), Some(account));
    }
    let said = Event::Resolved(
        Resolution::Accepted("QRY_3".parse().unwrap()),
        "said".into(),
    );
    let named = record(&ledger, LocalId(3), &said).unwrap();
    assert_eq!(named.state, State::Accepted);
}

/// Version 3 could not be held, and did not know where a job's audio is to go.
#[test]
fn a_file_of_version_3_keeps_what_it_has_and_can_be_held() {
    let ((_one, old), (_two, new)) = (place(), place());
    let ledger = SqliteLedger::open(&old).unwrap();
    let id = wait(ledger.intend(&crate::support::intent("a"), NOW))
        .unwrap()
        .id;
    record(&ledger, id, &Event::NotSent("no route".into())).unwrap();
    let before = entry(&ledger, id);
    drop(ledger);
    by_hand(&old)
        .execute_batch(
            "DROP TABLE hold; ALTER TABLE job DROP COLUMN output; PRAGMA user_version = 3;",
        )
        .unwrap();
    let error = SqliteLedger::open_to_read(&old).unwrap_err();
    assert!(error.to_string().contains("older version"), "{error}");
    let ledger = SqliteLedger::open(&old).unwrap();
    drop(SqliteLedger::open(&new).unwrap());
    assert_eq!(schema(&old), schema(&new));
    assert_eq!(entry(&ledger, id), before);
    assert_eq!(wait(ledger.hold()).unwrap(), None);
}
