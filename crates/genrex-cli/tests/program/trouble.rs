//! What was left unclear: what is said of it, and that each command that is printed works as it is printed.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::tempdir;

use crate::service::Counting;
use crate::support::{Sandbox, code, error, genrex, json, stderr, stdout};

const CHARGED: &str = "jobs resolve 1 --charged";

/// A command as it was printed, up to the end of its line or sentence, run by a shell.
pub(crate) fn run_printed(folder: &Path, environment: &[(&str, String)], command: &str) -> Output {
    let program = assert_cmd::cargo::cargo_bin!("genrex");
    let line = command.replacen("genrex", &format!("'{}'", program.display()), 1);
    let own = environment.iter().map(|(name, value)| (*name, value));
    Command::new("sh")
        .args(["-c", &line])
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .envs(own)
        .output()
        .unwrap()
}

#[test]
fn an_ambiguous_submit_names_its_job_its_command_and_what_was_seen() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Counting::start();
    service.state().raw = Some(String::from(
        "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbusy",
    ));
    let at = ["--base-url", &service.url];
    let lost = sandbox.run(folder.path(), &[&["generate", "a"][..], &at].concat());
    assert_eq!(code(&lost), 7);
    let said = stderr(&lost);
    let command = format!("genrex jobs reconcile 1 --base-url {}", service.url);
    for words in [
        "job 1 may have been charged",
        "Job 1 may have been charged. Run: genrex jobs reconcile 1",
        &command,
        "the answer does not say whether it was taken (status 502)",
        "+00:00",
        "it said: busy",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    for word in ["408, 409", "t=1", "5xx"] {
        assert!(!said.contains(word), "{word}: {said}");
    }
    let shown = sandbox.run(folder.path(), &["jobs", "show", "1"]);
    let shown = stdout(&shown);
    assert!(!shown.contains("408, 409"), "{shown}");

    let found = run_printed(folder.path(), &sandbox.environment, &command);
    assert_eq!(code(&found), 0, "{}", stderr(&found));
    let said = stderr(&found);
    assert_eq!(stdout(&found), "inconclusive\n", "{said}");
    assert!(
        said.contains("looking at the balance") && said.contains(CHARGED),
        "{said}"
    );
    let settled = run_printed(folder.path(), &[], &format!("genrex {CHARGED}"));
    assert_eq!(code(&settled), 0, "{}", stderr(&settled));
}

/// Where other jobs were under way no look tells more: it is said without one, and without a network.
#[test]
fn what_no_look_will_tell_is_said_at_once() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Counting::start();
    service.state().is_answering = false;
    let at = ["--base-url", &service.url];
    let run = |args: &[&str]| sandbox.run(folder.path(), &[args, &at].concat());
    for text in ["a", "b"] {
        assert_eq!(code(&run(&["generate", text])), 7);
    }
    let looks = service.state().looks;
    let found = genrex(folder.path())
        .args(["jobs", "reconcile", "1"])
        .output()
        .unwrap();
    let said = stderr(&found);
    assert_eq!(
        (code(&found), stdout(&found).as_str()),
        (0, "inconclusive\n"),
        "{said}"
    );
    assert!(
        said.contains("other jobs of the account") && said.contains(CHARGED),
        "{said}"
    );
    assert!(!said.contains("looking at the balance"), "{said}");
    assert_eq!(service.state().looks, looks);
    // It is known from now on.
    let recovered = stdout(&run(&["jobs", "recover"]));
    let line = recovered.lines().next().unwrap();
    assert!(line.contains(CHARGED), "{recovered}");
    assert!(!line.contains("reconcile 1"), "{recovered}");
}

/// A command about another account's job carries what reaches that account.
#[test]
fn a_command_is_printed_with_the_profile_that_it_needs() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &[]);
    let service = Counting::start();
    service.state().is_answering = false;
    let config = folder.path().join("config/genrex");
    fs::create_dir_all(&config).unwrap();
    let settings = format!(
        "[profile.default]\napi_key = \"sandbox-key\"\nbase_url = \"{}\"\n\
         [profile.work]\napi_key = \"w\"\nbase_url = \"{}\"\n",
        sandbox.url, service.url
    );
    fs::write(config.join("config.toml"), settings).unwrap();
    let secrets =
        "[profile.default]\napi_secret = \"sandbox-secret\"\n[profile.work]\napi_secret = \"s\"\n";
    fs::write(config.join("credentials.toml"), secrets).unwrap();
    let mode = |path: &Path, mode: &str| {
        let set = Command::new("chmod").arg(mode).arg(path).status();
        assert!(set.unwrap().success());
    };
    mode(&config.join("credentials.toml"), "600");
    mode(&config.join("config.toml"), "644");
    mode(&config, "755");
    let run = |args: &[&str]| genrex(folder.path()).args(args).output().unwrap();
    let lost = run(&["generate", "a", "--profile", "work"]);
    let command = "genrex jobs reconcile 1 --profile work";
    assert_eq!(code(&lost), 7, "{}", stderr(&lost));
    assert!(stderr(&lost).contains(command), "{}", stderr(&lost));
    let recovered = stdout(&run(&["jobs", "recover"]));
    assert!(recovered.contains(command), "{recovered}");
    let refused = run(&["jobs", "reconcile", "1", "--json"]);
    assert_eq!(code(&refused), 2, "{}", stderr(&refused));
    assert_eq!(error(&refused)["hint"], command);
    let found = run_printed(folder.path(), &[], command);
    assert_eq!(code(&found), 0, "{}", stderr(&found));

    service.state().is_answering = true;
    let taken = run(&["generate", "b", "--profile", "work", "--no-wait"]);
    assert_eq!(code(&taken), 0, "{}", stderr(&taken));
    let refused = run(&["wait", "2", "--json"]);
    assert_eq!(error(&refused)["hint"], "genrex wait 2 --profile work");
    let open = run(&["status", "--open"]);
    assert!(
        stderr(&open).contains("genrex status 2 --profile work"),
        "{}",
        stderr(&open)
    );
}

/// A job of a sandbox that is gone is no trouble; it stands apart, and can be taken off the list.
#[test]
fn a_job_of_a_sandbox_that_is_gone_stands_apart() {
    const APART: &str = "of sandboxes that are gone";
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1h"]);
    assert_eq!(
        code(&sandbox.run(folder.path(), &["generate", "a", "--no-wait"])),
        0
    );
    let environment = sandbox.environment.clone();
    let run = |args: &[&str]| {
        let own = environment.iter().map(|(name, value)| (*name, value));
        genrex(folder.path()).args(args).envs(own).output().unwrap()
    };
    // Running, it is no past one, and be it that the settings of this command do not lead to it.
    for command in ["recover", "list"] {
        let without = genrex(folder.path())
            .args(["jobs", command])
            .output()
            .unwrap();
        for there in [run(&["jobs", command]), without] {
            let text = stdout(&there);
            assert!(!text.contains(APART) && text.contains("1 "), "{text}");
        }
    }
    assert_eq!(
        json(&run(&["jobs", "list", "--json"]))[0]["pastSandbox"],
        false
    );
    assert_eq!(sandbox.end(), Some(0));

    let recovered = run(&["jobs", "recover"]);
    let listed = run(&["jobs", "list"]);
    for shown in [&recovered, &listed] {
        let text = stdout(shown);
        let apart = text.lines().position(|line| line.starts_with(APART));
        let job = text
            .lines()
            .position(|line| line.trim_start().starts_with("1 "));
        assert!(apart.is_some() && apart < job, "{text}");
    }
    let said = stderr(&recovered);
    assert!(said.contains("nothing is open or unclear"), "{said}");
    assert!(said.contains(CHARGED), "{said}");
    assert_eq!(
        json(&run(&["jobs", "list", "--json"]))[0]["pastSandbox"],
        true
    );
    let settled = run_printed(folder.path(), &[], &format!("genrex {CHARGED}"));
    assert_eq!(code(&settled), 0, "{}", stderr(&settled));
    assert_eq!(stdout(&run(&["jobs", "recover"])), "");
}

#[test]
fn the_list_is_a_table_with_all_that_counts() {
    let folder = tempdir().unwrap();
    let sandbox = Sandbox::start(folder.path(), &["--render-time", "1ms"]);
    let run = |args: &[&str]| sandbox.run(folder.path(), args);
    let made = run(&["generate", "a b", "-d", "5", "--poll-interval", "10ms"]);
    let file = stdout(&made).trim().to_owned();
    run(&["generate", "c", "-d", "7", "--no-wait"]);
    let listed = stdout(&run(&["jobs", "list"]));
    let lines: Vec<_> = listed.lines().collect();
    let words =
        |line: &str| -> Vec<String> { line.split_whitespace().map(str::to_owned).collect() };
    assert_eq!(
        words(lines[0]),
        [
            "JOB", "AGE", "STATE", "SECONDS", "CREDITS", "PROMPT", "FILE", "ID"
        ]
    );
    assert!(
        lines[1].contains("accepted") && lines[1].contains(" 7 "),
        "{listed}"
    );
    assert!(
        lines[2].contains("downloaded") && lines[2].contains(&format!("a b  {file}")),
        "{listed}"
    );
    let all = json(&run(&["jobs", "list", "--json"]));
    for key in [
        "localId",
        "queryId",
        "state",
        "text",
        "duration",
        "createdAt",
        "path",
        "account",
    ] {
        assert!(all[1].get(key).is_some(), "{key}: {all}");
    }
    let account = all[0]["account"].as_str().unwrap();
    for (filter, count) in [
        (&["--state", "downloaded"][..], 1),
        (&["--account", account], 2),
        (&["--account", "https://other#u"], 0),
        (&["--limit", "1"], 1),
        (&["--since", "2999-01-01T00:00:00Z"], 0),
    ] {
        let args = [&["jobs", "list", "--json"][..], filter].concat();
        assert_eq!(
            json(&run(&args)).as_array().unwrap().len(),
            count,
            "{filter:?}"
        );
    }
}
