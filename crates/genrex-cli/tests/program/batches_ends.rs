//! How a batch ends that does not come to its end, or that comes to it although it was interrupted: each hint leads out.

use std::fs;
use std::io::{BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Output, Stdio};

use tempfile::{TempDir, tempdir};

use crate::interrupts::{interrupt, read_until};
use crate::service::{Counting, Lossy, make_a_file_of};
use crate::support::{Played, Sandbox, code, error, run, stderr, stdout};

const AGAIN: &str = "run the same command again";

fn folder_of(rows: &str) -> TempDir {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("batch.csv"), rows).unwrap();
    folder
}

const ARGS: [&str; 6] = [
    "batch",
    "batch.csv",
    "--out-dir",
    "out",
    "--poll-interval",
    "20ms",
];

fn batch(sandbox: &Sandbox, folder: &Path, more: &[&str]) -> Output {
    sandbox.run(folder, &[&ARGS[..], more].concat())
}

fn begun(sandbox: &Sandbox, folder: &Path, more: &[&str]) -> Child {
    let mut command = sandbox.genrex(folder, &[&ARGS[..], more].concat());
    let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// What refuses every further run is not followed by the advice to run it again.
#[test]
fn a_limit_that_stops_a_batch_names_what_can_be_raised() {
    let folder = folder_of("text,duration\none,5\n");
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let set = |value| {
        let args = ["config", "set", "limits.day", value];
        assert_eq!(code(&run(folder.path(), &args)), 0);
    };
    set("0");
    let refused = error(&batch(&sandbox, folder.path(), &["--json"]));
    let hint = refused["hint"].as_str().unwrap();
    assert!(
        hint.ends_with("genrex config set limits.day CREDITS") && !hint.contains(AGAIN),
        "{refused}"
    );
    set("1000");
    let done = batch(&sandbox, folder.path(), &[]);
    assert_eq!(code(&done), 0, "{}", stderr(&done));

    fs::write(folder.path().join("batch.csv"), "text,duration\ntwo,5\n").unwrap();
    let refused = error(&batch(
        &sandbox,
        folder.path(),
        &["--max-credits", "0", "--json"],
    ));
    let hint = refused["hint"].as_str().unwrap();
    assert!(
        hint.contains("Raise --max-credits") && !hint.contains(AGAIN),
        "{refused}"
    );
}

#[test]
fn a_batch_without_credit_says_how_to_see_what_is_left() {
    let folder = folder_of("text,duration\none,5\ntwo,5\n");
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms", "--quota", "7"]);
    let refused = batch(&sandbox, folder.path(), &["--json"]);
    let said = error(&refused);
    assert_eq!(
        (code(&refused), &said["kind"]),
        (6, &"outOfCredit".into()),
        "{said}"
    );
    let hint = said["hint"].as_str().unwrap();
    assert!(
        hint.contains("with more credit the same command goes on")
            && hint.contains("genrex balance"),
        "{said}"
    );
}

/// The cause is told, and what is to be done before the same command is of use.
#[test]
fn audio_that_cannot_be_stored_is_told_with_its_cause() {
    let folder = folder_of("text,duration,output\none,5,taken/a.wav\n");
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let before = Lossy::before(&sandbox);
    let at = ["--base-url", &before.url];
    let taken = folder.path().join("out/taken");
    before.at_submit(move || make_a_file_of(&taken));
    for _ in 0..2 {
        let lost = batch(&sandbox, folder.path(), &at);
        let (line, said) = (stdout(&lost), stderr(&lost));
        assert_eq!(code(&lost), 1, "{said}");
        assert!(
            line.contains("line 2: completed: the folder cannot be made: "),
            "{line}"
        );
        assert!(line.contains("(os error "), "{line}");
        assert!(
            said.contains("make room on the disk") && said.contains(AGAIN),
            "{said}"
        );
    }
    fs::remove_file(folder.path().join("out/taken")).unwrap();
    let done = batch(&sandbox, folder.path(), &at);
    assert_eq!(code(&done), 0, "{}", stderr(&done));
}

#[test]
fn a_file_of_rows_that_is_not_there_is_told_with_what_to_name() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let refused = error(&batch(&sandbox, folder.path(), &["--json"]));
    assert_eq!(
        refused["message"],
        "batch.csv cannot be read; nothing was sent"
    );
    let hint = refused["hint"].as_str().unwrap();
    assert!(hint.ends_with("genrex help batch-file"), "{refused}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_takes_no_marker_is_told_with_the_ways_out() {
    let folder = folder_of("text,duration\none,5\n");
    let sandbox = Sandbox::start(folder.path(), &[]);
    let refused = sandbox.run(
        folder.path(),
        &["batch", "batch.csv", "--out-dir", "/proc", "--json"],
    );
    let said = error(&refused);
    assert_eq!(code(&refused), 2, "{said}");
    let message = said["message"].as_str().unwrap();
    assert!(
        message.contains(".genrex-batch cannot be written"),
        "{said}"
    );
    assert!(
        said["hint"].as_str().unwrap().contains("another --out-dir"),
        "{said}"
    );
}

/// Nothing is left to go on with.
#[test]
fn an_interrupt_after_which_every_row_is_done_is_no_failure() {
    let folder = folder_of("text,duration\none,5\ntwo,5\n");
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Counting::start();
    let mut process = begun(&sandbox, folder.path(), &["--base-url", &service.url]);
    while service.state().submits < 2 {
        std::thread::yield_now();
    }
    let mut lines = BufReader::new(process.stderr.take().unwrap());
    interrupt(&process);
    read_until(&mut lines, "starting nothing more");
    service.state().serve_audio();
    let mut text = String::new();
    lines.read_to_string(&mut text).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(0), "{text}");
    assert!(
        text.contains("2 planned: 2 downloaded") && !text.contains("interrupted"),
        "{text}"
    );
}

/// What may have been charged is said as `generate` says it, whatever ended the batch.
#[test]
fn a_submit_that_a_second_interrupt_gives_up_is_7_with_its_command() {
    let folder = folder_of("text,duration\none,5\ntwo,5\n");
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Played::start();
    let mut process = begun(&sandbox, folder.path(), &["--base-url", &service.url]);
    let _held = service.next();
    let mut lines = BufReader::new(process.stderr.take().unwrap());
    interrupt(&process);
    read_until(&mut lines, "starting nothing more");
    interrupt(&process);
    drop(service);
    let mut text = String::new();
    lines.read_to_string(&mut text).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(7), "{text}");
    assert!(text.contains("1 unclear"), "{text}");
    assert!(text.contains("genrex jobs reconcile 1"), "{text}");
}

/// What was downloaded once and is not here any more is no success, and is not bought again.
#[test]
fn a_file_that_is_gone_and_cannot_be_fetched_again_is_not_downloaded() {
    let folder = folder_of("text,duration,output\none,5,sub/one.wav\ntwo,5,two.wav\n");
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let done = batch(&sandbox, folder.path(), &["--json"]);
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    let used = sandbox.used(folder.path());
    let sub = folder.path().join("out/sub");
    fs::remove_dir_all(&sub).unwrap();
    fs::write(&sub, "no folder").unwrap();

    let lost = batch(&sandbox, folder.path(), &["--json"]);
    let said = stderr(&lost);
    assert_eq!(code(&lost), 1, "{said}");
    assert_eq!(error(&lost)["message"], "1 of 2 are here", "{said}");
    for count in [r#""downloaded":1,"#, r#""open":1,"#] {
        assert!(said.contains(count), "{said}");
    }
    let lines: Vec<serde_json::Value> = stdout(&lost)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |line: u64| lines.iter().find(|told| told["line"] == line).unwrap();
    assert!(of(3)["error"].is_null(), "{lines:?}");
    assert!(
        of(2)["error"].is_string() && of(2)["path"].is_null(),
        "{lines:?}"
    );
    let told = batch(&sandbox, folder.path(), &[]);
    let line = "line 2: downloaded before, and not here: the folder cannot be made";
    assert!(stdout(&told).contains(line), "{}", stdout(&told));

    fs::remove_file(&sub).unwrap();
    let done = batch(&sandbox, folder.path(), &[]);
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    assert!(sub.join("one.wav").exists());
    assert_eq!(sandbox.used(folder.path()), used, "something was bought");
}

/// The service has lost it too: the file can only be put back.
#[test]
fn a_file_that_the_service_has_no_more_is_told_with_what_leads_out() {
    let folder = folder_of("text,duration\none,5\n");
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Counting::start();
    service.state().serve_audio();
    let more = ["--base-url", &service.url, "--output", "{line}.wav"];
    let done = batch(&sandbox, folder.path(), &more);
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    let file = folder.path().join("out/2.wav");
    let kept = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    service.state().retrieve_fails = Some("410 Gone");

    let lost = batch(&sandbox, folder.path(), &more);
    let said = stderr(&lost);
    assert_eq!(code(&lost), 1, "{said}");
    assert!(
        said.contains("0 of 1 are here") && said.contains("put them back"),
        "{said}"
    );
    fs::write(&file, kept).unwrap();
    let done = batch(&sandbox, folder.path(), &more);
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    assert_eq!(service.state().submits, 1);
}
