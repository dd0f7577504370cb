//! Which files the ledger takes for its own, and for how long.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use genrex_ledger::{Error, ErrorKind, Event, Filter, Ledger as _, State};
use genrex_ledger_sqlite::{SqliteLedger, default_path};

use crate::support::{
    NOW, accepted, beside, by_hand, intend, intent, ledger, place, record, send, state, wait,
};

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Each refusal says which file it is about.
fn refused(result: Result<SqliteLedger, Error>, word: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
    let message = error.to_string();
    assert!(message.contains(word), "{message}: {word}");
    assert!(message.contains(".db"), "{message}");
}

#[test]
fn all_files_are_their_owners_alone() {
    let (_folder, path, ledger) = ledger();
    send(&ledger, "music");
    let folder = path.parent().unwrap();
    assert_eq!(mode(folder), 0o700);
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 5, "{files:?}");
    for file in files {
        let is_folder = file.file_type().unwrap().is_dir();
        let right = if is_folder { 0o700 } else { 0o600 };
        assert_eq!(mode(&file.path()), right, "{file:?}");
    }
    let owner = fs::read_dir(beside(&path, ".owners")).unwrap().next();
    assert_eq!(mode(&owner.unwrap().unwrap().path()), 0o600);
}

#[test]
fn a_file_or_a_folder_that_others_may_write_to_is_refused() {
    let (_folder, path, ledger) = ledger();
    drop(ledger);
    for wrong in [0o644, 0o620, 0o601] {
        set_mode(&path, wrong);
        refused(SqliteLedger::open(&path), "chmod 600");
    }
    set_mode(&path, 0o600);
    let folder = path.parent().unwrap();
    for wrong in [0o770, 0o707, 0o1777] {
        set_mode(folder, wrong);
        refused(SqliteLedger::open(&path), "chmod go-w");
    }
    set_mode(folder, 0o755);
    drop(SqliteLedger::open(&path).unwrap());
    set_mode(&beside(&path, ".owners"), 0o777);
    refused(SqliteLedger::open(&path), ".owners");
}

#[test]
fn a_link_is_not_followed() {
    let (folder, path, ledger) = ledger();
    drop(ledger);
    let link = folder.path().join("link.db");
    set_mode(folder.path(), 0o700);
    symlink(&path, &link).unwrap();
    refused(SqliteLedger::open(&link), "symbolic link");
    refused(SqliteLedger::open_to_read(&link), "symbolic link");

    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::remove_dir(beside(&path, ".owners")).unwrap();
    symlink(&elsewhere, beside(&path, ".owners")).unwrap();
    refused(SqliteLedger::open(&path), ".owners");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0);
    // What is behind a link to a folder is not the link's doing.
    let folder_link = folder.path().join("folder");
    symlink(path.parent().unwrap(), &folder_link).unwrap();
    fs::remove_file(beside(&path, ".owners")).unwrap();
    drop(SqliteLedger::open(folder_link.join("ledger.db")).unwrap());
}

#[test]
fn the_file_of_an_owner_that_is_a_link_tells_nothing() {
    let (folder, path, ours) = ledger();
    let id = send(&ours, "music");
    by_hand(&path)
        .execute("UPDATE job SET owner = 'theirs'", [])
        .unwrap();
    let unlocked = folder.path().join("unlocked");
    fs::write(&unlocked, "").unwrap();
    let owner = beside(&path, ".owners").join("theirs");
    symlink(&unlocked, &owner).unwrap();
    assert_eq!(wait(ours.recover(NOW)).unwrap(), []);
    assert_eq!(state(&ours, id), State::Sent);
    fs::remove_file(&owner).unwrap();
    assert_eq!(wait(ours.recover(NOW)).unwrap().len(), 1);
}

/// An owner's name is a row's word: it must not lead out of the folder.
#[test]
fn an_owner_elsewhere_counts_as_living() {
    let (_folder, path, ours) = ledger();
    send(&ours, "music");
    by_hand(&path)
        .execute("UPDATE job SET owner = '../nobody'", [])
        .unwrap();
    assert_eq!(wait(ours.recover(NOW)).unwrap(), []);
}

#[test]
fn what_is_no_ledger_is_left_alone() {
    let (_folder, path) = place();
    let folder = path.parent().unwrap();
    refused(
        SqliteLedger::open("/proc/nowhere/ledger.db"),
        "/proc/nowhere",
    );
    refused(SqliteLedger::open_to_read(&path), "not there");
    fs::create_dir(folder).unwrap();
    let diary = "a diary, and no database at all; it is long enough to be looked at".repeat(20);
    fs::write(&path, &diary).unwrap();
    set_mode(&path, 0o600);
    let error = SqliteLedger::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
    assert!(error.to_string().contains("not a ledger"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), diary);

    let other = folder.join("other.db");
    let connection = by_hand(&other);
    connection
        .execute_batch("CREATE TABLE songs (name)")
        .unwrap();
    drop(connection);
    set_mode(&other, 0o600);
    let before = fs::read(&other).unwrap();
    refused(SqliteLedger::open(&other), "something else");
    assert_eq!(fs::read(&other).unwrap(), before);

    refused(SqliteLedger::open(folder.join("folder.db/..")), "name");
    fs::create_dir(folder.join("folder.db")).unwrap();
    refused(SqliteLedger::open(folder.join("folder.db")), "not a file");

    let empty = folder.join("empty.db");
    fs::write(&empty, "").unwrap();
    set_mode(&empty, 0o600);
    intend(&SqliteLedger::open(&empty).unwrap(), "music");
}

#[test]
fn a_newer_file_is_refused_and_left_alone() {
    let (_folder, path, ledger) = ledger();
    drop(ledger);
    by_hand(&path)
        .pragma_update(None, "user_version", 99)
        .unwrap();
    for result in [SqliteLedger::open(&path), SqliteLedger::open_to_read(&path)] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Newer);
        assert!(error.to_string().contains("version 99"), "{error}");
    }
}

/// Does something to the files of an open ledger: nothing may be written after it, and everything again when
/// it is undone.
fn is_noticed(word: &str, harm: impl FnOnce(&Path), undo: impl FnOnce(&Path)) {
    let (_folder, path, ledger) = ledger();
    let (sent, other) = (send(&ledger, "music"), intend(&ledger, "other"));
    harm(&path);
    let error = wait(ledger.intend(&intent("more"), NOW)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage, "{error}");
    assert!(error.to_string().contains(word), "{error}");
    record(&ledger, other, &Event::Sent).unwrap_err();
    record(&ledger, sent, &accepted("QRY_1")).unwrap_err();
    assert_eq!(state(&ledger, sent), State::Sent);
    assert_eq!(wait(ledger.entries(&Filter::default())).unwrap().len(), 2);
    undo(&path);
    record(&ledger, other, &Event::Sent).unwrap();
    assert_eq!(state(&ledger, sent), State::Accepted, "it was rescued");
    assert_eq!(wait(ledger.intend(&intent("more"), NOW)).unwrap().id.0, 3);
}

fn away(path: &Path) -> std::path::PathBuf {
    beside(path, "-away")
}

#[test]
fn a_ledger_that_is_replaced_is_noticed() {
    is_noticed(
        "replaced",
        |path| {
            fs::rename(path, away(path)).unwrap();
            fs::write(path, "").unwrap();
            set_mode(path, 0o600);
        },
        |path| fs::rename(away(path), path).unwrap(),
    );
}

#[test]
fn a_ledger_that_is_removed_is_noticed() {
    let move_away = |path: &Path| fs::rename(path, away(path)).unwrap();
    is_noticed("removed", move_away, |path| {
        fs::rename(away(path), path).unwrap();
    });
}

#[test]
fn a_ledger_with_a_second_name_is_noticed() {
    is_noticed(
        "hard links",
        |path| fs::hard_link(path, away(path)).unwrap(),
        |path| fs::remove_file(away(path)).unwrap(),
    );
    let (_folder, path, ledger) = ledger();
    drop(ledger);
    fs::hard_link(&path, away(&path)).unwrap();
    refused(SqliteLedger::open(&path), "hard links");
}

#[test]
fn a_ledger_without_its_log_is_noticed() {
    for log in ["-wal", "-shm"] {
        is_noticed(
            log,
            |path| fs::rename(beside(path, log), away(path)).unwrap(),
            |path| fs::rename(away(path), beside(path, log)).unwrap(),
        );
        is_noticed(
            log,
            |path| {
                fs::rename(beside(path, log), away(path)).unwrap();
                fs::write(beside(path, log), "").unwrap();
            },
            |path| fs::rename(away(path), beside(path, log)).unwrap(),
        );
    }
}

/// Moved to another folder a process still writes to the same file, and finds it again.
#[test]
fn a_path_is_where_it_was_when_it_was_opened() {
    let (folder, path, ledger) = ledger();
    assert_eq!(ledger.path(), path);
    let rescue = beside(&path.canonicalize().unwrap(), ".rescue");
    assert_eq!(ledger.rescue_path(), rescue);
    assert_eq!(
        default_path(folder.path()),
        folder.path().join("genrex/ledger.db")
    );
}

#[test]
fn a_reader_sees_all_and_changes_nothing() {
    let (_folder, path, ledger) = ledger();
    let id = send(&ledger, "music");
    let files = || fs::read_dir(path.parent().unwrap()).unwrap().count();
    let before = files();
    let reader = SqliteLedger::open_to_read(&path).unwrap();
    assert_eq!(state(&reader, id), State::Sent);
    record(&ledger, id, &accepted("QRY_1")).unwrap();
    assert_eq!(state(&reader, id), State::Accepted);

    let errors = [
        wait(reader.intend(&intent("more"), NOW)).unwrap_err(),
        record(&reader, id, &Event::Completed).unwrap_err(),
        wait(reader.recover(NOW)).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(error.to_string().contains("read only"), "{error}");
    }
    reader.release(id, NOW);
    assert_eq!(files(), before);
    drop(ledger);
    // It is at rest: nothing is beside it.
    assert_eq!(state(&reader, id), State::Accepted);
    let theirs = SqliteLedger::open(&path).unwrap();
    record(&theirs, id, &Event::Completed).unwrap();
    assert_eq!(state(&reader, id), State::Completed);
}

/// As far as the one who runs the tests is bound by modes at all.
#[test]
fn a_reader_needs_no_right_to_write() {
    let (_folder, path, ledger) = ledger();
    let id = send(&ledger, "music");
    drop(ledger);
    let folder = path.parent().unwrap();
    set_mode(&path, 0o400);
    set_mode(folder, 0o500);
    let reader = SqliteLedger::open_to_read(&path).unwrap();
    assert_eq!(state(&reader, id), State::Sent);
    drop(reader);
    set_mode(folder, 0o700);
}
