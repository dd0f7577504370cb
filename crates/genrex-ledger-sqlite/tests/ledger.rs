//! The ledger as a file: what it refuses, what it outlives, what two of them do at once.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use genrex_ledger::{
    Account, ErrorKind, Event, Filter, Intent, Ledger, Limits, LocalId, Observation, SqliteLedger,
    State, Verdict,
};
use rusqlite::Connection;
use tempfile::TempDir;

const NOW: u64 = 1_717_574_785_354;

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("genrex/ledger.db");
    (folder, path)
}

fn account() -> Account {
    Account::new("https://api.genrex.com", "key")
}

fn intent(text: &str) -> Intent {
    Intent::new(account(), text, 10, text.as_bytes())
}

fn intend(ledger: &mut SqliteLedger, text: &str) -> LocalId {
    ledger
        .intend(&intent(text), &Limits::default(), NOW)
        .unwrap()
        .id
}

fn accepted(id: &str) -> Event {
    Event::Accepted(id.parse().unwrap())
}

fn downloaded() -> Event {
    Event::Downloaded {
        path: "a.wav".into(),
        bytes: 7,
        sha256: "00".into(),
    }
}

/// One of each event, for every state to be held against.
fn events() -> Vec<Event> {
    vec![
        Event::Sent,
        Event::NotSent("why".into()),
        Event::Refused("why".into()),
        Event::Ambiguous("evidence".into()),
        Event::Crashed,
        accepted("QRY_1"),
        Event::Reconciled(Verdict::Charged),
        Event::Completed,
        Event::Failed,
        downloaded(),
    ]
}

#[test]
fn a_jobs_whole_life_is_kept() {
    let (_folder, path) = place();
    let mut ledger = SqliteLedger::open(&path).unwrap();
    let id = intend(&mut ledger, "music");
    for event in [
        Event::Sent,
        accepted("QRY_1"),
        Event::Completed,
        downloaded(),
    ] {
        ledger.record(id, &event, NOW + 1).unwrap();
    }
    drop(ledger);
    let ledger = SqliteLedger::open(&path).unwrap();
    let entry = ledger.entry(id).unwrap().unwrap();
    assert_eq!(
        (entry.state, entry.text.as_str(), entry.duration),
        (State::Downloaded, "music", 10)
    );
    assert_eq!(entry.query_id.unwrap().as_str(), "QRY_1");
    assert_eq!(
        (entry.path.as_deref(), entry.bytes),
        (Some("a.wav"), Some(7))
    );
    assert_eq!((entry.created_at, entry.updated_at), (NOW, NOW + 1));
    let history: Vec<String> = Connection::open(&path)
        .unwrap()
        .prepare("SELECT state FROM history ORDER BY rowid")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(
        history,
        ["intended", "sent", "accepted", "completed", "downloaded"]
    );
}

/// The trigger in the file is the machine in the code.
#[test]
fn what_the_machine_does_not_have_cannot_be_written_by_anyone() {
    for from in State::ALL {
        for to in State::ALL {
            let (_folder, path) = place();
            drop(SqliteLedger::open(&path).unwrap());
            let connection = Connection::open(&path).unwrap();
            connection
                .pragma_update(None, "ignore_check_constraints", true)
                .unwrap();
            let trigger: String = connection
                .query_row(
                    "SELECT sql FROM sqlite_schema WHERE name = 'job_goes'",
                    [],
                    |row| row.get(0),
                )
                .unwrap();
            connection
                .execute_batch("DROP TRIGGER job_goes; DROP TRIGGER job_begins;")
                .unwrap();
            connection
                .execute(
                    "INSERT INTO job (account, text, duration, body_sha256, state, query_id, owner, created_at, updated_at) \
                     VALUES ('a', 't', 5, 'b', ?1, 'QRY_1', 'o', 1, 1)",
                    [from.as_str()],
                )
                .unwrap();
            connection.execute_batch(&trigger).unwrap();
            let written = connection
                .execute("UPDATE job SET state = ?1", [to.as_str()])
                .is_ok();
            let machine = events().iter().any(|event| from.after(event) == Some(to));
            assert_eq!(written, machine, "{from} to {to}");
        }
    }
    let (_folder, path) = place();
    intend(&mut SqliteLedger::open(&path).unwrap(), "music");
    let connection = Connection::open(&path).unwrap();
    assert!(
        connection.execute("DELETE FROM job", []).is_err(),
        "a job is forgotten"
    );
    let born_accepted = "INSERT INTO job (account, text, duration, body_sha256, state, query_id, owner, created_at, \
                         updated_at) VALUES ('a', 't', 5, 'b', 'accepted', 'QRY_1', 'o', 1, 1)";
    assert!(
        connection.execute(born_accepted, []).is_err(),
        "a job begins as accepted"
    );
}

#[test]
fn a_refused_transition_writes_nothing_and_says_where_the_job_stands() {
    let (_folder, path) = place();
    let mut ledger = SqliteLedger::open(&path).unwrap();
    let id = intend(&mut ledger, "music");
    let error = ledger.record(id, &Event::Completed, NOW).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transition);
    assert!(error.to_string().contains("intended"), "{error}");
    assert_eq!(ledger.entry(id).unwrap().unwrap().state, State::Intended);
}

#[test]
fn a_job_in_flight_is_ambiguous_when_its_process_is_gone_and_not_before() {
    let (_folder, path) = place();
    let mut theirs = SqliteLedger::open(&path).unwrap();
    let (intended, sent) = (intend(&mut theirs, "one"), intend(&mut theirs, "two"));
    let done = intend(&mut theirs, "three");
    theirs.record(sent, &Event::Sent, NOW).unwrap();
    theirs.record(done, &accepted("QRY_3"), NOW).unwrap();

    let mut ours = SqliteLedger::open(&path).unwrap();
    assert_eq!(ours.recover(NOW).unwrap(), []);
    assert_eq!(
        ours.entry(intended).unwrap().unwrap().state,
        State::Intended
    );

    drop(theirs);
    let mut recovered: Vec<_> = ours
        .recover(NOW + 5)
        .unwrap()
        .into_iter()
        .map(|entry| (entry.id, entry.state))
        .collect();
    recovered.sort_unstable_by_key(|(id, _)| *id);
    assert_eq!(
        recovered,
        [(intended, State::Ambiguous), (sent, State::Ambiguous)]
    );
    assert!(
        ours.entry(sent)
            .unwrap()
            .unwrap()
            .detail
            .unwrap()
            .contains("crash")
    );
    assert_eq!(ours.entry(done).unwrap().unwrap().state, State::Accepted);
    assert_eq!(ours.recover(NOW + 6).unwrap(), [], "once");
    // Its own are its own.
    intend(&mut ours, "four");
    assert_eq!(ours.recover(NOW + 7).unwrap(), []);
}

#[test]
fn an_ambiguous_job_keeps_its_evidence_and_can_find_its_id() {
    let (_folder, path) = place();
    let mut ledger = SqliteLedger::open(&path).unwrap();
    let id = intend(&mut ledger, "music");
    ledger
        .record(id, &Event::Ambiguous("no answer, t=1".into()), NOW)
        .unwrap();
    let entry = ledger
        .record(id, &Event::Reconciled(Verdict::Inconclusive), NOW)
        .unwrap();
    assert_eq!(
        (entry.state, entry.verdict),
        (State::Ambiguous, Some(Verdict::Inconclusive))
    );
    assert_eq!(entry.detail.as_deref(), Some("reconciled: inconclusive"));
    let entry = ledger.record(id, &accepted("QRY_found"), NOW).unwrap();
    assert_eq!(entry.state, State::Accepted);
    assert_eq!(
        ledger.record(id, &Event::Sent, NOW).unwrap_err().kind(),
        ErrorKind::Transition
    );
}

#[test]
fn one_id_is_one_job() {
    let (_folder, path) = place();
    let mut ledger = SqliteLedger::open(&path).unwrap();
    let (one, two) = (intend(&mut ledger, "one"), intend(&mut ledger, "two"));
    ledger.record(one, &accepted("QRY_1"), NOW).unwrap();
    assert_eq!(
        ledger
            .record(two, &accepted("QRY_1"), NOW)
            .unwrap_err()
            .kind(),
        ErrorKind::Storage
    );
    assert_eq!(ledger.entry(two).unwrap().unwrap().state, State::Intended);
}

#[test]
fn entries_are_found_by_what_they_are() {
    let (_folder, path) = place();
    let mut ledger = SqliteLedger::open(&path).unwrap();
    let (one, two) = (intend(&mut ledger, "one"), intend(&mut ledger, "two"));
    ledger.record(one, &accepted("QRY_1"), NOW).unwrap();
    let ids = |filter: Filter| {
        ledger
            .entries(&filter)
            .unwrap()
            .iter()
            .map(|entry| entry.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(Filter::default()), [two, one], "newest first");
    let states = vec![State::Accepted, State::Completed];
    assert_eq!(
        ids(Filter {
            states,
            ..Filter::default()
        }),
        [one]
    );
    assert_eq!(
        ids(Filter {
            query_id: Some("QRY_1".into()),
            ..Filter::default()
        }),
        [one]
    );
    let body_sha256 = ledger.entry(two).unwrap().unwrap().body_sha256;
    assert_eq!(
        ids(Filter {
            body_sha256: Some(body_sha256),
            ..Filter::default()
        }),
        [two]
    );
    let other = Some(Account::new("https://api.genrex.com", "other"));
    assert!(
        ids(Filter {
            account: other,
            ..Filter::default()
        })
        .is_empty()
    );
}

fn limits(total: u64) -> Limits {
    let mut limits = Limits::default();
    limits.total = Some(total);
    limits
}

#[test]
fn the_first_submit_under_a_limit_goes_alone_and_teaches_the_price() {
    let (_folder, path) = place();
    let mut ledger = SqliteLedger::open(&path).unwrap();
    let teaching = intent("one").after_balance(0, None);
    let first = ledger.intend(&teaching, &limits(25), NOW).unwrap();
    assert_eq!(first.expected_cost, None);
    let early = ledger.intend(&intent("two"), &limits(25), NOW).unwrap_err();
    assert_eq!(early.kind(), ErrorKind::PriceUnknown);
    ledger.record(first.id, &accepted("QRY_1"), NOW).unwrap();
    ledger
        .learn(
            &account(),
            Observation {
                duration: 10,
                credits: 10,
                at_submit: true,
            },
            NOW,
        )
        .unwrap();
    assert_eq!(
        ledger
            .intend(&intent("two"), &limits(25), NOW)
            .unwrap()
            .expected_cost,
        Some(10)
    );
    let over = ledger
        .intend(&intent("three"), &limits(25), NOW)
        .unwrap_err();
    assert_eq!(over.kind(), ErrorKind::OverLimit);
    assert!(over.to_string().contains("20 of the 25"), "{over}");
}

#[test]
fn what_was_not_charged_is_given_back_and_what_may_have_been_is_not() {
    let (_folder, path) = place();
    let mut ledger = SqliteLedger::open(&path).unwrap();
    ledger
        .learn(
            &account(),
            Observation {
                duration: 10,
                credits: 10,
                at_submit: true,
            },
            NOW,
        )
        .unwrap();
    let outcomes: [(&[Event], bool); 5] = [
        (&[Event::Refused("no".into())], true),
        (&[Event::NotSent("no".into())], true),
        (
            &[
                Event::Ambiguous("?".into()),
                Event::Reconciled(Verdict::NotCharged),
            ],
            true,
        ),
        (
            &[
                Event::Ambiguous("?".into()),
                Event::Reconciled(Verdict::Inconclusive),
            ],
            false,
        ),
        (&[], false),
    ];
    for (outcome, given_back) in outcomes {
        let account = Account::new("https://api.genrex.com", &format!("{outcome:?}"));
        ledger
            .learn(
                &account,
                Observation {
                    duration: 10,
                    credits: 10,
                    at_submit: true,
                },
                NOW,
            )
            .unwrap();
        let intent = Intent::new(account, "music", 10, b"{}");
        let id = ledger.intend(&intent, &limits(10), NOW).unwrap().id;
        for event in outcome {
            ledger.record(id, event, NOW).unwrap();
        }
        assert_eq!(
            ledger.intend(&intent, &limits(10), NOW).is_ok(),
            given_back,
            "{outcome:?}"
        );
    }
}

#[test]
fn a_day_and_a_month_look_back_and_no_further() {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let (_folder, path) = place();
    let mut ledger = SqliteLedger::open(&path).unwrap();
    ledger
        .learn(
            &account(),
            Observation {
                duration: 10,
                credits: 10,
                at_submit: true,
            },
            NOW,
        )
        .unwrap();
    let mut limits = Limits::default();
    (limits.day, limits.month) = (Some(10), Some(20));
    for (at, passes) in [
        (0, true),
        (DAY - 1, false),
        (DAY, true),
        (2 * DAY, false),
        (30 * DAY, true),
        (30 * DAY + 1, false),
    ] {
        let result = ledger.intend(&intent("music"), &limits, NOW + at);
        assert_eq!(result.is_ok(), passes, "{at}");
    }
}

#[test]
fn many_at_once_never_pass_one_limit() {
    let (_folder, path) = place();
    let mut first = SqliteLedger::open(&path).unwrap();
    first
        .learn(
            &account(),
            Observation {
                duration: 10,
                credits: 10,
                at_submit: true,
            },
            NOW,
        )
        .unwrap();
    let passed: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                let path = path.clone();
                scope.spawn(move || {
                    let mut ledger = SqliteLedger::open(&path).unwrap();
                    let tries = (0..20).map(|index| {
                        ledger.intend(&intent(&format!("{thread} {index}")), &limits(505), NOW)
                    });
                    tries.filter(Result::is_ok).count()
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(passed, 50);
}

#[test]
fn a_newer_file_is_refused_and_left_alone() {
    let (_folder, path) = place();
    drop(SqliteLedger::open(&path).unwrap());
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let error = SqliteLedger::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Newer);
    assert!(error.to_string().contains("version 99"), "{error}");
}

#[test]
fn what_is_no_ledger_is_not_overwritten() {
    let (_folder, path) = place();
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(
        &path,
        "a diary, and no database at all; it is long enough to be looked at",
    )
    .unwrap();
    private(&path);
    let error = SqliteLedger::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.to_string().contains("ledger.db"), "{error}");
    assert!(fs::read_to_string(&path).unwrap().starts_with("a diary"));
}

#[cfg(unix)]
fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[cfg(not(unix))]
fn private(_: &Path) {}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let (folder, path) = place();
    drop(SqliteLedger::open(&path).unwrap());
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));

    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let error = SqliteLedger::open(&path).unwrap_err();
    assert!(error.to_string().contains("chmod 600"), "{error}");
    private(&path);

    let link = folder.path().join("link.db");
    symlink(&path, &link).unwrap();
    let error = SqliteLedger::open(&link).unwrap_err();
    assert!(error.to_string().contains("symbolic link"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_made_is_named_and_nothing_is_intended() {
    let error = SqliteLedger::open(Path::new("/proc/nowhere/ledger.db")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.to_string().contains("/proc/nowhere"), "{error}");
}

#[test]
fn a_row_of_a_batch_is_bought_once() {
    let (_folder, path) = place();
    let (mut ours, mut theirs) = (
        SqliteLedger::open(&path).unwrap(),
        SqliteLedger::open(&path).unwrap(),
    );
    let row = |name: &str, last: Option<LocalId>| {
        intent("music")
            .in_batch("songs", name, last)
            .after_balance(7, Some("then".into()))
    };
    let none = Limits::default();
    let first = ours.intend(&row("1", None), &none, NOW).unwrap();
    assert_eq!(first.balance_before, Some((7, Some("then".into()))));
    assert_eq!(
        theirs
            .intend(&row("1", None), &none, NOW)
            .unwrap_err()
            .kind(),
        ErrorKind::RowTaken
    );
    theirs.intend(&row("2", None), &none, NOW).unwrap();
    let taken = [
        (vec![Event::Refused("later".into())], true),
        (vec![Event::NotSent("no".into())], true),
        (vec![accepted("QRY_f"), Event::Failed], true),
        (
            vec![
                Event::Ambiguous("?".into()),
                Event::Reconciled(Verdict::NotCharged),
            ],
            true,
        ),
        (
            vec![
                Event::Ambiguous("?".into()),
                Event::Reconciled(Verdict::Charged),
            ],
            false,
        ),
        (vec![accepted("QRY_a")], false),
    ];
    for (index, (outcome, again)) in taken.into_iter().enumerate() {
        let name = format!("outcome {index}");
        let id = ours.intend(&row(&name, None), &none, NOW).unwrap().id;
        for event in &outcome {
            ours.record(id, event, NOW).unwrap();
        }
        assert_eq!(
            theirs.intend(&row(&name, Some(id)), &none, NOW).is_ok(),
            again,
            "{outcome:?}"
        );
    }
    let filter = Filter {
        row: Some(("songs".into(), "1".into())),
        ..Filter::default()
    };
    assert_eq!(ours.entries(&filter).unwrap().len(), 1);
}
