//! Which batch a folder holds: its marker, its ledger, and where its files are.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::service::Counting;
use crate::support::{Sandbox, code, error, stderr, stdout};

const MARKER: &str = ".genrex-batch";

fn folder_of_rows() -> TempDir {
    let folder = tempdir().unwrap();
    fs::write(
        folder.path().join("batch.csv"),
        "text,duration\none,5\ntwo,5\n",
    )
    .unwrap();
    folder
}

fn sandbox(folder: &TempDir) -> Sandbox {
    Sandbox::start(folder.path(), &["--render-time", "1ms"])
}

fn batch(sandbox: &Sandbox, folder: &Path, ledger: &str, more: &[&str]) -> Output {
    let args = ["batch", "batch.csv", "--poll-interval", "10ms", "--json"];
    let mut command = sandbox.genrex(folder, &[&args[..], more].concat());
    command.env("GENREX_LEDGER", folder.join(ledger));
    command.output().unwrap()
}

fn marker(folder: &TempDir, out: &str) -> Value {
    let text = fs::read_to_string(folder.path().join(out).join(MARKER)).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn another_ledger_on_a_folder_buys_nothing_unasked() {
    let folder = folder_of_rows();
    let sandbox = sandbox(&folder);
    let run = |ledger, more: &[&str]| {
        let more = [&["--out-dir", "out"], more].concat();
        batch(&sandbox, folder.path(), ledger, &more)
    };
    assert_eq!(code(&run("a.db", &[])), 0);
    for _ in 0..2 {
        let refused = run("b.db", &[]);
        let said = error(&refused).to_string();
        assert_eq!(code(&refused), 2, "{said}");
        assert!(
            said.contains("a.db") && said.contains("nothing was sent"),
            "{said}"
        );
        assert_eq!(sandbox.used(folder.path()), 10);
    }
    assert_eq!(code(&run("a.db", &[])), 0);
    // One in a database is not to be used without its encryption.
    let mut named = marker(&folder, "out");
    named["ledger"]["path"] = "postgres://studio@db.example/genrex".into();
    let path = folder.path().join("out").join(MARKER);
    fs::write(path, named.to_string()).unwrap();
    let hint = error(&run("b.db", &[]))["hint"].to_string();
    assert!(
        hint.contains("with the sslmode") && !hint.contains("GENREX_LEDGER=postgres"),
        "{hint}"
    );

    // A marker of an older genrex says no ledger, and is taken over.
    let batch = marker(&folder, "out")["batch"].clone();
    let old = serde_json::json!({"batch": batch}).to_string();
    fs::write(folder.path().join("out").join(MARKER), old).unwrap();
    assert_eq!(code(&run("a.db", &[])), 0);
    assert_eq!(marker(&folder, "out")["batch"], batch);
    assert_eq!(code(&run("b.db", &[])), 2);
    assert_eq!(sandbox.used(folder.path()), 10);

    let bought = run("b.db", &["--new"]);
    assert_eq!(sandbox.used(folder.path()), 20, "{}", stderr(&bought));
    assert_eq!(code(&run("a.db", &[])), 2, "it is the other's now");
}

#[test]
fn a_ledger_that_was_replaced_at_its_path_is_another() {
    let folder = folder_of_rows();
    let sandbox = sandbox(&folder);
    let run = || batch(&sandbox, folder.path(), "data/a.db", &["--out-dir", "out"]);
    assert_eq!(code(&run()), 0);
    fs::rename(folder.path().join("data"), folder.path().join("lost")).unwrap();
    let refused = run();
    let said = error(&refused).to_string();
    assert_eq!(code(&refused), 2, "{said}");
    assert!(said.contains("put it back"), "{said}");
    assert_eq!(sandbox.used(folder.path()), 10);
}

#[test]
fn a_folder_that_lost_its_marker_goes_on_with_its_batch() {
    let folder = folder_of_rows();
    let sandbox = sandbox(&folder);
    let run = || batch(&sandbox, folder.path(), "a.db", &["--out-dir", "out"]);
    assert_eq!(code(&run()), 0);
    let before = marker(&folder, "out");
    fs::remove_file(folder.path().join("out").join(MARKER)).unwrap();
    let again = run();
    assert_eq!(code(&again), 0, "{}", stderr(&again));
    assert_eq!(marker(&folder, "out"), before);
    assert_eq!(sandbox.used(folder.path()), 10);
}

/// Nothing of it is here yet, so no path says where the batch is.
#[test]
fn a_folder_that_lost_its_marker_early_goes_on_with_its_batch() {
    let folder = folder_of_rows();
    let sandbox = sandbox(&folder);
    let service = Counting::start();
    let run = || {
        let more = [
            "--out-dir",
            "out",
            "--timeout",
            "400ms",
            "--base-url",
            &service.url,
        ];
        batch(&sandbox, folder.path(), "a.db", &more)
    };
    let first = run();
    assert_eq!(code(&first), 1, "{}", stderr(&first));
    let before = marker(&folder, "out");
    fs::remove_file(folder.path().join("out").join(MARKER)).unwrap();
    let again = run();
    assert_eq!(code(&again), 1, "{}", stderr(&again));
    assert_eq!(marker(&folder, "out"), before);
    assert_eq!(service.state().submits, 2);
}

#[test]
fn another_folder_is_refused_with_the_way_back_and_is_not_marked() {
    let folder = folder_of_rows();
    let sandbox = sandbox(&folder);
    let run = |out| batch(&sandbox, folder.path(), "a.db", &["--out-dir", out]);
    assert_eq!(code(&run("out")), 0);
    for _ in 0..2 {
        let refused = run("other");
        let said = error(&refused);
        assert_eq!(code(&refused), 2, "{said}");
        let hint = said["hint"].as_str().unwrap();
        assert!(hint.contains("--out-dir out goes on with it"), "{hint}");
    }
    assert!(!folder.path().join("other").join(MARKER).exists());
    assert_eq!(sandbox.used(folder.path()), 10);
}

#[test]
fn a_folder_that_was_moved_is_not_downloaded_again() {
    let folder = folder_of_rows();
    let sandbox = sandbox(&folder);
    let run = |out| batch(&sandbox, folder.path(), "a.db", &["--out-dir", out]);
    let first = run("out");
    assert_eq!(code(&first), 0);
    let moved = folder.path().join("moved");
    fs::rename(folder.path().join("out"), &moved).unwrap();
    let wavs = || -> Vec<_> {
        let files = fs::read_dir(&moved).unwrap().flatten();
        let wavs = files.filter(|file| file.path().extension().is_some_and(|it| it == "wav"));
        let mut wavs: Vec<_> = wavs
            .map(|file| (file.path(), file.metadata().unwrap().modified().unwrap()))
            .collect();
        wavs.sort();
        wavs
    };
    let before = wavs();
    assert_eq!(before.len(), 2);
    let again = run("moved");
    assert_eq!(code(&again), 0, "{}", stderr(&again));
    assert_eq!(wavs(), before, "they were downloaded again");
    let moved = moved.canonicalize().unwrap();
    for line in stdout(&again).lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let path = line["path"].as_str().unwrap();
        assert!(Path::new(path).starts_with(&moved), "{path}");
    }

    // Another file under its name is not taken for it.
    fs::rename(&moved, folder.path().join("third")).unwrap();
    let third = folder.path().join("third");
    let one = before[0].0.file_name().unwrap();
    let length = fs::metadata(third.join(one)).unwrap().len();
    fs::write(third.join(one), vec![0; length.try_into().unwrap()]).unwrap();
    let again = run("third");
    assert_eq!(code(&again), 0, "{}", stderr(&again));
    assert!(fs::read(third.join(one)).unwrap().starts_with(b"RIFF"));
}

/// What is printed about a ledger in trouble does not lead round it.
#[test]
fn trouble_with_the_ledger_leads_to_no_purchase_without_it() {
    let folder = folder_of_rows();
    let sandbox = sandbox(&folder);
    let refused = batch(
        &sandbox,
        folder.path(),
        "batch.csv/a.db",
        &["--out-dir", "out"],
    );
    let said = error(&refused).to_string();
    assert_eq!(code(&refused), 1, "{said}");
    assert!(
        !said.contains("--no-ledger") && !said.contains("GENREX_LEDGER"),
        "{said}"
    );
    assert_eq!(sandbox.used(folder.path()), 0);
}
