//! Pipes that are closed, causes that are said once, clocks that are days off, paths.

use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};

use tempfile::tempdir;

use crate::support::{Sandbox, code, error, json, stderr, stdout};

/// As `cat` does: a shell shows its signal as 141.
#[test]
fn a_reader_that_has_enough_ends_it_quietly() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let made = sandbox.run(folder.path(), &["generate", "a", "-d", "60", "--no-wait"]);
    let id = stdout(&made).trim().to_owned();
    let args = ["wait", &id, "-o", "-", "-q", "--poll-interval", "10ms"];
    let mut process = sandbox
        .genrex(folder.path(), &args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A piece does not fit into a pipe, so it is still writing.
    let mut start = [0; 4];
    let mut reader = process.stdout.take().unwrap();
    reader.read_exact(&mut start).unwrap();
    drop(reader);
    let ended = process.wait_with_output().unwrap();
    assert_eq!(code(&ended), 141, "{}", stderr(&ended));
    assert_eq!(stderr(&ended), "");
}

#[test]
fn a_refused_connection_has_one_cause() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let args = ["balance", "--base-url", "http://127.0.0.1:1"];
    let refused = sandbox.run(folder.path(), &args);
    assert_eq!(code(&refused), 8);
    let said = stderr(&refused);
    let causes: Vec<_> = said
        .lines()
        .filter(|line| line.starts_with("cause"))
        .collect();
    assert_eq!(causes.len(), 1, "{said}");
    assert!(causes[0].contains("Connection refused"), "{said}");
}

#[test]
fn a_clock_that_is_days_off_is_said_and_not_the_key_blamed() {
    let folder = tempdir().unwrap();
    for (offset, words) in [
        ("72h", "3 days behind"),
        ("-49h", "2 days ahead of"),
        ("30h", "30 hours behind"),
    ] {
        let sandbox = Sandbox::start(folder.path(), &["--clock-offset", offset]);
        let refused = sandbox.run(folder.path(), &["balance", "--json"]);
        let said = error(&refused);
        assert_eq!((code(&refused), &said["kind"]), (3, &"credentials".into()));
        let message = said["message"].as_str().unwrap();
        assert!(
            message.contains(&format!("clock is {words} the service's")),
            "{message}"
        );
        let hint = said["hint"].as_str().unwrap();
        assert!(hint.contains("set this machine's clock"), "{hint}");
        assert!(!hint.contains("GENREX_API_KEY"), "{hint}");
    }
    // One that is only wrong is corrected, and one that is right is not blamed.
    let sandbox = Sandbox::start(folder.path(), &["--clock-offset", "20h"]);
    assert_eq!(code(&sandbox.run(folder.path(), &["balance"])), 0);
    let mut stranger = sandbox.genrex(folder.path(), &["balance", "--json"]);
    let refused = stranger.env("GENREX_API_SECRET", "wrong").output().unwrap();
    assert!(
        !error(&refused)["message"]
            .as_str()
            .unwrap()
            .contains("clock")
    );
}

/// As it was typed for people, from the root for programs.
#[test]
fn a_path_is_shown_as_it_was_typed_and_told_from_the_root() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let root = folder.path().canonicalize().unwrap();
    fs::create_dir(root.join("below")).unwrap();
    fs::write(root.join("below/rows.csv"), "text,duration\none,5\n").unwrap();
    let run = |args: &[&str]| -> std::process::Output {
        let more = ["--poll-interval", "10ms"];
        let mut command: Command = sandbox.genrex(folder.path(), &[args, &more].concat());
        command.current_dir(root.join("below")).output().unwrap()
    };
    let made = run(&["generate", "a", "-d", "5", "-o", "../a.wav"]);
    assert_eq!(stdout(&made), "../a.wav\n", "{}", stderr(&made));
    let made = json(&run(&["generate", "b", "-d", "5", "-o", "b.wav", "--json"]));
    let path = root.join("below/b.wav");
    assert_eq!(made["assets"][0]["path"], path.to_str().unwrap());
    for (out_dir, start) in [("../out", "../out/one-"), ("music", "music/one-")] {
        let args = ["batch", "rows.csv", "--new", "--out-dir", out_dir];
        let made = run(&args);
        assert!(
            stdout(&made).starts_with(start),
            "{}{}",
            stdout(&made),
            stderr(&made)
        );
        let again = json(&run(&[&args[..], &["--json"]].concat()));
        let path = again["path"].as_str().unwrap();
        assert!(path.starts_with(root.to_str().unwrap()), "{path}");
    }
    let below = |args: &[&str]| {
        let mut command = sandbox.genrex(folder.path(), args);
        stdout(&command.current_dir(root.join("below")).output().unwrap())
    };
    let listed = below(&["jobs", "list"]);
    assert!(listed.contains("  music/one-"), "{listed}");
    assert!(below(&["jobs", "show", "2"]).contains("file       b.wav"));
}
