//! Playing and opening: what is started, with what, and what happens when nothing is here that could.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::{TempDir, tempdir};

use crate::support::{Sandbox, code, error, genrex, install, json, stderr, stdout};

/// A program that writes its arguments and its environment into a file beside it.
fn fake(folder: &Path, name: &str, exit: i32) {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).unwrap();
    let script = format!(
        "#!/bin/sh\n{{ printf '%s\\n' \"$@\"; /usr/bin/env; }} >> {}/{name}.told\nexit {exit}\n",
        folder.display()
    );
    let file = folder.join(format!("{name}.sh"));
    fs::write(&file, script).unwrap();
    install(&file, &bin.join(name));
}

fn told(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(format!("{name}.told"))).unwrap_or_default()
}

/// The program with only the fake ones in its path.
fn with_fakes<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    command.env("PATH", folder.join("bin"))
}

fn folder_with(name: &str) -> TempDir {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join(name), "RIFF").unwrap();
    folder
}

/// Its first lines are the arguments; the path is the last of them, and cannot be taken for an option.
#[test]
fn the_first_player_that_is_here_is_given_an_absolute_path_and_no_secret() {
    let name = "-rf $(touch owned); it's.wav";
    let folder = folder_with(name);
    fake(folder.path(), "mpv", 0);
    fake(folder.path(), "aplay", 0);
    let mut command = genrex(folder.path());
    command.args(["play", "--", name]);
    command
        .env("GENREX_API_SECRET", "kept-to-itself")
        .env("GENREX_API_KEY", "likewise");
    let output = with_fakes(&mut command, folder.path()).output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(stdout(&output), format!("{name}\n"));
    let told_mpv = told(folder.path(), "mpv");
    let whole = folder.path().canonicalize().unwrap().join(name);
    let mut lines = told_mpv.lines();
    assert_eq!(lines.next(), Some("--no-video"));
    assert_eq!(lines.next(), whole.to_str());
    assert!(!told_mpv.contains("kept-to-itself") && !told_mpv.contains("likewise"));
    assert_eq!(told(folder.path(), "aplay"), "", "one is enough");
    assert!(!folder.path().join("owned").exists());
}

#[test]
fn a_player_that_cannot_is_followed_by_the_next() {
    let folder = folder_with("a.wav");
    fake(folder.path(), "pw-play", 1);
    fake(folder.path(), "aplay", 0);
    let mut command = genrex(folder.path());
    let output = with_fakes(command.args(["play", "a.wav", "--json"]), folder.path()).output();
    let output = output.unwrap();
    assert_eq!(json(&output)["program"], "aplay");
    assert!(!told(folder.path(), "pw-play").is_empty());

    fake(folder.path(), "aplay", 3);
    let mut command = genrex(folder.path());
    let output = with_fakes(command.args(["play", "a.wav"]), folder.path()).output();
    let output = output.unwrap();
    assert_eq!(code(&output), 1);
    assert!(
        stderr(&output).contains("GENREX_PLAYER"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn the_player_that_was_chosen_is_the_only_one() {
    let folder = folder_with("a.wav");
    fake(folder.path(), "mine", 0);
    fake(folder.path(), "mpv", 0);
    for (chosen, by_mine, by_mpv) in [("mine --loud", true, false), ("absent", false, false)] {
        for name in ["mine", "mpv"] {
            let _ = fs::remove_file(folder.path().join(format!("{name}.told")));
        }
        let mut command = genrex(folder.path());
        command.args(["play", "a.wav"]).env("GENREX_PLAYER", chosen);
        let output = with_fakes(&mut command, folder.path()).output().unwrap();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert_eq!(
            told(folder.path(), "mine").starts_with("--loud\n/"),
            by_mine
        );
        assert_eq!(!told(folder.path(), "mpv").is_empty(), by_mpv);
        assert_eq!(stderr(&output).contains("install one of absent"), !by_mine);
    }
}

#[test]
fn a_piece_is_played_right_after_it_was_made() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let args = [
        "generate",
        "a",
        "-o",
        "a.wav",
        "--poll-interval",
        "5ms",
        "--play",
    ];
    let mut command = sandbox.genrex(folder.path(), &args);
    let output = with_fakes(&mut command, folder.path()).output().unwrap();
    assert_eq!(
        code(&output),
        0,
        "without any player it is here: {}",
        stderr(&output)
    );
    assert_eq!(stdout(&output), "a.wav\n");
    assert!(
        stderr(&output).contains("install one of pw-play, "),
        "{}",
        stderr(&output)
    );

    fake(folder.path(), "paplay", 0);
    let args = [
        "generate",
        "b",
        "-o",
        "b.wav",
        "--poll-interval",
        "5ms",
        "--play",
    ];
    let mut command = sandbox.genrex(folder.path(), &args);
    let output = with_fakes(&mut command, folder.path()).output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(told(folder.path(), "paplay").contains("/b.wav\n"));
}

#[test]
fn a_piece_is_played_by_its_number_and_by_its_id() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let args = ["generate", "a", "-o", "a.wav", "--poll-interval", "5ms"];
    let made = sandbox.run(folder.path(), &args);
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    fake(folder.path(), "paplay", 0);
    let listed = json(&sandbox.run(folder.path(), &["jobs", "list", "--json"]));
    let id = listed[0]["queryId"].as_str().unwrap().to_owned();
    let number = listed[0]["localId"].to_string();
    for name in [&id, &number] {
        let _ = fs::remove_file(folder.path().join("paplay.told"));
        let mut command = genrex(folder.path());
        let output = with_fakes(command.args(["play", name]), folder.path()).output();
        assert_eq!(code(&output.unwrap()), 0);
        assert!(told(folder.path(), "paplay").contains("/a.wav\n"), "{name}");
    }

    fs::remove_file(folder.path().join("a.wav")).unwrap();
    let mut command = genrex(folder.path());
    let output = with_fakes(command.args(["play", &number, "--json"]), folder.path()).output();
    let gone = error(&output.unwrap());
    assert!(
        gone["message"].as_str().unwrap().contains("is gone"),
        "{gone}"
    );
    assert!(
        gone["hint"]
            .as_str()
            .unwrap()
            .ends_with(&format!("genrex wait {id}")),
        "{gone}"
    );
    for absent in ["9", "no/such.wav", "QRY_none"] {
        let output = genrex(folder.path())
            .args(["play", absent])
            .output()
            .unwrap();
        assert_eq!(code(&output), 2, "{absent}: {}", stderr(&output));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_piece_or_its_folder_is_opened() {
    let folder = folder_with("a.wav");
    let mut command = genrex(folder.path());
    let output = with_fakes(command.args(["open", "a.wav"]), folder.path()).output();
    let output = output.unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stderr(&output).contains("install one of xdg-open"));

    fake(folder.path(), "xdg-open", 0);
    let whole = folder.path().canonicalize().unwrap();
    for (more, expected) in [
        (&[][..], whole.join("a.wav")),
        (&["--folder"], whole.clone()),
    ] {
        let _ = fs::remove_file(folder.path().join("xdg-open.told"));
        let mut command = genrex(folder.path());
        command.args(["open", "a.wav"]).args(more);
        let output = with_fakes(&mut command, folder.path()).output().unwrap();
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let told = told(folder.path(), "xdg-open");
        assert_eq!(told.lines().next(), expected.to_str());
    }
}

/// An opener that finds no desktop has said nothing about the piece: its path is the result.
#[cfg(target_os = "linux")]
#[test]
fn without_a_desktop_the_path_is_printed() {
    let folder = folder_with("a.wav");
    fake(folder.path(), "xdg-open", 3);
    for (display, expected) in [("", 0), (":0", 1)] {
        let mut command = genrex(folder.path());
        command.args(["open", "a.wav"]).env("DISPLAY", display);
        let output = with_fakes(&mut command, folder.path()).output().unwrap();
        let said = stderr(&output);
        assert_eq!(code(&output), expected, "{said}");
        assert!(said.contains("xdg-open ended with"), "{said}");
        let printed = if expected == 0 { "a.wav\n" } else { "" };
        assert_eq!(stdout(&output), printed);
    }
}
