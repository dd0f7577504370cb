//! What `generate` refuses, or says, before it sends anything.

use std::fs;
use std::process::Stdio;

use tempfile::tempdir;

use crate::support::{Sandbox, code, error, json, stderr};

#[test]
fn a_blank_prompt_is_not_bought() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    for prompt in ["", " ", "\t\n \u{a0}\u{3000}"] {
        let refused = sandbox.run(folder.path(), &["generate", prompt, "--json"]);
        let failure = error(&refused).to_string();
        assert_eq!(code(&refused), 2, "{prompt:?}: {failure}");
        assert!(
            failure.contains("blank") && failure.contains("nothing was sent"),
            "{failure}"
        );
    }
    fs::write(folder.path().join("piped"), "  \n").unwrap();
    let mut piped = sandbox.genrex(folder.path(), &["generate", "-", "--json"]);
    piped.stdin(Stdio::from(
        fs::File::open(folder.path().join("piped")).unwrap(),
    ));
    assert_eq!(code(&piped.output().unwrap()), 2);
    let balance = json(&sandbox.run(folder.path(), &["balance", "--json"]));
    assert_eq!(balance["creditsUsed"], 0);
}

#[test]
fn a_piece_longer_than_the_account_allows_is_not_sent() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(
        folder.path(),
        &["--render-time", "1ms", "--max-duration", "30"],
    );
    let refused = sandbox.run(folder.path(), &["generate", "a", "-d", "31", "--json"]);
    let failure = error(&refused).to_string();
    assert_eq!(code(&refused), 2, "{failure}");
    assert!(
        failure.contains("the account allows 30 s") && failure.contains("nothing was sent"),
        "{failure}"
    );
    let jobs = json(&sandbox.run(folder.path(), &["jobs", "list", "--json"]));
    assert_eq!(jobs.as_array().map(Vec::len), Some(0), "nothing was begun");
    let taken = sandbox.run(folder.path(), &["generate", "a", "-d", "30", "--no-wait"]);
    assert_eq!(code(&taken), 0, "{}", stderr(&taken));
}

/// What a first piece costs nobody knows, so the bound may be passed by it; that is said before it leaves.
#[test]
fn an_unknown_price_under_a_bound_is_said_before_the_submit() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let args = [
        "generate",
        "a",
        "-d",
        "5",
        "--max-credits",
        "3",
        "--no-wait",
        "-v",
        "-v",
    ];
    let bought = sandbox.run(folder.path(), &args);
    let told = stderr(&bought);
    assert_eq!(code(&bought), 0, "{told}");
    let warned = told
        .find("may pass the limit; [limits] per_job bounds a piece")
        .unwrap();
    let sent = told.find("generateMusic").unwrap();
    assert!(warned < sent, "{told}");
    let next = sandbox.run(
        folder.path(),
        &["generate", "b", "-d", "5", "--max-credits", "3", "--json"],
    );
    assert_eq!(code(&next), 6, "now it is known: {}", stderr(&next));
    let balance = json(&sandbox.run(folder.path(), &["balance", "--json"]));
    assert_eq!(balance["creditsUsed"], 5);
}
