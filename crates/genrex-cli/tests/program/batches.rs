//! Batches and the ledger: bought once, continued, counted.

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{Played, Sandbox, code, error, json, stderr, stdout};

const FAST: [&str; 4] = ["--render-time", "1ms", "--quota", "100000"];

fn write_rows(folder: &Path, count: usize) {
    let rows: String = (0..count).map(|row| format!("piece {row},5\n")).collect();
    fs::write(folder.join("batch.csv"), format!("text,duration\n{rows}")).unwrap();
}

/// The last report: the line of standard error that holds it.
fn report(output: &Output) -> Value {
    let text = stderr(output);
    let line = text
        .lines()
        .find(|line| line.starts_with("{\"report\""))
        .unwrap_or_else(|| panic!("{text}"));
    serde_json::from_str::<Value>(line).unwrap()["report"].clone()
}

/// Whatever came of it, each row is in exactly one place.
fn assert_adds_up(report: &Value) {
    let count = |name: &str| report[name].as_u64().unwrap();
    let ambiguous = &report["ambiguous"];
    let unclear: u64 = ["charged", "notCharged", "unclear"]
        .iter()
        .map(|name| ambiguous[name].as_u64().unwrap())
        .sum();
    let places = [
        "downloaded",
        "open",
        "failed",
        "refused",
        "notSent",
        "notStarted",
        "elsewhere",
    ]
    .map(count);
    assert_eq!(
        places.iter().sum::<u64>() + unclear,
        count("planned"),
        "{report}"
    );
}

/// How many pieces a folder holds.
fn wavs(folder: &Path) -> usize {
    let files = fs::read_dir(folder).unwrap().flatten();
    let is_wav = |file: &fs::DirEntry| file.path().extension().is_some_and(|it| it == "wav");
    files.filter(is_wav).count()
}

#[test]
fn a_batch_is_bought_once_and_running_it_again_buys_nothing() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &FAST);
    write_rows(folder.path(), 12);
    let first = sandbox.batch(folder.path(), "batch.csv", &[]);
    assert_eq!(code(&first), 0, "{}", stderr(&first));
    let lines: Vec<Value> = stdout(&first)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 12);
    assert!(
        lines
            .iter()
            .all(|line| line["state"] == "downloaded" && line["error"].is_null())
    );
    assert_eq!(
        (
            report(&first)["downloaded"].as_u64(),
            report(&first)["creditsMoved"].as_u64()
        ),
        (Some(12), Some(60))
    );
    assert_eq!(wavs(&folder.path().join("out")), 12);

    // More rows, in another order and another form: what was bought is known.
    let rows: String = (0..14)
        .rev()
        .map(|row| format!("{{\"text\":\"piece {row}\",\"duration\":5}}\n"))
        .collect();
    fs::write(folder.path().join("batch.csv"), rows).unwrap();
    let second = sandbox.batch(folder.path(), "batch.csv", &[]);
    assert_eq!(code(&second), 0, "{}", stderr(&second));
    assert_eq!(report(&second)["creditsMoved"], 10);
    assert_adds_up(&report(&second));
    assert_eq!(sandbox.used(folder.path()), 70);

    let jobs = json(&sandbox.run(folder.path(), &["jobs", "list", "--json"]));
    assert_eq!(jobs.as_array().unwrap().len(), 14);
    for name in [
        "localId",
        "queryId",
        "state",
        "text",
        "duration",
        "createdAt",
        "path",
    ] {
        assert!(!jobs[0][name].is_null(), "{name}");
    }
}

#[test]
fn a_bad_row_is_named_before_anything_is_paid() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(
        folder.path(),
        &["--max-duration", "30", "--render-time", "1ms"],
    );
    for (rows, said) in [
        ("text,duration\nok,5\n,5\nok,99\n", "line 3"),
        (
            "text,duration\nok,5\nlong,45\n",
            "line 3: the account allows 30 s",
        ),
        (
            "text,duration,output\na,5,x.wav\nb,5,x.wav\n",
            "the output of two rows",
        ),
    ] {
        fs::write(folder.path().join("batch.csv"), rows).unwrap();
        let refused = sandbox.batch(folder.path(), "batch.csv", &[]);
        assert_eq!(code(&refused), 2, "{}", stderr(&refused));
        let failure = error(&refused).to_string();
        assert!(
            failure.contains(said) && failure.contains("nothing was sent"),
            "{failure}"
        );
    }
    assert_eq!(sandbox.used(folder.path()), 0);
}

#[test]
fn what_failed_is_bought_again_only_when_asked() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &FAST);
    fs::write(
        folder.path().join("batch.csv"),
        "text,duration\nsandbox:fail,5\nok,5\n",
    )
    .unwrap();
    for (more, spent) in [(&[][..], 10), (&[], 10), (&["--retry-failed"], 15)] {
        let output = sandbox.batch(folder.path(), "batch.csv", more);
        assert_eq!(code(&output), 4, "{}", stderr(&output));
        assert_eq!(
            (
                report(&output)["failed"].as_u64(),
                report(&output)["downloaded"].as_u64()
            ),
            (Some(1), Some(1))
        );
        assert_eq!(sandbox.used(folder.path()), spent);
    }
}

#[test]
fn a_cap_of_a_run_is_kept_and_not_needlessly_under() {
    for charge in ["submit", "completion"] {
        let folder = tempdir().unwrap();
        let sandbox = Sandbox::start(
            folder.path(),
            &["--render-time", "20ms", "--charge", charge],
        );
        write_rows(folder.path(), 10);
        let capped = sandbox.batch(folder.path(), "batch.csv", &["--max-credits", "27"]);
        assert_eq!(code(&capped), 6, "{}", stderr(&capped));
        assert_eq!(sandbox.used(folder.path()), 25, "{charge}");
        assert_eq!(
            (
                report(&capped)["downloaded"].as_u64(),
                report(&capped)["notStarted"].as_u64()
            ),
            (Some(5), Some(5))
        );
        assert_adds_up(&report(&capped));
        let rest = sandbox.batch(folder.path(), "batch.csv", &[]);
        assert_eq!(code(&rest), 0, "{}", stderr(&rest));
        assert_eq!(sandbox.used(folder.path()), 50);
    }
}

#[test]
fn limits_of_the_config_bind_every_command() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &FAST);
    let config = folder.path().join("config/genrex");
    fs::create_dir_all(&config).unwrap();
    fs::write(config.join("config.toml"), "[limits]\nday = 12\n").unwrap();
    for (prompt, expected) in [("one", 0), ("two", 0), ("three", 6)] {
        let made = sandbox.run(
            folder.path(),
            &[
                "generate",
                prompt,
                "-d",
                "5",
                "--poll-interval",
                "10ms",
                "--json",
            ],
        );
        assert_eq!(code(&made), expected, "{}", stderr(&made));
    }
    write_rows(folder.path(), 3);
    let refused = sandbox.batch(folder.path(), "batch.csv", &[]);
    assert_eq!(code(&refused), 6, "{}", stderr(&refused));
    assert_eq!(sandbox.used(folder.path()), 10);
}

#[test]
fn two_processes_on_one_batch_do_not_double() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &FAST);
    write_rows(folder.path(), 30);
    let args = [
        "batch",
        "batch.csv",
        "--out-dir",
        "out",
        "--poll-interval",
        "10ms",
        "--json",
    ];
    let processes: Vec<_> = (0..3)
        .map(|_| {
            let mut command = sandbox.genrex(folder.path(), &args);
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    for mut process in processes {
        process.wait().unwrap();
    }
    let last = sandbox.batch(folder.path(), "batch.csv", &[]);
    assert_eq!(
        (code(&last), report(&last)["downloaded"].as_u64()),
        (0, Some(30)),
        "{}",
        stderr(&last)
    );
    assert_eq!(sandbox.used(folder.path()), 150);
}

#[test]
fn an_account_that_runs_dry_stops_the_batch_and_it_goes_on_later() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms", "--quota", "12"]);
    write_rows(folder.path(), 5);
    let dry = sandbox.batch(folder.path(), "batch.csv", &[]);
    assert_eq!(code(&dry), 6, "{}", stderr(&dry));
    assert_eq!(report(&dry)["downloaded"], 2);
    assert_adds_up(&report(&dry));
}

/// A submit that may have been charged is left alone by every later run, and counted.
#[test]
fn an_ambiguous_row_is_never_sent_again() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &FAST);
    fs::write(folder.path().join("batch.csv"), "text,duration\nlost,5\n").unwrap();
    let service = Played::start();
    let url = service.url.clone();
    let submits = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&submits);
    // It ends with the test's process.
    std::thread::spawn(move || {
        loop {
            drop(service.next());
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    for _ in 0..2 {
        let lost = sandbox.batch(folder.path(), "batch.csv", &["--base-url", &url]);
        assert_eq!(code(&lost), 7, "{}", stderr(&lost));
        assert_eq!(report(&lost)["ambiguous"]["unclear"], 1);
        assert_adds_up(&report(&lost));
    }
    assert_eq!(submits.load(Ordering::SeqCst), 1);
    let recovered = sandbox.run(folder.path(), &["jobs", "recover"]);
    assert!(
        stdout(&recovered).contains("genrex jobs reconcile 1"),
        "{}",
        stdout(&recovered)
    );
    let shown = sandbox.run(folder.path(), &["jobs", "show", "1"]);
    assert!(
        stdout(&shown).contains("the submit may have been charged"),
        "{}",
        stdout(&shown)
    );
}

#[test]
fn the_same_generate_is_not_bought_twice_unasked() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &FAST);
    let first = sandbox.run(
        folder.path(),
        &["generate", "music", "-d", "5", "--no-wait"],
    );
    let id = stdout(&first).trim().to_owned();
    let again = sandbox.run(folder.path(), &["generate", "music", "-d", "5", "--json"]);
    assert_eq!(
        (code(&again), error(&again)["kind"].as_str()),
        (2, Some("alreadyOpen"))
    );
    assert_eq!(error(&again)["resume"], format!("genrex wait {id}"));
    assert_eq!(sandbox.used(folder.path()), 5);
    // Another duration is another piece; --new and --no-ledger buy.
    for (more, spent) in [
        (&["-d", "6"][..], 11),
        (&["-d", "5", "--new"], 16),
        (&["-d", "5", "--no-ledger"], 21),
    ] {
        let bought = sandbox.run(
            folder.path(),
            &[&["generate", "music", "--no-wait"], more].concat(),
        );
        assert_eq!(code(&bought), 0, "{}", stderr(&bought));
        assert_eq!(sandbox.used(folder.path()), spent);
    }
    // What is here may be had again: that is no accident.
    let waited = sandbox.run(folder.path(), &["wait", &id, "--poll-interval", "10ms"]);
    assert_eq!(code(&waited), 0, "{}", stderr(&waited));
    let shown = sandbox.run(folder.path(), &["jobs", "show", &id, "--json"]);
    assert_eq!(json(&shown)["state"], "downloaded");
}

#[cfg(unix)]
#[test]
fn a_ledger_that_cannot_be_written_means_that_nothing_is_sent() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &FAST);
    let mut command = sandbox.genrex(folder.path(), &["generate", "music", "--json"]);
    let refused = command
        .env("GENREX_LEDGER", "/proc/nowhere/ledger.db")
        .output()
        .unwrap();
    assert_eq!(code(&refused), 1);
    let said = error(&refused)["message"].as_str().unwrap().to_owned();
    assert!(said.contains("/proc/nowhere"), "{said}");
    assert_eq!(sandbox.used(folder.path()), 0);
}

#[test]
fn the_reader_of_a_list_may_go_away() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &FAST);
    write_rows(folder.path(), 4);
    sandbox.batch(folder.path(), "batch.csv", &[]);
    let mut process = sandbox
        .genrex(folder.path(), &["jobs", "list"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(process.stdout.take());
    let ended = process.wait_with_output().unwrap();
    assert_eq!((code(&ended), stderr(&ended)), (141, String::new()));
}

#[test]
fn a_batch_can_be_tried_without_a_key() {
    let folder = tempdir().unwrap();
    write_rows(folder.path(), 2);
    let args = [
        "batch",
        "batch.csv",
        "--out-dir",
        "out",
        "--sandbox",
        "--json",
    ];
    let tried = crate::support::run(folder.path(), &args);
    assert_eq!(code(&tried), 0, "{}", stderr(&tried));
    assert_eq!(report(&tried)["downloaded"], 2);
    assert_eq!(wavs(&folder.path().join("out")), 2);
}
