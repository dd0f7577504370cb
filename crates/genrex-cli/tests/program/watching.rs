//! `balance --watch`: a record of each reading, until there are enough, or too few credits are left.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use tempfile::tempdir;

use crate::service::Counting;
use crate::support::{Sandbox, answer, code, error, genrex, stderr, stdout};

#[test]
fn each_reading_is_told_with_its_time_and_the_change() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--quota", "100"]);
    let args = ["balance", "--watch", "--interval", "1ms", "--count", "3"];
    let told = sandbox.run(folder.path(), &args);
    assert_eq!(code(&told), 0, "{}", stderr(&told));
    let told = stdout(&told);
    assert_eq!(
        told.lines()
            .filter(|line| line.ends_with(" 100 credits left"))
            .count(),
        3,
        "{told}"
    );

    let documents = sandbox.run(folder.path(), &[&args[..], &["--json"]].concat());
    let readings: Vec<Value> = stdout(&documents)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(readings.len(), 3);
    assert_eq!(
        (&readings[0]["change"], &readings[1]["change"]),
        (&Value::Null, &0.into())
    );
    assert_eq!(readings[0]["creditsLeft"], 100);
    assert!(readings[0]["time"].as_str().unwrap().ends_with('Z'));
    for args in [
        &["balance", "--below", "3"][..],
        &["balance", "--interval", "1s"],
        &["balance", "--watch", "--count", "0"],
    ] {
        assert_eq!(code(&sandbox.run(folder.path(), args)), 2, "{args:?}");
    }
}

#[test]
fn it_ends_when_fewer_credits_are_left() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Counting::start();
    let args = [
        "balance",
        "--watch",
        "--interval",
        "1ms",
        "--below",
        "99995",
        "--json",
        "--base-url",
        &service.url,
    ];
    let mut process = sandbox
        .genrex(folder.path(), &args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let first: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(first["creditsLeft"], 100_000);
    // Exactly as many as are asked for are enough.
    service.state().used = 5;
    for line in lines.by_ref() {
        let reading: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if reading["change"] == -5 {
            assert_eq!(reading["creditsLeft"], 99_995);
            break;
        }
    }
    service.state().used = 6;
    let last = lines.map(Result::unwrap).last().unwrap();
    let last: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(
        (&last["creditsLeft"], &last["change"]),
        (&99_994.into(), &(-1).into())
    );
    let ended = process.wait_with_output().unwrap();
    assert_eq!(
        (code(&ended), error(&ended)["kind"].as_str()),
        (6, Some("belowThreshold"))
    );
}

#[test]
fn an_outage_is_told_and_outlived() {
    let folder = tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let is_down = Arc::new(AtomicBool::new(true));
    let serving = Arc::clone(&is_down);
    // It ends with the test's process.
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            if serving.load(Ordering::SeqCst) {
                continue;
            }
            let _ = stream.read(&mut [0; 4096]);
            answer(
                &mut stream,
                "200 OK",
                r#"{"creditQuota":9,"usedCredit":2,"userId":"u"}"#,
            );
        }
    });
    let mut process = genrex(folder.path())
        .args([
            "balance",
            "--watch",
            "--interval",
            "1ms",
            "--count",
            "1",
            "--base-url",
            &url,
        ])
        .envs([("GENREX_API_KEY", "k"), ("GENREX_API_SECRET", "s")])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(process.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let missed = told.find(|line| line.contains("still watching"));
    assert!(missed.is_some(), "it ended without a word");
    is_down.store(false, Ordering::SeqCst);
    let ended = process.wait_with_output().unwrap();
    assert_eq!(code(&ended), 0);
    assert!(
        stdout(&ended).contains("7 credits left"),
        "{}",
        stdout(&ended)
    );
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_it() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let args = ["balance", "--watch", "--interval", "1h"];
    let mut process = sandbox
        .genrex(folder.path(), &args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("credits left"));
    let interrupted = std::process::Command::new("kill")
        .args(["-INT", &process.id().to_string()])
        .status();
    assert!(interrupted.unwrap().success());
    let ended = process.wait_with_output().unwrap();
    assert_eq!(code(&ended), 130);
    assert_eq!(lines.count(), 0);
}
