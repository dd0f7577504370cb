//! What needs no service: signing, verifying, help, configuration.

use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use tempfile::tempdir;

use crate::support::{code, error, genrex, run, stderr, stdout};

const SECRET: &str = "7Xd9PfMlkanB5ZTuj0qQG";
const BODY: &str = r#"{"duration":10,"text":"music"}"#;
const HEADER: &str =
    "t=1717574785354,v=c3eaaf9b064283cd3558b1a8e759a0ed5f1d5d805992ce0b02c937f4e2e6cf90";

fn piped(folder: &Path, args: &[&str], input: &[u8]) -> Output {
    let mut process = genrex(folder)
        .args(args)
        .env("GENREX_API_SECRET", SECRET)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that refuses its arguments does not read.
    let _ = process.stdin.take().unwrap().write_all(input);
    process.wait_with_output().unwrap()
}

#[test]
fn sign_prints_the_published_vector() {
    let folder = tempdir().unwrap();
    let signed = piped(
        folder.path(),
        &["sign", "--timestamp", "1717574785354"],
        BODY.as_bytes(),
    );
    assert_eq!((code(&signed), stdout(&signed)), (0, format!("{HEADER}\n")));
    assert_eq!(stderr(&signed), "");
}

#[test]
fn verify_says_what_is_wrong() {
    let folder = tempdir().unwrap();
    let verify = |signature: &str, now: &str, body: &str| {
        piped(
            folder.path(),
            &["verify", "--signature", signature, "--now", now],
            body.as_bytes(),
        )
    };
    assert_eq!(code(&verify(HEADER, "1717574785354", BODY)), 0);
    assert_eq!(code(&verify(HEADER, "1717575085354", BODY)), 0);
    for (signature, now, body, said) in [
        (HEADER, "1717575085355", BODY, "300 s off"),
        (HEADER, "1717574485353", BODY, "300 s off"),
        (HEADER, "1717574785354", "{}", "very bytes"),
        ("t=1", "1717574785354", BODY, "64 lower-case hex digits"),
    ] {
        let refused = verify(signature, now, body);
        assert_eq!(
            (code(&refused), stdout(&refused)),
            (1, String::new()),
            "{said}"
        );
        assert!(stderr(&refused).contains(said), "{}", stderr(&refused));
        assert!(!stderr(&refused).contains(SECRET));
    }
    let signed = piped(folder.path(), &["sign"], "été".as_bytes());
    let verified = piped(
        folder.path(),
        &["verify", "--signature", stdout(&signed).trim()],
        "été".as_bytes(),
    );
    assert_eq!(code(&verified), 0);
}

#[test]
fn bad_usage_is_2_and_sends_nothing() {
    let folder = tempdir().unwrap();
    for (args, said) in [
        (&["generate", "", "--sandbox"][..], "1 to 250 characters"),
        (&["generate", "x", "-d", "4", "--sandbox"], "5 to 60"),
        (&["generate", "x", "-d", "61", "--sandbox"], "5 to 60"),
        (&["generate", "x", "-d", "ten", "--sandbox"], "5 to 60"),
        (&["generate", "x", "--timeout", "10", "--sandbox"], "10m"),
        (&["generate", "x", "--timeout", "0s", "--sandbox"], "10m"),
        (
            &["generate", "x", "-o", "no/such/a.wav", "--sandbox"],
            "mkdir -p",
        ),
        (&["wait", "../x", "--sandbox"], "query id"),
        (&["balance", "--base-url", "http://api.genrex.com"], "https"),
        (
            &["balance", "--base-url", "https://u:p@api.genrex.com"],
            "user name",
        ),
        (&["sandbox", "--listen", "0.0.0.0:0"], "loopback"),
        (&["nonsense"], "nonsense"),
        (&[], "Usage"),
    ] {
        let refused = run(folder.path(), args);
        assert_eq!(code(&refused), 2, "{args:?} {}", stderr(&refused));
        assert!(
            stderr(&refused).contains(said),
            "{args:?} {}",
            stderr(&refused)
        );
        assert_eq!(stdout(&refused), "", "{args:?}");
    }
    let long = "é".repeat(251);
    assert_eq!(
        code(&run(folder.path(), &["generate", &long, "--sandbox"])),
        2
    );
}

#[test]
fn missing_and_refused_credentials_are_3_and_not_repeated() {
    let folder = tempdir().unwrap();
    let missing = run(folder.path(), &["--json", "balance"]);
    assert_eq!((code(&missing), stdout(&missing)), (3, String::new()));
    assert_eq!(error(&missing)["kind"], "credentials");
    let refused = genrex(folder.path())
        .args(["balance"])
        .env("GENREX_API_KEY", "key")
        .env("GENREX_API_SECRET", "two words")
        .output()
        .unwrap();
    assert_eq!(code(&refused), 3);
    assert!(
        stderr(&refused).contains("GENREX_API_SECRET") && !stderr(&refused).contains("two words")
    );
    // A secret is never taken from a flag.
    assert_eq!(
        code(&run(folder.path(), &["balance", "--api-secret", "x"])),
        2
    );
}

#[test]
fn the_pages_are_whole() {
    let folder = tempdir().unwrap();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = run(folder.path(), &["completions", shell]);
        assert_eq!(code(&script), 0);
        assert!(stdout(&script).contains("generate"), "{shell}");
    }
    let man = stdout(&run(folder.path(), &["man"]));
    for word in [".TH genrex", "generate", "sandbox", "verify", "poll"] {
        assert!(man.contains(word), "{word}");
    }
    let help = stdout(&run(folder.path(), &["--help"]));
    for command in [
        "generate",
        "wait",
        "status",
        "balance",
        "sign",
        "verify",
        "sandbox",
        "completions",
        "man",
    ] {
        assert!(help.contains(command), "{command}");
    }
}
