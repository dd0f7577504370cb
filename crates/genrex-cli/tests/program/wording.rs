//! What is said in a user's words, and once.

use std::fs;

use tempfile::tempdir;

use crate::service::Counting;
use crate::support::{Sandbox, code, json, run, stderr, stdout};

#[test]
fn what_cannot_be_settled_is_said_with_where_the_job_stands() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let made = sandbox.run(folder.path(), &["generate", "a", "--poll-interval", "5ms"]);
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    let refused = run(folder.path(), &["jobs", "resolve", "1", "--charged"]);
    let said = stderr(&refused);
    assert_eq!(code(&refused), 2, "{said}");
    assert!(
        said.contains("job 1 is downloaded") && said.contains("cannot be settled by hand"),
        "{said}"
    );
    assert!(!said.contains("happen"), "{said}");
}

#[test]
fn a_state_that_is_none_is_told_with_those_that_are() {
    let folder = tempdir().unwrap();
    let refused = run(folder.path(), &["jobs", "list", "--state", "foo"]);
    let said = stderr(&refused);
    assert_eq!(code(&refused), 2, "{said}");
    for state in ["intended", "notSent", "ambiguous", "downloaded"] {
        assert!(said.contains(state), "{state}: {said}");
    }
}

#[test]
fn nothing_open_is_said() {
    let folder = tempdir().unwrap();
    for command in ["status", "wait"] {
        let told = run(folder.path(), &[command, "--open"]);
        let said = stderr(&told);
        assert_eq!((code(&told), said.as_str()), (0, "no job is open\n"));
        let told = run(folder.path(), &[command, "--open", "--json"]);
        assert_eq!(json(&told), serde_json::json!([]));
    }
}

/// Of a submit that is unclear: by the batch, and by the look at the balance.
#[test]
fn what_is_unclear_is_told_once() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Counting::start();
    service.state().is_answering = false;
    fs::write(folder.path().join("batch.csv"), "text,duration\none,5\n").unwrap();
    let at = ["--base-url", &service.url];
    let args = ["batch", "batch.csv", "--out-dir", "out"];
    let lost = sandbox.run(folder.path(), &[&args[..], &at].concat());
    assert_eq!(code(&lost), 7, "{}", stderr(&lost));
    assert_eq!(stdout(&lost), "line 2: ambiguous\n");
    assert_eq!(stderr(&lost).matches("sent at ").count(), 1);

    let found = sandbox.run(
        folder.path(),
        &[&["jobs", "reconcile", "1"][..], &at].concat(),
    );
    let said = stderr(&found);
    assert_eq!(code(&found), 0, "{said}");
    let reasons = [
        "may still charge it",
        "such a job costs has not been observed",
        "too few jobs have shown",
    ];
    let told: usize = reasons
        .map(|reason| said.matches(reason).count())
        .iter()
        .sum();
    assert_eq!(told, 1, "{said}");
}

/// It may have any name.
#[test]
fn a_ledger_that_was_taken_away_is_not_called_by_another_name() {
    let folder = tempdir().unwrap();
    let list = || {
        let mut command = crate::support::genrex(folder.path());
        command
            .args(["jobs", "recover"])
            .env("GENREX_LEDGER", "mine.db");
        command.output().unwrap()
    };
    assert_eq!(code(&list()), 0);
    let moved = fs::rename(
        folder.path().join("mine.db"),
        folder.path().join("elsewhere"),
    );
    moved.unwrap();
    let said = stderr(&list());
    assert!(
        said.contains("put it back") && !said.contains("ledger.db"),
        "{said}"
    );
}
