//! An outcome that the file cannot take.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use genrex_ledger::{
    Doubt, Error, ErrorKind, Event, Filter, Ledger as _, LocalId, Reconciliation, Refusal,
    Resolution, State,
};
use genrex_ledger_sqlite::{Options, SqliteLedger, set_aside};
use rusqlite::Connection;

use crate::support::{
    NOW, accepted, beside, by_hand, downloaded, entry, intend, place, record, send, state, wait,
};

/// A ledger that does not wait long, and its path.
fn impatient() -> (tempfile::TempDir, PathBuf, SqliteLedger) {
    let (folder, path) = place();
    let ledger = open(&path);
    (folder, path, ledger)
}

fn open(path: &Path) -> SqliteLedger {
    let options = Options::new().busy_timeout(Duration::from_millis(20));
    SqliteLedger::open_with(path, &options).unwrap()
}

fn hold(path: &Path) -> Connection {
    let held = by_hand(path);
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    held
}

/// Tries to record something while another holds the file.
fn fail(ledger: &SqliteLedger, id: LocalId, event: &Event) -> Error {
    let held = hold(ledger.path());
    let error = record(ledger, id, event).unwrap_err();
    held.execute_batch("ROLLBACK").unwrap();
    error
}

/// What is put beside, without the empty lines that follow it.
fn rescued(ledger: &SqliteLedger) -> String {
    let text = fs::read_to_string(ledger.rescue_path()).unwrap_or_default();
    String::from(text.trim_end())
}

#[test]
fn an_outcome_is_put_beside_and_applied_before_the_next_write() {
    let (_folder, path, ledger) = impatient();
    let (one, two) = (send(&ledger, "one"), send(&ledger, "two"));
    let error = fail(&ledger, one, &accepted("QRY_1"));
    assert_eq!(error.kind(), ErrorKind::Busy);
    let rescue = ledger.rescue_path().to_owned();
    assert!(
        error.to_string().contains(rescue.to_str().unwrap()),
        "{error}"
    );
    fail(&ledger, two, &Event::Ambiguous("cut".into()));
    assert_eq!(state(&ledger, one), State::Sent);
    let lines = rescued(&ledger);
    assert_eq!(lines.lines().count(), 2, "{lines}");
    let line: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(line["localId"], one.0);
    assert_eq!(line["event"]["accepted"], "QRY_1");
    assert_eq!(line["at"], NOW + 1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(
            rescue.metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    intend(&ledger, "more");
    assert!(!rescue.exists());
    let reserve = fs::read_to_string(beside(&path, ".reserve")).unwrap();
    assert_eq!(reserve.trim_end(), "", "each is applied once");
    assert_eq!(state(&ledger, one), State::Accepted);
    assert_eq!(state(&ledger, two), State::Ambiguous);
    let history = wait(ledger.history(one)).unwrap();
    assert_eq!(history.last().unwrap().at, NOW + 1, "when it happened");
    drop(ledger);
    assert_eq!(entry(&open(&path), one).query_id.unwrap().as_str(), "QRY_1");
}

/// It is not in memory only for as long as another process may hold the file.
#[test]
fn an_outcome_that_has_to_wait_is_put_beside_meanwhile() {
    let (_folder, path) = place();
    let ledger = SqliteLedger::open(&path).unwrap();
    let id = send(&ledger, "music");
    let held = hold(&path);
    let event = accepted("QRY_1");
    let mut outcome = ledger.record(id, &event, NOW);
    crate::support::begin(&mut outcome);
    crate::support::until("it is put beside", || rescued(&ledger).contains("QRY_1"));
    held.execute_batch("ROLLBACK").unwrap();
    assert_eq!(wait(outcome).unwrap().state, State::Accepted);
    assert!(!ledger.rescue_path().exists());
    assert_eq!(wait(ledger.history(id)).unwrap().len(), 3, "once");
}

#[test]
fn an_outcome_is_applied_at_the_next_start() {
    let (_folder, path, ledger) = impatient();
    let id = send(&ledger, "music");
    fail(&ledger, id, &accepted("QRY_1"));
    drop(ledger);
    let ledger = open(&path);
    assert_eq!(state(&ledger, id), State::Accepted);
    assert!(!ledger.rescue_path().exists());
    assert_eq!(wait(ledger.recover(NOW)).unwrap(), []);
}

#[test]
fn another_process_applies_it_before_it_takes_the_job_for_lost() {
    let (_folder, path, theirs) = impatient();
    let ours = open(&path);
    let id = send(&theirs, "music");
    fail(&theirs, id, &accepted("QRY_1"));
    drop(theirs);
    wait(ours.recover(NOW)).unwrap();
    assert_eq!(state(&ours, id), State::Accepted);
}

#[test]
fn a_job_that_nobody_carries_on_is_found_when_the_file_is_free_again() {
    let (_folder, path, ledger) = impatient();
    let theirs = open(&path);
    let (own, other) = (send(&ledger, "own"), send(&theirs, "other"));
    let held = hold(&path);
    ledger.release(own, NOW);
    ledger.release(other, NOW);
    crate::support::until("it is rescued", || rescued(&ledger).lines().count() == 2);
    held.execute_batch("ROLLBACK").unwrap();
    intend(&ledger, "more");
    let found = wait(ledger.recover(NOW)).unwrap();
    let found: Vec<LocalId> = found.iter().map(|entry| entry.id).collect();
    assert_eq!(found, [own], "the other was not its to release");
    assert!(!ledger.rescue_path().exists());
}

#[test]
fn what_nobody_could_find_out_again_is_rescued_and_nothing_else() {
    let id = || "QRY_1".parse().unwrap();
    let doubt = Reconciliation::Inconclusive(Doubt::OtherMovement);
    let events = [
        (Event::Sent, false),
        (Event::NotSent("no route".into()), true),
        (Event::Refused(Refusal::Rejected, "no".into()), true),
        (Event::Unconfirmed(id()), true),
        (Event::Ambiguous("cut".into()), true),
        (Event::Crashed, true),
        (Event::Accepted(id()), true),
        (Event::Reconciled(doubt), false),
        (Event::Resolved(Resolution::Charged, "said".into()), false),
        (
            Event::Resolved(Resolution::Accepted(id()), "said".into()),
            false,
        ),
        (Event::Completed, true),
        (Event::Failed, true),
        (downloaded(), true),
    ];
    let (_folder, _, ledger) = impatient();
    let id = send(&ledger, "music");
    for (event, expected) in events {
        let before = rescued(&ledger).lines().count();
        fail(&ledger, id, &event);
        let is_rescued = rescued(&ledger).lines().count() > before;
        assert_eq!(is_rescued, expected, "{event:?}");
    }
}

#[test]
fn what_a_rule_refuses_is_not_rescued() {
    let (_folder, _, ledger) = impatient();
    let id = intend(&ledger, "music");
    record(&ledger, id, &accepted("QRY_1")).unwrap_err();
    record(&ledger, LocalId(99), &accepted("QRY_1")).unwrap_err();
    assert!(!ledger.rescue_path().exists());
}

/// What the credits are is not known: the outcome waits until somebody has mended them.
#[test]
fn an_outcome_waits_for_credits_that_cannot_be_read() {
    let (_folder, path, ledger) = impatient();
    let id = send(&ledger, "music");
    let set = |credits: &str| {
        by_hand(&path)
            .execute("UPDATE credits SET credits = ?1", [credits])
            .unwrap();
    };
    let right: String = by_hand(&path)
        .query_row("SELECT credits FROM credits", [], |row| row.get(0))
        .unwrap();
    set("lost");
    let error = record(&ledger, id, &accepted("QRY_1")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreadable);
    wait(ledger.observe(
        &crate::support::alias(),
        &genrex_ledger::Account::new("other", "o"),
        &genrex_ledger::Look::new(0),
        NOW,
    ))
    .unwrap();
    assert!(ledger.rescue_path().exists());
    set(&right);
    intend(&ledger, "more");
    assert!(!ledger.rescue_path().exists());
    assert_eq!(state(&ledger, id), State::Accepted);
}

/// What stands beside the ledger and was put aside.
fn aside(path: &Path) -> Vec<String> {
    let files = set_aside(path).into_iter();
    files
        .map(|file| file.file_name().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn a_line_that_was_not_ended_is_put_aside_and_swallows_no_other() {
    let (_folder, path, ledger) = impatient();
    let ids = [send(&ledger, "one"), send(&ledger, "two")];
    fail(&ledger, ids[0], &accepted("QRY_1"));
    let rescue = ledger.rescue_path().to_owned();
    let whole = rescued(&ledger);
    let half = &whole[..whole.len() / 2];
    fs::write(&rescue, format!("{whole}\n{half}")).unwrap();
    fail(&ledger, ids[1], &accepted("QRY_2"));
    intend(&ledger, "more");
    assert_eq!(state(&ledger, ids[0]), State::Accepted);
    assert_eq!(state(&ledger, ids[1]), State::Accepted);
    assert!(!rescue.exists());
    assert_eq!(aside(&path), ["ledger.db.rescue.unreadable-1"]);
    let kept = fs::read_to_string(beside(&path, ".rescue.unreadable-1")).unwrap();
    assert!(kept.lines().any(|line| line == half), "{kept}");

    fs::write(&rescue, "what is this\n").unwrap();
    drop(ledger);
    drop(open(&path));
    assert_eq!(aside(&path).len(), 2);
}

/// A line whose end was not written, and that is whole otherwise.
#[test]
fn a_line_without_its_end_counts() {
    let (_folder, path, ledger) = impatient();
    let id = send(&ledger, "music");
    fail(&ledger, id, &accepted("QRY_1"));
    let rescue = ledger.rescue_path().to_owned();
    let line = fs::read_to_string(&rescue).unwrap();
    fs::write(&rescue, line.trim_end()).unwrap();
    intend(&ledger, "more");
    assert_eq!(state(&ledger, id), State::Accepted);
    assert!(aside(&path).is_empty());
}

#[test]
fn a_line_of_another_ledger_is_put_aside() {
    let (_folder, path, ledger) = impatient();
    let id = send(&ledger, "music");
    fail(&ledger, id, &accepted("QRY_1"));
    let rescue = ledger.rescue_path().to_owned();
    let line = fs::read_to_string(&rescue).unwrap();
    let mut other: serde_json::Value = serde_json::from_str(&line).unwrap();
    for field in ["ledger", "key"] {
        let right = other[field].take();
        other[field] = "0".repeat(32).into();
        fs::write(&rescue, format!("{other}\n")).unwrap();
        intend(&ledger, "more");
        assert_eq!(state(&ledger, id), State::Sent, "{field}");
        assert!(!rescue.exists());
        other[field] = right;
    }
    assert_eq!(aside(&path).len(), 2);
    fs::write(&rescue, format!("{other}\n")).unwrap();
    intend(&ledger, "more");
    assert_eq!(state(&ledger, id), State::Accepted);
}

/// A ledger that was removed under a running process, and made anew by another.
#[test]
fn a_new_ledger_in_its_place_does_not_take_the_outcome_for_its_own() {
    let (_folder, path, old) = impatient();
    let lost = send(&old, "music");
    for suffix in ["", "-wal", "-shm", ".reserve"] {
        fs::remove_file(beside(&path, suffix)).unwrap();
    }
    // A person who begins anew takes all of it away.
    fs::rename(beside(&path, ".owners"), beside(&path, ".old")).unwrap();
    let new = open(&path);
    let other = send(&new, "other music");
    assert_eq!(lost, other);
    record(&old, lost, &accepted("QRY_1")).unwrap_err();
    intend(&new, "more");
    assert_eq!(state(&new, other), State::Sent);
    let files = set_aside(&path);
    assert_eq!(files, [beside(&path, ".rescue.unreadable-1")]);
    let text = fs::read_to_string(&files[0]).unwrap();
    assert!(text.contains("QRY_1"), "a person can read it: {text}");
    drop(new);
    drop(open(&path));
    assert_eq!(
        set_aside(&path),
        files,
        "it is told until somebody has looked"
    );
}

/// What was bought is not to be forgotten because a file was moved.
#[test]
fn a_ledger_that_is_gone_is_not_made_anew_beside_what_is_left_of_it() {
    let (_folder, path, ledger) = impatient();
    send(&ledger, "music");
    let away = beside(&path, "-away");
    let folder = path.parent().unwrap().canonicalize().unwrap();
    let is_refused = |left: &[&str]| {
        fs::rename(&path, &away).unwrap();
        for open in [SqliteLedger::open(&path), SqliteLedger::open_to_read(&path)] {
            let error = open.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Missing, "{error}");
            for suffix in left {
                let name = beside(&folder.join("ledger.db"), suffix);
                assert!(
                    error.to_string().contains(name.to_str().unwrap()),
                    "{error}"
                );
            }
            assert!(error.to_string().contains("put it back"), "{error}");
        }
        assert!(!path.exists());
        fs::rename(&away, &path).unwrap();
    };
    is_refused(&["-wal", "-shm", ".reserve", ".owners"]);
    drop(ledger);
    is_refused(&[".reserve"]);
    fs::rename(beside(&path, ".reserve"), beside(&path, ".rescue")).unwrap();
    is_refused(&[".rescue"]);
    assert_eq!(
        wait(open(&path).entries(&Filter::default())).unwrap().len(),
        1
    );
    // A lock of a living process, and nothing else.
    let owner = fs::File::create(beside(&path, ".owners").join("1-alive")).unwrap();
    owner.lock().unwrap();
    fs::remove_file(beside(&path, ".reserve")).unwrap();
    is_refused(&[".owners"]);
    drop(owner);
    fs::rename(&path, &away).unwrap();
    intend(&open(&path), "begun anew");
}

#[cfg(unix)]
#[test]
fn a_rescue_file_that_is_a_link_is_not_followed_and_nothing_is_bought() {
    let (folder, path, ledger) = impatient();
    let elsewhere = folder.path().join("elsewhere");
    fs::write(&elsewhere, "").unwrap();
    let id = send(&ledger, "music");
    std::os::unix::fs::symlink(&elsewhere, beside(&path, ".rescue")).unwrap();
    let error = fail(&ledger, id, &accepted("QRY_1"));
    assert!(error.to_string().contains("either"), "{error}");
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "");
    let refused = wait(ledger.intend(&crate::support::intent("more"), NOW)).unwrap_err();
    assert!(refused.to_string().contains(".rescue"), "{refused}");
}
