//! What reaches a terminal cannot act on it, whoever wrote it; and audio does not reach one.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::process::Command;

use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tempfile::tempdir;

use crate::support::{Played, Sandbox, answer, genrex};

/// It sets a terminal's title; `\u{3164}` is a letter that nobody sees.
const HOSTILE: &str = "a\u{1b}]0;owned\u{7}\u{202e}\u{3164}\u{9b}z";
/// The same in JSON.
const IN_JSON: &str = r"a\u001b]0;owned\u0007\u202e\u3164\u009bz";

/// The same as it is shown.
const SHOWN: &str = r"a\u{1b}]0;owned\u{7}\u{202e}\u{3164}\u{9b}z";

/// Runs a command with all three streams on a terminal, and gives what it showed and its exit code.
fn on_terminal(command: &mut Command) -> (String, i32) {
    typing(command, "")
}

/// The same with what a person types.
pub(crate) fn typing(command: &mut Command, typed: &str) -> (String, i32) {
    let (shown, code) = bytes_on_terminal(command, typed);
    (String::from_utf8_lossy(&shown).into_owned(), code)
}

fn bytes_on_terminal(command: &mut Command, typed: &str) -> (Vec<u8>, i32) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let ours = openpt(flags).unwrap();
    unlockpt(&ours).unwrap();
    let theirs = File::from(ioctl_tiocgptpeer(&ours, flags).unwrap());
    let size = Winsize {
        ws_row: 24,
        ws_col: 100,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    tcsetwinsize(&theirs, size).unwrap();
    let mut process = command
        .env("TERM", "xterm-256color")
        .stdin(theirs.try_clone().unwrap())
        .stdout(theirs.try_clone().unwrap())
        .stderr(theirs)
        .spawn()
        .unwrap();
    // The command holds the terminal's other end until it is dropped.
    command.stdin(std::process::Stdio::null());
    command.stdout(std::process::Stdio::null());
    command.stderr(std::process::Stdio::null());
    let mut shown = Vec::new();
    let mut ours = File::from(ours);
    ours.write_all(typed.as_bytes()).unwrap();
    // Its end is an error: whoever had the other side is gone.
    let _ = ours.read_to_end(&mut shown);
    (shown, process.wait().unwrap().code().unwrap_or(-1))
}

/// Nothing of [`HOSTILE`] is there as it is, and it is there to be read.
fn assert_harmless(shown: &str) {
    for raw in ["\u{1b}]", "\u{7}", "\u{202e}", "\u{3164}", "\u{9b}"] {
        assert!(!shown.contains(raw), "{raw:?} in {shown:?}");
    }
    let start = SHOWN.split_at(15).0;
    assert!(shown.contains(start), "{shown:?}");
}

#[test]
fn a_hostile_status_is_shown_escaped() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let id = r#""id":"QRY_hostile""#;
    let hostile = format!("{{{id},\"status\":\"{IN_JSON}\"}}");
    let answers = [
        format!("{{{id},\"status\":\"Processing\"}}"),
        hostile.clone(),
        hostile.clone(),
        hostile,
        format!("{{{id},\"status\":\"Failed\"}}"),
    ];
    for args in [
        &["generate", "a"][..],
        &["generate", "a", "--new", "-v"],
        &["wait", "QRY_hostile", "-v"],
    ] {
        let service = Played::start();
        let more = ["--poll-interval", "300ms", "--base-url", &service.url];
        let args = [args, &more].concat();
        let mut command = sandbox.genrex(folder.path(), &args);
        let (shown, code) = std::thread::scope(|scope| {
            scope.spawn(|| {
                for body in &answers {
                    answer(&mut service.next(), "200 OK", body);
                }
            });
            on_terminal(&mut command)
        });
        assert_eq!(code, 4, "{shown}");
        assert_harmless(&shown);
        let in_the_bar = format!("\u{1b}[0m {SHOWN}");
        // A line above the bar draws it anew; without one it is drawn when there is time.
        if args.contains(&"-v") {
            assert!(shown.contains(&in_the_bar), "{args:?} {shown:?}");
        }
    }
}

#[test]
fn a_hostile_refusal_is_shown_escaped() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    for body in [format!("{{\"message\":\"{IN_JSON}\"}}"), HOSTILE.to_owned()] {
        let service = Played::start();
        let url = service.url.clone();
        let served = std::thread::spawn(move || {
            answer(&mut service.next(), "422 No", &body);
        });
        let args = ["generate", "a", "--new", "-v", "--base-url", &url];
        let (shown, code) = on_terminal(&mut sandbox.genrex(folder.path(), &args));
        served.join().unwrap();
        assert_eq!(code, 1, "{shown}");
        assert_harmless(&shown);
    }
}

#[test]
fn a_hostile_file_of_rows_is_shown_escaped() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let row = format!("{{\"text\":\"{IN_JSON}\",\"duration\":5,\"output\":\"{IN_JSON}.wav\"}}\n");
    fs::write(folder.path().join("rows"), &row).unwrap();
    let args = [
        "batch",
        "rows",
        "--out-dir",
        "out",
        "--poll-interval",
        "5ms",
    ];
    let (shown, code) = on_terminal(&mut sandbox.genrex(folder.path(), &args));
    assert_eq!(code, 0, "{shown}");
    assert_harmless(&shown);

    fs::write(folder.path().join("rows"), format!("{row}{row}")).unwrap();
    let (shown, code) = on_terminal(&mut sandbox.genrex(folder.path(), &args));
    assert_eq!(code, 2, "{shown}");
    assert_harmless(&shown);

    let (shown, code) = on_terminal(&mut sandbox.genrex(folder.path(), &["jobs", "list"]));
    assert_eq!(code, 0, "{shown}");
    assert_harmless(&shown);
}

#[test]
fn what_was_typed_is_shown_escaped() {
    let folder = tempdir().unwrap();
    let in_folder = format!("no/{HOSTILE}/a.wav");
    let url = format!("https://{HOSTILE}");
    for (args, expected) in [
        (&["balance", "--profile", HOSTILE][..], 2),
        (&["generate", "a", "--sandbox", "-o", &in_folder], 2),
        (&["wait", HOSTILE, "--sandbox"], 2),
        (&["balance", "--base-url", &url], 2),
        (&["jobs", "show", HOSTILE], 2),
        (&["batch", HOSTILE, "--out-dir", "out", "--sandbox"], 2),
        (&["balance", "--color", HOSTILE], 2),
        (&[HOSTILE], 2),
    ] {
        let (shown, code) = on_terminal(genrex(folder.path()).args(args));
        assert_eq!(code, expected, "{args:?} {shown}");
        assert_harmless(&shown);
    }
}

#[test]
fn audio_is_not_written_to_a_terminal() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let args = ["generate", "a", "-o", "-"];
    let (shown, code) = on_terminal(&mut sandbox.genrex(folder.path(), &args));
    assert_eq!(code, 2, "{shown}");
    assert!(
        shown.contains("terminal") && !shown.contains("RIFF"),
        "{shown}"
    );
    let balance = crate::support::json(&sandbox.run(folder.path(), &["balance", "--json"]));
    assert_eq!(
        balance["creditsUsed"], 0,
        "found out before anything is bought"
    );
    let piped = sandbox.run(folder.path(), &args);
    assert!(piped.stdout.starts_with(b"RIFF"));
}
