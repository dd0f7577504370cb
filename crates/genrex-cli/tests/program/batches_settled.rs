//! Rows that may have been charged: what settles them, and what leads out.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::service::{Counting, Lossy};
use crate::support::{Sandbox, code, genrex, json, stderr, stdout};

fn folder_of(rows: &str) -> TempDir {
    let folder = tempdir().unwrap();
    let rows = format!("text,duration\n{rows}");
    fs::write(folder.path().join("batch.csv"), rows).unwrap();
    folder
}

fn batch(sandbox: &Sandbox, folder: &Path, url: &str, more: &[&str]) -> Output {
    let args = [
        "batch",
        "batch.csv",
        "--out-dir",
        "out",
        "--poll-interval",
        "10ms",
        "--base-url",
        url,
    ];
    sandbox.run(folder, &[&args[..], more].concat())
}

/// The whole way of an id that was lost: it is found, offered, linked, and the batch is whole.
#[test]
fn an_id_that_is_found_is_linked_and_the_batch_ends_well() {
    let folder = folder_of("one,5\ntwo,5\n");
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let service = Lossy::before(&sandbox);
    service.state().loses = true;
    let lost = batch(&sandbox, folder.path(), &service.url, &[]);
    assert_eq!(code(&lost), 7, "{}", stderr(&lost));
    service.state().loses = false;

    let answers = service.state().lost.clone();
    assert_eq!(answers.len(), 2);
    let at = ["--base-url", &service.url];
    for (job, answer) in answers.iter().enumerate() {
        let job = job + 1;
        let id = answer.split('"').find(|it| it.starts_with("QRY_")).unwrap();
        let waited = sandbox.run(folder.path(), &[&["wait", id][..], &at].concat());
        assert_eq!(code(&waited), 0, "{}", stderr(&waited));
        let said = stderr(&waited);
        let offered: Vec<_> = said.matches("genrex jobs resolve").collect();
        let command = format!("genrex jobs resolve {job} --query-id {id}");
        assert!(said.contains(&command) && offered.len() == 1, "{said}");

        let job = job.to_string();
        let link = ["jobs", "resolve", &job, "--query-id", id];
        let linked = sandbox.run(folder.path(), &[&link[..], &at].concat());
        assert_eq!(code(&linked), 0, "{}", stderr(&linked));
        // It is known now.
        let waited = sandbox.run(folder.path(), &[&["wait", id, "--force"][..], &at].concat());
        assert!(
            !stderr(&waited).contains("jobs resolve"),
            "{}",
            stderr(&waited)
        );
    }
    let whole = batch(&sandbox, folder.path(), &service.url, &[]);
    assert_eq!(code(&whole), 0, "{}", stderr(&whole));
    let balance = json(&sandbox.run(folder.path(), &["balance", "--json"]));
    assert_eq!(balance["creditsUsed"], 10);
}

/// Another account's jobs, and those that are settled, are not offered.
#[test]
fn only_what_may_be_it_is_offered_to_be_linked() {
    let folder = folder_of("one,5\n");
    let sandbox = Sandbox::start(folder.path(), &[]);
    let (first, second) = (Counting::start(), Counting::start());
    for service in [&first, &second] {
        service.state().is_answering = false;
        let args = ["generate", "a", "--base-url", &service.url];
        assert_eq!(code(&sandbox.run(folder.path(), &args)), 7);
    }
    let wait = || {
        let args = [
            "wait",
            "QRY_x",
            "--timeout",
            "300ms",
            "--base-url",
            &second.url,
        ];
        stderr(&sandbox.run(folder.path(), &args))
    };
    let said = wait();
    assert!(
        said.contains("jobs resolve 2") && !said.contains("jobs resolve 1"),
        "{said}"
    );
    sandbox.run(folder.path(), &["jobs", "resolve", "2", "--charged"]);
    let said = wait();
    assert!(!said.contains("jobs resolve"), "{said}");
}

/// What a person has settled is no longer unclear, and settling it needs neither a key nor a network.
#[test]
fn what_is_settled_by_hand_is_no_longer_seven() {
    let folder = folder_of("one,5\ntwo,5\n");
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let service = Lossy::before(&sandbox);
    service.state().loses = true;
    let lost = batch(
        &sandbox,
        folder.path(),
        &service.url,
        &["--concurrency", "1"],
    );
    assert_eq!(code(&lost), 7, "{}", stderr(&lost));
    service.state().loses = false;

    let without_key = |args: &[&str]| genrex(folder.path()).args(args).output().unwrap();
    for (job, how) in [("1", "--charged"), ("2", "--not-charged")] {
        let settled = without_key(&["jobs", "resolve", job, how, "--why", "support"]);
        assert_eq!(code(&settled), 0, "{}", stderr(&settled));
    }
    let recovered = without_key(&["jobs", "recover"]);
    assert_eq!((code(&recovered), stdout(&recovered)), (0, String::new()));

    // What was not charged is bought by the same command, and what was is not, unless it is asked for.
    let again = batch(&sandbox, folder.path(), &service.url, &[]);
    assert_eq!(code(&again), 1, "{}", stderr(&again));
    assert!(
        stderr(&again).contains("--retry-failed"),
        "{}",
        stderr(&again)
    );
    let used = || json(&sandbox.run(folder.path(), &["balance", "--json"]))["creditsUsed"].clone();
    assert_eq!(used(), 15);
    let whole = batch(&sandbox, folder.path(), &service.url, &["--retry-failed"]);
    assert_eq!(code(&whole), 0, "{}", stderr(&whole));
    assert_eq!(used(), 20);
}

/// A service that has forgotten a job, and one that took what it had refused: a person may say so.
#[test]
fn a_refused_and_an_accepted_job_can_be_settled_too() {
    let folder = folder_of("one,5\n");
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Counting::start();
    let at = ["--base-url", &service.url];
    let run = |args: &[&str]| sandbox.run(folder.path(), &[args, &at].concat());
    service.state().raw = Some(String::from(
        "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    ));
    assert_eq!(code(&run(&["generate", "a"])), 1);
    let linked = run(&["jobs", "resolve", "1", "--query-id", "QRY_taken"]);
    assert_eq!(stdout(&linked), "accepted\n", "{}", stderr(&linked));

    assert_eq!(code(&run(&["generate", "b", "--no-wait"])), 0);
    let settled = run(&["jobs", "resolve", "2", "--charged"]);
    assert_eq!(code(&settled), 0, "{}", stderr(&settled));
}

/// What an earlier run found not to be charged is not bought again by `ask` before somebody was asked.
#[test]
fn ask_asks_of_what_was_found_before_too() {
    let folder = folder_of("one,5\n");
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Counting::start();
    let at = ["--base-url", &service.url];
    let run = |args: &[&str]| sandbox.run(folder.path(), &[args, &at].concat());
    let later = || service.state().ahead += 700;
    // Three that go alone show that this account is charged at the submit.
    service.state().status = "Completed";
    for text in ["a", "b", "c"] {
        let made = ["generate", text, "-d", "5", "--no-download"];
        let made = run(&[&made[..], &["--poll-interval", "10ms"]].concat());
        assert_eq!(code(&made), 0, "{}", stderr(&made));
        later();
    }
    service.state().status = "Failed";
    service.state().is_answering = false;
    let lost = batch(&sandbox, folder.path(), &service.url, &[]);
    assert_eq!(code(&lost), 7, "{}", stderr(&lost));

    // The service tells whole seconds.
    service.state().ahead += 2;
    let unsettled = run(&["jobs", "reconcile", "4"]);
    let said = stderr(&unsettled);
    assert_eq!(stdout(&unsettled), "inconclusive\n", "{said}");
    assert!(said.contains("may still charge it until"), "{said}");
    let unsettled = json(&run(&["jobs", "reconcile", "4", "--json"]));
    assert!(unsettled["until"].is_string(), "{unsettled}");

    later();
    let found = run(&["jobs", "reconcile", "4"]);
    assert_eq!(stdout(&found), "notCharged\n", "{}", stderr(&found));
    service.state().is_answering = true;
    let submits = || service.state().submits;
    assert_eq!(submits(), 4);
    let asked = batch(
        &sandbox,
        folder.path(),
        &service.url,
        &["--on-ambiguous", "ask"],
    );
    assert_eq!((code(&asked), submits()), (7, 4), "{}", stderr(&asked));
    let policy = ["--on-ambiguous", "resubmit-if-uncharged"];
    let bought = batch(&sandbox, folder.path(), &service.url, &policy);
    assert_eq!((code(&bought), submits()), (4, 5), "{}", stderr(&bought));
    let shown: Value = json(&run(&["jobs", "show", "4", "--json"]));
    assert_eq!(shown["supersededBy"], 5);
    let recovered = run(&["jobs", "recover"]);
    let said = stdout(&recovered);
    assert!(
        !said.contains("    4  "),
        "nothing is to be done about job 4: {said}"
    );
    let listed = stdout(&run(&["jobs", "list"]));
    assert!(listed.contains("ambiguous, superseded by 5"), "{listed}");
}
