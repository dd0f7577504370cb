//! Ctrl-C in a batch: what is in flight is finished, and nothing is bought after it.

use std::fs;
use std::io::{BufReader, Read as _};
use std::process::{Child, Stdio};

use tempfile::{TempDir, tempdir};

use crate::interrupts::{interrupt, read_until};
use crate::support::{Played, Sandbox, answer_with, json};

const ROWS: &str = "text,duration\none,5\ntwo,5\n";

fn folder_of_rows() -> TempDir {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("batch.csv"), ROWS).unwrap();
    folder
}

fn batch(sandbox: &Sandbox, folder: &TempDir, more: &[&str]) -> Child {
    let args = [
        "batch",
        "batch.csv",
        "--out-dir",
        "out",
        "--poll-interval",
        "20ms",
    ];
    sandbox
        .genrex(folder.path(), &[&args[..], more].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// A row that the service refused for now, and that waits to be sent again, is not: and a later run buys it.
#[test]
fn a_row_between_two_tries_is_not_sent_after_an_interrupt() {
    let folder = folder_of_rows();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let service = Played::start();
    let mut process = batch(&sandbox, &folder, &["--base-url", &service.url]);
    let mut first = service.next();
    let mut lines = BufReader::new(process.stderr.take().unwrap());
    interrupt(&process);
    read_until(&mut lines, "starting nothing more");
    answer_with(&mut first, "429 Later", "Retry-After: 2\r\n", "");
    let mut text = String::new();
    lines.read_to_string(&mut text).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(130), "{text}");
    assert!(!service.has_more(), "it was sent again: {text}");

    let shown = sandbox.run(folder.path(), &["jobs", "export"]);
    let refused = json(&shown);
    assert_eq!(
        (&refused["state"], &refused["refusal"]),
        (&"refused".into(), &"rateLimited".into()),
        "{refused}"
    );
}

/// A row that waits until an earlier one has shown the price is not bought after an interrupt.
#[test]
fn a_row_that_waits_for_its_turn_is_not_bought_after_an_interrupt() {
    let folder = folder_of_rows();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "2s"]);
    let mut process = batch(&sandbox, &folder, &["--max-credits", "50"]);
    let used = || {
        let balance = json(&sandbox.run(folder.path(), &["balance", "--json"]));
        balance["creditsUsed"].as_u64().unwrap()
    };
    while used() == 0 {}
    interrupt(&process);
    let mut text = String::new();
    let mut lines = process.stderr.take().unwrap();
    lines.read_to_string(&mut text).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(130), "{text}");
    assert!(text.contains("1 downloaded"), "{text}");
    assert_eq!(used(), 5, "{text}");
}
