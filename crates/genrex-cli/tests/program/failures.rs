//! What a failure says: what is known, what it means for the credits, and what to type next.

use std::process::Output;

use serde_json::Value;
use tempfile::tempdir;

use crate::support::{Played, Sandbox, answer, code, error, run, stderr};

/// A purchase whose submit is answered like this, as often as it is sent.
fn submitted(status: &'static str, body: &str, times: usize, flag: &str) -> Output {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Played::start();
    let args = ["generate", "a", flag, "--base-url", &service.url];
    let mut command = sandbox.genrex(folder.path(), &args);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..times {
                answer(&mut service.next(), status, body);
            }
        });
        command.output().unwrap()
    })
}

#[test]
fn every_failure_has_the_same_keys() {
    let folder = tempdir().unwrap();
    for args in [
        &["--json", "nonsense"][..],
        &["--json"],
        &["--json", "balance"],
        &["--json", "generate", "", "--sandbox"],
    ] {
        let failed = run(folder.path(), args);
        let failure = error(&failed);
        for key in ["kind", "message", "queryId", "resume"] {
            assert!(failure.get(key).is_some(), "{args:?} {key}: {failure}");
        }
        assert!(failure["message"].is_string(), "{failure}");
        assert_eq!(failure["resume"], Value::Null, "{failure}");
    }
}

#[test]
fn a_refusal_says_no_more_than_is_known_of_the_credits() {
    for (status, body, times, kind) in [
        ("422 No", "{\"message\":\"no\"}", 1, "refused"),
        ("402 Pay", "{\"message\":\"no\"}", 1, "outOfCredit"),
        ("429 Later\r\nRetry-After: 0", "", 5, "rateLimited"),
    ] {
        let failed = error(&submitted(status, body, times, "--json"));
        assert_eq!(failed["kind"], kind, "{failed}");
        let hint = failed["hint"].as_str().unwrap();
        assert!(!hint.contains("nothing was charged"), "{hint}");
        for word in [
            "unless the balance shows otherwise",
            "genrex balance",
            "genrex jobs show 1",
        ] {
            assert!(hint.contains(word), "{word}: {hint}");
        }
    }
}

#[test]
fn what_may_have_been_charged_is_told_by_a_time_that_people_read() {
    let failed = submitted("503 Trouble", "{\"message\":\"busy\"}", 1, "--json");
    assert_eq!(code(&failed), 7);
    let failed = error(&failed);
    let hint = failed["hint"].as_str().unwrap();
    let words = "Job 1 may have been charged. Run: genrex jobs reconcile 1 --base-url http://";
    assert!(hint.starts_with(words), "{hint}");
    let text = failed.to_string();
    assert!(!text.contains("t=1"), "{text}");
    let seen = failed["causes"][0].as_str().unwrap();
    assert!(seen.starts_with("sent at 20"), "{seen}");
    for word in [" +00:00; the answer", "(status 503), after ", "busy"] {
        assert!(seen.contains(word), "{word}: {seen}");
    }
}

#[test]
fn kinds_are_named_in_words() {
    let said = stderr(&submitted("429 Later\r\nRetry-After: 0", "", 5, "-v"));
    assert!(said.contains("rate limited (try 1)"), "{said}");
    assert!(!said.contains("RateLimited"), "{said}");
}

#[test]
fn a_batch_tells_it_in_the_same_way() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Played::start();
    std::fs::write(folder.path().join("rows"), "text,duration\na,5\n").unwrap();
    let args = [
        "batch",
        "rows",
        "--out-dir",
        "out",
        "--base-url",
        &service.url,
    ];
    let mut command = sandbox.genrex(folder.path(), &args);
    // It answers for as long as the tests run: the balance is asked for once more at the end.
    std::thread::spawn(move || {
        loop {
            answer(&mut service.next(), "503 Trouble", "busy");
        }
    });
    let ran = command.output().unwrap();
    let said = stderr(&ran);
    assert_eq!(code(&ran), 7, "{said}");
    assert!(
        said.contains("line 2: the submit may have been charged"),
        "{said}"
    );
    assert!(
        said.contains("sent at 20") && !said.contains("t=1"),
        "{said}"
    );
}
