//! What files a batch is read from, and under which names its audio lands.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{Sandbox, code, error, stderr, stdout};

const FAST: [&str; 4] = ["--render-time", "1ms", "--quota", "100000"];

fn lines(output: &Output) -> Vec<Value> {
    let text = stdout(output);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn the_same_rows_in_another_form_are_the_same_batch() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &FAST);
    let utf16: Vec<u8> = "\u{feff}Track\tText\tDuration\r\n7\tslow rain\t5\r\n8\tüben\t5\r\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for (bytes, more) in [
        (utf16, &[][..]),
        ("text;duration\r\nslow rain;5\r\nüben;5\r\n".into(), &[]),
        (
            "{\"text\":\"slow rain\",\"duration\":5}\n{\"text\":\"üben\",\"duration\":5}\n".into(),
            &[],
        ),
        (
            "[{\"text\":\"slow rain\",\"duration\":5},{\"text\":\"üben\",\"duration\":5}]".into(),
            &[],
        ),
        ("slow rain\nüben\n".into(), &["--duration", "5"]),
    ] {
        fs::write(folder.path().join("rows"), &bytes).unwrap();
        let run = sandbox.batch(folder.path(), "rows", more);
        assert_eq!(code(&run), 0, "{}", stderr(&run));
        let tracks: Vec<_> = lines(&run)
            .iter()
            .map(|line| line["columns"]["Track"].clone())
            .collect();
        if bytes.starts_with(b"\xff\xfe") {
            assert!(
                tracks.contains(&Value::from("7")),
                "the report keeps other columns: {tracks:?}"
            );
        }
        assert_eq!(sandbox.used(folder.path()), 10, "bought once");
    }
}

#[test]
fn a_file_without_rows_is_refused_with_what_is_missing() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &FAST);
    for (text, said) in [
        ("", "holds no rows"),
        ("\u{feff}\r\n\r\n", "holds no rows"),
        ("[]", "holds no rows"),
        ("text,duration\r\n", "holds no rows"),
        (
            "slow rain\nüben\n",
            "line 1: the header names no column text",
        ),
        (
            "prompt,duration\nrain,5\n",
            "line 1: the header names no column text",
        ),
        (
            "text\nrain\n",
            "line 1: the header names no column duration",
        ),
        (
            "text,duration\r\nok,5\r\nrain,ten\r\n",
            "line 3, column duration: ten is not a duration; write whole seconds",
        ),
    ] {
        fs::write(folder.path().join("rows"), text).unwrap();
        let refused = sandbox.batch(folder.path(), "rows", &[]);
        let failure = error(&refused).to_string();
        assert_eq!(code(&refused), 2, "{failure}");
        for part in [said, "nothing was sent", "genrex help batch-file"] {
            assert!(failure.contains(part), "{part}: {failure}");
        }
    }
    assert_eq!(sandbox.used(folder.path()), 0);
}

#[test]
fn names_are_made_of_a_template() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &FAST);
    fs::write(
        folder.path().join("rows"),
        "text,duration,output\nSlow rain,5,\nüben,5,own-{line}.wav\n",
    )
    .unwrap();
    let run = sandbox.batch(folder.path(), "rows", &["-o", "{n}/{prompt}-{id}.wav"]);
    assert_eq!(code(&run), 0, "{}", stderr(&run));
    for line in lines(&run) {
        let path = line["path"].as_str().unwrap();
        let id = line["queryId"].as_str().unwrap();
        let expected = match line["line"].as_u64() {
            Some(2) => format!("out/1/slow-rain-{id}.wav"),
            _ => String::from("out/own-3.wav"),
        };
        assert!(path.ends_with(&expected), "{path} {expected}");
        assert!(Path::new(path).is_file());
    }
    // Another name does not buy another piece.
    let again = sandbox.batch(folder.path(), "rows", &["-o", "{n}.wav"]);
    assert_eq!(code(&again), 0, "{}", stderr(&again));
    assert_eq!(sandbox.used(folder.path()), 10);
}

#[test]
fn a_name_that_cannot_be_is_refused_before_anything_is_bought() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &FAST);
    fs::write(folder.path().join("rows"), "text,duration\na,5\nb,5\n").unwrap();
    for (name, said) in [
        ("{title}.wav", "the fields are"),
        ("x.wav", "x.wav is the output of two rows"),
        ("{n}.mp3", "would not hold mp3"),
        ("../{n}.wav", "leads out of the folder"),
    ] {
        let refused = sandbox.batch(folder.path(), "rows", &["-o", name]);
        let failure = stderr(&refused);
        assert_eq!(code(&refused), 2, "{name}: {failure}");
        assert!(failure.contains(said), "{name}: {failure}");
    }
    for (name, said) in [
        ("{title}.wav", "the fields are"),
        ("{line}.wav", "here is none"),
        ("x.mp3", "would not hold mp3"),
        ("{id}/x.wav", "name only"),
    ] {
        let refused = sandbox.run(folder.path(), &["generate", "a", "-o", name, "--json"]);
        let failure = error(&refused).to_string();
        assert_eq!(code(&refused), 2, "{name}: {failure}");
        assert!(failure.contains(said), "{name}: {failure}");
    }
    assert_eq!(sandbox.used(folder.path()), 0);
    let args = [
        "generate",
        "Slow rain",
        "-o",
        "{prompt}-{n}.wav",
        "--json",
        "--poll-interval",
        "10ms",
    ];
    let made = sandbox.run(folder.path(), &args);
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    assert!(folder.path().join("slow-rain-1.wav").is_file());
    let refused = sandbox.run(folder.path(), &[&args[..], &["--new"]].concat());
    assert_eq!(code(&refused), 2, "the name is taken: {}", stderr(&refused));
    let warned = sandbox.run(
        folder.path(),
        &["generate", "b", "-o", "x.bin", "--no-wait"],
    );
    assert_eq!(code(&warned), 2, "--no-wait has no file");
    let warned = sandbox.run(
        folder.path(),
        &["generate", "b", "-o", "x.bin", "--poll-interval", "10ms"],
    );
    assert!(
        stderr(&warned).contains("x.bin will hold WAV"),
        "{}",
        stderr(&warned)
    );
}

#[test]
fn a_file_that_is_there_is_kept_and_nothing_is_bought_for_its_name() {
    let folder = tempdir().unwrap();
    let rows = folder.path().join("rows");
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("b.wav"), "mine").unwrap();
    fs::write(&rows, "text,duration,output\na,5,a.wav\nb,5,b.wav\n").unwrap();
    let sandbox = Sandbox::start(folder.path(), &FAST);
    let in_process = ["batch", "rows", "--out-dir", "out", "--sandbox", "--json"];
    for refused in [
        sandbox.batch(folder.path(), "rows", &[]),
        crate::support::run(folder.path(), &in_process),
    ] {
        let failure = error(&refused).to_string();
        assert_eq!(code(&refused), 2, "{failure}");
        assert!(
            failure.contains("b.wav is there already, and is the output of line 3")
                && failure.contains("--force"),
            "{failure}"
        );
    }
    assert_eq!(sandbox.used(folder.path()), 0);
    assert_eq!(fs::read(out.join("b.wav")).unwrap(), b"mine");
    let forced = sandbox.batch(folder.path(), "rows", &["--force"]);
    assert_eq!(code(&forced), 0, "{}", stderr(&forced));
    assert!(fs::read(out.join("b.wav")).unwrap().starts_with(b"RIFF"));
}

/// A sandbox that is started again with its seed gives its ids to other pieces.
#[test]
fn a_piece_of_another_sandbox_is_not_overwritten() {
    let folder = tempdir().unwrap();
    let rows = folder.path().join("rows");
    let run = |ledger: &str, more: &[&str]| {
        let sandbox = Sandbox::start(folder.path(), &["--seed", "7", "--render-time", "1ms"]);
        let args = [
            "batch",
            "rows",
            "--out-dir",
            "out",
            "--poll-interval",
            "10ms",
            "--json",
            "--new",
        ];
        let mut command = sandbox.genrex(folder.path(), &[&args[..], more].concat());
        command
            .env("GENREX_LEDGER", folder.path().join(ledger))
            .output()
            .unwrap()
    };
    fs::write(&rows, "text,duration\na,5\n").unwrap();
    let first = run("a.db", &[]);
    assert_eq!(code(&first), 0, "{}", stderr(&first));
    let path = lines(&first)[0]["path"].as_str().unwrap().to_owned();
    let before = fs::read(&path).unwrap();
    fs::write(&path, "mine").unwrap();
    for _ in 0..2 {
        let second = run("b.db", &[]);
        assert_eq!(code(&second), 1, "{}", stderr(&second));
        let line = lines(&second)[0].clone();
        assert!(
            line["error"].as_str().unwrap().contains("--force"),
            "{line}"
        );
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }
    let forced = run("c.db", &["--force"]);
    assert_eq!(code(&forced), 0, "{}", stderr(&forced));
    assert_eq!(fs::read(&path).unwrap(), before);
}
