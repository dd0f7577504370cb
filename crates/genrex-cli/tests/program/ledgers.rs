//! A ledger that is held, damaged, gone or not to be used: each says so, and what helps.

use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rusqlite::Connection;
use tempfile::tempdir;

use crate::interrupts::read_until;
use crate::service::Counting;
use crate::support::{Sandbox, code, error, genrex, json, stderr, stdout};

fn ledger_of(folder: &Path) -> PathBuf {
    folder.join(".local/share/genrex/ledger.db")
}

/// A folder whose ledger holds one ambiguous job.
fn with_a_job(folder: &Path) -> (Sandbox, Counting) {
    let sandbox = Sandbox::start(folder, &[]);
    let service = Counting::start();
    service.state().is_answering = false;
    let lost = sandbox.run(folder, &["generate", "a", "--base-url", &service.url]);
    assert_eq!(code(&lost), 7, "{}", stderr(&lost));
    (sandbox, service)
}

/// Keeps all others from writing, for as long as it lives.
fn hold(path: &Path) -> Connection {
    let held = Connection::open(path).unwrap();
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    held
}

/// The ledger stays held for the whole test: who waited for it would not come back well.
#[test]
fn reading_needs_no_lock() {
    let folder = tempdir().unwrap();
    let _there = with_a_job(folder.path());
    let held = hold(&ledger_of(folder.path()));
    for args in [
        &["jobs", "list"][..],
        &["jobs", "show", "1"],
        &["jobs", "export"],
    ] {
        let read = genrex(folder.path()).args(args).output().unwrap();
        assert_eq!(code(&read), 0, "{args:?} {}", stderr(&read));
        assert!(stdout(&read).contains("ambiguous"), "{args:?}");
        assert!(!stderr(&read).contains("waiting"), "{args:?}");
    }
    drop(held);
}

/// It is let go of only when the wait was said.
#[test]
fn waiting_for_another_process_is_said() {
    let folder = tempdir().unwrap();
    let _there = with_a_job(folder.path());
    let held = hold(&ledger_of(folder.path()));
    let mut process = genrex(folder.path())
        .args(["jobs", "resolve", "1", "--charged"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap());
    read_until(&mut lines, "waiting for it");
    drop(held);
    assert_eq!(process.wait().unwrap().code(), Some(0));
}

#[test]
fn each_trouble_has_its_own_words() {
    let folder = tempdir().unwrap();
    let (sandbox, service) = with_a_job(folder.path());
    let ledger = ledger_of(folder.path());
    let buy = |ledger: &Path| {
        let args = ["generate", "b", "--json", "--base-url", &service.url];
        let mut command = sandbox.genrex(folder.path(), &args);
        let refused = command.env("GENREX_LEDGER", ledger).output().unwrap();
        let said = error(&refused);
        assert_eq!(
            (code(&refused), &said["kind"]),
            (1, &"ledger".into()),
            "{said}"
        );
        let hint = said["hint"].as_str().unwrap().to_owned();
        assert!(!hint.contains("--no-ledger"), "{hint}");
        (said["message"].as_str().unwrap().to_owned(), hint)
    };
    let garbage = folder.path().join("garbage");
    fs::write(&garbage, "no ledger at all ".repeat(100)).unwrap();
    let set = std::process::Command::new("chmod")
        .arg("600")
        .arg(&garbage)
        .status();
    assert!(set.unwrap().success());
    let (message, hint) = buy(&garbage);
    assert!(message.contains("is not a ledger"), "{message}");
    assert!(hint.contains("backup") && !hint.contains("room"), "{hint}");

    let (message, hint) = buy(Path::new("/sys/genrex/ledger.db"));
    assert!(message.contains("/sys/genrex"), "{message}");
    assert!(hint.contains("the right to read and write"), "{hint}");

    fs::rename(&ledger, folder.path().join("elsewhere")).unwrap();
    let (message, hint) = buy(&ledger);
    assert!(message.contains("is not there"), "{message}");
    assert!(hint.contains("put it back"), "{hint}");
    assert_eq!(service.state().submits, 1, "nothing was sent");
}

/// An older file is brought to this version by whoever reads it first.
#[test]
fn an_empty_file_is_an_empty_ledger() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("empty.db");
    fs::write(&path, "").unwrap();
    let set = std::process::Command::new("chmod")
        .arg("600")
        .arg(&path)
        .status();
    assert!(set.unwrap().success());
    let listed = genrex(folder.path())
        .args(["jobs", "list", "--json"])
        .env("GENREX_LEDGER", &path)
        .output()
        .unwrap();
    assert_eq!(code(&listed), 0, "{}", stderr(&listed));
    assert_eq!(json(&listed), serde_json::json!([]));
}

/// What is moved is at one place: jobs keep their numbers, batches go on, and the old one says where it went.
#[test]
fn a_ledger_that_was_copied_is_gone_on_with_at_its_new_place() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    fs::write(folder.path().join("rows.csv"), "text,duration\na,5\nb,5\n").unwrap();
    let bought = sandbox.batch(folder.path(), "rows.csv", &[]);
    assert_eq!(code(&bought), 0, "{}", stderr(&bought));
    let used = sandbox.used(folder.path());
    let before = stdout(&sandbox.run(folder.path(), &["jobs", "export"]));
    let old = ledger_of(folder.path()).display().to_string();
    let copy = ["ledger", "copy", &old, "new/ledger.db", "--json"];
    for jobs in [2, 2] {
        let copied = sandbox.run(folder.path(), &copy);
        assert_eq!(code(&copied), 0, "{}", stderr(&copied));
        assert_eq!(json(&copied)["jobs"], jobs);
    }
    let at = |args: &[&str], ledger: &str| {
        let mut command = sandbox.genrex(folder.path(), args);
        command.env("GENREX_LEDGER", ledger).output().unwrap()
    };
    let after = stdout(&at(&["jobs", "export"], "new/ledger.db"));
    assert_eq!(before, after);
    let refused = sandbox.run(folder.path(), &["generate", "c", "--json"]);
    let said = error(&refused);
    assert_eq!(
        (code(&refused), &said["kind"]),
        (1, &"ledger".into()),
        "{said}"
    );
    let message = said["causes"][0].as_str().unwrap();
    let place = folder.path().join("new/ledger.db").display().to_string();
    assert!(
        message.contains(&format!("GENREX_LEDGER={place}")),
        "{message}"
    );
    // The folder's batch goes on, and none of its rows is bought again.
    let again = ["batch", "rows.csv", "--out-dir", "out", "--json"];
    let again = at(&again, "new/ledger.db");
    assert_eq!(code(&again), 0, "{}", stderr(&again));
    assert_eq!(sandbox.used(folder.path()), used);
    let given_up = sandbox.run(folder.path(), &["ledger", "copy", &old, "--give-up"]);
    assert_eq!(code(&given_up), 1, "{}", stderr(&given_up));
}

/// A copy that was begun holds the old ledger until it is gone on with, or given up.
#[test]
fn a_copy_that_cannot_be_made_says_how_to_go_on_and_how_to_stay() {
    let folder = tempdir().unwrap();
    let (sandbox, _service) = with_a_job(folder.path());
    let old = ledger_of(folder.path()).display().to_string();
    let to_full = ["ledger", "copy", &old, "full.db", "--json"];
    let mut other = sandbox.genrex(folder.path(), &["generate", "c", "--duration", "5"]);
    let other = other.env("GENREX_LEDGER", "full.db").output().unwrap();
    assert_eq!(code(&other), 0, "{}", stderr(&other));
    let refused = sandbox.run(folder.path(), &to_full);
    let said = error(&refused);
    let (message, hint) = (said["message"].as_str(), said["hint"].as_str());
    assert!(message.unwrap().contains("holds jobs already"), "{said}");
    assert!(hint.unwrap().contains("empty"), "{said}");
    let absent = sandbox.run(folder.path(), &["ledger", "copy", "absent.db", "x.db"]);
    assert_eq!(code(&absent), 2, "{}", stderr(&absent));
    assert!(!folder.path().join("absent.db").exists());
    // The first step was taken, and the process ended.
    hold(Path::new(&old)).execute_batch(
        "INSERT INTO hold VALUES ('moving', 't', '/there', 'genrex ledger copy here /there', 1); COMMIT",
    ).unwrap();
    let refused = sandbox.run(folder.path(), &["generate", "c", "--json"]);
    let said = error(&refused);
    let message = said["causes"][0].as_str().unwrap();
    assert!(
        message.contains("to go on: genrex ledger copy here /there"),
        "{said}"
    );
    let recovered = sandbox.run(folder.path(), &["jobs", "recover"]);
    assert!(
        stderr(&recovered).contains("to go on: genrex ledger copy here /there"),
        "{}",
        stderr(&recovered)
    );
    let given_up = sandbox.run(folder.path(), &["ledger", "copy", &old, "--give-up"]);
    assert_eq!(code(&given_up), 0, "{}", stderr(&given_up));
    let bought = sandbox.run(folder.path(), &["generate", "c", "--duration", "5"]);
    assert_eq!(code(&bought), 0, "{}", stderr(&bought));
}

#[test]
fn what_is_unclear_in_flight_and_spent_is_told() {
    let folder = tempdir().unwrap();
    let (sandbox, _service) = with_a_job(folder.path());
    let bought = sandbox.run(folder.path(), &["generate", "c", "--duration", "5"]);
    assert_eq!(code(&bought), 0, "{}", stderr(&bought));
    fs::create_dir_all(folder.path().join("config/genrex")).unwrap();
    fs::write(
        folder.path().join("config/genrex/config.toml"),
        "[limits]\nday = 70\n",
    )
    .unwrap();
    let told = json(&sandbox.run(folder.path(), &["ledger", "status", "--json"]));
    assert_eq!(told["ambiguous"], 1, "{told}");
    assert_eq!(told["inFlight"], 0, "{told}");
    assert_eq!(told["limits"]["day"], 70, "{told}");
    assert_eq!(told["hold"], serde_json::Value::Null, "{told}");
    let accounts = told["accounts"].as_array().unwrap();
    assert_eq!(accounts.len(), 2, "{told}");
    let spent: u64 = accounts
        .iter()
        .map(|one| one["spent"]["day"].as_u64().unwrap())
        .sum();
    assert!(spent > 0, "{told}");
    let words = stdout(&sandbox.run(folder.path(), &["ledger", "status"]));
    assert!(words.contains("0 in flight, 1 ambiguous"), "{words}");
    assert!(words.contains(" of 70 in a day"), "{words}");
}
