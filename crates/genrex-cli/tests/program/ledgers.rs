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
