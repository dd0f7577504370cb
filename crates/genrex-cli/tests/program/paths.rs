//! How paths are shown: as they were typed, or from the folder that a person is in.

use std::fs;
use std::path::Path;
use std::process::Output;

use tempfile::tempdir;

use crate::support::{Sandbox, code, json, stderr, stdout};

const ROWS: &str = "text,duration,output\none,5,one.wav\n";

fn batch(sandbox: &Sandbox, folder: &Path, more: &[&str]) -> Output {
    let args = ["batch", "batch.csv", "--poll-interval", "10ms"];
    sandbox.run(folder, &[&args[..], more].concat())
}

/// What was said, which does not tell where the folder lies.
fn without_root(output: &Output, folder: &Path) -> String {
    let text = stdout(output) + &stderr(output);
    let folder = folder.canonicalize().unwrap();
    assert!(!text.contains(folder.to_str().unwrap()), "{text}");
    text
}

#[test]
fn what_a_batch_says_of_its_files_is_from_here() {
    let folder = tempdir().unwrap();
    let here = folder.path();
    let sandbox = Sandbox::start(here, &["--render-time", "1ms"]);
    fs::write(here.join("batch.csv"), ROWS).unwrap();
    fs::create_dir(here.join("taken")).unwrap();
    fs::write(here.join("taken/one.wav"), "precious").unwrap();
    for more in [&[][..], &["--dry-run"]] {
        let refused = batch(
            &sandbox,
            here,
            &[&["--out-dir", "taken"][..], more].concat(),
        );
        let said = without_root(&refused, here);
        assert_eq!(code(&refused), 2, "{said}");
        assert!(
            said.contains("taken/one.wav is there already, and is the output of line 2;"),
            "{said}"
        );
    }

    let done = batch(&sandbox, here, &["--out-dir", "out"]);
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    let planned = batch(&sandbox, here, &["--out-dir", "out", "--dry-run"]);
    let said = without_root(&planned, here);
    assert!(said.contains("line 2: here: out/one.wav"), "{said}");

    // Another folder for what was bought already.
    let refused = batch(&sandbox, here, &["--out-dir", "other"]);
    let said = without_root(&refused, here);
    assert_eq!(code(&refused), 2, "{said}");
    assert!(
        said.contains("line 2 was bought by another batch: job 1, in out;"),
        "{said}"
    );
    assert!(
        said.contains("--out-dir out goes on with it; --new buys them again for other"),
        "{said}"
    );
}

#[test]
fn a_piece_is_named_from_here_and_without_ways_round() {
    let folder = tempdir().unwrap();
    let here = folder.path();
    let sandbox = Sandbox::start(here, &["--render-time", "1ms"]);
    fs::create_dir(here.join("in")).unwrap();
    let args = [
        "generate",
        "a",
        "-o",
        "../in/a.wav",
        "--poll-interval",
        "5ms",
    ];
    let made = sandbox.run(&here.join("in"), &args);
    // The ledger is the one of the folder in which the program is at home.
    let ledger = here.join("in/.local/share/genrex/ledger.db");
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    let run = |args: &[&str]| {
        let mut command = sandbox.genrex(here, args);
        command.env("GENREX_LEDGER", &ledger).output().unwrap()
    };
    let listed = without_root(&run(&["jobs", "list"]), here);
    assert!(listed.contains("  in/a.wav  "), "{listed}");
    let shown = without_root(&run(&["jobs", "show", "1"]), here);
    assert!(shown.contains("file       in/a.wav\n"), "{shown}");
    let played = without_root(&run(&["play", "1"]), here);
    assert!(played.contains("in/a.wav\n"), "{played}");
    let played = json(&run(&["play", "1", "--json"]));
    assert!(
        Path::new(played["path"].as_str().unwrap()).is_absolute(),
        "{played}"
    );
    fs::remove_file(here.join("in/a.wav")).unwrap();
    let gone = without_root(&run(&["play", "1"]), here);
    assert!(
        gone.contains("downloaded to in/a.wav, which is gone"),
        "{gone}"
    );
}
