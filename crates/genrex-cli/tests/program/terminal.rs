//! What reaches a terminal cannot act on it, whoever wrote it; and audio does not reach one.

use std::fs;
use std::process::Command;

use tempfile::tempdir;

use crate::pty::Terminal;
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
    let mut terminal = Terminal::start(command, 100, 24);
    terminal.type_in(typed);
    let code = terminal.end();
    (terminal.text(), code)
}

/// Nothing of [`HOSTILE`] is there as it is, and it is there to be read.
fn assert_harmless(shown: &str) {
    assert_nothing_raw(shown);
    let start = SHOWN.split_at(15).0;
    assert!(shown.contains(start), "{shown:?}");
}

fn assert_nothing_raw(shown: &str) {
    for raw in ["\u{1b}]", "\u{7}", "\u{202e}", "\u{3164}", "\u{9b}"] {
        assert!(!shown.contains(raw), "{raw:?} in {shown:?}");
    }
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
        // A line above the drawing has it made anew; without one that is when there is time.
        if args.contains(&"-v") {
            assert!(
                shown.contains(&format!(" {SHOWN}\u{1b}[0m"))
                    || shown.contains(&format!(" {SHOWN}\u{1b}[2m")),
                "{args:?} {shown:?}"
            );
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
    let row_to = |output: &str| {
        format!("{{\"text\":\"{IN_JSON}\",\"duration\":5,\"output\":\"{output}.wav\"}}\n")
    };
    let row = row_to("\u{202e}\u{3164}z");
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
    assert_nothing_raw(&shown);
    assert!(shown.contains(r"\u{202e}\u{3164}z.wav"), "{shown:?}");

    let twice = (format!("{row}{row}"), "is the output of two rows");
    let control = (row_to(IN_JSON), r"a\u{1b}]0;owned");
    for (refused, said) in [twice, control] {
        fs::write(folder.path().join("rows"), refused).unwrap();
        let (shown, code) = on_terminal(&mut sandbox.genrex(folder.path(), &args));
        assert_eq!(code, 2, "{shown}");
        assert_nothing_raw(&shown);
        assert!(shown.contains(said), "{shown:?}");
    }

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
